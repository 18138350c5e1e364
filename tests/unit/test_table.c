/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash table against a plain array that knows what should be in it. */
#include "firmware/base/err.h"
#include "firmware/base/table.h"
#include "tests/unit/unit.h"

#define OBJECTS 300

struct object {
    unsigned number;
    struct hm_table_node node;
    bool is_in;
    uint64_t hash;
    unsigned seen;
};

static struct object *object_of(struct hm_table_node *node)
{
    return HM_CONTAINER_OF(node, struct object, node);
}

/* All objects of a hash, each once, and no others. */
static void check_hash(const struct hm_table *table, struct object *objects, uint64_t hash)
{
    unsigned expected = 0, found = 0;

    for (unsigned i = 0; i < OBJECTS; i++) {
        expected += objects[i].is_in && objects[i].hash == hash;
        objects[i].seen = 0;
    }
    for (struct hm_table_node *node = hm_table_first(table, hash); node != NULL; node = hm_table_next(node)) {
        struct object *object = object_of(node);
        assert_true(object->is_in && object->hash == hash && object->seen++ == 0);
        found++;
    }
    assert_int_equal(found, expected);
}

static void check_walk(const struct hm_table *table, struct object *objects)
{
    struct hm_table_node *node = NULL;
    size_t bucket = 0, found = 0;

    for (unsigned i = 0; i < OBJECTS; i++)
        objects[i].seen = 0;
    while ((node = hm_table_walk(table, &bucket, node)) != NULL) {
        assert_true(object_of(node)->is_in && object_of(node)->seen++ == 0);
        found++;
    }
    assert_int_equal(found, table->count);
}

static void run_against_model(size_t capacity, uint64_t hashes, uint64_t seed)
{
    struct object *objects = calloc(OBJECTS, sizeof(*objects));
    struct hm_table table;
    size_t count = 0;

    assert_int_equal(hm_table_init(&table, capacity), HM_OK);
    for (unsigned step = 0; step < 20000; step++) {
        struct object *object = &objects[unit_below(&seed, OBJECTS)];
        if (object->is_in) {
            hm_table_remove(&table, &object->node);
            count--;
        } else {
            object->hash = unit_below(&seed, hashes);
            hm_table_add(&table, &object->node, object->hash);
            count++;
        }
        object->is_in = !object->is_in;
        assert_int_equal(hm_table_has(&object->node), object->is_in);
        assert_int_equal(table.count, count);
        check_hash(&table, objects, unit_below(&seed, hashes));
        if (step % 100 == 0)
            check_walk(&table, objects);
    }
    for (unsigned i = 0; i < OBJECTS; i++)
        hm_table_remove(&table, &objects[i].node); /* also those that are in none */
    assert_int_equal(table.count, 0);
    check_walk(&table, objects);
    hm_table_fini(&table);
    free(objects);
}

static void test_table_agrees_with_a_model(void **state)
{
    uint64_t seed = unit_seed(1);

    (void)state;
    run_against_model(OBJECTS, UINT64_MAX, seed);
    run_against_model(OBJECTS, 50, seed + 1); /* equal hashes */
    run_against_model(16, 1000, seed + 2);    /* more objects than buckets */
    run_against_model(1, 7, seed + 3);
    run_against_model(0, 7, seed + 4);
}

static void test_an_object_may_be_in_two_tables(void **state)
{
    struct hm_table a, b;
    struct hm_table_node in_a = {0}, in_b = {0};

    (void)state;
    assert_int_equal(hm_table_init(&a, 4), HM_OK);
    assert_int_equal(hm_table_init(&b, 4), HM_OK);
    hm_table_add(&a, &in_a, 5);
    hm_table_add(&b, &in_b, 5);
    hm_table_remove(&a, &in_a);
    assert_null(hm_table_first(&a, 5));
    assert_ptr_equal(hm_table_first(&b, 5), &in_b);
    hm_table_fini(&a);
    hm_table_fini(&b);
}

static void test_hashes_of_neighbouring_keys_spread(void **state)
{
    unsigned buckets[256] = {0};

    (void)state;
    for (uint64_t value = 0; value < 256 * 64; value++)
        buckets[hm_hash_u64(0x1234, 0x0a010000u + value) & 255]++;
    for (unsigned i = 0; i < 256; i++)
        assert_in_range(buckets[i], 20, 130); /* 64 on average, deviation 8 */
    assert_true(hm_hash_u64(1, 5) != hm_hash_u64(2, 5));
    assert_true(hm_hash_u64(1, 5) == hm_hash_u64(1, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_agrees_with_a_model),
        cmocka_unit_test(test_an_object_may_be_in_two_tables),
        cmocka_unit_test(test_hashes_of_neighbouring_keys_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
