/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP over Ethernet (RFC 826), and the RARP frame by which a hypervisor announces a landed VM. */
#ifndef HM_WIRE_ARP_H
#define HM_WIRE_ARP_H

#include "firmware/base/addr.h"

#define HM_ARP_LEN 28
#define HM_ARP_FRAME_LEN 60 /* Ethernet header, ARP, padding to the minimum */
#define HM_ARP_REQUEST 1
#define HM_ARP_REPLY 2
#define HM_RARP_REQUEST 3

struct hm_arp {
    uint16_t op;
    struct hm_mac sender_mac;
    uint32_t sender_addr;
    struct hm_mac target_mac;
    uint32_t target_addr;
};

/* RFC 5227: a request for target_addr by somebody who has no address yet. */
static inline bool hm_arp_is_probe(const struct hm_arp *arp)
{
    return arp->op == HM_ARP_REQUEST && arp->sender_addr == 0;
}

/* Decodes the payload of an ARP or RARP frame. 0, or HM_ERR_MALFORMED: short, or not Ethernet/IPv4. */
int hm_arp_decode(const uint8_t *bytes, size_t len, struct hm_arp *out);
/* Writes a whole padded frame of HM_ARP_FRAME_LEN bytes. ethertype: ARP, or RARP. */
void hm_arp_encode_frame(uint8_t bytes[HM_ARP_FRAME_LEN], const struct hm_mac *dst, const struct hm_mac *src,
                         uint16_t ethertype, const struct hm_arp *arp);

#endif
