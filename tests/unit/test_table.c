/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash table against a plain array that knows what should be in it. */
#include "firmware/base/err.h"
#include "firmware/base/table.h"
#include "tests/unit/unit.h"

#define OBJECTS 300

struct object {
    unsigned number;
    struct hm_table_node node;
    struct hm_table_node other; /* in another table */
    bool is_in;
    uint64_t hash;
    unsigned seen;
};

/* All objects of a slab, and a table of them. */
struct world {
    struct hm_slab slab;
    struct hm_table table;
    struct object *objects[OBJECTS];
};

static struct object *object_of(struct hm_table_node *node)
{
    return HM_CONTAINER_OF(node, struct object, node);
}

static void begin(struct world *world)
{
    assert_int_equal(hm_slab_init(&world->slab, sizeof(struct object), OBJECTS), HM_OK);
    assert_int_equal(hm_table_init(&world->table, &world->slab, offsetof(struct object, node)), HM_OK);
    for (unsigned i = 0; i < OBJECTS; i++)
        world->objects[i] = hm_slab_take(&world->slab);
}

static void end(struct world *world)
{
    hm_table_fini(&world->table);
    hm_slab_fini(&world->slab);
}

/* All objects of a hash, each once; others are there that are told apart by their keys. */
static void check_hash(struct world *world, uint64_t hash)
{
    unsigned expected = 0, found = 0;

    for (unsigned i = 0; i < OBJECTS; i++) {
        expected += world->objects[i]->is_in && world->objects[i]->hash == hash;
        world->objects[i]->seen = 0;
    }
    for (struct hm_table_node *node = hm_table_first(&world->table, hash); node != NULL;
         node = hm_table_next(&world->table, node, hash)) {
        struct object *object = object_of(node);
        assert_true(object->is_in && object->seen++ == 0);
        found += object->hash == hash;
    }
    assert_int_equal(found, expected);
}

static void check_walk(struct world *world)
{
    struct hm_table_node *node = NULL;
    size_t bucket = 0, found = 0;

    for (unsigned i = 0; i < OBJECTS; i++)
        world->objects[i]->seen = 0;
    while ((node = hm_table_walk(&world->table, &bucket, node)) != NULL) {
        assert_true(object_of(node)->is_in && object_of(node)->seen++ == 0);
        found++;
    }
    assert_int_equal(found, world->table.count);
}

static void change(struct world *world, struct object *object, uint64_t hash)
{
    if (object->is_in) {
        hm_table_remove(&world->table, &object->node, object->hash);
    } else {
        object->hash = hash;
        hm_table_add(&world->table, &object->node, hash);
    }
    object->is_in = !object->is_in;
    assert_int_equal(hm_table_has(&object->node), object->is_in);
}

/* One of so many hashes; its halves choose the bucket and the tag. */
static uint64_t random_hash(uint64_t *seed, uint64_t hashes)
{
    uint64_t hash = unit_below(seed, hashes);

    return hashes == UINT64_MAX ? hash : hm_hash_u64(0, hash);
}

static void run_against_model(uint64_t hashes, uint64_t seed)
{
    struct world world;

    begin(&world);
    for (unsigned step = 0; step < 20000; step++) {
        size_t count = world.table.count;
        struct object *object = world.objects[unit_below(&seed, OBJECTS)];
        change(&world, object, random_hash(&seed, hashes));
        assert_int_equal(world.table.count, object->is_in ? count + 1 : count - 1);
        check_hash(&world, random_hash(&seed, hashes));
        if (step % 100 == 0)
            check_walk(&world);
    }
    for (unsigned i = 0; i < OBJECTS; i++) /* also those that are in none */
        hm_table_remove(&world.table, &world.objects[i]->node, world.objects[i]->hash);
    assert_int_equal(world.table.count, 0);
    check_walk(&world);
    end(&world);
}

static void test_table_agrees_with_a_model(void **state)
{
    uint64_t seed = unit_seed(1);

    (void)state;
    run_against_model(UINT64_MAX, seed);
    run_against_model(1000, seed + 1);
    run_against_model(50, seed + 2); /* more equal hashes than a bucket has slots for now and then, */
    run_against_model(7, seed + 3);  /* always, */
    run_against_model(1, seed + 4);  /* and all in one chain */
}

static void test_an_object_may_be_in_two_tables(void **state)
{
    struct world world;
    struct hm_table other;
    struct object *object;

    (void)state;
    begin(&world);
    object = world.objects[1];
    assert_int_equal(hm_table_init(&other, &world.slab, offsetof(struct object, other)), HM_OK);
    hm_table_add(&world.table, &object->node, 5);
    hm_table_add(&other, &object->other, 5);
    hm_table_remove(&world.table, &object->node, 5);
    assert_null(hm_table_first(&world.table, 5));
    assert_ptr_equal(hm_table_first(&other, 5), &object->other);
    hm_table_fini(&other);
    end(&world);
}

static void test_a_table_of_none_is_empty(void **state)
{
    struct hm_slab slab;
    struct hm_table table;
    size_t bucket = 0;

    (void)state;
    assert_int_equal(hm_slab_init(&slab, sizeof(struct object), 0), HM_OK);
    assert_int_equal(hm_table_init(&table, &slab, offsetof(struct object, node)), HM_OK);
    assert_null(hm_table_first(&table, UINT64_MAX));
    assert_null(hm_table_walk(&table, &bucket, NULL));
    hm_table_fini(&table);
    hm_slab_fini(&slab);
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
        cmocka_unit_test(test_a_table_of_none_is_empty),
        cmocka_unit_test(test_hashes_of_neighbouring_keys_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
