/* SPDX-License-Identifier: BSD-3-Clause */
/* The UDP header. */
#include "firmware/wire/udp.h"

#include "firmware/wire/ipv4.h"

static void set_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

bool hm_udp_has_len(const uint8_t *bytes, size_t len)
{
    return ((size_t)bytes[4] << 8 | bytes[5]) == len;
}

void hm_udp_finish_sum(uint8_t *bytes, size_t len)
{
    uint16_t sum = (uint16_t)~hm_checksum_add(0, bytes, len);
    set_u16(bytes + HM_UDP_CHECKSUM_AT, sum != 0 ? sum : 0xffff);
}

void hm_udp_set_extent(uint8_t *bytes, size_t len, uint32_t src, uint32_t dst)
{
    set_u16(bytes + 4, (uint16_t)len);
    set_u16(bytes + HM_UDP_CHECKSUM_AT, hm_ipv4_pseudo_sum(src, dst, HM_IP_PROTO_UDP, (uint16_t)len));
    hm_udp_finish_sum(bytes, len);
}
