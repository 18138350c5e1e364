/* SPDX-License-Identifier: BSD-3-Clause */
/* Output: frames and ARP packets to a link. */
#include "firmware/link/output.h"

#include <string.h>

#include "firmware/link/merge.h"
#include "firmware/link/train.h"

void hm_output_now(struct hm_env *env, unsigned link, struct hm_frame *frame)
{
    hm_env_count(env, HM_COUNT_FRAMES_OUT);
    if (env->port->send_frame(env->port->ctx, link, frame) != HM_OK)
        hm_output_unsent(env, link, frame->len);
}

void hm_output_unsent(struct hm_env *env, unsigned link, size_t len)
{
    env->counters.events[HM_COUNT_FRAMES_OUT]--;
    hm_env_drop(env, HM_DROP_SEND_FAILED, "%s: %zu bytes", env->config->links[link].name, len);
}

void hm_output_frame(struct hm_env *env, unsigned link, struct hm_frame *frame)
{
    assert(link < env->config->link_count);
    if (!hm_train_take(env->trains, link, frame) && !hm_merge_take(env->merge, link, frame))
        hm_output_now(env, link, frame);
}

void hm_output_flush(struct hm_env *env)
{
    hm_merge_flush(env->merge);
    hm_trains_flush(env->trains);
}

void hm_output_ethernet(struct hm_env *env, unsigned link, const struct hm_mac *dst, const struct hm_mac *src,
                        struct hm_frame *frame)
{
    uint8_t *bytes = hm_frame_push(frame, HM_ETHERNET_LEN);
    assert(bytes != NULL);
    struct hm_ethernet header = {.dst = *dst, .src = *src, .type = HM_ETHERTYPE_IPV4};
    hm_ethernet_encode(bytes, &header);
    hm_output_frame(env, link, frame);
}

void hm_output_arp(struct hm_env *env, unsigned link, const struct hm_mac *dst, const struct hm_mac *src,
                   const struct hm_arp *arp)
{
    uint8_t memory[HM_FRAME_HEADROOM + HM_ARP_FRAME_LEN];
    struct hm_frame frame;
    hm_frame_init(&frame, memory, sizeof(memory), HM_ARP_FRAME_LEN);
    hm_arp_encode_frame(frame.data, dst, src, HM_ETHERTYPE_ARP, arp);
    hm_output_frame(env, link, &frame);
}
