/* SPDX-License-Identifier: BSD-3-Clause */
/* The IPv4 header, and the checksum against a loop over single bytes. */
#include "firmware/base/err.h"
#include "firmware/wire/ipv4.h"
#include "tests/unit/cut.h"

/* A UDP packet of 115 bytes, of which the header is here; its checksum is 0xb861. */
#define HEADER "45000073 00004000 4011b861 c0a80001 c0a800c7"

static int decode(const uint8_t *bytes, size_t len)
{
    struct hm_ipv4 ip;

    return hm_ipv4_decode(bytes, len, &ip);
}

/* RFC 1071 as it is told, byte by byte. */
static uint16_t slow_sum(uint16_t sum, const uint8_t *bytes, size_t len)
{
    uint32_t total = sum;

    for (size_t i = 0; i < len; i++) {
        total += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
        total = (total >> 16) + (total & 0xffff);
    }
    return (uint16_t)total;
}

static void test_rfc_1071_example(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    (void)state;
    assert_int_equal(hm_checksum_add(0, bytes, sizeof(bytes)), 0xddf2);
    assert_int_equal(hm_checksum_add(0, bytes, 0), 0);
    assert_int_equal(hm_checksum_add(0x1234, bytes, 0), 0x1234);
    assert_int_equal(hm_checksum_add(hm_checksum_add(0, bytes, 4), bytes + 4, 4), 0xddf2);
}

static void check_sums(uint8_t *bytes, size_t size, uint64_t *random)
{
    for (size_t align = 0; align < 8; align++) {
        for (size_t len = 0; len + align <= size; len += len < 200 ? 1 : 97) {
            uint16_t sum = (uint16_t)unit_random(random);
            size_t half = unit_below(random, len + 1) & ~(size_t)1;
            uint16_t expected = slow_sum(sum, bytes + align, len);

            assert_int_equal(hm_checksum_add(sum, bytes + align, len), expected);
            assert_int_equal(
                hm_checksum_add(hm_checksum_add(sum, bytes + align, half), bytes + align + half, len - half),
                expected);
        }
    }
}

static void test_checksum_is_that_of_the_slow_loop(void **state)
{
    uint64_t random = unit_seed(5);
    size_t size = 3000;
    uint8_t *bytes = malloc(size);

    (void)state;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)unit_random(&random);
    check_sums(bytes, size, &random);
    memset(bytes, 0xff, size); /* the most carries */
    check_sums(bytes, size, &random);
    memset(bytes, 0, size);
    check_sums(bytes, size, &random);
    free(bytes);
    bytes = malloc(65535);
    memset(bytes, 0xfe, 65535);
    assert_int_equal(hm_checksum_add(0xffff, bytes, 65535), slow_sum(0xffff, bytes, 65535));
    free(bytes);
}

static void test_checksum_does_not_read_on(void **state)
{
    uint8_t ones[80];

    (void)state;
    memset(ones, 1, sizeof(ones));
    for (size_t len = 0; len <= sizeof(ones); len++) {
        uint8_t *copy = unit_copy(ones, len);
        assert_int_equal(hm_checksum_add(0, copy, len), slow_sum(0, copy, len));
        free(copy);
    }
}

static void test_header_is_read_and_written(void **state)
{
    uint8_t packet[0x73] = {0}, bytes[HM_IPV4_LEN];
    struct hm_ipv4 ip;

    (void)state;
    unit_hex(HEADER, packet, sizeof(packet));
    assert_int_equal(hm_ipv4_decode(packet, sizeof(packet), &ip), HM_OK);
    assert_int_equal(ip.header_len, 20);
    assert_int_equal(ip.total_len, 0x73);
    assert_int_equal(ip.fragment, HM_IPV4_DF);
    assert_int_equal(ip.ttl, 64);
    assert_int_equal(ip.protocol, HM_IP_PROTO_UDP);
    assert_int_equal(ip.src, 0xc0a80001);
    assert_int_equal(ip.dst, 0xc0a800c7);
    assert_false(hm_ipv4_is_fragment(&ip));
    assert_true(hm_ipv4_checksum_is_right(packet, ip.header_len));
    hm_ipv4_encode(bytes, &ip);
    assert_memory_equal(bytes, packet, sizeof(bytes));
    for (size_t at = 0; at < HM_IPV4_LEN; at++) {
        packet[at] ^= 0x20;
        assert_false(hm_ipv4_checksum_is_right(packet, HM_IPV4_LEN));
        packet[at] ^= 0x20;
    }
    unit_cut(packet, sizeof(packet), decode, NULL, 0);
    unit_tamper(packet, sizeof(packet), decode);
}

