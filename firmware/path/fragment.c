/* SPDX-License-Identifier: BSD-3-Clause */
/* Fragment: what does not fit is cut in pieces, or, when it must not be, its sender is told (RFC 791, RFC
 * 1191). */
#include <string.h>

#include "firmware/link/route.h"
#include "firmware/path/path.h"
#include "firmware/wire/ipv4_options.h"

void hm_path_icmp_error(struct hm_path *path, struct hm_visitor *visitor, uint8_t type, uint8_t code,
                        uint16_t mtu, const struct hm_frame *about)
{
    struct hm_icmp_error error = {.type = type, .code = code, .next_hop_mtu = mtu};
    hm_path_icmp_error_as(path, visitor, &error, about);
}

void hm_path_icmp_error_as(struct hm_path *path, struct hm_visitor *visitor,
                           const struct hm_icmp_error *error, const struct hm_frame *about)
{
    struct hm_ipv4 ip;
    struct hm_route route;
    uint8_t packet[HM_ICMP_ERROR_MAX_LEN];
    uint8_t memory[HM_FRAME_HEADROOM + HM_ICMP_ERROR_MAX_LEN];
    bool is_too_big = error->type == HM_ICMP_UNREACHABLE && error->code == HM_ICMP_FRAGMENTATION_NEEDED;
    if (hm_ipv4_decode_quote(about->data, about->len, &ip) != HM_OK ||
        !hm_icmp_may_answer_quote(about->data, about->len) || hm_path_is_link_broadcast(path, ip.src) ||
        hm_path_is_link_broadcast(path, ip.dst) ||
        !hm_env_icmp_allowed(path->env, is_too_big ? HM_ICMP_BUDGET_TOO_BIG : HM_ICMP_BUDGET_OTHER))
        return;
    unsigned link = path->env->home_link;
    if (visitor != NULL)
        link = visitor->link;
    else if (hm_route_find(path->env->config, ip.src, &route))
        link = route.link;
    struct hm_icmp_error whole = *error;
    whole.src = path->env->config->links[link].addr;
    size_t len = hm_icmp_encode_error(packet, &whole, about->data, about->len);
    struct hm_frame frame;
    hm_frame_init(&frame, memory, sizeof(memory), len);
    memcpy(frame.data, packet, len);
    hm_env_count(path->env, is_too_big ? HM_COUNT_ICMP_TOO_BIG : HM_COUNT_ICMP_OTHER);
    if (visitor != NULL)
        hm_path_deliver(path, visitor, false, &frame);
    else
        hm_path_originate(path, &frame);
}

struct cutting {
    const struct hm_frame *whole;
    struct hm_ipv4 ip;                     /* of the whole */
    uint8_t later[HM_IPV4_HEADER_MAX_LEN]; /* the header of all pieces but the first */
    size_t later_len;
    uint16_t mtu;
};

/* The piece that begins `at` bytes into the payload; gives how many bytes of it the piece takes. A first
 * fragment has all the options, the others those that are to be copied (RFC 791 section 3.2). */
static size_t make_piece(struct hm_path *path, const struct cutting *cutting, size_t at,
                         struct hm_frame *piece)
{
    const struct hm_ipv4 *ip = &cutting->ip;
    const uint8_t *header = at == 0 ? cutting->whole->data : cutting->later;
    size_t header_len = at == 0 ? ip->header_len : cutting->later_len;
    size_t len = (size_t)ip->total_len - ip->header_len - at;
    bool is_last = header_len + len <= cutting->mtu;
    if (!is_last)
        len = (cutting->mtu - header_len) & ~(size_t)7;
    uint16_t fragment = (uint16_t)((ip->fragment & HM_IPV4_OFFSET) + at / 8);
    fragment |= is_last ? ip->fragment & HM_IPV4_MF : HM_IPV4_MF;
    hm_frame_init(piece, path->scratch, HM_PATH_SCRATCH_LEN, header_len + len);
    memcpy(piece->data, header, header_len);
    hm_ipv4_set_extent(piece->data, header_len, (uint16_t)(header_len + len), fragment);
    memcpy(piece->data + header_len, cutting->whole->data + ip->header_len + at, len);
    return len;
}

static void cut(struct hm_path *path, const struct cutting *cutting, hm_path_emit emit, void *arg)
{
    size_t payload_len = (size_t)cutting->ip.total_len - cutting->ip.header_len;
    for (size_t at = 0; at < payload_len;) {
        struct hm_frame piece;
        at += make_piece(path, cutting, at, &piece);
        emit(path, arg, &piece);
    }
}

void hm_path_fit(struct hm_path *path, struct hm_visitor *visitor, uint16_t mtu, struct hm_frame *frame,
                 hm_path_emit emit, void *arg)
{
    struct cutting cutting = {.whole = frame, .mtu = mtu};
    char text[HM_IP_TEXT_LEN];
    assert(mtu >= HM_IPV4_HEADER_MAX_LEN + 8); /* RFC 791: a module must be able to pass on 68 bytes */
    if (hm_ipv4_decode(frame->data, frame->len, &cutting.ip) != HM_OK)
        return;
    if (cutting.ip.fragment & HM_IPV4_DF) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_MTU, "%u bytes to %s", cutting.ip.total_len,
                    hm_ip_text(cutting.ip.dst, text));
        hm_path_icmp_error(path, visitor, HM_ICMP_UNREACHABLE, HM_ICMP_FRAGMENTATION_NEEDED, mtu, frame);
        return;
    }
    if (hm_ipv4_options_check(frame->data, cutting.ip.header_len) == HM_IPV4_OPTIONS_MALFORMED) {
        hm_env_drop(path->env, HM_DROP_IP_OPTIONS, "to %s", hm_ip_text(cutting.ip.dst, text));
        return;
    }
    cutting.later_len = hm_ipv4_options_copied(frame->data, cutting.ip.header_len, cutting.later);
    hm_env_count(path->env, HM_COUNT_FRAGMENTED);
    cut(path, &cutting, emit, arg);
}
