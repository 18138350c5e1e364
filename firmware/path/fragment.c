/* SPDX-License-Identifier: BSD-3-Clause */
/* Fragment: what does not fit is cut in pieces, or, when it must not be, its sender is told (RFC 791, RFC
 * 1191). */
#include <string.h>

#include "firmware/link/route.h"
#include "firmware/path/path.h"
#include "firmware/wire/icmp.h"

void hm_path_icmp_error(struct hm_path *path, struct hm_visitor *visitor, uint8_t type, uint8_t code,
                        uint16_t mtu, const struct hm_frame *about)
{
    struct hm_ipv4 ip;
    struct hm_route route;
    uint8_t packet[HM_ICMP_ERROR_MAX_LEN];
    uint8_t memory[HM_FRAME_HEADROOM + HM_ICMP_ERROR_MAX_LEN];
    if (hm_ipv4_decode(about->data, about->len, &ip) != HM_OK ||
        !hm_icmp_may_answer(about->data, about->len) || !hm_env_icmp_allowed(path->env))
        return;
    unsigned link = path->env->home_link;
    if (visitor != NULL)
        link = visitor->link;
    else if (hm_route_find(path->env->config, ip.src, &route))
        link = route.link;
    struct hm_icmp_error error = {
        .type = type, .code = code, .next_hop_mtu = mtu, .src = path->env->config->links[link].addr};
    size_t len = hm_icmp_encode_error(packet, &error, about->data, about->len);
    struct hm_frame frame;
    hm_frame_init(&frame, memory, sizeof(memory), len);
    memcpy(frame.data, packet, len);
    hm_env_count(path->env, type == HM_ICMP_UNREACHABLE && code == HM_ICMP_FRAGMENTATION_NEEDED
                                ? HM_COUNT_ICMP_TOO_BIG
                                : HM_COUNT_ICMP_OTHER);
    if (visitor != NULL)
        hm_path_deliver(path, visitor, false, &frame);
    else
        hm_path_originate(path, &frame);
}

/* One piece: header of the whole, `len` bytes of its payload from `at` on. */
static void emit_piece(struct hm_path *path, const struct hm_frame *whole, const struct hm_ipv4 *ip,
                       size_t at, size_t len, hm_path_emit emit, void *arg)
{
    struct hm_frame piece;
    struct hm_ipv4 header = *ip;
    bool is_last = ip->header_len + at + len == ip->total_len;
    hm_frame_init(&piece, path->scratch, HM_PATH_SCRATCH_LEN, HM_IPV4_LEN + len);
    header.total_len = (uint16_t)(HM_IPV4_LEN + len);
    header.fragment = (uint16_t)((ip->fragment & HM_IPV4_OFFSET) + at / 8);
    header.fragment |= is_last ? ip->fragment & HM_IPV4_MF : HM_IPV4_MF;
    hm_ipv4_encode(piece.data, &header);
    memcpy(piece.data + HM_IPV4_LEN, whole->data + ip->header_len + at, len);
    emit(path, arg, &piece);
}

void hm_path_fit(struct hm_path *path, struct hm_visitor *visitor, uint16_t mtu, struct hm_frame *frame,
                 hm_path_emit emit, void *arg)
{
    struct hm_ipv4 ip;
    char text[HM_IP_TEXT_LEN];
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK)
        return;
    if (ip.fragment & HM_IPV4_DF) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_MTU, "%u bytes to %s", ip.total_len, hm_ip_text(ip.dst, text));
        hm_path_icmp_error(path, visitor, HM_ICMP_UNREACHABLE, HM_ICMP_FRAGMENTATION_NEEDED, mtu, frame);
        return;
    }
    if (ip.header_len != HM_IPV4_LEN) { /* which options a fragment repeats depends on each of them */
        hm_env_drop(path->env, HM_DROP_IP_OPTIONS, "to %s", hm_ip_text(ip.dst, text));
        return;
    }
    hm_env_count(path->env, HM_COUNT_FRAGMENTED);
    size_t payload_len = (size_t)ip.total_len - ip.header_len;
    size_t step = (size_t)(mtu - HM_IPV4_LEN) & ~(size_t)7;
    for (size_t at = 0; at < payload_len; at += step)
        emit_piece(path, frame, &ip, at, payload_len - at < step ? payload_len - at : step, emit, arg);
}
