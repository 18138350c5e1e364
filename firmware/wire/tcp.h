/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP header (RFC 9293), as far as a router needs it that cuts a segment in two. */
#ifndef HM_WIRE_TCP_H
#define HM_WIRE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/base/frame.h"

#define HM_TCP_LEN 20
#define HM_TCP_HEADER_MAX_LEN 60
#define HM_TCP_CHECKSUM_AT 16

#define HM_TCP_FIN 0x01
#define HM_TCP_SYN 0x02
#define HM_TCP_RST 0x04
#define HM_TCP_PSH 0x08
#define HM_TCP_ACK 0x10
#define HM_TCP_URG 0x20
#define HM_TCP_ECE 0x40
#define HM_TCP_CWR 0x80

struct hm_tcp {
    uint32_t seq;
    uint8_t header_len; /* bytes, 20..60 */
    uint8_t flags;
    bool is_signed; /* an option holds a digest of the segment: MD5 (RFC 2385) or TCP-AO (RFC 5925) */
};

/* Of a whole segment of len bytes: 0, or HM_ERR_MALFORMED for a header or an option that goes past its end.
 * The checksum is not looked at. */
int hm_tcp_decode(const uint8_t *bytes, size_t len, struct hm_tcp *out);

/* May its payload travel in two segments? Not that of a SYN, a RST or urgent data, whose flags say something
 * about the whole of it, and not a signed one. */
bool hm_tcp_may_cut(const struct hm_tcp *tcp);

/* How long the pieces of a payload are of which each may have `most` bytes: as few as can be, and alike, for
 * such can be merged again with those of the next segment. */
size_t hm_tcp_piece_len(size_t payload_len, size_t most);

/* The flags of a piece of a cut segment: FIN and PSH are on the last alone. */
uint8_t hm_tcp_piece_flags(uint8_t flags, bool is_last);

/* Of a super-frame with these flags (base/frame.h), whatever a guest has said: CWR is for its first segment
 * alone. */
static inline uint8_t hm_tcp_gso_type(uint8_t flags)
{
    return HM_OFFLOAD_GSO_TCPV4 | ((flags & HM_TCP_CWR) != 0 ? HM_OFFLOAD_GSO_ECN : 0);
}

/* Does the segment of len bytes sum up right, between these addresses (host order)? */
bool hm_tcp_checksum_is_right(const uint8_t *bytes, size_t len, uint32_t src, uint32_t dst);
/* Sets sequence number, flags and checksum of the segment of len bytes. */
void hm_tcp_set_piece(uint8_t *bytes, size_t len, uint32_t src, uint32_t dst, uint32_t seq, uint8_t flags);
/* Sets the flags, and begins the checksum of the segment of len bytes for the kernel (the addresses' part).
 */
void hm_tcp_begin_sum(uint8_t *bytes, size_t len, uint32_t src, uint32_t dst, uint8_t flags);

/* Have two headers of header_len bytes the same acknowledgment, window, options and reserved bits (of which
 * one counts, RFC 9768)? The flags are not looked at. */
bool hm_tcp_is_alike(const uint8_t *bytes, const uint8_t *others, size_t header_len);

#endif
