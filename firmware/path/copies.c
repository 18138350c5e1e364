/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies: a packet for a node that is away, to each of its care-of addresses (RFC 5944 section 4.2.3).
 *
 * With one care-of address, the usual case, the packet itself goes into the tunnel and nothing is copied.
 * Else the further ones get copies first, for what enters the tunnel is not the same afterwards. */
#include "firmware/path/path.h"

#include <string.h>

#include "firmware/agent/replay.h"

static void send_copy(struct hm_path *path, uint32_t care_of_addr, const struct hm_frame *frame)
{
    struct hm_frame copy;
    if (frame->len > HM_PATH_SCRATCH_LEN - HM_FRAME_HEADROOM)
        return;
    hm_frame_init(&copy, path->copy, HM_PATH_SCRATCH_LEN, frame->len);
    memcpy(copy.data, frame->data, frame->len);
    copy.offload = frame->offload;
    hm_path_encapsulate(path, care_of_addr, NULL, &copy);
}

void hm_path_copy_to_staged(struct hm_path *path, const struct hm_binding *binding,
                            const struct hm_frame *frame)
{
    bool is_ahead = binding->state == HM_BINDING_STAGED || binding->state == HM_BINDING_SWITCHING;
    if (!is_ahead)
        return;
    const struct hm_motion *motion = hm_binding_motion(binding);
    if (motion->copies_to_staged)
        send_copy(path, motion->staged_care_of_addr, frame);
    if (!hm_replay_is_on(path->env))
        return;
    struct hm_agent *agent = path->agent;
    struct hm_handover *home =
        hm_handover_lookup(&agent->handovers, motion->staged_handover_id, HM_ROLE_DESTINATION);
    if (home != NULL && hm_replay_applies(path->env, home)) /* it comes home */
        hm_replay_keep(agent, home, frame);
    else if (binding->state == HM_BINDING_STAGED)
        hm_replay_keep_delivered(agent, motion->staged_handover_id, frame);
}

void hm_path_to_care_of(struct hm_path *path, const struct hm_binding *binding, struct hm_frame *frame)
{
    const struct hm_motion *motion = hm_binding_motion(binding);
    uint32_t target = hm_binding_target(binding);
    if (target == 0) {
        if (motion->delivery != NULL)
            hm_delivery_put(motion->delivery, HM_WAY_NEW, frame);
        return;
    }
    hm_path_copy_to_staged(path, binding, frame);
    for (unsigned i = 0; motion->copy_count > 0 && i < HM_MAX_COPIES; i++)
        if (motion->copies[i].addr != 0)
            send_copy(path, motion->copies[i].addr, frame);
    hm_path_encapsulate(path, target, NULL, frame);
}
