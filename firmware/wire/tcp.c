/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the TCP header: reading it, and rewriting it for a piece of its segment. */
#include "firmware/wire/tcp.h"

#include <string.h>

#include "firmware/base/err.h"
#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/wire/ipv4.h"

#define SEQ_AT 4
#define ACK_AT 8 /* acknowledgment, and the byte behind it */
#define FLAGS_AT 13
#define WINDOW_AT 14

enum option {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MD5 = 19,
    OPTION_AO = 29,
};

static int read_options(struct hm_reader options, struct hm_tcp *out)
{
    while (options.left > 0) {
        uint8_t kind = hm_read_u8(&options), len;
        if (kind == OPTION_END)
            return HM_OK;
        if (kind == OPTION_NOP)
            continue;
        len = hm_read_u8(&options);
        if (len < 2)
            return HM_ERR_MALFORMED;
        hm_read_skip(&options, len - 2u);
        if (options.failed)
            return HM_ERR_MALFORMED;
        out->is_signed = out->is_signed || kind == OPTION_MD5 || kind == OPTION_AO;
    }
    return options.failed ? HM_ERR_MALFORMED : HM_OK;
}

int hm_tcp_decode(const uint8_t *bytes, size_t len, struct hm_tcp *out)
{
    struct hm_reader reader;
    uint8_t offset;

    *out = (struct hm_tcp){0};
    hm_reader_init(&reader, bytes, len);
    hm_read_skip(&reader, SEQ_AT);
    out->seq = hm_read_u32(&reader);
    hm_read_skip(&reader, 4);
    offset = hm_read_u8(&reader);
    out->flags = hm_read_u8(&reader);
    out->header_len = (uint8_t)((offset >> 4) * 4);
    hm_read_skip(&reader, 6);
    if (reader.failed || out->header_len < HM_TCP_LEN)
        return HM_ERR_MALFORMED;
    return read_options(hm_read_sub(&reader, out->header_len - (size_t)HM_TCP_LEN), out);
}

bool hm_tcp_may_cut(const struct hm_tcp *tcp)
{
    return (tcp->flags & (HM_TCP_SYN | HM_TCP_RST | HM_TCP_URG)) == 0 && !tcp->is_signed;
}

size_t hm_tcp_piece_len(size_t payload_len, size_t most)
{
    size_t count = (payload_len + most - 1) / most;
    return (payload_len + count - 1) / count;
}

uint8_t hm_tcp_piece_flags(uint8_t flags, bool is_last)
{
    return is_last ? flags : flags & (uint8_t) ~(HM_TCP_FIN | HM_TCP_PSH);
}

static uint16_t sum(const uint8_t *bytes, size_t len, uint32_t src, uint32_t dst)
{
    return hm_checksum_add(hm_ipv4_pseudo_sum(src, dst, HM_IP_PROTO_TCP, (uint16_t)len), bytes, len);
}

bool hm_tcp_checksum_is_right(const uint8_t *bytes, size_t len, uint32_t src, uint32_t dst)
{
    return sum(bytes, len, src, dst) == 0xffff;
}

static void put(uint8_t *bytes, size_t at, uint16_t value)
{
    struct hm_writer writer;

    hm_writer_init(&writer, bytes + at, 2);
    hm_write_u16(&writer, value);
}

void hm_tcp_set_piece(uint8_t *bytes, size_t len, uint32_t src, uint32_t dst, uint32_t seq, uint8_t flags)
{
    struct hm_writer writer;

    hm_writer_init(&writer, bytes + SEQ_AT, 4);
    hm_write_u32(&writer, seq);
    bytes[FLAGS_AT] = flags;
    put(bytes, HM_TCP_CHECKSUM_AT, 0);
    put(bytes, HM_TCP_CHECKSUM_AT, (uint16_t)~sum(bytes, len, src, dst));
}

void hm_tcp_begin_sum(uint8_t *bytes, size_t len, uint32_t src, uint32_t dst, uint8_t flags)
{
    bytes[FLAGS_AT] = flags;
    put(bytes, HM_TCP_CHECKSUM_AT, hm_ipv4_pseudo_sum(src, dst, HM_IP_PROTO_TCP, (uint16_t)len));
}

bool hm_tcp_is_alike(const uint8_t *bytes, const uint8_t *others, size_t header_len)
{
    return memcmp(bytes + ACK_AT, others + ACK_AT, FLAGS_AT - ACK_AT) == 0 &&
           memcmp(bytes + WINDOW_AT, others + WINDOW_AT, HM_TCP_CHECKSUM_AT - WINDOW_AT) == 0 &&
           memcmp(bytes + HM_TCP_LEN, others + HM_TCP_LEN, header_len - HM_TCP_LEN) == 0;
}
