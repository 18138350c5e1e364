/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of `hypermip status` and its like, made from JSON. */
#include "platform/linux/cli.h"
#include "tests/unit/unit.h"

static void check_table(const char *json, bool good, const char *expected)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(hm_cli_print_table(json, out), good);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_rows_are_aligned(void **state)
{
    (void)state;
    check_table("{\"report\":\"visitors\",\"agent\":\"a\",\"rows\":["
                "{\"addr\":\"10.1.0.5\",\"packets\":7,\"state\":\"present\"},"
                "{\"addr\":\"10.1.0.105\",\"packets\":12345,\"state\":null}]}",
                true,
                "addr        packets  state\n"
                "10.1.0.5          7  present\n"
                "10.1.0.105    12345  -\n");
}

static void test_rows_may_have_other_fields(void **state)
{
    (void)state;
    check_table("{\"report\":\"handovers\",\"rows\":[{\"a\":1.5},{\"b\":true}]}", true,
                "    a  b\n"
                "1.500  -\n"
                "    -  yes\n");
}

static void test_status_is_one_field_a_line(void **state)
{
    (void)state;
    check_table("{\"report\":\"status\",\"rows\":[{\"agent\":\"a\",\"bindings\":3}]}", true,
                "agent     a\n"
                "bindings  3\n");
}

static void test_no_row_is_said(void **state)
{
    (void)state;
    check_table("{\"report\":\"bindings\",\"rows\":[]}", true, "no bindings\n");
}

static void test_letters_of_other_alphabets_are_one_wide(void **state)
{
    (void)state;
    check_table(
        "{\"report\":\"visitors\",\"rows\":[{\"vm\":\"\xc3\xa4\xc3\xb6\",\"n\":1},{\"vm\":\"abc\",\"n\":2}]}",
        true,
        "vm   n\n"
        "\xc3\xa4\xc3\xb6   1\n"
        "abc  2\n");
}

static void test_what_is_no_report(void **state)
{
    (void)state;
    check_table("{\"error\":\"there is no report\"}", false, "");
    check_table("[]", false, "");
    check_table("{\"rows\":[]}", false, "");
    check_table("nonsense", false, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_aligned),
        cmocka_unit_test(test_rows_may_have_other_fields),
        cmocka_unit_test(test_status_is_one_field_a_line),
        cmocka_unit_test(test_no_row_is_said),
        cmocka_unit_test(test_letters_of_other_alphabets_are_one_wide),
        cmocka_unit_test(test_what_is_no_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
