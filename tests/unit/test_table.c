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
    struct key {
        uint64_t hash;
        uint32_t tag;
    } key;
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

static void init(struct hm_table *table, const struct hm_slab *slab, size_t node_offset)
{
    assert_int_equal(hm_table_init(table, slab, node_offset, offsetof(struct object, key.tag)), HM_OK);
}

static void begin(struct world *world)
{
    assert_int_equal(hm_slab_init(&world->slab, sizeof(struct object), OBJECTS), HM_OK);
    init(&world->table, &world->slab, offsetof(struct object, node));
    for (unsigned i = 0; i < OBJECTS; i++)
        world->objects[i] = hm_slab_take(&world->slab);
}

static void end(struct world *world)
{
    hm_table_fini(&world->table);
    hm_slab_fini(&world->slab);
}

static bool is_equal(const struct key *one, const struct key *other)
{
    return one->hash == other->hash && one->tag == other->tag;
}

/* All objects of a key, each once; others are there that have another hash, but none of another tag. */
static void check_key(struct world *world, const struct key *key)
{
    unsigned expected = 0, found = 0;

    for (unsigned i = 0; i < OBJECTS; i++) {
        expected += world->objects[i]->is_in && is_equal(&world->objects[i]->key, key);
        world->objects[i]->seen = 0;
    }
    for (struct hm_table_node *node = hm_table_first(&world->table, key->hash, key->tag); node != NULL;
         node = hm_table_next(&world->table, node, key->hash)) {
        struct object *object = object_of(node);
        assert_true(object->is_in && object->seen++ == 0);
        assert_int_equal(object->key.tag, key->tag);
        found += is_equal(&object->key, key);
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

static void change(struct world *world, struct object *object, const struct key *key)
{
    if (object->is_in) {
        hm_table_remove(&world->table, &object->node, object->key.hash);
    } else {
        object->key = *key;
        hm_table_add(&world->table, &object->node, key->hash);
    }
    object->is_in = !object->is_in;
    assert_int_equal(hm_table_has(&object->node), object->is_in);
}

/* One of so many keys: a tag from 0 on, and one of two hashes. */
static struct key random_key(uint64_t *seed, uint64_t tags)
{
    uint64_t tag = unit_below(seed, tags);

    return (struct key){.hash = hm_hash_u64(unit_below(seed, 2), tag), .tag = (uint32_t)tag};
}

static void run_against_model(uint64_t tags, uint64_t seed)
{
    struct world world;

    begin(&world);
    for (unsigned step = 0; step < 20000; step++) {
        size_t count = world.table.count;
        struct object *object = world.objects[unit_below(&seed, OBJECTS)];
        struct key key = random_key(&seed, tags);
        change(&world, object, &key);
        assert_int_equal(world.table.count, object->is_in ? count + 1 : count - 1);
        key = random_key(&seed, tags);
        check_key(&world, &key);
        if (step % 100 == 0)
            check_walk(&world);
    }
    for (unsigned i = 0; i < OBJECTS; i++) /* also those that are in none */
        hm_table_remove(&world.table, &world.objects[i]->node, world.objects[i]->key.hash);
    assert_int_equal(world.table.count, 0);
    check_walk(&world);
    end(&world);
}

static void test_table_agrees_with_a_model(void **state)
{
    uint64_t seed = unit_seed(1);

    (void)state;
    run_against_model(UINT32_MAX, seed);
    run_against_model(1000, seed + 1);
    run_against_model(50, seed + 2); /* more equal keys than a bucket has slots for now and then, */
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
    init(&other, &world.slab, offsetof(struct object, other));
    hm_table_add(&world.table, &object->node, 5);
    hm_table_add(&other, &object->other, 5);
    hm_table_remove(&world.table, &object->node, 5);
    assert_null(hm_table_first(&world.table, 5, 0));
    assert_ptr_equal(hm_table_first(&other, 5, 0), &object->other);
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
    init(&table, &slab, offsetof(struct object, node));
    assert_null(hm_table_first(&table, UINT64_MAX, 0));
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
