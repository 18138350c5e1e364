/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors: about which packets, and their bytes. */
#include "firmware/wire/icmp.h"

#include "firmware/base/err.h"
#include "firmware/base/writer.h"

#include <assert.h>

#define CHECKSUM_AT 2
#define OWN_TTL 64
#define TOS_INTERNETWORK_CONTROL 0xc0 /* RFC 1812 section 4.3.2.5 */
#define SOURCE_QUENCH 4

bool hm_icmp_is_error(uint8_t type)
{
    return type == HM_ICMP_UNREACHABLE || type == SOURCE_QUENCH || type == HM_ICMP_REDIRECT ||
           type == HM_ICMP_TIME_EXCEEDED || type == HM_ICMP_PARAMETER_PROBLEM;
}

bool hm_icmp_may_answer(const uint8_t *packet, size_t len)
{
    struct hm_ipv4 ip;

    return hm_ipv4_decode(packet, len, &ip) == HM_OK && hm_icmp_may_answer_quote(packet, len);
}

bool hm_icmp_may_answer_quote(const uint8_t *packet, size_t len)
{
    struct hm_ipv4 ip;

    if (hm_ipv4_decode_quote(packet, len, &ip) != HM_OK)
        return false;
    if ((ip.fragment & HM_IPV4_OFFSET) != 0)
        return false;
    /* A source or destination that is no host's: nobody to tell, or a group or broadcast. */
    if (!hm_ip_is_host(ip.src) || !hm_ip_is_host(ip.dst))
        return false;
    if (ip.protocol != HM_IP_PROTO_ICMP)
        return true;
    /* One too short to say its type could be an error. */
    return ip.total_len > ip.header_len && len > ip.header_len && !hm_icmp_is_error(packet[ip.header_len]);
}

size_t hm_icmp_encode_error(uint8_t out[HM_ICMP_ERROR_MAX_LEN], const struct hm_icmp_error *error,
                            const uint8_t *packet, size_t len)
{
    struct hm_ipv4 about;
    struct hm_ipv4 header = {
        .tos = TOS_INTERNETWORK_CONTROL,
        .fragment = HM_IPV4_DF, /* so that it needs no id of its own, RFC 6864 section 4.1 */
        .ttl = OWN_TTL,
        .protocol = HM_IP_PROTO_ICMP,
        .src = error->src,
    };
    struct hm_writer writer;
    size_t quote_len;
    int err = hm_ipv4_decode_quote(packet, len, &about);

    assert(err == HM_OK);
    if (err != HM_OK)
        return 0;
    quote_len = about.total_len < len ? about.total_len : len;
    if (quote_len > HM_ICMP_ERROR_MAX_LEN - HM_IPV4_LEN - HM_ICMP_LEN)
        quote_len = HM_ICMP_ERROR_MAX_LEN - HM_IPV4_LEN - HM_ICMP_LEN;
    header.dst = about.src;
    header.total_len = (uint16_t)(HM_IPV4_LEN + HM_ICMP_LEN + quote_len);
    hm_ipv4_encode(out, &header);
    hm_writer_init(&writer, out + HM_IPV4_LEN, HM_ICMP_ERROR_MAX_LEN - HM_IPV4_LEN);
    hm_write_u8(&writer, error->type);
    hm_write_u8(&writer, error->code);
    hm_write_u16(&writer, 0);
    hm_write_u8(&writer, error->pointer);
    hm_write_u8(&writer, 0);
    hm_write_u16(&writer, error->next_hop_mtu); /* RFC 1191 section 4 */
    hm_write_bytes(&writer, packet, quote_len);
    hm_write_patch_u16(&writer, CHECKSUM_AT, (uint16_t)~hm_checksum_add(0, writer.bytes, writer.len));
    return header.total_len;
}
