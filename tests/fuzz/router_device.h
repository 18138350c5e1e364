/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of fuzz_router's agents where they take super-frames: what the kernel makes of what they send.
 * What it would not take is a find. */
#ifndef HM_FUZZ_ROUTER_DEVICE_H
#define HM_FUZZ_ROUTER_DEVICE_H

#include "platform/sim/agent.h"
#include "tests/fuzz/fuzz.h"
#define KERNEL_CHECK FUZZ_CHECK
#include "tests/unit/rig/kernel_rig.h"

#define FUZZ_BATCH_US 2000u /* longer than most of the time that an input lets pass */

static inline int fuzz_send_super(void *ctx, unsigned link, struct hm_frame *frame)
{
    static struct kernel_rig kernel;
    struct hm_sim_agent *agent = ctx;

    kernel.count = 0;
    kernel_take(&kernel, link, frame);
    for (unsigned i = 0; i < kernel.count && !agent->is_dead; i++)
        hm_sim_port_send_bytes(&agent->links[link], kernel.frames[i].bytes, kernel.frames[i].len);
    return 0;
}

/* Before its start. choice: a way, with batches, or HM_TUNNEL_WAY_COUNT: the best way, frame by frame. */
static inline void fuzz_give_super_frames(struct hm_sim_agent *agent, uint8_t choice)
{
    bool has_batches = choice < HM_TUNNEL_WAY_COUNT;

    hm_sim_agent_take_super_frames(agent, has_batches ? (enum hm_tunnel_way)choice : HM_TUNNEL_WAY_WHOLE,
                                   has_batches ? FUZZ_BATCH_US : 0);
    agent->port.send_frame = fuzz_send_super;
    agent->config.tunnel_way = HM_TUNNEL_WAY_WHOLE;
}

#endif
