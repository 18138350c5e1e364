/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration messages: samples of other programs read, judged, and written again byte by byte. */
#include "firmware/base/err.h"
#include "firmware/wire/registration.h"
#include "tests/unit/cut.h"
#include "tests/unit/vectors.h"

#define SPI_MN_HA 256
#define SPI_FA_HA 257

static struct hm_key sample_key(void)
{
    struct hm_key key = {0};

    key.len = unit_hex(VECTOR_MIP_KEY, key.bytes, sizeof(key.bytes));
    return key;
}

static bool is_right(const struct hm_auth_ext *ext, const uint8_t *message)
{
    struct hm_key key = sample_key();

    return hm_extension_auth_is_right(ext, message, HM_ALGORITHM_HMAC_MD5, &key);
}

static void test_sample_request_is_read(void **state)
{
    uint8_t bytes[100];
    size_t len = unit_hex(VECTOR_REQUEST, bytes, sizeof(bytes));
    struct hm_registration_request request;

    (void)state;
    assert_int_equal(len, 84);
    assert_int_equal(hm_registration_decode_request(bytes, len, &request), HM_OK);
    assert_int_equal(request.flags, HM_RRQ_T);
    assert_int_equal(request.lifetime_s, 300);
    assert_int_equal(request.home_addr, 0x0a010005);
    assert_int_equal(request.home_agent, 0x0a010001);
    assert_int_equal(request.care_of_addr, 0x0a020001);
    assert_true(request.identification == UINT64_C(0xe000000012345678));
    assert_string_equal(request.ext.nai, "vm1@dc.example");
    assert_int_equal(request.ext.values_len, 40);
    assert_int_equal(request.ext.mn_ha.count, 1);
    assert_int_equal(request.ext.mn_ha.spi, SPI_MN_HA);
    assert_int_equal(request.ext.mn_ha.covered_len, 46); /* bytes 0-45 */
    assert_int_equal(request.ext.mn_ha.authenticator_len, 16);
    assert_int_equal(request.ext.fa_ha.spi, SPI_FA_HA);
    assert_int_equal(request.ext.fa_ha.covered_len, 68); /* bytes 0-67 */
    assert_false(request.ext.mn_fa.present);
    assert_true(is_right(&request.ext.mn_ha, bytes));
    assert_true(is_right(&request.ext.fa_ha, bytes));
    assert_false(is_right(&request.ext.mn_fa, bytes));
    assert_true(hm_extensions_are_covered(&request.ext, &request.ext.mn_ha));
    assert_false(hm_extensions_are_covered(&request.ext, &request.ext.mn_fa));
}

static void test_sample_reply_is_read(void **state)
{
    uint8_t bytes[100];
    size_t len = unit_hex(VECTOR_REPLY, bytes, sizeof(bytes));
    struct hm_registration_reply reply;

    (void)state;
    assert_int_equal(len, 64);
    assert_int_equal(hm_registration_decode_reply(bytes, len, &reply), HM_OK);
    assert_int_equal(reply.code, HM_CODE_ACCEPTED);
    assert_int_equal(reply.lifetime_s, 300);
    assert_int_equal(reply.home_addr, 0x0a010005);
    assert_int_equal(reply.home_agent, 0x0a010001);
    assert_true(reply.identification == UINT64_C(0xe000000012345678));
    assert_true(is_right(&reply.ext.mn_ha, bytes));
    assert_true(is_right(&reply.ext.fa_ha, bytes));
}

static void test_sample_request_is_written_byte_by_byte(void **state)
{
    uint8_t expected[100], bytes[100];
    size_t len = unit_hex(VECTOR_REQUEST, expected, sizeof(expected));
    struct hm_registration_request request;
    struct hm_key key = sample_key();
    struct hm_writer writer;

    (void)state;
    assert_int_equal(hm_registration_decode_request(expected, len, &request), HM_OK);
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_request(&writer, &request);
    assert_int_equal(writer.len, HM_REQUEST_FIXED_LEN);
    hm_extension_write_nai(&writer, request.ext.nai);
    hm_extension_write_auth(&writer, HM_EXT_MN_HA_AUTH, SPI_MN_HA, HM_ALGORITHM_HMAC_MD5, &key);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, SPI_FA_HA, HM_ALGORITHM_HMAC_MD5, &key);
    assert_false(writer.failed);
    assert_int_equal(writer.len, len);
    assert_memory_equal(bytes, expected, len);
}

