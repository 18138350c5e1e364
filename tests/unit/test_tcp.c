/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP header: what is read of it, cut at every length, and what is written into a piece of its segment.
 */
#include "firmware/base/err.h"
#include "firmware/wire/tcp.h"
#include "tests/unit/unit.h"

#define SRC 0x0a010005u
#define DST 0x0a030007u

/* Ports 1000 and 2000, 1 acknowledges 2, FIN PSH ACK CWR, MSS 1460, time stamps, and four bytes. */
static const char WITH_OPTIONS[] = "03e8 07d0 00000001 00000002 9099 0100 0000 0000"
                                   "020405b4 0101 080a 00000007 00000008"
                                   "64617461";

static size_t make(const char *text, uint8_t *bytes, size_t cap)
{
    size_t len = unit_hex(text, bytes, cap);

    hm_tcp_set_piece(bytes, len, SRC, DST, 1, bytes[13]);
    return len;
}

static void test_header_and_options_are_read(void **state)
{
    uint8_t bytes[100];
    size_t len = make(WITH_OPTIONS, bytes, sizeof(bytes));
    struct hm_tcp tcp;

    (void)state;
    assert_int_equal(hm_tcp_decode(bytes, len, &tcp), HM_OK);
    assert_int_equal(tcp.seq, 1);
    assert_int_equal(tcp.header_len, 36);
    assert_int_equal(tcp.flags, HM_TCP_FIN | HM_TCP_PSH | HM_TCP_ACK | HM_TCP_CWR);
    assert_false(tcp.is_signed);
    assert_true(hm_tcp_may_cut(&tcp));
}

static void test_a_header_that_is_cut_anywhere_is_malformed(void **state)
{
    uint8_t bytes[100];
    size_t len = make(WITH_OPTIONS, bytes, sizeof(bytes));
    struct hm_tcp tcp;

    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t *copy = unit_copy(bytes, cut);
        assert_int_equal(hm_tcp_decode(copy, cut, &tcp), cut < 36 ? HM_ERR_MALFORMED : HM_OK);
        free(copy);
    }
}

static int decode_options(const char *options, struct hm_tcp *tcp)
{
    char text[200];
    uint8_t bytes[100];

    snprintf(text, sizeof(text), "03e807d000000001000000027010010000000000 %s", options);
    return hm_tcp_decode(bytes, unit_hex(text, bytes, sizeof(bytes)), tcp);
}

static void test_options_that_go_past_the_header_are_malformed(void **state)
{
    struct hm_tcp tcp;

    (void)state;
    assert_int_equal(decode_options("0101010101010101", &tcp), HM_OK);
    assert_int_equal(decode_options("0000130012000000", &tcp), HM_OK); /* behind the end nothing is read */
    assert_int_equal(decode_options("0101010101010108", &tcp), HM_ERR_MALFORMED);
    assert_int_equal(decode_options("0101010101010803", &tcp), HM_ERR_MALFORMED);
    assert_int_equal(decode_options("0800010101010101", &tcp), HM_ERR_MALFORMED);
    assert_int_equal(decode_options("0801010101010101", &tcp), HM_ERR_MALFORMED);
    assert_int_equal(decode_options("1308000000000000", &tcp), HM_OK);
    assert_true(tcp.is_signed && !hm_tcp_may_cut(&tcp));
    assert_int_equal(decode_options("01011d0600000000", &tcp), HM_OK);
    assert_true(tcp.is_signed && !hm_tcp_may_cut(&tcp));
}

static void test_what_speaks_of_the_whole_segment_is_not_cut(void **state)
{
    static const uint8_t WHOLE = HM_TCP_SYN | HM_TCP_RST | HM_TCP_URG;

    (void)state;
    for (unsigned flags = 0; flags <= UINT8_MAX; flags++) {
        const struct hm_tcp tcp = {.header_len = 20, .flags = (uint8_t)flags};
        assert_int_equal(hm_tcp_may_cut(&tcp), (flags & WHOLE) == 0);
    }
}

static void test_flags_go_to_the_piece_that_they_belong_to(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags <= UINT8_MAX; flags++) {
        assert_int_equal(hm_tcp_piece_flags((uint8_t)flags, true), flags);
        assert_int_equal(hm_tcp_piece_flags((uint8_t)flags, false), flags & ~(HM_TCP_FIN | HM_TCP_PSH));
    }
}

static void test_pieces_are_few_and_alike(void **state)
{
    (void)state;
    for (size_t most = 1; most < 100; most++)
        for (size_t len = 1; len < 400; len++) {
            size_t piece = hm_tcp_piece_len(len, most), count = (len + piece - 1) / piece;
            assert_true(piece <= most && count == (len + most - 1) / most);
            assert_true(piece == 1 || (piece - 1) * count < len); /* shorter ones would not do */
        }
    assert_int_equal(hm_tcp_piece_len(1448, 1416), 724);
}

/* Each byte of a header with options, changed alone: ports, sequence number, flags, checksum and the urgent
 * pointer may differ. */
static void test_headers_are_alike_but_for_what_a_segment_has_alone(void **state)
{
    uint8_t one[32], other[32];

    (void)state;
    for (size_t i = 0; i < sizeof(one); i++)
        one[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof(one); i++) {
        memcpy(other, one, sizeof(one));
        assert_true(hm_tcp_is_alike(one, other, sizeof(one)));
        other[i] ^= 1;
        assert_int_equal(hm_tcp_is_alike(one, other, sizeof(one)),
                         i < 8 || i == 13 || (i >= 16 && i < HM_TCP_LEN));
    }
}

static void test_the_checksum_covers_addresses_header_and_bytes(void **state)
{
    uint8_t bytes[100];
    size_t len = make(WITH_OPTIONS, bytes, sizeof(bytes));

    (void)state;
    for (unsigned odd = 0; odd < 2; odd++) {
        hm_tcp_set_piece(bytes, len - odd, SRC, DST, 0x12345678, HM_TCP_ACK);
        assert_true(hm_tcp_checksum_is_right(bytes, len - odd, SRC, DST));
        assert_false(hm_tcp_checksum_is_right(bytes, len - odd, SRC + 1, DST));
        for (size_t i = 0; i < len - odd; i++) {
            bytes[i] ^= 0x10;
            assert_false(hm_tcp_checksum_is_right(bytes, len - odd, SRC, DST));
            bytes[i] ^= 0x10;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_and_options_are_read),
        cmocka_unit_test(test_a_header_that_is_cut_anywhere_is_malformed),
        cmocka_unit_test(test_options_that_go_past_the_header_are_malformed),
        cmocka_unit_test(test_what_speaks_of_the_whole_segment_is_not_cut),
        cmocka_unit_test(test_flags_go_to_the_piece_that_they_belong_to),
        cmocka_unit_test(test_pieces_are_few_and_alike),
        cmocka_unit_test(test_headers_are_alike_but_for_what_a_segment_has_alone),
        cmocka_unit_test(test_the_checksum_covers_addresses_header_and_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
