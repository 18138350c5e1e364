/* SPDX-License-Identifier: BSD-3-Clause */
/* Revocation messages: samples made elsewhere read, judged, cut, and written again byte by byte. */
#include "firmware/base/err.h"
#include "firmware/wire/revocation.h"
#include "tests/unit/cut.h"
#include "tests/unit/vectors.h"

static struct hm_key sample_key(void)
{
    struct hm_key key = {0};

    key.len = unit_hex(VECTOR_MIP_KEY, key.bytes, sizeof(key.bytes));
    return key;
}

static void test_v2_revocation_is_read_and_written(void **state)
{
    uint8_t expected[100], bytes[100];
    size_t len = unit_hex(VECTOR_REVOCATION, expected, sizeof(expected));
    struct hm_revocation revocation;
    struct hm_key key = sample_key();
    struct hm_writer writer;

    (void)state;
    assert_int_equal(len, HM_REVOCATION_FIXED_LEN + 22);
    assert_int_equal(hm_revocation_decode(expected, len, &revocation), HM_OK);
    assert_int_equal(revocation.flags, HM_REVOCATION_A);
    assert_int_equal(revocation.home_addr, 0x0a010005);
    assert_int_equal(revocation.home_agent, 0x0a010001);
    assert_int_equal(revocation.care_of_addr, 0x0a020001);
    assert_int_equal(revocation.id, 0x12345678);
    assert_int_equal(revocation.ext.fa_ha.covered_len, HM_REVOCATION_FIXED_LEN + 6);
    assert_true(hm_extension_auth_is_right(&revocation.ext.fa_ha, expected, HM_ALGORITHM_HMAC_MD5, &key));
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_write(&writer, &revocation);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, 257, HM_ALGORITHM_HMAC_MD5, &key);
    assert_int_equal(writer.len, len);
    assert_memory_equal(bytes, expected, len);
}

static void test_v3_acknowledgment_is_read_and_written(void **state)
{
    uint8_t expected[100], bytes[100];
    size_t len = unit_hex(VECTOR_REVOCATION_ACK, expected, sizeof(expected));
    struct hm_revocation_ack ack;
    struct hm_key key = sample_key();
    struct hm_writer writer;

    (void)state;
    assert_int_equal(len, HM_REVOCATION_ACK_FIXED_LEN + 38);
    assert_int_equal(hm_revocation_ack_decode(expected, len, &ack), HM_OK);
    assert_int_equal(ack.flags, 0);
    assert_int_equal(ack.home_addr, 0x0a010005);
    assert_int_equal(ack.id, 0x12345678);
    assert_true(hm_extension_auth_is_right(&ack.ext.fa_ha, expected, HM_ALGORITHM_HMAC_SHA256, &key));
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_ack_write(&writer, &ack);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, 257, HM_ALGORITHM_HMAC_SHA256, &key);
    assert_int_equal(writer.len, len);
    assert_memory_equal(bytes, expected, len);
}

static int decode(const uint8_t *bytes, size_t len)
{
    struct hm_revocation revocation;

    return hm_revocation_decode(bytes, len, &revocation);
}

static int decode_ack(const uint8_t *bytes, size_t len)
{
    struct hm_revocation_ack ack;

    return hm_revocation_ack_decode(bytes, len, &ack);
}

/* The fixed part alone is well-formed; what it lacks is the authenticator. */
static void test_every_cut_is_refused(void **state)
{
    static const size_t sent_ends[] = {HM_REVOCATION_FIXED_LEN}, ack_ends[] = {HM_REVOCATION_ACK_FIXED_LEN};
    uint8_t bytes[100];
    size_t len = unit_hex(VECTOR_REVOCATION, bytes, sizeof(bytes));

    (void)state;
    unit_cut(bytes, len, decode, sent_ends, UNIT_COUNT(sent_ends));
    unit_tamper(bytes, len, decode);
    assert_int_equal(decode_ack(bytes, len), HM_ERR_MALFORMED); /* wrong type */
    len = unit_hex(VECTOR_REVOCATION_ACK, bytes, sizeof(bytes));
    unit_cut(bytes, len, decode_ack, ack_ends, UNIT_COUNT(ack_ends));
    unit_tamper(bytes, len, decode_ack);
    assert_int_equal(decode(bytes, len), HM_ERR_MALFORMED);
}

static void test_no_byte_can_be_changed_unseen(void **state)
{
    uint8_t bytes[100];
    size_t len = unit_hex(VECTOR_REVOCATION, bytes, sizeof(bytes));
    struct hm_revocation revocation;
    struct hm_key key = sample_key();

    (void)state;
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 0x04;
        if (hm_revocation_decode(bytes, len, &revocation) == HM_OK)
            assert_false(
                revocation.ext.fa_ha.spi == 257 &&
                hm_extension_auth_is_right(&revocation.ext.fa_ha, bytes, HM_ALGORITHM_HMAC_MD5, &key));
        bytes[at] ^= 0x04;
    }
}

static void test_v1_revocation_support_is_written(void **state)
{
    static const uint8_t expected[] = {137, 6, 0, 0, 1, 2, 3, 4};
    uint8_t bytes[16];
    struct hm_writer writer;

    (void)state;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_extension_write_revocation(&writer, 0, 0x01020304);
    assert_int_equal(writer.len, sizeof(expected));
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static void test_v5_time_grows_across_the_end_of_the_era(void **state)
{
    uint64_t last = UINT64_MAX; /* the last moment of NTP's era 0 */

    (void)state;
    assert_int_equal(hm_revocation_time(0), 0);
    assert_int_equal(hm_revocation_time((UINT64_C(2) << 32) | UINT32_C(0x80000000)), 2500);
    assert_int_equal((uint32_t)(hm_revocation_time(last + 1) - hm_revocation_time(last)), 1);
    assert_true(hm_revocation_is_after(hm_revocation_time(last + 1), hm_revocation_time(last)));
    assert_false(hm_revocation_is_after(5, 5));
    assert_false(hm_revocation_is_after(UINT32_MAX, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v2_revocation_is_read_and_written),
        cmocka_unit_test(test_v3_acknowledgment_is_read_and_written),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_no_byte_can_be_changed_unseen),
        cmocka_unit_test(test_v1_revocation_support_is_written),
        cmocka_unit_test(test_v5_time_grows_across_the_end_of_the_era),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