static void test_bad_headers_are_malformed(void **state)
{
    uint8_t packet[0x80] = {0};

    (void)state;
    unit_hex(HEADER, packet, sizeof(packet));
    for (unsigned first = 0; first <= UINT8_MAX; first++) {
        packet[0] = (uint8_t)first;
        assert_int_equal(decode(packet, sizeof(packet)),
                         first >= 0x45 && first <= 0x4f ? HM_OK : HM_ERR_MALFORMED);
    }
    packet[0] = 0x46;
    packet[3] = 23; /* total length within the header */
    assert_int_equal(decode(packet, sizeof(packet)), HM_ERR_MALFORMED);
    packet[3] = 24;
    assert_int_equal(decode(packet, sizeof(packet)), HM_OK);
    assert_int_equal(decode(packet, 23), HM_ERR_MALFORMED);
    assert_int_equal(decode(packet, 24), HM_OK);
}

static void test_lowered_ttl_is_as_recomputed(void **state)
{
    uint64_t random = unit_seed(6);

    (void)state;
    for (unsigned ttl = 1; ttl <= UINT8_MAX; ttl++) {
        for (unsigned i = 0; i < 2000; i++) {
            uint8_t lowered[HM_IPV4_LEN], recomputed[HM_IPV4_LEN];
            struct hm_ipv4 ip = {.total_len = (uint16_t)unit_random(&random),
                                 .id = (uint16_t)unit_random(&random),
                                 .ttl = (uint8_t)ttl,
                                 .protocol = (uint8_t)unit_random(&random),
                                 .src = (uint32_t)unit_random(&random),
                                 .dst = (uint32_t)unit_random(&random)};

            hm_ipv4_encode(lowered, &ip);
            hm_ipv4_lower_ttl(lowered);
            ip.ttl--;
            hm_ipv4_encode(recomputed, &ip);
            assert_memory_equal(lowered, recomputed, HM_IPV4_LEN);
        }
    }
}

/* All 65536 checksums that a header may begin with, by way of its id. */
static void test_lowered_ttl_is_as_recomputed_for_each_checksum(void **state)
{
    (void)state;
    for (unsigned id = 0; id <= UINT16_MAX; id++) {
        struct hm_ipv4 ip = {.total_len = 100,
                             .id = (uint16_t)id,
                             .ttl = 1,
                             .protocol = 6,
                             .src = 0x0a010005,
                             .dst = 0x0a020001};
        uint8_t lowered[HM_IPV4_LEN], recomputed[HM_IPV4_LEN];

        hm_ipv4_encode(lowered, &ip);
        hm_ipv4_lower_ttl(lowered);
        ip.ttl--;
        hm_ipv4_encode(recomputed, &ip);
        assert_memory_equal(lowered, recomputed, HM_IPV4_LEN);
        assert_true(hm_ipv4_checksum_is_right(lowered, HM_IPV4_LEN));
    }
}

static void test_fix_checksum_covers_options(void **state)
{
    uint8_t header[60];

    (void)state;
    memset(header, 0x5a, sizeof(header));
    for (size_t len = 20; len <= 60; len += 4) {
        hm_ipv4_fix_checksum(header, len);
        assert_true(hm_ipv4_checksum_is_right(header, len));
    }
}

static void test_pseudo_sum_is_that_of_the_pseudo_header(void **state)
{
    uint64_t random = unit_seed(7);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t src = (uint32_t)unit_random(&random), dst = (uint32_t)unit_random(&random);
        uint16_t len = (uint16_t)unit_random(&random);
        uint8_t bytes[12] = {(uint8_t)(src >> 24), (uint8_t)(src >> 16), (uint8_t)(src >> 8),
                             (uint8_t)src,         (uint8_t)(dst >> 24), (uint8_t)(dst >> 16),
                             (uint8_t)(dst >> 8),  (uint8_t)dst,         0,
                             HM_IP_PROTO_UDP,      (uint8_t)(len >> 8),  (uint8_t)len};

        assert_int_equal(hm_ipv4_pseudo_sum(src, dst, HM_IP_PROTO_UDP, len),
                         slow_sum(0, bytes, sizeof(bytes)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_1071_example),
        cmocka_unit_test(test_checksum_is_that_of_the_slow_loop),
        cmocka_unit_test(test_checksum_does_not_read_on),
        cmocka_unit_test(test_header_is_read_and_written),
        cmocka_unit_test(test_bad_headers_are_malformed),
        cmocka_unit_test(test_lowered_ttl_is_as_recomputed),
        cmocka_unit_test(test_lowered_ttl_is_as_recomputed_for_each_checksum),
        cmocka_unit_test(test_fix_checksum_covers_options),
        cmocka_unit_test(test_pseudo_sum_is_that_of_the_pseudo_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
