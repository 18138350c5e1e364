/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors: about which packets (RFC 1812 section 4.3.2.7), and what they look like. */
#include "firmware/base/err.h"
#include "firmware/wire/icmp.h"
#include "tests/unit/unit.h"

#define PACKET_LEN 100

static const struct hm_ipv4 good = {
    .total_len = PACKET_LEN, .ttl = 1, .protocol = HM_IP_PROTO_UDP, .src = 0x0a010005, .dst = 0x0a030007};

static bool may_answer(const struct hm_ipv4 *ip, uint8_t icmp_type)
{
    uint8_t packet[PACKET_LEN] = {0};
    uint8_t *copy;
    bool result;

    hm_ipv4_encode(packet, ip);
    packet[HM_IPV4_LEN] = icmp_type;
    copy = unit_copy(packet, ip->total_len);
    result = hm_icmp_may_answer(copy, ip->total_len);
    free(copy);
    return result;
}

static void test_plain_packets_may_be_answered(void **state)
{
    struct hm_ipv4 ip = good;

    (void)state;
    assert_true(may_answer(&ip, 0));
    ip.protocol = HM_IP_PROTO_TCP;
    assert_true(may_answer(&ip, 3));
    ip.fragment = HM_IPV4_MF; /* the first fragment */
    assert_true(may_answer(&ip, 0));
    ip.fragment = HM_IPV4_DF;
    assert_true(may_answer(&ip, 0));
}

static void test_icmp_queries_may_be_answered_and_errors_not(void **state)
{
    struct hm_ipv4 ip = good;

    (void)state;
    ip.protocol = HM_IP_PROTO_ICMP;
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        bool is_error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
        assert_int_equal(may_answer(&ip, (uint8_t)type), !is_error);
    }
    ip.total_len = HM_IPV4_LEN; /* no type to see */
    assert_false(may_answer(&ip, 0));
}

static void test_later_fragments_are_not_answered(void **state)
{
    struct hm_ipv4 ip = good;

    (void)state;
    for (uint16_t offset = 1; offset <= HM_IPV4_OFFSET; offset = (uint16_t)(offset * 2)) {
        ip.fragment = offset;
        assert_false(may_answer(&ip, 0));
        ip.fragment = offset | HM_IPV4_MF;
        assert_false(may_answer(&ip, 0));
    }
}

static void test_groups_and_impossible_addresses_are_not_answered(void **state)
{
    static const uint32_t odd[] = {0, 0x7f000001, 0xe0000001, 0xf0000001, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(odd); i++) {
        struct hm_ipv4 ip = good;
        ip.src = odd[i];
        assert_false(may_answer(&ip, 0));
        ip = good;
        ip.dst = odd[i];
        assert_false(may_answer(&ip, 0));
    }
}

static void test_broken_packets_are_not_answered(void **state)
{
    uint8_t packet[PACKET_LEN] = {0};

    (void)state;
    hm_ipv4_encode(packet, &good);
    for (size_t len = 0; len <= PACKET_LEN; len++) {
        uint8_t *copy = unit_copy(packet, len);
        assert_int_equal(hm_icmp_may_answer(copy, len), len == PACKET_LEN);
        free(copy);
    }
}

/* Encodes an error about a packet of total_len bytes, with `padding` behind it, and checks all of it. */
static void check_error(uint16_t total_len, size_t padding)
{
    struct hm_icmp_error error = {.type = HM_ICMP_UNREACHABLE,
                                  .code = HM_ICMP_FRAGMENTATION_NEEDED,
                                  .next_hop_mtu = 1480,
                                  .src = 0x0a010001};
    size_t quote_len = total_len > 548 ? 548 : total_len;
    uint8_t *packet = malloc(total_len + padding);
    uint8_t *out = malloc(HM_ICMP_ERROR_MAX_LEN);
    struct hm_ipv4 about = good, ip;
    size_t len;

    about.total_len = total_len;
    memset(packet, 0x5a, total_len + padding);
    hm_ipv4_encode(packet, &about);
    len = hm_icmp_encode_error(out, &error, packet, total_len + padding);
    assert_int_equal(len, HM_IPV4_LEN + 8 + quote_len);
    assert_int_equal(hm_ipv4_decode(out, len, &ip), HM_OK);
    assert_true(hm_ipv4_checksum_is_right(out, HM_IPV4_LEN));
    assert_int_equal(ip.total_len, len);
    assert_int_equal(ip.src, 0x0a010001);
    assert_int_equal(ip.dst, about.src);
    assert_int_equal(ip.protocol, HM_IP_PROTO_ICMP);
    assert_true(ip.ttl > 1); /* its own, not the packet's */
    assert_int_equal(hm_checksum_add(0, out + HM_IPV4_LEN, len - HM_IPV4_LEN), 0xffff);
    assert_int_equal(out[20], HM_ICMP_UNREACHABLE);
    assert_int_equal(out[21], HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(out[24] << 8 | out[25], 0);
    assert_int_equal(out[26] << 8 | out[27], 1480);
    assert_memory_equal(out + 28, packet, quote_len);
    assert_false(hm_icmp_may_answer(out, len));
    free(out);
    free(packet);
}

static void test_an_error_quotes_what_fits_576_bytes(void **state)
{
    (void)state;
    check_error(20, 0);
    check_error(21, 0);
    check_error(100, 0);
    check_error(100, 18); /* Ethernet padding is not quoted */
    check_error(547, 0);
    check_error(548, 0);
    check_error(549, 0);
    check_error(1500, 0);
    check_error(65535, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_packets_may_be_answered),
        cmocka_unit_test(test_icmp_queries_may_be_answered_and_errors_not),
        cmocka_unit_test(test_later_fragments_are_not_answered),
        cmocka_unit_test(test_groups_and_impossible_addresses_are_not_answered),
        cmocka_unit_test(test_broken_packets_are_not_answered),
        cmocka_unit_test(test_an_error_quotes_what_fits_576_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
