/* SPDX-License-Identifier: BSD-3-Clause */
/* A super-frame: the headers of one packet, and the payload of many. A sender on this host hands it over when
 * its kernel leaves the cutting to the interface (offload.md): TCP, TCP within a UDP tunnel, or a train of
 * datagrams of one length. Reading it, and cutting it as that kernel would have. */
#ifndef HM_PATH_SUPER_FRAME_H
#define HM_PATH_SUPER_FRAME_H

#include "firmware/base/frame.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/tcp.h"

struct hm_super_frame {
    const uint8_t *bytes; /* borrowed from the frame */
    /* Offsets of the headers, from `bytes` on. */
    size_t ip_at[2];      /* the outer one first */
    size_t tunnel_udp_at; /* behind the outer one of two IP headers; 0: there is one alone */
    size_t transport_at;  /* behind the inner one */
    bool is_tcp;          /* else a train of UDP datagrams */
    unsigned ip_count;
    struct hm_ipv4 ip[2];
    struct hm_tcp tcp;
    size_t headers_len; /* all that each piece begins with */
    size_t payload_len;
    size_t piece_len; /* payload of each piece but the last */
};

/* frame->data is an Ethernet header. False: it is no super-frame, or none that could be cut. */
bool hm_super_frame_read(const struct hm_frame *frame, struct hm_super_frame *out);

/* The IP header before the payload's transport header. */
static inline const struct hm_ipv4 *hm_super_frame_inner(const struct hm_super_frame *super)
{
    return &super->ip[super->ip_count - 1];
}

/* A guest chooses the length of the pieces: it shall not make us work for long, nor a piece that is no
 * packet. */
bool hm_super_frame_is_sane(const struct hm_super_frame *super);

/* May piece_len be lowered? Only a stream can be cut anywhere, and not where flags or options speak of a
 * segment as a whole. Without DF the identifications count: more pieces than the sender has reckoned with
 * would use some twice. */
bool hm_super_frame_may_be_finer(const struct hm_super_frame *super);

/* How many pieces it has. */
unsigned hm_super_frame_count(const struct hm_super_frame *super);

/* The most payload that its pieces can have in packets of `room` bytes: piece_len at most; 0: not even the
 * headers fit. */
static inline size_t hm_super_frame_piece_len(const struct hm_super_frame *super, size_t room)
{
    size_t headers_len = super->headers_len - super->ip_at[0];
    if (room <= headers_len)
        return 0;
    return room - headers_len < super->piece_len ? room - headers_len : super->piece_len;
}

/* Leaves away its first `len` bytes, which end before an IP header: of the Ethernet header, or of a tunnel's.
 */
void hm_super_frame_strip(struct hm_super_frame *super, size_t len);

/* Writes the piece of that number (from 0): its headers, made right for it, and its payload; gives its
 * length, which is headers_len + piece_len at most. Identifications go up by one, as the kernel does it. */
size_t hm_super_frame_write_piece(const struct hm_super_frame *super, unsigned number, uint8_t *to);

#endif