static void test_sample_reply_is_written_byte_by_byte(void **state)
{
    uint8_t expected[100], bytes[100];
    size_t len = unit_hex(VECTOR_REPLY, expected, sizeof(expected));
    struct hm_registration_reply reply;
    struct hm_key key = sample_key();
    struct hm_writer writer;

    (void)state;
    assert_int_equal(hm_registration_decode_reply(expected, len, &reply), HM_OK);
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_reply(&writer, &reply);
    assert_int_equal(writer.len, HM_REPLY_FIXED_LEN);
    hm_extension_write_auth(&writer, HM_EXT_MN_HA_AUTH, SPI_MN_HA, HM_ALGORITHM_HMAC_MD5, &key);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, SPI_FA_HA, HM_ALGORITHM_HMAC_MD5, &key);
    assert_int_equal(writer.len, len);
    assert_memory_equal(bytes, expected, len);
}

static int decode_request(const uint8_t *bytes, size_t len)
{
    struct hm_registration_request request;

    return hm_registration_decode_request(bytes, len, &request);
}

static int decode_reply(const uint8_t *bytes, size_t len)
{
    struct hm_registration_reply reply;

    return hm_registration_decode_reply(bytes, len, &reply);
}

/* A message that ends with an extension's end is well-formed; what it lacks is the authenticator. */
static void test_every_cut_is_refused_or_ends_with_an_extension(void **state)
{
    static const size_t request_ends[] = {24, 40, 62};
    static const size_t reply_ends[] = {20, 42};
    uint8_t bytes[100];
    size_t len = unit_hex(VECTOR_REQUEST, bytes, sizeof(bytes));

    (void)state;
    unit_cut(bytes, len, decode_request, request_ends, UNIT_COUNT(request_ends));
    unit_tamper(bytes, len, decode_request);
    assert_int_equal(decode_reply(bytes, len), HM_ERR_MALFORMED); /* wrong type */
    len = unit_hex(VECTOR_REPLY, bytes, sizeof(bytes));
    unit_cut(bytes, len, decode_reply, reply_ends, UNIT_COUNT(reply_ends));
    unit_tamper(bytes, len, decode_reply);
    assert_int_equal(decode_request(bytes, len), HM_ERR_MALFORMED);
}

static void test_no_byte_can_be_changed_unseen(void **state)
{
    uint8_t bytes[100];
    size_t len = unit_hex(VECTOR_REQUEST, bytes, sizeof(bytes));
    struct hm_registration_request request;

    (void)state;
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 0x04;
        if (hm_registration_decode_request(bytes, len, &request) == HM_OK)
            assert_false(request.ext.fa_ha.spi == SPI_FA_HA && is_right(&request.ext.fa_ha, bytes));
        bytes[at] ^= 0x04;
    }
}

static void test_reply_codes_have_texts(void **state)
{
    (void)state;
    assert_string_equal(hm_reply_code_text(0), "accepted");
    assert_string_equal(hm_reply_code_text(133), "identification mismatch");
    assert_string_equal(hm_reply_code_text(250), "code");
    for (unsigned code = 0; code <= UINT8_MAX; code++)
        assert_true(strlen(hm_reply_code_text((uint8_t)code)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_request_is_read),
        cmocka_unit_test(test_sample_reply_is_read),
        cmocka_unit_test(test_sample_request_is_written_byte_by_byte),
        cmocka_unit_test(test_sample_reply_is_written_byte_by_byte),
        cmocka_unit_test(test_every_cut_is_refused_or_ends_with_an_extension),
        cmocka_unit_test(test_no_byte_can_be_changed_unseen),
        cmocka_unit_test(test_reply_codes_have_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
