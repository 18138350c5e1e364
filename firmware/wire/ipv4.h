/* SPDX-License-Identifier: BSD-3-Clause */
/* The IPv4 header (RFC 791), its checksum, and header changes in place. */
#ifndef HM_WIRE_IPV4_H
#define HM_WIRE_IPV4_H

#include "firmware/base/addr.h"

#define HM_IPV4_LEN 20
#define HM_IPV4_HEADER_MAX_LEN 60
#define HM_IP_PROTO_ICMP 1
#define HM_IP_PROTO_IPIP 4
#define HM_IP_PROTO_TCP 6
#define HM_IP_PROTO_UDP 17
#define HM_IP_PROTO_GRE 47
#define HM_IPV4_DF 0x4000
#define HM_IPV4_MF 0x2000
#define HM_IPV4_OFFSET 0x1fff

struct hm_ipv4 {
    uint8_t header_len; /* bytes, 20..60 */
    uint8_t tos;
    uint16_t total_len; /* bytes */
    uint16_t id;
    uint16_t fragment; /* flags and offset as on the wire: HM_IPV4_DF, _MF, _OFFSET */
    uint8_t ttl;
    uint8_t protocol;
    uint32_t src;
    uint32_t dst;
};

static inline bool hm_ipv4_is_fragment(const struct hm_ipv4 *ip)
{
    return (ip->fragment & (HM_IPV4_MF | HM_IPV4_OFFSET)) != 0;
}

/* Ones-complement sum of RFC 1071, folded and not inverted, of bytes in network order; `sum` is what
 * was summed before (an even number of bytes), 0 to begin. Fast: this is on the packet path. */
uint16_t hm_checksum_add(uint16_t sum, const void *bytes, size_t len);

/* 0; HM_ERR_MALFORMED: version, header length, or total length beyond len. The checksum is not looked at. */
int hm_ipv4_decode(const uint8_t *bytes, size_t len, struct hm_ipv4 *out);
/* The same for a packet of which only the beginning is there, as an ICMP error quotes it: the header must be
 * whole.
 */
int hm_ipv4_decode_quote(const uint8_t *bytes, size_t len, struct hm_ipv4 *out);
/* True when the header (header_len bytes) sums up right. */
bool hm_ipv4_checksum_is_right(const uint8_t *bytes, size_t header_len);
/* Writes a 20-byte header with its checksum; header_len is ignored. */
void hm_ipv4_encode(uint8_t *bytes, const struct hm_ipv4 *header);

/* Lowers the time to live by one and mends the checksum (RFC 1141). The TTL must not be 0. */
void hm_ipv4_lower_ttl(uint8_t *bytes);
/* Sets the identification; the checksum is left to the next change. */
void hm_ipv4_set_id(uint8_t *bytes, uint16_t id);
/* Sets total length, flags and fragment offset, and the checksum, of a header with or without options. */
void hm_ipv4_set_extent(uint8_t *bytes, size_t header_len, uint16_t total_len, uint16_t fragment);
/* Recomputes the checksum after other changes. */
void hm_ipv4_fix_checksum(uint8_t *bytes, size_t header_len);

/* RFC 1624 and pseudo-header help for UDP and TCP: sum of addresses, protocol, length, not inverted. */
uint16_t hm_ipv4_pseudo_sum(uint32_t src, uint32_t dst, uint8_t protocol, uint16_t len);

#endif
