/* SPDX-License-Identifier: BSD-3-Clause */
/* The checksums of what IP carries. */
#include "firmware/wire/transport.h"

#include "firmware/wire/udp.h"

static bool is_udp_right(const struct hm_ipv4 *ip, const uint8_t *udp, size_t len)
{
    size_t udp_len;
    if (len < HM_UDP_LEN)
        return false;
    if (udp[HM_UDP_CHECKSUM_AT] == 0 && udp[HM_UDP_CHECKSUM_AT + 1] == 0) /* RFC 768: there is none */
        return true;
    udp_len = (size_t)udp[4] << 8 | udp[5]; /* IP may carry more than it covers */
    return udp_len >= HM_UDP_LEN && udp_len <= len &&
           hm_checksum_add(hm_ipv4_pseudo_sum(ip->src, ip->dst, HM_IP_PROTO_UDP, (uint16_t)udp_len), udp,
                           udp_len) == 0xffff;
}

bool hm_transport_checksum_is_right(const struct hm_ipv4 *ip, const uint8_t *packet)
{
    const uint8_t *at = packet + ip->header_len;
    size_t len = (size_t)ip->total_len - ip->header_len;
    if (hm_ipv4_is_fragment(ip))
        return true;
    switch (ip->protocol) {
    case HM_IP_PROTO_UDP:
        return is_udp_right(ip, at, len);
    case HM_IP_PROTO_TCP:
        return hm_checksum_add(hm_ipv4_pseudo_sum(ip->src, ip->dst, HM_IP_PROTO_TCP, (uint16_t)len), at,
                               len) == 0xffff;
    case HM_IP_PROTO_ICMP:
        return hm_checksum_add(0, at, len) == 0xffff;
    default:
        return true;
    }
}
