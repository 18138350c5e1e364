/* SPDX-License-Identifier: BSD-3-Clause */
/* The UDP header (RFC 768), as far as a router changes it. */
#ifndef HM_WIRE_UDP_H
#define HM_WIRE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HM_UDP_LEN 8
#define HM_UDP_CHECKSUM_AT 6

/* Does the header say this length? Of a header that is there. */
bool hm_udp_has_len(const uint8_t *bytes, size_t len);
/* Sets length and checksum of the datagram of len bytes, header and all, between these addresses (host
 * order). */
void hm_udp_set_extent(uint8_t *bytes, size_t len, uint32_t src, uint32_t dst);
/* Sets the checksum to that of the bytes, when it holds what was summed up of the addresses; never to 0,
 * which says that there is none. */
void hm_udp_finish_sum(uint8_t *bytes, size_t len);

#endif
