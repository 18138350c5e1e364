/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of an IPv4 header: which there are, and which a fragment repeats. */
#include "firmware/wire/ipv4_options.h"

#include <assert.h>
#include <string.h>

#define END_OF_LIST 0
#define NO_OPERATION 1
#define LOOSE_SOURCE_ROUTE 131
#define STRICT_SOURCE_ROUTE 137
#define COPIED 0x80

/* Bytes of the option at `at`, or 0 when it does not fit what is left. */
static size_t option_len(const uint8_t *at, size_t left)
{
    if (*at == NO_OPERATION)
        return 1;
    return left < 2 || at[1] < 2 || at[1] > left ? 0 : at[1];
}

enum hm_ipv4_options hm_ipv4_options_check(const uint8_t *header, size_t header_len)
{
    enum hm_ipv4_options result = HM_IPV4_OPTIONS_FINE;

    for (size_t at = HM_IPV4_LEN; at < header_len && header[at] != END_OF_LIST;) {
        size_t len = option_len(header + at, header_len - at);
        if (len == 0)
            return HM_IPV4_OPTIONS_MALFORMED;
        if (header[at] == LOOSE_SOURCE_ROUTE || header[at] == STRICT_SOURCE_ROUTE)
            result = HM_IPV4_OPTIONS_SOURCE_ROUTE;
        at += len;
    }
    return result;
}

size_t hm_ipv4_options_copied(const uint8_t *header, size_t header_len, uint8_t out[HM_IPV4_HEADER_MAX_LEN])
{
    size_t out_len = HM_IPV4_LEN;

    assert(header_len <= HM_IPV4_HEADER_MAX_LEN);
    memset(out, 0, HM_IPV4_HEADER_MAX_LEN); /* also the padding: ends of the list */
    memcpy(out, header, HM_IPV4_LEN);
    for (size_t at = HM_IPV4_LEN; at < header_len && header[at] != END_OF_LIST;) {
        size_t len = option_len(header + at, header_len - at);
        assert(len > 0);
        if (len == 0)
            break;
        if (header[at] & COPIED) {
            memcpy(out + out_len, header + at, len);
            out_len += len;
        }
        at += len;
    }
    out_len = (out_len + 3) & ~(size_t)3;
    out[0] = (uint8_t)(0x40 | out_len / 4);
    return out_len;
}
