/* SPDX-License-Identifier: BSD-3-Clause */
/* The items of control messages: which are read, skipped, and refused. */
#include "firmware/base/err.h"
#include "firmware/wire/authenticator.h"
#include "firmware/wire/control.h"
#include "tests/unit/unit.h"

static const struct hm_key key = {.bytes = "a key that is only for this test", .len = 32};

/* A request with these items, in hexadecimal, under a right authenticator; gives what decode says. */
static int decode_items(const char *hex)
{
    struct hm_control_message message = {.kind = HM_CONTROL_REQUEST, .op = HM_OP_STATUS, .request_id = 77};
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    size_t len = hm_control_encode(&message, &key, bytes) - HM_CONTROL_AUTHENTICATOR_LEN;
    uint8_t *copy;
    int err;

    len += unit_hex(hex, bytes + len, sizeof(bytes) - len - HM_CONTROL_AUTHENTICATOR_LEN);
    hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &key, bytes, len, bytes + len);
    copy = unit_copy(bytes, len + HM_CONTROL_AUTHENTICATOR_LEN);
    assert_true(hm_control_is_authentic(copy, len + HM_CONTROL_AUTHENTICATOR_LEN, &key));
    err = hm_control_decode(copy, len + HM_CONTROL_AUTHENTICATOR_LEN, &message);
    assert_true(message.request_id == 77); /* known in either case, for the answer */
    free(copy);
    return err;
}

static void test_unknown_items_are_refused_below_128_and_skipped_above(void **state)
{
    (void)state;
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        char hex[40];
        if (type >= 1 && type <= 26)
            continue;
        snprintf(hex, sizeof(hex), "0103766d31 %02x020102 %02x00 0804 00000001", type, type);
        assert_int_equal(decode_items(hex), type < 128 ? HM_ERR_MALFORMED : HM_OK);
    }
}

static void test_wrong_items_are_malformed(void **state)
{
    static const char *const bad[] = {
        "01",
        "0103766d",
        "0100",
        "0200",
        "0d00",
        "0e00", /* short, or an empty text */
        "01010a",
        "010141 010142", /* control character; twice */
        "0305 5254001122",
        "0307 52540011223344",
        "0403 0a0100",
        "0405 0a01000500",
        "0601 00",
        "0609 0a0100055254001122",
        "060b 0a01000552540011223300",
        "0707 00000000000000",
        "0709 000000000000000000",
        "0803 000000",
        "0a05 0000000000",
        "0804 00000001 0804 00000001",
        "0b01 00",
        "0b00 0b00",
        "0f01 00",
        "0c03 0a0100",
        "051c 0a010005 525400112233 0a010001 0a010000 18 0a010001 5254001122",
        "051e 0a010005 525400112233 0a010001 0a010000 18 0a010001 525400112233 00",
        "051d 0a010005 525400112233 0a010001 0a010000 21 0a010001 525400112233", /* a prefix of 33 bits */
        "051d 0a010005 525400112233 0a010001 0a010005 18 0a010001 525400112233", /* host bits */
        "1007 00000000000000",
        "1009 000000000000000000",
        "1007 00000000000000",
        "1207 00000000000000",
        "1300", /* an empty piece */
        "1401 00",
        "1501 00",
        "1601 00",
        "1701 00",
        "1801 00",
        "1900",
        "1901 00", /* no way to find the cut */
        "1901 04",
        "1902 0101",
        "1a03 000000",
        "80",
        "8001",
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bad); i++)
        if (decode_items(bad[i]) != HM_ERR_MALFORMED)
            fail_msg("%s was taken", bad[i]);
    assert_int_equal(decode_items("051d 0a010005 525400112233 0a010001 0a010000 18 0a010001 525400112233"),
                     HM_OK);
    assert_int_equal(decode_items("0b00 0f00 0704 00000001"), HM_ERR_MALFORMED);
    assert_int_equal(
        decode_items(
            "0b00 0f00 060a 0a010001 525400112233 0600 0614 0a010002 525400112234 0a010003 525400112235"),
        HM_OK);
}

/* One item over and over: as many as there is room for, and one more. */
static void check_limit(const char *item, unsigned limit)
{
    char hex[2 * HM_CONTROL_MAX_LEN] = "";

    for (unsigned i = 0; i < limit; i++)
        strcat(hex, item);
    assert_int_equal(decode_items(hex), HM_OK);
    strcat(hex, item);
    assert_int_equal(decode_items(hex), HM_ERR_MALFORMED);
}

static void test_too_many_of_anything_is_malformed(void **state)
{
    char text[2 * HM_NAME_LEN + 10];

    (void)state;
    check_limit("0306525400112233", HM_CONTROL_MAX_NODES);
    check_limit("04040a010005", HM_CONTROL_MAX_NODES);
    check_limit("051d0a0100055254001122330a0100010a010000180a010001525400112233", HM_CONTROL_MAX_NODES);
    check_limit("060a0a010005525400112233", HM_CONTROL_MAX_NEIGHBOURS);
    for (unsigned len = HM_NAME_LEN - 1; len <= HM_NAME_LEN; len++) {
        snprintf(text, sizeof(text), "01%02x", len);
        for (unsigned i = 0; i < len; i++)
            strcat(text, "61");
        assert_int_equal(decode_items(text), len < HM_NAME_LEN ? HM_OK : HM_ERR_MALFORMED);
    }
}

static void test_a_text_cut_within_a_character_is_sent_up_to_there(void **state)
{
    struct hm_control_message message = {
        .kind = HM_CONTROL_REPLY, .op = HM_OP_STATUS, .vm = "a\xc3", .host = "\x1b", .text = "x\ny"};
    struct hm_control_message back;
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    size_t len = hm_control_encode(&message, &key, bytes);

    (void)state;
    assert_int_equal(hm_control_decode(bytes, len, &back), HM_OK);
    assert_string_equal(back.vm, "a");
    assert_string_equal(back.host, "");
    assert_string_equal(back.text, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_items_are_refused_below_128_and_skipped_above),
        cmocka_unit_test(test_wrong_items_are_malformed),
        cmocka_unit_test(test_too_many_of_anything_is_malformed),
        cmocka_unit_test(test_a_text_cut_within_a_character_is_sent_up_to_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
