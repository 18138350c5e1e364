/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts in cells: every length, set and set again, and room for the longest of all. */
#include "firmware/base/err.h"
#include "firmware/base/texts.h"
#include "tests/unit/unit.h"

#define TEXTS 50
#define SIZE 64

static void fill(char text[SIZE], unsigned number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + (number + i) % 26);
    text[len] = '\0';
}

static void test_texts_of_all_lengths_are_kept_apart(void **state)
{
    static char expected[TEXTS][SIZE];
    uint32_t at[TEXTS] = {0};
    struct hm_texts texts;
    uint64_t seed = unit_seed(1);
    char text[SIZE];

    (void)state;
    assert_int_equal(hm_texts_init(&texts, TEXTS, SIZE), HM_OK);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned number = (unsigned)unit_below(&seed, TEXTS);
        fill(expected[number], step, unit_below(&seed, SIZE));
        hm_texts_set(&texts, &at[number], expected[number]);
        assert_int_equal(at[number] == 0, expected[number][0] == '\0');
        number = (unsigned)unit_below(&seed, TEXTS);
        assert_string_equal(hm_texts_get(&texts, at[number], text, sizeof(text)), expected[number]);
    }
    hm_texts_fini(&texts);
}

static void test_there_is_room_for_the_longest_of_all(void **state)
{
    uint32_t at[TEXTS] = {0};
    struct hm_texts texts;
    char text[SIZE], expected[SIZE];

    (void)state;
    assert_int_equal(hm_texts_init(&texts, TEXTS, SIZE), HM_OK);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < TEXTS; i++) {
            fill(expected, i, SIZE - 1);
            hm_texts_set(&texts, &at[i], expected);
        }
        for (unsigned i = 0; i < TEXTS; i++) {
            fill(expected, i, SIZE - 1);
            assert_string_equal(hm_texts_get(&texts, at[i], text, sizeof(text)), expected);
        }
    }
    hm_texts_fini(&texts);
}

static void test_what_does_not_fit_is_cut(void **state)
{
    uint32_t at = 0;
    struct hm_texts texts;
    char text[25];

    (void)state;
    assert_int_equal(hm_texts_init(&texts, 1, SIZE), HM_OK);
    assert_string_equal(hm_texts_get(&texts, at, text, sizeof(text)), "");
    hm_texts_set(&texts, &at, "a-name-that-is-longer-than-it-may-be");
    assert_string_equal(hm_texts_get(&texts, at, text, sizeof(text)), "a-name-that-is-longer-th");
    hm_texts_fini(&texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_of_all_lengths_are_kept_apart),
        cmocka_unit_test(test_there_is_room_for_the_longest_of_all),
        cmocka_unit_test(test_what_does_not_fit_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
