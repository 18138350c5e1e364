/* SPDX-License-Identifier: BSD-3-Clause */
/* DHCP messages, and UDP datagrams and frames around them, as tests send them. */
#ifndef HM_UNIT_RIG_DHCP_MESSAGE_H
#define HM_UNIT_RIG_DHCP_MESSAGE_H

#include <assert.h>
#include <string.h>

#include "firmware/base/writer.h"
#include "firmware/wire/dhcp.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"

#define DHCP_MESSAGE_LEN 300

struct dhcp_message {
    enum hm_dhcp_type type;
    bool is_reply;
    struct hm_mac client_mac;
    uint32_t client_addr, your_addr;
};

/* A BOOTP message of the least length with the one option of its type. */
static inline void dhcp_message_write(const struct dhcp_message *message, uint8_t bytes[DHCP_MESSAGE_LEN])
{
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, DHCP_MESSAGE_LEN);
    hm_write_u8(&writer, message->is_reply ? 2 : 1);
    hm_write_u8(&writer, 1);
    hm_write_u8(&writer, 6);
    hm_write_u8(&writer, 0);
    hm_write_u32(&writer, 0x12345678);
    hm_write_u32(&writer, 0); /* secs, flags */
    hm_write_u32(&writer, message->client_addr);
    hm_write_u32(&writer, message->your_addr);
    hm_write_zeros(&writer, 8);
    hm_write_bytes(&writer, &message->client_mac, 6);
    hm_write_zeros(&writer, 10 + 64 + 128);
    hm_write_u32(&writer, 0x63825363);
    hm_write_u8(&writer, 53);
    hm_write_u8(&writer, 1);
    hm_write_u8(&writer, (uint8_t)message->type);
    hm_write_u8(&writer, 255);
    hm_write_zeros(&writer, DHCP_MESSAGE_LEN - writer.len);
    assert(!writer.failed);
}

/* An IP packet with the message, without a UDP checksum; gives its length. */
static inline size_t dhcp_message_packet(const struct dhcp_message *message, uint32_t src, uint32_t dst,
                                         uint8_t *bytes)
{
    const struct hm_ipv4 ip = {.total_len = HM_IPV4_LEN + 8 + DHCP_MESSAGE_LEN,
                               .ttl = 64,
                               .protocol = HM_IP_PROTO_UDP,
                               .src = src,
                               .dst = dst};
    struct hm_writer writer;

    hm_ipv4_encode(bytes, &ip);
    hm_writer_init(&writer, bytes + HM_IPV4_LEN, 8);
    hm_write_u16(&writer, message->is_reply ? HM_DHCP_SERVER_PORT : HM_DHCP_CLIENT_PORT);
    hm_write_u16(&writer, message->is_reply ? HM_DHCP_CLIENT_PORT : HM_DHCP_SERVER_PORT);
    hm_write_u16(&writer, 8 + DHCP_MESSAGE_LEN);
    hm_write_u16(&writer, 0);
    dhcp_message_write(message, bytes + HM_IPV4_LEN + 8);
    return ip.total_len;
}

#endif
