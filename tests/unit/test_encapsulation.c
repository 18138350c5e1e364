/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers between outer and inner IP header: their bytes, and what is refused. */
#include "firmware/base/err.h"
#include "firmware/wire/encapsulation.h"
#include "tests/unit/cut.h"

#define SRC 0x0a010002u
#define DST 0x0a020002u
#define INNER_LEN 40

static uint8_t protocol; /* of what is decoded */

static int decode(const uint8_t *bytes, size_t len)
{
    struct hm_encapsulated out;

    if (!hm_encapsulation_is_one(protocol, bytes, len))
        return HM_ERR_MALFORMED;
    int err = hm_encapsulation_decode(protocol, bytes, len, &out);
    assert_true(err != HM_OK || out.header_len <= len);
    return err;
}

/* What follows the outer IP header of a packet with INNER_LEN bytes inside. */
static size_t write(enum hm_encapsulation kind, uint8_t *bytes, struct hm_ipv4 *outer)
{
    size_t header_len = hm_encapsulation_len(kind) - HM_IPV4_LEN;

    *outer = (struct hm_ipv4){.total_len = (uint16_t)(HM_IPV4_LEN + header_len + INNER_LEN),
                              .protocol = hm_encapsulation_protocol(kind),
                              .src = SRC,
                              .dst = DST};
    hm_encapsulation_encode(bytes, kind, outer);
    for (size_t i = 0; i < INNER_LEN; i++)
        bytes[header_len + i] = (uint8_t)(i * 7);
    hm_encapsulation_finish_sum(bytes, header_len + INNER_LEN, kind);
    protocol = outer->protocol;
    return header_len + INNER_LEN;
}

static void test_u3_g1_what_is_written_is_read(void **state)
{
    static const char *const HEADS[] = {"", "01b201b20034", "00000800"};
    static const size_t LENS[] = {20, 32, 24};
    static const uint8_t PROTOCOLS[] = {4, 17, 47};

    (void)state;
    for (enum hm_encapsulation kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++) {
        uint8_t bytes[100], head[8];
        struct hm_ipv4 outer;
        struct hm_encapsulated out;
        size_t len = write(kind, bytes, &outer), head_len = unit_hex(HEADS[kind], head, sizeof(head));

        assert_int_equal(hm_encapsulation_len(kind), LENS[kind]);
        assert_int_equal(outer.protocol, PROTOCOLS[kind]);
        assert_memory_equal(bytes, head, head_len);
        assert_true(hm_encapsulation_checksum_is_right(&outer, bytes, len));
        assert_int_equal(hm_encapsulation_decode(outer.protocol, bytes, len, &out), HM_OK);
        assert_int_equal(out.kind, kind);
        assert_int_equal(out.header_len, LENS[kind] - HM_IPV4_LEN);
        if (kind != HM_ENCAPSULATION_IPIP)
            for (size_t cut = 0; cut < out.header_len; cut++) {
                uint8_t *copy = unit_copy(bytes, cut);
                assert_int_not_equal(decode(copy, cut), HM_OK);
                free(copy);
            }
        unit_tamper(bytes, len, decode);
    }
}

static void test_u3_u7_other_ports_types_and_contents_are_no_tunnel(void **state)
{
    uint8_t bytes[100];
    struct hm_ipv4 outer;

    (void)state;
    for (unsigned at = 0; at < 12; at++) {
        size_t len = write(HM_ENCAPSULATION_UDP, bytes, &outer);
        bytes[at] ^= 1;
        bool counts = at < 4 || at == 8 || at == 9; /* ports, type, next header */
        assert_int_equal(decode(bytes, len) != HM_OK, counts);
    }
    write(HM_ENCAPSULATION_UDP, bytes, &outer);
    assert_true(hm_encapsulation_is_data(bytes + 8, 4));
    assert_false(hm_encapsulation_is_data(bytes + 8, 3));
}

static void test_udp_checksums_count_when_they_are_there(void **state)
{
    uint8_t bytes[100];
    struct hm_ipv4 outer;

    (void)state;
    size_t len = write(HM_ENCAPSULATION_UDP, bytes, &outer);
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 0x10;
        assert_false(hm_encapsulation_checksum_is_right(&outer, bytes, len));
        bytes[at] ^= 0x10;
    }
    assert_false(
        hm_encapsulation_checksum_is_right(&outer, bytes, len - 1)); /* its own length is another one */
    bytes[6] = bytes[7] = 0;
    assert_true(hm_encapsulation_checksum_is_right(&outer, bytes, len));
    assert_false(hm_encapsulation_checksum_is_right(&outer, bytes, len - 1)); /* nor does that excuse it */
    assert_false(hm_encapsulation_checksum_is_right(&outer, bytes, 7));
}

static void check_gre(const char *hex, int err, size_t header_len)
{
    uint8_t bytes[64];
    struct hm_encapsulated out;
    size_t len = unit_hex(hex, bytes, sizeof(bytes));
    uint8_t *copy = unit_copy(bytes, len);

    assert_int_equal(hm_encapsulation_decode(HM_IP_PROTO_GRE, copy, len, &out), err);
    if (err == HM_OK)
        assert_int_equal(out.header_len, header_len);
    free(copy);
}

static void test_g2_gre_with_options_is_read_and_what_is_unknown_refused(void **state)
{
    (void)state;
    check_gre("00000800", HM_OK, 4);
    check_gre("80000800 12340000", HM_OK, 8);
    check_gre("20000800 00000007", HM_OK, 8);
    check_gre("30000800 00000007 00000001", HM_OK, 12);
    check_gre("b0000800 12340000 00000007 00000001", HM_OK, 16);
    check_gre("b0000800 12340000 00000007 000000", HM_ERR_MALFORMED, 0);
    check_gre("000086dd", HM_ERR_MALFORMED, 0); /* IPv6 */
    check_gre("00010800", HM_ERR_MALFORMED, 0); /* version */
    check_gre("40000800 00000000", HM_ERR_MALFORMED, 0);
    check_gre("08000800", HM_ERR_MALFORMED, 0);
    check_gre("000008", HM_ERR_MALFORMED, 0);
}

static void test_g2_a_gre_checksum_counts_when_it_is_there(void **state)
{
    uint8_t bytes[64];
    const struct hm_ipv4 outer = {.protocol = HM_IP_PROTO_GRE};
    size_t len = unit_hex("80000800 00000000 45000014", bytes, sizeof(bytes));
    uint16_t sum = (uint16_t)~hm_checksum_add(0, bytes, len);

    (void)state;
    assert_false(hm_encapsulation_checksum_is_right(&outer, bytes, len));
    bytes[4] = (uint8_t)(sum >> 8);
    bytes[5] = (uint8_t)sum;
    assert_true(hm_encapsulation_checksum_is_right(&outer, bytes, len));
    bytes[9] ^= 1;
    assert_false(hm_encapsulation_checksum_is_right(&outer, bytes, len));
    bytes[0] = 0;
    assert_true(hm_encapsulation_checksum_is_right(&outer, bytes, len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u3_g1_what_is_written_is_read),
        cmocka_unit_test(test_u3_u7_other_ports_types_and_contents_are_no_tunnel),
        cmocka_unit_test(test_udp_checksums_count_when_they_are_there),
        cmocka_unit_test(test_g2_gre_with_options_is_read_and_what_is_unknown_refused),
        cmocka_unit_test(test_g2_a_gre_checksum_counts_when_it_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
