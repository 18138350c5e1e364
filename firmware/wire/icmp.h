/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors (RFC 792, RFC 1191, RFC 1812 section 4.3). */
#ifndef HM_WIRE_ICMP_H
#define HM_WIRE_ICMP_H

#include "firmware/wire/ipv4.h"

#define HM_ICMP_LEN 8 /* of an error, before its quote */
#define HM_ICMP_UNREACHABLE 3
#define HM_ICMP_REDIRECT 5
#define HM_ICMP_TIME_EXCEEDED 11
#define HM_ICMP_PARAMETER_PROBLEM 12
#define HM_ICMP_FRAGMENTATION_NEEDED 4 /* code of unreachable */
#define HM_ICMP_NET_UNREACHABLE 0
#define HM_ICMP_HOST_UNREACHABLE 1
#define HM_ICMP_ERROR_MAX_LEN 576 /* of the whole IP packet, RFC 1812 section 4.3.2.3 */

struct hm_icmp_error {
    uint8_t type;
    uint8_t code;
    uint8_t pointer;       /* for parameter problem, else 0 */
    uint16_t next_hop_mtu; /* for fragmentation needed, else 0 */
    uint32_t src;          /* of the error: address of the interface that it leaves by */
};

/* May an error be sent about this packet (RFC 1812 section 4.3.2.7)? `packet` is a whole IP packet with
 * a valid header. Not about ICMP errors, fragments but the first, multicast, broadcast, odd sources. */
bool hm_icmp_may_answer(const uint8_t *packet, size_t len);

/* The same about a packet of which only the beginning is known (a quote, or a whole packet). */
bool hm_icmp_may_answer_quote(const uint8_t *packet, size_t len);
/* Is this the type of an error? */
bool hm_icmp_is_error(uint8_t type);

/* Writes the whole IP packet of an error about `packet` (or its beginning, of len bytes) into out
 * (HM_ICMP_ERROR_MAX_LEN bytes); gives its length. */
size_t hm_icmp_encode_error(uint8_t out[HM_ICMP_ERROR_MAX_LEN], const struct hm_icmp_error *error,
                            const uint8_t *packet, size_t len);

#endif
