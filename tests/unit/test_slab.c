/* SPDX-License-Identifier: BSD-3-Clause */
/* The slab: each object once, zeroed, aligned, and no more than there are. */
#include "firmware/base/err.h"
#include "firmware/base/memory.h"
#include "firmware/base/slab.h"
#include "tests/unit/unit.h"

static void test_objects_are_distinct_aligned_and_zero(void **state)
{
    static const size_t lens[] = {1, 7, 8, 24, 100};

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(lens); i++) {
        struct hm_slab slab;
        uint8_t *objects[10];

        assert_int_equal(hm_slab_init(&slab, lens[i], 10), HM_OK);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned n = 0; n < 10; n++) {
                objects[n] = hm_slab_take(&slab);
                assert_non_null(objects[n]);
                assert_int_equal((uintptr_t)objects[n] % _Alignof(max_align_t), 0);
                for (size_t at = 0; at < lens[i]; at++)
                    assert_int_equal(objects[n][at], 0);
                memset(objects[n], (int)(n + 1), lens[i]); /* overlap would be seen below */
            }
            assert_int_equal(slab.used, 10);
            assert_null(hm_slab_take(&slab));
            for (unsigned n = 0; n < 10; n++) {
                for (size_t at = 0; at < lens[i]; at++)
                    assert_int_equal(objects[n][at], n + 1);
            }
            for (unsigned n = 0; n < 10; n++)
                hm_slab_give(&slab, objects[n]);
            assert_int_equal(slab.used, 0);
        }
        hm_slab_fini(&slab);
    }
}

static void test_objects_have_numbers_and_their_own_cache_lines(void **state)
{
    struct hm_slab slab;

    (void)state;
    assert_int_equal(hm_slab_init(&slab, 2 * HM_CACHE_LINE, 5), HM_OK);
    for (unsigned n = 0; n < 5; n++) {
        uint8_t *object = hm_slab_take(&slab);
        size_t number = hm_slab_number(&slab, object);
        assert_in_range(number, 0, 4);
        assert_ptr_equal(hm_slab_at(&slab, number), object);
        assert_int_equal(hm_slab_number(&slab, object + 2 * HM_CACHE_LINE - 1), number);
        assert_int_equal((uintptr_t)object % HM_CACHE_LINE, 0);
    }
    hm_slab_fini(&slab);
}

static void test_a_slab_of_none_is_always_full(void **state)
{
    struct hm_slab slab;

    (void)state;
    assert_int_equal(hm_slab_init(&slab, 16, 0), HM_OK);
    assert_null(hm_slab_take(&slab));
    hm_slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_distinct_aligned_and_zero),
        cmocka_unit_test(test_objects_have_numbers_and_their_own_cache_lines),
        cmocka_unit_test(test_a_slab_of_none_is_always_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
