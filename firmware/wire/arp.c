/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP and RARP over Ethernet. */
#include "firmware/wire/arp.h"

#include "firmware/base/err.h"
#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/wire/ethernet.h"

#define HTYPE_ETHERNET 1

int hm_arp_decode(const uint8_t *bytes, size_t len, struct hm_arp *out)
{
    struct hm_reader reader;
    bool is_ethernet_ipv4;

    hm_reader_init(&reader, bytes, len);
    is_ethernet_ipv4 = hm_read_u16(&reader) == HTYPE_ETHERNET;
    is_ethernet_ipv4 &= hm_read_u16(&reader) == HM_ETHERTYPE_IPV4;
    is_ethernet_ipv4 &= hm_read_u8(&reader) == sizeof(struct hm_mac);
    is_ethernet_ipv4 &= hm_read_u8(&reader) == sizeof(uint32_t);
    out->op = hm_read_u16(&reader);
    hm_read_mac(&reader, &out->sender_mac);
    out->sender_addr = hm_read_u32(&reader);
    hm_read_mac(&reader, &out->target_mac);
    out->target_addr = hm_read_u32(&reader);
    return reader.failed || !is_ethernet_ipv4 ? HM_ERR_MALFORMED : HM_OK;
}

void hm_arp_encode_frame(uint8_t bytes[HM_ARP_FRAME_LEN], const struct hm_mac *dst, const struct hm_mac *src,
                         uint16_t ethertype, const struct hm_arp *arp)
{
    struct hm_ethernet header = {.dst = *dst, .src = *src, .type = ethertype};
    struct hm_writer writer;

    hm_ethernet_encode(bytes, &header);
    hm_writer_init(&writer, bytes + HM_ETHERNET_LEN, HM_ARP_FRAME_LEN - HM_ETHERNET_LEN);
    hm_write_u16(&writer, HTYPE_ETHERNET);
    hm_write_u16(&writer, HM_ETHERTYPE_IPV4);
    hm_write_u8(&writer, sizeof(struct hm_mac));
    hm_write_u8(&writer, sizeof(uint32_t));
    hm_write_u16(&writer, arp->op);
    hm_write_mac(&writer, &arp->sender_mac);
    hm_write_u32(&writer, arp->sender_addr);
    hm_write_mac(&writer, &arp->target_mac);
    hm_write_u32(&writer, arp->target_addr);
    hm_write_zeros(&writer, writer.cap - writer.len);
}
