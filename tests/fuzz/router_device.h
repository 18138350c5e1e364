/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of fuzz_router's agents where they take super-frames: what the kernel makes of what they send.
 * What it would not take is a find. */
#ifndef HM_FUZZ_ROUTER_DEVICE_H
#define HM_FUZZ_ROUTER_DEVICE_H

#include "platform/sim/agent.h"
#include "tests/fuzz/fuzz.h"
#define KERNEL_CHECK FUZZ_CHECK
#include "tests/unit/rig/kernel_rig.h"

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

/* Before its start. */
static inline void fuzz_give_super_frames(struct hm_sim_agent *agent, uint8_t choice)
{
    agent->port.send_frame = fuzz_send_super;
    agent->port.takes_super_frames = true;
    agent->port.tunnel_way = (enum hm_tunnel_way)(choice % (HM_TUNNEL_WAY_WHOLE + 1));
    agent->config.tunnel_way = HM_TUNNEL_WAY_WHOLE;
}

#endif
