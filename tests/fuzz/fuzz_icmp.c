/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors about any packet: when one may be sent, it is a right packet and is itself not answered. */
#include "firmware/base/err.h"
#include "firmware/wire/icmp.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_icmp_error error = {.type = HM_ICMP_UNREACHABLE,
                                  .code = HM_ICMP_FRAGMENTATION_NEEDED,
                                  .next_hop_mtu = 1480,
                                  .src = 0x0a010001};
    uint8_t out[HM_ICMP_ERROR_MAX_LEN];
    struct hm_ipv4 about, ip;
    size_t len;

    if (!hm_icmp_may_answer(data, size))
        return 0;
    FUZZ_CHECK(hm_ipv4_decode(data, size, &about) == HM_OK);
    len = hm_icmp_encode_error(out, &error, data, size);
    FUZZ_CHECK(len > HM_IPV4_LEN && len <= HM_ICMP_ERROR_MAX_LEN);
    FUZZ_CHECK(hm_ipv4_decode(out, len, &ip) == HM_OK && ip.total_len == len && ip.dst == about.src);
    FUZZ_CHECK(hm_ipv4_checksum_is_right(out, HM_IPV4_LEN));
    FUZZ_CHECK(hm_checksum_add(0, out + HM_IPV4_LEN, len - HM_IPV4_LEN) == 0xffff);
    FUZZ_CHECK(!hm_icmp_may_answer(out, len));
    return 0;
}
