/* SPDX-License-Identifier: BSD-3-Clause */
/* DHCP (RFC 2131), as far as a bystander reads it: who got which address. */
#ifndef HM_WIRE_DHCP_H
#define HM_WIRE_DHCP_H

#include "firmware/base/addr.h"

#define HM_DHCP_SERVER_PORT 67
#define HM_DHCP_CLIENT_PORT 68

enum hm_dhcp_type {
    HM_DHCP_DISCOVER = 1,
    HM_DHCP_OFFER,
    HM_DHCP_REQUEST,
    HM_DHCP_DECLINE,
    HM_DHCP_ACK,
    HM_DHCP_NAK,
    HM_DHCP_RELEASE,
    HM_DHCP_INFORM,
};

struct hm_dhcp {
    enum hm_dhcp_type type;
    bool is_reply; /* sent by a server */
    struct hm_mac client_mac;
    uint32_t client_addr; /* ciaddr */
    uint32_t your_addr;   /* yiaddr */
};

/* Decodes a UDP payload. 0, or HM_ERR_MALFORMED: short, no magic cookie, not Ethernet, no valid type. */
int hm_dhcp_decode(const uint8_t *bytes, size_t len, struct hm_dhcp *out);

#endif
