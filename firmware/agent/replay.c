/* SPDX-License-Identifier: BSD-3-Clause */
/* Replay: packets with the time at which they came, the oldest first. */
#include "firmware/agent/replay.h"

#include <string.h>

bool hm_replay_applies(const struct hm_env *env, const struct hm_handover *handover)
{
    return hm_replay_is_on(env) && handover->role == HM_ROLE_DESTINATION && hm_handover_is_ahead(handover) &&
           !handover->has_stop_notice && !handover->is_stopped;
}

/* The time of the oldest packet; UINT64_MAX when there is none. */
static uint64_t oldest_us(const struct hm_buffer *recent)
{
    uint64_t came_us;
    size_t len = hm_buffer_read(recent, recent->begin + HM_BUFFER_RECORD_LEN, &came_us, sizeof(came_us));
    return len == sizeof(came_us) ? came_us : UINT64_MAX;
}

static void forget_old(struct hm_agent *agent, struct hm_handover *handover)
{
    const struct hm_env *env = agent->env;
    uint64_t window_us = (uint64_t)env->config->replay_window_ms * 1000;
    while (hm_buffer_has_packet(&handover->recent) &&
           (env->now.mono_us - oldest_us(&handover->recent) > window_us ||
            hm_buffer_len(&handover->recent) > env->config->buffer_len))
        hm_buffer_skip(&handover->recent);
}

void hm_replay_keep(struct hm_agent *agent, struct hm_handover *handover, const struct hm_frame *frame)
{
    uint64_t now_us = agent->env->now.mono_us;
    if (handover->recent.pool == NULL)
        hm_buffer_init(&handover->recent, &agent->deliveries.pool);
    if (frame->len <= HM_BUFFER_PACKET_MAX - sizeof(now_us))
        hm_buffer_put(&handover->recent, &now_us, sizeof(now_us), frame->data, frame->len);
    forget_old(agent, handover);
}

void hm_replay_keep_delivered(struct hm_agent *agent, uint64_t handover_id, const struct hm_frame *frame)
{
    struct hm_handover *handover = hm_handover_lookup(&agent->handovers, handover_id, HM_ROLE_SOURCE);
    if (handover != NULL && handover->state == HM_HANDOVER_PREPARED)
        hm_replay_keep(agent, handover, frame);
}

void hm_replay_deliver(struct hm_agent *agent, struct hm_handover *handover)
{
    uint64_t came_us;
    struct hm_frame frame;
    uint8_t *bytes = agent->deliveries.packet + HM_FRAME_HEADROOM - sizeof(came_us);
    if (handover->recent.pool == NULL)
        return;
    forget_old(agent, handover);
    while (hm_buffer_has_packet(&handover->recent)) {
        size_t len = hm_buffer_take(&handover->recent, bytes, HM_BUFFER_PACKET_MAX);
        hm_frame_init(&frame, agent->deliveries.packet, HM_FRAME_HEADROOM + HM_BUFFER_PACKET_MAX,
                      len - sizeof(came_us));
        hm_delivery_put(handover->delivery, HM_WAY_NEW, &frame);
        handover->replayed++;
    }
}

void hm_replay_forget(struct hm_handover *handover)
{
    if (handover->recent.pool != NULL)
        hm_buffer_clear(&handover->recent);
}
