/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and texts of errors, drop reasons and counters: all there, and no two alike. */
#include "firmware/base/counters.h"
#include "firmware/base/err.h"
#include "tests/unit/unit.h"

/* Small letters, digits and dashes: good as a key in reports. */
static void check_name(const char *name)
{
    assert_non_null(name);
    assert_true(strlen(name) > 0);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
}

static void test_drop_reasons_have_names_of_their_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HM_DROP_COUNT; i++) {
        check_name(hm_drop_name((enum hm_drop)i));
        assert_true(strlen(hm_drop_text((enum hm_drop)i)) > 0);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(hm_drop_name((enum hm_drop)i), hm_drop_name((enum hm_drop)j));
    }
}

static void test_counters_have_names_of_their_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HM_COUNTER_COUNT; i++) {
        check_name(hm_counter_name((enum hm_counter)i));
        assert_true(strlen(hm_counter_text((enum hm_counter)i)) > 0);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(hm_counter_name((enum hm_counter)i), hm_counter_name((enum hm_counter)j));
    }
}

static void test_errors_have_texts_of_their_own(void **state)
{
    (void)state;
    for (int i = HM_ERR_NO_ROUTE; i <= HM_OK; i++) {
        assert_string_not_equal(hm_err_text((enum hm_err)i), hm_err_text((enum hm_err) - 1000));
        for (int j = HM_ERR_NO_ROUTE; j < i; j++)
            assert_string_not_equal(hm_err_text((enum hm_err)i), hm_err_text((enum hm_err)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_reasons_have_names_of_their_own),
        cmocka_unit_test(test_counters_have_names_of_their_own),
        cmocka_unit_test(test_errors_have_texts_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
