/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of an IPv4 header (RFC 791 section 3.1). */
#ifndef HM_WIRE_IPV4_OPTIONS_H
#define HM_WIRE_IPV4_OPTIONS_H

#include "firmware/wire/ipv4.h"

/* What the options of a header are. */
enum hm_ipv4_options {
    HM_IPV4_OPTIONS_FINE, /* none, or any that may be passed on */
    HM_IPV4_OPTIONS_MALFORMED,
    HM_IPV4_OPTIONS_SOURCE_ROUTE, /* loose or strict */
};

/* `header` has header_len bytes, HM_IPV4_LEN to HM_IPV4_HEADER_MAX_LEN. */
enum hm_ipv4_options hm_ipv4_options_check(const uint8_t *header, size_t header_len);

/* Writes the header of a fragment that is not the first, 20 bytes and those of the options that are to be
 * copied, padded, into out; gives its length. The options must not be malformed; the checksum is not
 * computed. */
size_t hm_ipv4_options_copied(const uint8_t *header, size_t header_len, uint8_t out[HM_IPV4_HEADER_MAX_LEN]);

#endif
