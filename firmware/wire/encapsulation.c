/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers between outer and inner IP header. */
#include "firmware/wire/encapsulation.h"

#include "firmware/base/err.h"
#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/wire/udp.h"

#define DATA_TYPE 4 /* of the message, RFC 3519 section 3.3 */
#define GRE_LEN 4
#define GRE_IPV4 0x0800
#define GRE_CHECKSUM 0x8000 /* flags, RFC 2784 section 2.1 and RFC 2890 section 2 */
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000

static const struct {
    const char *name;
    uint8_t protocol;
    uint8_t len; /* behind the outer IP header */
} KINDS[] = {
    [HM_ENCAPSULATION_IPIP] = {"ipip", HM_IP_PROTO_IPIP, 0},
    [HM_ENCAPSULATION_UDP] = {"udp", HM_IP_PROTO_UDP, HM_UDP_LEN + HM_TUNNEL_DATA_LEN},
    [HM_ENCAPSULATION_GRE] = {"gre", HM_IP_PROTO_GRE, GRE_LEN},
};
_Static_assert(sizeof(KINDS) / sizeof(KINDS[0]) == HM_ENCAPSULATION_COUNT, "one for each");

const char *hm_encapsulation_name(enum hm_encapsulation kind)
{
    return KINDS[kind].name;
}

size_t hm_encapsulation_len(enum hm_encapsulation kind)
{
    return (size_t)HM_IPV4_LEN + KINDS[kind].len;
}

uint8_t hm_encapsulation_protocol(enum hm_encapsulation kind)
{
    return KINDS[kind].protocol;
}

enum hm_encapsulation hm_encapsulation_of_protocol(uint8_t protocol)
{
    enum hm_encapsulation kind = HM_ENCAPSULATION_IPIP;
    while (kind + 1 < HM_ENCAPSULATION_COUNT && KINDS[kind].protocol != protocol)
        kind++;
    return kind;
}

static void encode_udp(struct hm_writer *writer, const struct hm_ipv4 *outer)
{
    uint16_t len = (uint16_t)(outer->total_len - HM_IPV4_LEN);
    hm_write_u16(writer, HM_TUNNEL_PORT);
    hm_write_u16(writer, HM_TUNNEL_PORT);
    hm_write_u16(writer, len);
    hm_write_u16(writer, hm_ipv4_pseudo_sum(outer->src, outer->dst, HM_IP_PROTO_UDP, len));
}

/* Type, next header, reserved. */
static void write_data_header(struct hm_writer *writer)
{
    hm_write_u8(writer, DATA_TYPE);
    hm_write_u8(writer, HM_IP_PROTO_IPIP);
    hm_write_u16(writer, 0);
}

void hm_encapsulation_encode_data(uint8_t *bytes)
{
    struct hm_writer writer;
    hm_writer_init(&writer, bytes, HM_TUNNEL_DATA_LEN);
    write_data_header(&writer);
}

bool hm_encapsulation_is_data(const uint8_t *bytes, size_t len)
{
    return len >= HM_TUNNEL_DATA_LEN && bytes[0] == DATA_TYPE && bytes[1] == HM_IP_PROTO_IPIP;
}

void hm_encapsulation_encode(uint8_t *bytes, enum hm_encapsulation kind, const struct hm_ipv4 *outer)
{
    struct hm_writer writer;
    hm_writer_init(&writer, bytes, KINDS[kind].len);
    if (kind == HM_ENCAPSULATION_UDP) {
        encode_udp(&writer, outer);
        write_data_header(&writer);
    } else if (kind == HM_ENCAPSULATION_GRE) {
        hm_write_u16(&writer, 0);
        hm_write_u16(&writer, GRE_IPV4);
    }
}

void hm_encapsulation_finish_sum(uint8_t *bytes, size_t len, enum hm_encapsulation kind)
{
    if (kind == HM_ENCAPSULATION_UDP)
        hm_udp_finish_sum(bytes, len);
}

bool hm_encapsulation_is_one(uint8_t protocol, const uint8_t *bytes, size_t len)
{
    struct hm_reader reader;
    if (protocol != HM_IP_PROTO_UDP)
        return protocol == HM_IP_PROTO_IPIP || protocol == HM_IP_PROTO_GRE;
    hm_reader_init(&reader, bytes, len);
    bool is_between_agents = hm_read_u16(&reader) == HM_TUNNEL_PORT && hm_read_u16(&reader) == HM_TUNNEL_PORT;
    hm_read_skip(&reader, HM_UDP_LEN - 4);
    return hm_read_u8(&reader) == DATA_TYPE && is_between_agents && !reader.failed;
}

/* RFC 2784 section 2: bits 1 to 5 must be those of RFC 2890, and the version 0. */
static int decode_gre(struct hm_reader *reader, struct hm_encapsulated *out)
{
    uint16_t flags = hm_read_u16(reader);
    uint16_t type = hm_read_u16(reader);
    if (reader->failed || type != GRE_IPV4 || (flags & ~(GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE)) != 0)
        return HM_ERR_MALFORMED;
    out->is_summed = (flags & GRE_CHECKSUM) != 0;
    out->header_len = GRE_LEN + (flags & GRE_CHECKSUM ? 4u : 0u) + (flags & GRE_KEY ? 4u : 0u) +
                      (flags & GRE_SEQUENCE ? 4u : 0u);
    hm_read_skip(reader, out->header_len - GRE_LEN);
    return reader->failed ? HM_ERR_MALFORMED : HM_OK;
}

int hm_encapsulation_decode(uint8_t protocol, const uint8_t *bytes, size_t len, struct hm_encapsulated *out)
{
    struct hm_reader reader;
    *out = (struct hm_encapsulated){.kind = HM_ENCAPSULATION_IPIP};
    if (protocol == HM_IP_PROTO_IPIP)
        return HM_OK;
    hm_reader_init(&reader, bytes, len);
    if (protocol == HM_IP_PROTO_GRE) {
        out->kind = HM_ENCAPSULATION_GRE;
        return decode_gre(&reader, out);
    }
    hm_read_skip(&reader, HM_UDP_CHECKSUM_AT);
    out->is_summed = hm_read_u16(&reader) != 0;
    hm_read_skip(&reader, 1);
    uint8_t next = hm_read_u8(&reader);
    hm_read_skip(&reader, 2);
    out->kind = HM_ENCAPSULATION_UDP;
    out->header_len = HM_UDP_LEN + HM_TUNNEL_DATA_LEN;
    return reader.failed || next != HM_IP_PROTO_IPIP ? HM_ERR_MALFORMED : HM_OK;
}

bool hm_encapsulation_checksum_is_right(const struct hm_ipv4 *outer, const uint8_t *bytes, size_t len)
{
    struct hm_reader reader;
    hm_reader_init(&reader, bytes, len);
    if (outer->protocol == HM_IP_PROTO_GRE)
        return (hm_read_u16(&reader) & GRE_CHECKSUM) == 0 || hm_checksum_add(0, bytes, len) == 0xffff;
    if (outer->protocol != HM_IP_PROTO_UDP)
        return true;
    hm_read_skip(&reader, 4);
    uint16_t udp_len = hm_read_u16(&reader);
    uint16_t sum = hm_read_u16(&reader);
    if (reader.failed || udp_len != len)
        return false;
    return sum == 0 || hm_checksum_add(hm_ipv4_pseudo_sum(outer->src, outer->dst, HM_IP_PROTO_UDP, udp_len),
                                       bytes, len) == 0xffff;
}
