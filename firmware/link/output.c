/* SPDX-License-Identifier: BSD-3-Clause */
/* Output: frames and ARP packets to a link.
 *
 * Where the platform takes super-frames, packets of others wait to be merged, and those of ours into tunnels
 * to go as trains. What is no IP packet (a takeover, an end marker) sends all that waits here (not
 * in gather): it may be about it. So do the agent's messages, which call hm_output_flush. */
#include "firmware/link/output.h"

#include "firmware/link/merge.h"
#include "firmware/link/train.h"
#include "firmware/wire/encapsulation.h"

static void send_now(void *arg, unsigned link, struct hm_frame *frame)
{
    struct hm_env *env = arg;
    hm_env_count(env, HM_COUNT_FRAMES_OUT);
    if (env->port->send_frame(env->port->ctx, link, frame) != HM_OK)
        hm_output_unsent(env, link, frame->len);
}

void hm_output_init(struct hm_env *env)
{
    if (env->port->takes_super_frames)
        env->merge = hm_merge_create(env, HM_COUNT_MERGED, env->config->link_count, send_now, env);
    if (env->tunnel_way != HM_TUNNEL_WAY_SINGLE)
        env->trains = hm_trains_create(env, send_now, env);
}

void hm_output_fini(struct hm_env *env)
{
    hm_bundles_destroy(env->merge);
    hm_bundles_destroy(env->trains);
    env->merge = env->trains = NULL;
}

void hm_output_unsent(struct hm_env *env, unsigned link, size_t len)
{
    env->counters.events[HM_COUNT_FRAMES_OUT]--;
    hm_env_drop(env, HM_DROP_SEND_FAILED, "%s: %zu bytes", env->config->links[link].name, len);
}

static bool is_in_tunnel(const struct hm_frame *frame, const struct hm_ipv4 *ip)
{
    size_t headers_len = HM_ETHERNET_LEN + (size_t)ip->header_len;
    return frame->len > headers_len &&
           hm_encapsulation_is_one(ip->protocol, frame->data + headers_len, frame->len - headers_len);
}

static void send_waiting(struct hm_env *env)
{
    hm_bundles_flush(env->merge);
    hm_bundles_flush(env->trains);
}

/* False: it is to be sent now; what it must not overtake has been sent. */
static bool take(struct hm_env *env, unsigned link, const struct hm_frame *frame)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;
    if (hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK ||
        ethernet.type != HM_ETHERTYPE_IPV4 ||
        hm_ipv4_decode(frame->data + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN, &ip) != HM_OK) {
        send_waiting(env);
        return false;
    }
    if (!hm_env_is_own_addr(env, ip.src))
        return hm_merge_take(env->merge, link, &ip, frame);
    return is_in_tunnel(frame, &ip) && hm_train_take(env->trains, link, &ip, frame);
}

void hm_output_frame(struct hm_env *env, unsigned link, struct hm_frame *frame)
{
    assert(link < env->config->link_count);
    if (!env->port->takes_super_frames || !take(env, link, frame))
        send_now(env, link, frame);
}

void hm_output_flush(struct hm_env *env)
{
    hm_bundles_flush(env->gather);
    send_waiting(env);
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
