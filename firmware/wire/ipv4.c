/* SPDX-License-Identifier: BSD-3-Clause */
/* The IPv4 header and the Internet checksum.
 *
 * The checksum is summed in 64-bit words of the machine's own byte order, as RFC 1071 section 2 (B)
 * and (C) allow: a swap of the bytes of each word only swaps the bytes of the result. */
#include "firmware/wire/ipv4.h"

#include "firmware/base/err.h"

#include <assert.h>
#include <string.h>

#define CHECKSUM_AT 10
#define TTL_AT 8

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* Adds with the carry put aside: one add and one add-with-carry. */
static inline void add_word(uint64_t *sum, uint64_t *carries, uint64_t word)
{
    *sum += word;
    *carries += *sum < word;
}

static uint16_t fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    return (uint16_t)sum;
}

static inline uint16_t be16(uint16_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap16(value);
#else
    return value;
#endif
}

uint16_t hm_checksum_add(uint16_t sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t total = be16(sum);
    uint64_t carries = 0;

    for (; len >= 32; len -= 32, at += 32) {
        add_word(&total, &carries, load64(at));
        add_word(&total, &carries, load64(at + 8));
        add_word(&total, &carries, load64(at + 16));
        add_word(&total, &carries, load64(at + 24));
    }
    for (; len >= 8; len -= 8, at += 8)
        add_word(&total, &carries, load64(at));
    if (len >= 4) {
        uint32_t half;
        memcpy(&half, at, sizeof(half));
        add_word(&total, &carries, half);
        len -= 4;
        at += 4;
    }
    if (len >= 2) {
        uint16_t pair;
        memcpy(&pair, at, sizeof(pair));
        add_word(&total, &carries, pair);
        len -= 2;
        at += 2;
    }
    if (len > 0) /* a zero stands behind an odd byte */
        add_word(&total, &carries, be16((uint16_t)(*at << 8)));
    /* 2^64 is 1 in ones-complement arithmetic of 16 bits, so the carries just count. */
    return be16(fold(fold(total) + carries));
}

static inline uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

/* On the path of each packet: the fixed header is checked for once and read in place. */
static inline int decode(const uint8_t *bytes, size_t len, struct hm_ipv4 *out)
{
    if (len < HM_IPV4_LEN)
        return HM_ERR_MALFORMED;
    out->header_len = (uint8_t)((bytes[0] & 0x0f) * 4);
    out->tos = bytes[1];
    out->total_len = get16(bytes + 2);
    out->id = get16(bytes + 4);
    out->fragment = get16(bytes + 6);
    out->ttl = bytes[TTL_AT];
    out->protocol = bytes[9];
    out->src = get32(bytes + 12);
    out->dst = get32(bytes + 16);
    if (bytes[0] >> 4 != 4 || out->header_len < HM_IPV4_LEN)
        return HM_ERR_MALFORMED;
    return out->total_len < out->header_len ? HM_ERR_MALFORMED : HM_OK;
}

int hm_ipv4_decode(const uint8_t *bytes, size_t len, struct hm_ipv4 *out)
{
    int err = decode(bytes, len, out);

    return err == HM_OK && out->total_len > len ? HM_ERR_MALFORMED : err;
}

int hm_ipv4_decode_quote(const uint8_t *bytes, size_t len, struct hm_ipv4 *out)
{
    int err = decode(bytes, len, out);

    return err == HM_OK && out->header_len > len ? HM_ERR_MALFORMED : err;
}

bool hm_ipv4_checksum_is_right(const uint8_t *bytes, size_t header_len)
{
    return hm_checksum_add(0, bytes, header_len) == 0xffff;
}

void hm_ipv4_encode(uint8_t *bytes, const struct hm_ipv4 *header)
{
    bytes[0] = 0x45;
    bytes[1] = header->tos;
    put16(bytes + 2, header->total_len);
    put16(bytes + 4, header->id);
    put16(bytes + 6, header->fragment);
    bytes[TTL_AT] = header->ttl;
    bytes[9] = header->protocol;
    put32(bytes + 12, header->src);
    put32(bytes + 16, header->dst);
    hm_ipv4_fix_checksum(bytes, HM_IPV4_LEN);
}

void hm_ipv4_lower_ttl(uint8_t *bytes)
{
    uint32_t sum = (uint16_t) ~(bytes[CHECKSUM_AT] << 8 | bytes[CHECKSUM_AT + 1]);

    assert(bytes[TTL_AT] > 0);
    bytes[TTL_AT]--;
    /* RFC 1624 equation 3, which never yields the other zero as RFC 1141 does: the word of TTL and
     * protocol went down by 0x0100, in ones-complement by adding 0xfeff. */
    sum += 0xfeff;
    put16(bytes + CHECKSUM_AT, (uint16_t) ~((sum >> 16) + sum));
}

void hm_ipv4_set_id(uint8_t *bytes, uint16_t id)
{
    put16(bytes + 4, id);
}

void hm_ipv4_set_extent(uint8_t *bytes, size_t header_len, uint16_t total_len, uint16_t fragment)
{
    put16(bytes + 2, total_len);
    put16(bytes + 6, fragment);
    hm_ipv4_fix_checksum(bytes, header_len);
}

void hm_ipv4_fix_checksum(uint8_t *bytes, size_t header_len)
{
    put16(bytes + CHECKSUM_AT, 0);
    put16(bytes + CHECKSUM_AT, (uint16_t)~hm_checksum_add(0, bytes, header_len));
}

uint16_t hm_ipv4_pseudo_sum(uint32_t src, uint32_t dst, uint8_t protocol, uint16_t len)
{
    return fold((uint64_t)src + dst + protocol + len);
}
