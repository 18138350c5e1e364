/* SPDX-License-Identifier: BSD-3-Clause */
/* The Ethernet header. */
#include "firmware/base/err.h"
#include "firmware/wire/ethernet.h"
#include "tests/unit/cut.h"
#include "tests/unit/vectors.h"

static int decode(const uint8_t *bytes, size_t len)
{
    struct hm_ethernet header;

    return hm_ethernet_decode(bytes, len, &header);
}

static void test_header_is_read_and_written(void **state)
{
    uint8_t frame[60], bytes[HM_ETHERNET_LEN];
    size_t len = unit_hex(VECTOR_RARP, frame, sizeof(frame));
    struct hm_ethernet header;

    (void)state;
    assert_int_equal(hm_ethernet_decode(frame, len, &header), HM_OK);
    assert_true(hm_mac_equal(&header.dst, &HM_MAC_BROADCAST));
    assert_true(hm_mac_u64(&header.src) == 0x525400112233u);
    assert_int_equal(header.type, HM_ETHERTYPE_RARP);
    hm_ethernet_encode(bytes, &header);
    assert_memory_equal(bytes, frame, sizeof(bytes));
    unit_cut(frame, HM_ETHERNET_LEN, decode, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_is_read_and_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
