/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and prefixes: arithmetic and texts. */
#include "firmware/base/addr.h"

#include <stdio.h>

const struct hm_mac HM_MAC_BROADCAST = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
const struct hm_mac HM_MAC_ZERO = {{0, 0, 0, 0, 0, 0}};

bool hm_mac_is_zero(const struct hm_mac *mac)
{
    return hm_mac_equal(mac, &HM_MAC_ZERO);
}

uint64_t hm_mac_u64(const struct hm_mac *mac)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < sizeof(mac->b); i++)
        value = value << 8 | mac->b[i];
    return value;
}

uint32_t hm_prefix_mask(uint8_t len)
{
    /* A shift by 32 is undefined. */
    return len == 0 ? 0 : UINT32_MAX << (32 - len);
}

bool hm_prefix_contains(const struct hm_prefix *prefix, uint32_t addr)
{
    return (addr & hm_prefix_mask(prefix->len)) == prefix->addr;
}

bool hm_prefix_overlaps(const struct hm_prefix *a, const struct hm_prefix *b)
{
    return a->len <= b->len ? hm_prefix_contains(a, b->addr) : hm_prefix_contains(b, a->addr);
}

uint32_t hm_prefix_broadcast(const struct hm_prefix *prefix)
{
    return prefix->len >= 31 ? UINT32_MAX : prefix->addr | ~hm_prefix_mask(prefix->len);
}

bool hm_ip_is_host(uint32_t addr)
{
    uint32_t net = addr >> 24;

    return net != 0 && net != 127 && net < 224;
}

const char *hm_ip_text(uint32_t addr, char text[HM_IP_TEXT_LEN])
{
    snprintf(text, HM_IP_TEXT_LEN, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 0xff, addr >> 8 & 0xff,
             addr & 0xff);
    return text;
}

const char *hm_mac_text(const struct hm_mac *mac, char text[HM_MAC_TEXT_LEN])
{
    const uint8_t *b = mac->b;

    snprintf(text, HM_MAC_TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return text;
}

const char *hm_prefix_text(const struct hm_prefix *prefix, char text[HM_PREFIX_TEXT_LEN])
{
    char addr[HM_IP_TEXT_LEN];

    snprintf(text, HM_PREFIX_TEXT_LEN, "%s/%u", hm_ip_text(prefix->addr, addr), prefix->len % 100u);
    return text;
}

/* A decimal number of at most `max` (below 1000) at *at, which moves past it. A zero in front is
 * refused: some read such a number as octal. */
static bool parse_number(const char **at, unsigned max, unsigned *out)
{
    const char *from = *at;
    unsigned value = 0;

    while (**at >= '0' && **at <= '9' && *at - from < 3)
        value = value * 10 + (unsigned)(*(*at)++ - '0');
    if (*at == from || value > max || (*from == '0' && *at - from > 1))
        return false;
    *out = value;
    return true;
}

static bool parse_dotted(const char **at, uint32_t *out)
{
    uint32_t addr = 0;

    for (unsigned i = 0; i < 4; i++) {
        unsigned part;
        if (i > 0 && *(*at)++ != '.')
            return false;
        if (!parse_number(at, 255, &part))
            return false;
        addr = addr << 8 | part;
    }
    *out = addr;
    return true;
}

bool hm_ip_parse(const char *text, uint32_t *out)
{
    uint32_t addr;

    if (!parse_dotted(&text, &addr) || *text != '\0')
        return false;
    *out = addr;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hm_mac_parse(const char *text, struct hm_mac *out)
{
    struct hm_mac mac;

    for (unsigned i = 0; i < sizeof(mac.b); i++) {
        int high, low;
        if (i > 0 && *text++ != ':')
            return false;
        high = hex_value(*text);
        if (high < 0)
            return false;
        low = hex_value(text[1]);
        if (low < 0)
            return false;
        mac.b[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text != '\0')
        return false;
    *out = mac;
    return true;
}

bool hm_cidr_parse(const char *text, uint32_t *addr, struct hm_prefix *out)
{
    uint32_t parsed;
    unsigned len;

    if (!parse_dotted(&text, &parsed) || *text++ != '/')
        return false;
    if (!parse_number(&text, 32, &len) || *text != '\0')
        return false;
    *addr = parsed;
    *out = (struct hm_prefix){.addr = parsed & hm_prefix_mask((uint8_t)len), .len = (uint8_t)len};
    return true;
}

bool hm_prefix_parse(const char *text, struct hm_prefix *out)
{
    struct hm_prefix prefix;
    uint32_t addr;

    if (!hm_cidr_parse(text, &addr, &prefix) || addr != prefix.addr)
        return false;
    *out = prefix;
    return true;
}
