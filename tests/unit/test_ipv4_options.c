/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of an IPv4 header: which are refused, and which a fragment repeats. */
#include "firmware/wire/ipv4_options.h"

#include "tests/unit/unit.h"

/* A header with these options, padded with ends of the list. */
static size_t write_header(const char *options, uint8_t *header)
{
    memset(header, 0, HM_IPV4_HEADER_MAX_LEN);
    size_t len = HM_IPV4_LEN + unit_hex(options, header + HM_IPV4_LEN, HM_IPV4_HEADER_MAX_LEN - HM_IPV4_LEN);
    len = (len + 3) & ~(size_t)3;
    header[0] = (uint8_t)(0x40 | len / 4);
    return len;
}

static void test_options_are_told_apart(void **state)
{
    static const struct {
        const char *options;
        enum hm_ipv4_options what;
    } CASES[] = {
        {"", HM_IPV4_OPTIONS_FINE},
        {"01 01 01 01", HM_IPV4_OPTIONS_FINE},
        {"94 04 00 00", HM_IPV4_OPTIONS_FINE},             /* router alert */
        {"07 07 04 00 00 00 00", HM_IPV4_OPTIONS_FINE},    /* record route */
        {"44 08 05 00 00 00 00 00", HM_IPV4_OPTIONS_FINE}, /* time stamp */
        {"00 83 07 04", HM_IPV4_OPTIONS_FINE},             /* behind the end of the list */
        {"83 07 04 0a 00 00 01", HM_IPV4_OPTIONS_SOURCE_ROUTE},
        {"89 07 04 0a 00 00 01", HM_IPV4_OPTIONS_SOURCE_ROUTE},
        {"01 94 04 00 00 89 07 04 0a 00 00 01", HM_IPV4_OPTIONS_SOURCE_ROUTE},
        {"07 00 04 00", HM_IPV4_OPTIONS_MALFORMED},
        {"07 01 04 00", HM_IPV4_OPTIONS_MALFORMED},
        {"07 05 04 00", HM_IPV4_OPTIONS_MALFORMED},
        {"01 01 01 07", HM_IPV4_OPTIONS_MALFORMED},
        {"83 03 04 07", HM_IPV4_OPTIONS_MALFORMED},
        {"07 ff 04 00", HM_IPV4_OPTIONS_MALFORMED},
    };
    uint8_t header[HM_IPV4_HEADER_MAX_LEN];

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(CASES); i++) {
        size_t len = write_header(CASES[i].options, header);
        uint8_t *copy = unit_copy(header, len);
        if (hm_ipv4_options_check(copy, len) != CASES[i].what)
            fail_msg("options %s", CASES[i].options);
        free(copy);
    }
}

static void test_only_options_with_the_copied_flag_are_copied(void **state)
{
    uint8_t header[HM_IPV4_HEADER_MAX_LEN], out[HM_IPV4_HEADER_MAX_LEN];
    uint8_t expected[HM_IPV4_HEADER_MAX_LEN];

    (void)state;
    size_t len = write_header("01 07 07 04 00 00 00 00 94 04 00 00 01 86 06 00 00 00 01", header);
    size_t expected_len = write_header("94 04 00 00 86 06 00 00 00 01", expected);
    assert_int_equal(hm_ipv4_options_copied(header, len, out), expected_len);
    assert_memory_equal(out, expected, expected_len);
    len = write_header("07 07 04 00 00 00 00", header);
    assert_int_equal(hm_ipv4_options_copied(header, len, out), HM_IPV4_LEN);
    assert_int_equal(out[0], 0x45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_told_apart),
        cmocka_unit_test(test_only_options_with_the_copied_flag_are_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
