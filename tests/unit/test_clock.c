/* SPDX-License-Identifier: BSD-3-Clause */
/* NTP times: to and from Unix time, and differences, also across the end of the era in 2036. */
#include "firmware/base/clock.h"
#include "tests/unit/unit.h"

#define ERA_1_UNIX_S 2085978496u /* 2036-02-07 06:28:16 UTC */
#define SEC (UINT64_C(1) << 32)

static void test_known_times(void **state)
{
    (void)state;
    assert_true(hm_ntp_from_unix(0, 0) == HM_NTP_UNIX_OFFSET_S * SEC);
    assert_true(hm_ntp_from_unix(0, 500000000) == HM_NTP_UNIX_OFFSET_S * SEC + SEC / 2);
    assert_true(hm_ntp_from_unix(ERA_1_UNIX_S - 1, 0) == UINT64_C(0xffffffff00000000));
    assert_true(hm_ntp_from_unix(ERA_1_UNIX_S, 0) == 0);
    assert_true(hm_ntp_from_unix(ERA_1_UNIX_S + 5, 250000000) == 5 * SEC + SEC / 4);
}

static void test_unix_microseconds_survive_the_way_there_and_back(void **state)
{
    uint64_t seed = unit_seed(2);

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        /* 2026-01-01 to 2094-12-31, and always some close to the era's end */
        uint64_t sec = i % 2 == 0 ? 1767225600u + unit_below(&seed, 2177452799u)
                                  : ERA_1_UNIX_S - 2 + unit_below(&seed, 4);
        uint32_t usec = (uint32_t)unit_below(&seed, 1000000);
        uint64_t ntp = hm_ntp_from_unix(sec, usec * 1000);
        assert_true(hm_ntp_to_unix_us(ntp) == sec * 1000000 + usec);
    }
    assert_true(hm_ntp_to_unix_us(hm_ntp_from_unix(1767225600u, 999999999)) == UINT64_C(1767225601000000));
}

static void test_differences_are_right_across_the_eras_end(void **state)
{
    uint64_t before = hm_ntp_from_unix(ERA_1_UNIX_S - 3, 0), after = hm_ntp_from_unix(ERA_1_UNIX_S + 4, 0);

    (void)state;
    assert_int_equal(hm_ntp_diff_ms(after, before), 7000);
    assert_int_equal(hm_ntp_diff_ms(before, after), -7000);
    assert_int_equal(hm_ntp_diff_ms(before, before), 0);
    assert_int_equal(hm_ntp_diff_ms(before + SEC / 1000 * 3, before), 3);
    assert_int_equal(hm_ntp_diff_ms(before, before + SEC / 1000 * 3), -3);
    assert_int_equal(hm_ntp_diff_ms(0, 1), 0);
    assert_int_equal(hm_ntp_diff_ms(1, 0), 0);
}

static void test_a_time_moved_is_that_much_apart(void **state)
{
    uint64_t seed = unit_seed(3);

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t ntp = unit_random(&seed);
        int64_t offset_ms = (int64_t)unit_below(&seed, UINT64_C(4000000000000)) - INT64_C(2000000000000);
        uint64_t moved;

        if (i % 2 == 0)
            offset_ms %= 10000;
        moved = hm_ntp_add_ms(ntp, offset_ms);
        assert_int_equal(hm_ntp_diff_ms(moved, ntp), offset_ms);
        assert_int_equal(hm_ntp_diff_ms(ntp, moved), -offset_ms);
    }
    assert_true(hm_ntp_add_ms(UINT64_C(0xffffffff00000000), 1500) == SEC / 2);
    assert_true(hm_ntp_add_ms(SEC / 2, -1500) == UINT64_C(0xffffffff00000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_unix_microseconds_survive_the_way_there_and_back),
        cmocka_unit_test(test_differences_are_right_across_the_eras_end),
        cmocka_unit_test(test_a_time_moved_is_that_much_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
