/* SPDX-License-Identifier: BSD-3-Clause */
/* The checksums of what IP carries. */
#ifndef HM_WIRE_TRANSPORT_H
#define HM_WIRE_TRANSPORT_H

#include "firmware/wire/ipv4.h"

/* Of a packet whose header was decoded, and of which all total_len bytes are there: is the checksum of its
 * TCP, UDP or ICMP right? Also true where nobody can tell: of other protocols, of UDP without one, of
 * fragments. */
bool hm_transport_checksum_is_right(const struct hm_ipv4 *ip, const uint8_t *packet);

#endif
