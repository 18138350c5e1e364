/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP cut: a segment that does not fit the tunnel goes through it as two or more.
 *
 * Its sender has chosen its length before the node moved, or by a path that is wider. To tell it (RFC 1191)
 * loses all that it has under way, and does nothing where such messages are filtered. What a router may do
 * with a segment and its receiver cannot tell from another sender's choice: the same bytes at the same
 * sequence numbers, in order, with the same options. Nothing is remembered. The pieces are atomic (RFC 6864),
 * as the segment was: only one with DF is cut, any other may be fragmented.
 *
 * The sums of the pieces are new, so that of the segment is looked at first: what was broken does not become
 * good. */
#include <string.h>

#include "firmware/path/path.h"
#include "firmware/wire/tcp.h"

struct cutting {
    const uint8_t *segment; /* the TCP header and what follows */
    size_t payload_len;
    struct hm_ipv4 ip;
    struct hm_tcp tcp;
};

/* Is the packet one that may be cut? */
static bool begin(struct cutting *cutting, const struct hm_frame *frame)
{
    const struct hm_ipv4 *ip = &cutting->ip;
    if (hm_ipv4_decode(frame->data, frame->len, &cutting->ip) != HM_OK || ip->protocol != HM_IP_PROTO_TCP ||
        hm_ipv4_is_fragment(ip) || (ip->fragment & HM_IPV4_DF) == 0 || ip->header_len != HM_IPV4_LEN)
        return false;
    size_t len = (size_t)ip->total_len - HM_IPV4_LEN;
    cutting->segment = frame->data + HM_IPV4_LEN;
    if (hm_tcp_decode(cutting->segment, len, &cutting->tcp) != HM_OK || !hm_tcp_may_cut(&cutting->tcp))
        return false;
    cutting->payload_len = len - cutting->tcp.header_len;
    return true;
}

/* The piece that begins `at` bytes into the payload. */
static void make_piece(struct hm_path *path, const struct cutting *cutting, size_t at, size_t len,
                       struct hm_frame *piece)
{
    size_t header_len = cutting->tcp.header_len;
    struct hm_ipv4 ip = cutting->ip;
    hm_frame_init(piece, path->scratch, HM_PATH_SCRATCH_LEN, HM_IPV4_LEN + header_len + len);
    ip.total_len = (uint16_t)piece->len;
    hm_ipv4_encode(piece->data, &ip);
    uint8_t *segment = piece->data + HM_IPV4_LEN;
    memcpy(segment, cutting->segment, header_len);
    memcpy(segment + header_len, cutting->segment + header_len + at, len);
    /* CWR stays on all: with RFC 9768 it is a digit of a counter, and with RFC 3168 one too many does little.
     */
    hm_tcp_set_piece(segment, header_len + len, ip.src, ip.dst, cutting->tcp.seq + (uint32_t)at,
                     hm_tcp_piece_flags(cutting->tcp.flags, at + len == cutting->payload_len));
}

bool hm_path_cut_tcp(struct hm_path *path, uint16_t mtu, const struct hm_frame *frame, hm_path_emit emit,
                     void *arg)
{
    struct cutting cutting;
    char text[HM_IP_TEXT_LEN];
    if (!begin(&cutting, frame) || mtu <= HM_IPV4_LEN + cutting.tcp.header_len)
        return false;
    if (!hm_tcp_checksum_is_right(cutting.segment, cutting.tcp.header_len + cutting.payload_len,
                                  cutting.ip.src, cutting.ip.dst)) {
        hm_env_drop(path->env, HM_DROP_TCP_CHECKSUM, "to %s", hm_ip_text(cutting.ip.dst, text));
        return true;
    }
    hm_env_count(path->env, HM_COUNT_TCP_CUT);
    size_t most = hm_tcp_piece_len(cutting.payload_len, (size_t)mtu - HM_IPV4_LEN - cutting.tcp.header_len);
    for (size_t at = 0, len; at < cutting.payload_len; at += len) {
        struct hm_frame piece;
        len = cutting.payload_len - at < most ? cutting.payload_len - at : most;
        make_piece(path, &cutting, at, len, &piece);
        emit(path, arg, &piece);
    }
    return true;
}
