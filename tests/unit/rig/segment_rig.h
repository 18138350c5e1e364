/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP segments whose every byte is known, and the check of what came of one. */
#ifndef HM_UNIT_RIG_SEGMENT_RIG_H
#define HM_UNIT_RIG_SEGMENT_RIG_H

#include "firmware/wire/tcp.h"
#include "tests/unit/rig/path_rig.h"

/* A segment, with options of no meaning up to its header's length. */
struct segment_rig {
    uint32_t src, dst;
    uint16_t src_port; /* 0: any */
    uint32_t seq;
    uint8_t flags;
    size_t header_len, payload_len;
    uint16_t fragment;
    uint8_t option;   /* the kind of the first; 0: none */
    uint8_t protocol; /* 0: TCP; else the same bytes are something else's */
    bool is_spoilt;
    bool keeps_cwr; /* its pieces: as tcp_cut does it */
};

static inline uint8_t segment_rig_byte(uint32_t seq)
{
    return (uint8_t)(seq * 2654435761u >> 24);
}

static inline size_t segment_rig_write(const struct segment_rig *segment, uint8_t *bytes)
{
    size_t len = segment->header_len + segment->payload_len;
    struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + len),
                         .id = 0x1234,
                         .fragment = segment->fragment,
                         .ttl = 64,
                         .tos = 0x28,
                         .protocol = segment->protocol != 0 ? segment->protocol : HM_IP_PROTO_TCP,
                         .src = segment->src,
                         .dst = segment->dst};
    uint8_t *tcp = bytes + HM_IPV4_LEN;

    hm_ipv4_encode(bytes, &ip);
    memset(tcp, 1, segment->header_len); /* no operation */
    if (segment->src_port != 0) {
        tcp[0] = (uint8_t)(segment->src_port >> 8);
        tcp[1] = (uint8_t)segment->src_port;
    }
    tcp[12] = (uint8_t)(segment->header_len / 4 << 4);
    if (segment->option != 0) {
        tcp[HM_TCP_LEN] = segment->option;
        tcp[HM_TCP_LEN + 1] = (uint8_t)(segment->header_len - HM_TCP_LEN);
    }
    for (size_t i = 0; i < segment->payload_len; i++)
        tcp[segment->header_len + i] = segment_rig_byte(segment->seq + (uint32_t)i);
    hm_tcp_set_piece(tcp, len, ip.src, ip.dst, segment->seq, segment->flags);
    if (segment->is_spoilt)
        tcp[len - 1] ^= 1;
    return HM_IPV4_LEN + len;
}

/* All that was sent into the tunnel is the segment, in pieces that fit: byte for byte as if its sender had
 * made them. */
static inline void segment_rig_check(const struct path_rig *f, const struct segment_rig *segment, size_t mtu)
{
    uint32_t seq = segment->seq, end = segment->seq + (uint32_t)segment->payload_len;

    for (unsigned i = 0; i < f->rig.frame_count; i++) {
        const uint8_t *sent = f->rig.frames[i].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
        struct hm_ipv4 ip = path_rig_sent_inner(f, i);
        struct segment_rig piece = *segment;
        uint8_t expected[RIG_FRAME_LEN];

        assert_in_range(ip.total_len, HM_IPV4_LEN + segment->header_len + 1, mtu);
        piece.seq = seq;
        piece.payload_len = ip.total_len - HM_IPV4_LEN - segment->header_len;
        seq += (uint32_t)piece.payload_len;
        if (seq != end)
            piece.flags &= (uint8_t) ~(HM_TCP_FIN | HM_TCP_PSH);
        if (i > 0 && !segment->keeps_cwr)
            piece.flags &= (uint8_t)~HM_TCP_CWR;
        segment_rig_write(&piece, expected);
        expected[8]--;                     /* the tunnel is a hop */
        memcpy(expected + 4, sent + 4, 2); /* of atomic packets it means nothing (RFC 6864) */
        hm_ipv4_fix_checksum(expected, HM_IPV4_LEN);
        assert_memory_equal(sent, expected, ip.total_len);
    }
    assert_int_equal(seq, end);
}

#endif
