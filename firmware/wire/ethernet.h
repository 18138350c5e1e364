/* SPDX-License-Identifier: BSD-3-Clause */
/* The Ethernet header. */
#ifndef HM_WIRE_ETHERNET_H
#define HM_WIRE_ETHERNET_H

#include "firmware/base/addr.h"

#define HM_ETHERNET_LEN 14
#define HM_ETHERTYPE_IPV4 0x0800
#define HM_ETHERTYPE_ARP 0x0806
#define HM_ETHERTYPE_RARP 0x8035
#define HM_ETHERTYPE_IPV6 0x86dd
#define HM_ETHERTYPE_MARKER 0x88b5 /* IEEE's for local experiments: wire/marker.h */

struct hm_ethernet {
    struct hm_mac dst;
    struct hm_mac src;
    uint16_t type;
};

/* 0, or HM_ERR_MALFORMED when shorter than 14 bytes. */
int hm_ethernet_decode(const uint8_t *bytes, size_t len, struct hm_ethernet *out);
/* Writes 14 bytes. */
void hm_ethernet_encode(uint8_t *bytes, const struct hm_ethernet *header);

#endif
