/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the checksums of what IP carries, where its lengths disagree or nothing is there. */
#include "firmware/wire/transport.h"

#include "tests/unit/unit.h"

#define LEN 12 /* behind the IP header */

/* A packet of just these bytes; the checksum's word is made right over the first `covered`. */
static bool is_right(uint8_t protocol, size_t len, size_t covered, size_t sum_at, unsigned udp_len)
{
    struct hm_ipv4 ip = {.header_len = HM_IPV4_LEN,
                         .total_len = (uint16_t)(HM_IPV4_LEN + len),
                         .protocol = protocol,
                         .src = 0x0a090005,
                         .dst = 0x0a010005};
    uint8_t bytes[HM_IPV4_LEN + LEN] = {0}, *at = bytes + HM_IPV4_LEN;
    uint16_t sum = 0;

    for (size_t i = 0; i < LEN; i++)
        at[i] = (uint8_t)(17 * i + 3);
    at[4] = (uint8_t)(udp_len >> 8);
    at[5] = (uint8_t)udp_len;
    at[sum_at] = at[sum_at + 1] = 0;
    if (protocol != HM_IP_PROTO_ICMP)
        sum = hm_ipv4_pseudo_sum(ip.src, ip.dst, protocol, (uint16_t)covered);
    sum = (uint16_t)~hm_checksum_add(sum, at, covered);
    at[sum_at] = (uint8_t)(sum >> 8);
    at[sum_at + 1] = (uint8_t)sum;
    uint8_t *copy = unit_copy(bytes, HM_IPV4_LEN + len);
    bool right = hm_transport_checksum_is_right(&ip, copy);
    free(copy);
    return right;
}

static void test_udp_covers_what_its_own_length_says(void **state)
{
    (void)state;
    assert_true(is_right(HM_IP_PROTO_UDP, LEN, LEN, 6, LEN));
    assert_true(is_right(HM_IP_PROTO_UDP, LEN, LEN - 3, 6, LEN - 3));
    assert_false(is_right(HM_IP_PROTO_UDP, LEN, LEN, 6, LEN - 1));
    for (unsigned udp_len = 0; udp_len < 8; udp_len++) /* less than its header */
        assert_false(is_right(HM_IP_PROTO_UDP, LEN, udp_len, 6, udp_len));
    assert_false(is_right(HM_IP_PROTO_UDP, LEN, LEN, 6, LEN + 1));
}

static void test_what_is_cut_is_wrong(void **state)
{
    (void)state;
    assert_true(is_right(HM_IP_PROTO_ICMP, LEN, LEN, 2, 0));
    for (size_t len = 0; len < LEN; len++) {
        assert_false(is_right(HM_IP_PROTO_ICMP, len, LEN, 2, 0));
        assert_false(is_right(HM_IP_PROTO_UDP, len, LEN, 6, LEN));
        assert_false(is_right(HM_IP_PROTO_TCP, len, LEN, 6, 0));
    }
}

static void test_of_others_nobody_can_tell(void **state)
{
    (void)state;
    assert_true(is_right(132, LEN, 3, 6, 0));
    assert_true(is_right(132, 0, 0, 6, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp_covers_what_its_own_length_says),
        cmocka_unit_test(test_what_is_cut_is_wrong),
        cmocka_unit_test(test_of_others_nobody_can_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
