/* SPDX-License-Identifier: BSD-3-Clause */
/* The IPv4 header: any bytes are decoded; what is accepted is written, and changed in place. */
#include "firmware/base/err.h"
#include "firmware/wire/ipv4.h"
#include "tests/fuzz/fuzz.h"

static void check_changes(const uint8_t *data, const struct hm_ipv4 *ip)
{
    uint8_t header[60];

    memcpy(header, data, ip->header_len);
    hm_ipv4_fix_checksum(header, ip->header_len);
    FUZZ_CHECK(hm_ipv4_checksum_is_right(header, ip->header_len));
    if (ip->ttl == 0)
        return;
    hm_ipv4_lower_ttl(header);
    FUZZ_CHECK(header[8] == ip->ttl - 1);
    FUZZ_CHECK(hm_ipv4_checksum_is_right(header, ip->header_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_ipv4 ip, back;
    uint8_t header[HM_IPV4_LEN];

    if (hm_ipv4_decode(data, size, &ip) != HM_OK)
        return 0;
    FUZZ_CHECK(ip.header_len >= HM_IPV4_LEN && ip.header_len <= ip.total_len && ip.total_len <= size);
    (void)hm_checksum_add(0, data + ip.header_len, ip.total_len - ip.header_len);
    check_changes(data, &ip);
    ip.total_len = HM_IPV4_LEN;
    hm_ipv4_encode(header, &ip);
    FUZZ_CHECK(hm_ipv4_checksum_is_right(header, sizeof(header)));
    FUZZ_CHECK(hm_ipv4_decode(header, sizeof(header), &back) == HM_OK);
    FUZZ_CHECK(back.tos == ip.tos && back.id == ip.id && back.fragment == ip.fragment && back.ttl == ip.ttl);
    FUZZ_CHECK(back.protocol == ip.protocol && back.src == ip.src && back.dst == ip.dst);
    return 0;
}
