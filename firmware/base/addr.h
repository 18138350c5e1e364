/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses: IPv4 as uint32_t in host order, Ethernet addresses, prefixes; their texts both ways. */
#ifndef HM_BASE_ADDR_H
#define HM_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hm_mac {
    uint8_t b[6];
};

struct hm_prefix {
    uint32_t addr; /* network address, host bits zero */
    uint8_t len;   /* 0..32 */
};

/* What ARP tells: who has an address. */
struct hm_pair {
    uint32_t addr;
    struct hm_mac mac;
};

#define HM_IP_TEXT_LEN 16
#define HM_MAC_TEXT_LEN 18
#define HM_PREFIX_TEXT_LEN 19

extern const struct hm_mac HM_MAC_BROADCAST;
extern const struct hm_mac HM_MAC_ZERO;

static inline bool hm_mac_equal(const struct hm_mac *a, const struct hm_mac *b)
{
    return __builtin_memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* True for broadcast and multicast addresses. */
static inline bool hm_mac_is_group(const struct hm_mac *mac)
{
    return (mac->b[0] & 1) != 0;
}

bool hm_mac_is_zero(const struct hm_mac *mac);
uint64_t hm_mac_u64(const struct hm_mac *mac);
/* Its last four bytes as they lie in memory, from this one on: MACs of one maker differ there. */
#define HM_MAC_TAIL_AT 2
static inline uint32_t hm_mac_tail(const struct hm_mac *mac)
{
    uint32_t tail;
    memcpy(&tail, mac->b + HM_MAC_TAIL_AT, sizeof(tail));
    return tail;
}

uint32_t hm_prefix_mask(uint8_t len);
bool hm_prefix_contains(const struct hm_prefix *prefix, uint32_t addr);
/* True when one of the two contains the other. */
bool hm_prefix_overlaps(const struct hm_prefix *a, const struct hm_prefix *b);
/* The prefix's all-ones address; for /31 and /32 there is none and 255.255.255.255 is returned. */
uint32_t hm_prefix_broadcast(const struct hm_prefix *prefix);

/* 224/4 */
static inline bool hm_ip_is_multicast(uint32_t addr)
{
    return (addr >> 28) == 0xe;
}

/* An address that a host may have: not 0/8, 127/8, multicast, class E or broadcast. */
bool hm_ip_is_host(uint32_t addr);

/* Texts. The buffer has at least the size named above; returned for convenience. */
const char *hm_ip_text(uint32_t addr, char text[HM_IP_TEXT_LEN]);
const char *hm_mac_text(const struct hm_mac *mac, char text[HM_MAC_TEXT_LEN]);
const char *hm_prefix_text(const struct hm_prefix *prefix, char text[HM_PREFIX_TEXT_LEN]);

/* Parse the whole of a zero-terminated text; false (and *out untouched) when it is not one.
 * hm_prefix_parse refuses host bits that are set. hm_cidr_parse takes an address with its prefix
 * length ("10.1.0.2/24") and gives both. */
bool hm_ip_parse(const char *text, uint32_t *out);
bool hm_mac_parse(const char *text, struct hm_mac *out);
bool hm_prefix_parse(const char *text, struct hm_prefix *out);
bool hm_cidr_parse(const char *text, uint32_t *addr, struct hm_prefix *out);

#endif
