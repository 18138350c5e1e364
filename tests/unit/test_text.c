/* SPDX-License-Identifier: BSD-3-Clause */
/* Which texts of a message may reach a log line. */
#include "firmware/wire/text.h"
#include "tests/unit/unit.h"

static bool is_clean(const char *text, size_t len)
{
    uint8_t *copy = unit_copy(text, len);
    bool result = hm_text_is_clean(copy, len);

    free(copy);
    return result;
}

#define IS_CLEAN(literal) is_clean(literal, sizeof(literal) - 1)

static void test_printable_text_is_clean(void **state)
{
    (void)state;
    assert_true(IS_CLEAN(""));
    assert_true(IS_CLEAN("vm1@dc.example ~"));
    assert_true(IS_CLEAN("\xc2\xa0\xdf\xbf"));
    assert_true(IS_CLEAN("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd"));
    assert_true(IS_CLEAN("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
    assert_true(IS_CLEAN("M\xc3\xbcnchen \xe6\x9d\xb1\xe4\xba\xac"));
}

static void test_control_characters_are_not(void **state)
{
    (void)state;
    for (char c = 0; c < 0x20; c++)
        assert_false(is_clean(&c, 1));
    assert_false(IS_CLEAN("a\x7f"));
    assert_false(IS_CLEAN("\x1b[31m"));
    assert_false(IS_CLEAN("a\nb"));
    assert_false(IS_CLEAN("a\0b"));
    assert_false(IS_CLEAN("\xc2\x80"));
    assert_false(IS_CLEAN("\xc2\x9f"));
    assert_false(IS_CLEAN("\xe2\x80\xa8"));
}

static void test_bad_utf8_is_not(void **state)
{
    (void)state;
    assert_false(IS_CLEAN("\x80"));
    assert_false(IS_CLEAN("\xc3"));
    assert_false(IS_CLEAN("\xc3("));
    assert_false(IS_CLEAN("\xc0\xaf"));         /* "/" in two bytes */
    assert_false(IS_CLEAN("\xe0\x80\xaf"));     /* in three */
    assert_false(IS_CLEAN("\xf0\x80\x80\xaf")); /* in four */
    assert_false(IS_CLEAN("\xed\xa0\x80"));     /* a surrogate */
    assert_false(IS_CLEAN("\xf4\x90\x80\x80")); /* beyond the last character */
    assert_false(IS_CLEAN("\xf5\x80\x80\x80"));
    assert_false(IS_CLEAN("\xff"));
    assert_false(IS_CLEAN("\xe6\x9d"));
    assert_false(IS_CLEAN("\xf0\x90\x80"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printable_text_is_clean),
        cmocka_unit_test(test_control_characters_are_not),
        cmocka_unit_test(test_bad_utf8_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
