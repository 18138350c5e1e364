/* SPDX-License-Identifier: BSD-3-Clause */
/* A hash table whose buckets are cache lines.
 *
 * A bucket has seven slots: an object's tag and its number; the hash's lower half chooses the bucket. Tags
 * are compared all at once and without a branch, so that the processor can have several look-ups under way.
 * There is a bucket for four objects; what finds its bucket full (one in fifty then, or the eighth address of
 * one MAC) goes into a chain through the objects, both ways, so that it leaves without a search. A seeded
 * hash keeps the chains short against a peer that picks the keys.
 */
#include "firmware/base/table.h"

#include "firmware/base/err.h"
#include "firmware/base/memory.h"

#include <assert.h>
#include <string.h>

#define SLOTS 7
#define LANES 4
#define OBJECTS_PER_BUCKET 4

typedef uint32_t lanes __attribute__((vector_size(LANES * sizeof(uint32_t))));

/* Objects are told by their number + 1; 0: none. */
struct hm_table_bucket {
    _Alignas(HM_CACHE_LINE) uint32_t tags[SLOTS];
    uint32_t objects[SLOTS]; /* 0: the slot is free */
    uint32_t chain;
};

_Static_assert(sizeof(struct hm_table_bucket) == HM_CACHE_LINE, "a look-up costs one line");

/* A node's place, when it is not the number + 1 of the object before it in the chain. */
#define IN_SLOT UINT32_MAX
#define FIRST_OF_CHAIN (UINT32_MAX - 1)

int hm_table_init(struct hm_table *table, const struct hm_slab *slab, size_t node_offset, size_t tag_offset)
{
    *table = (struct hm_table){.slab = slab,
                               .nodes = slab->memory + node_offset,
                               .tags = slab->memory + tag_offset,
                               .object_len = slab->object_len};
    if (slab->capacity >= FIRST_OF_CHAIN - 1)
        return HM_ERR_MEMORY;
    table->bucket_count = slab->capacity / OBJECTS_PER_BUCKET + 1;
    table->buckets = hm_memory_take(table->bucket_count, sizeof(struct hm_table_bucket));
    return table->buckets == NULL ? HM_ERR_MEMORY : HM_OK;
}

size_t hm_table_len(const struct hm_table *table)
{
    return table->bucket_count * sizeof(struct hm_table_bucket);
}

void hm_table_fini(struct hm_table *table)
{
    hm_memory_give(table->buckets);
    *table = (struct hm_table){0};
}

static struct hm_table_bucket *bucket_of(const struct hm_table *table, uint64_t hash)
{
    return &table->buckets[((hash & UINT32_MAX) * table->bucket_count) >> 32];
}

static uint32_t object_of(const struct hm_table *table, const struct hm_table_node *node)
{
    return (uint32_t)hm_slab_number(table->slab, node) + 1;
}

static uint32_t tag_of(const struct hm_table *table, uint32_t object)
{
    uint32_t tag;

    memcpy(&tag, table->tags + (object - 1) * table->object_len, sizeof(tag));
    return tag;
}

/* NULL for 0. */
static struct hm_table_node *node_of(const struct hm_table *table, uint32_t object)
{
    if (object == 0)
        return NULL;
    return (void *)(table->nodes + (object - 1) * table->object_len);
}

/* The slot of an object; SLOTS: it has none here. For 0: the first that is free. */
static unsigned slot_of(const struct hm_table_bucket *bucket, uint32_t object)
{
    unsigned slot = 0;

    while (slot < SLOTS && bucket->objects[slot] != object)
        slot++;
    return slot;
}

static void add_to_chain(struct hm_table *table, struct hm_table_bucket *bucket, struct hm_table_node *node,
                         uint32_t object)
{
    struct hm_table_node *next = node_of(table, bucket->chain);

    node->next = bucket->chain;
    node->place = FIRST_OF_CHAIN;
    if (next != NULL)
        next->place = object;
    bucket->chain = object;
}

static void remove_from_chain(struct hm_table *table, struct hm_table_bucket *bucket,
                              struct hm_table_node *node)
{
    struct hm_table_node *next = node_of(table, node->next);

    if (next != NULL)
        next->place = node->place;
    if (node->place == FIRST_OF_CHAIN)
        bucket->chain = node->next;
    else
        node_of(table, node->place)->next = node->next;
}

void hm_table_add(struct hm_table *table, struct hm_table_node *node, uint64_t hash)
{
    struct hm_table_bucket *bucket = bucket_of(table, hash);
    uint32_t object = object_of(table, node);
    unsigned slot = slot_of(bucket, 0);

    assert(node->place == 0);
    table->count++;
    if (slot == SLOTS) {
        add_to_chain(table, bucket, node, object);
        return;
    }
    bucket->tags[slot] = tag_of(table, object);
    bucket->objects[slot] = object;
    node->place = IN_SLOT;
}

void hm_table_remove(struct hm_table *table, struct hm_table_node *node, uint64_t hash)
{
    struct hm_table_bucket *bucket = bucket_of(table, hash);

    if (node->place == 0)
        return;
    if (node->place == IN_SLOT) {
        unsigned slot = slot_of(bucket, object_of(table, node));
        assert(slot < SLOTS);
        bucket->objects[slot] = 0;
    } else {
        remove_from_chain(table, bucket, node);
    }
    *node = (struct hm_table_node){0};
    table->count--;
}

bool hm_table_has(const struct hm_table_node *node)
{
    return node->place != 0;
}

/* A bit per slot. All tags in two steps, since a branch per slot is a wrong guess for every other look-up:
 * slots 0 to 3, and 3 to 6. */
static unsigned matching(const struct hm_table_bucket *bucket, uint32_t tag)
{
    const lanes low = {1, 2, 4, 8}, high = {8, 16, 32, 64};
    lanes first, second;
    uint64_t halves[2];

    memcpy(&first, bucket->tags, sizeof(first));
    memcpy(&second, bucket->tags + SLOTS - LANES, sizeof(second));
    first = ((lanes)(first == tag) & low) | ((lanes)(second == tag) & high);
    memcpy(halves, &first, sizeof(halves));
    halves[0] |= halves[1];
    return (uint32_t)(halves[0] | halves[0] >> 32);
}

/* The first object of the chain, from this one on, that has the tag. */
static struct hm_table_node *find_in_chain(const struct hm_table *table, uint32_t object, uint32_t tag)
{
    while (object != 0 && tag_of(table, object) != tag)
        object = node_of(table, object)->next;
    return node_of(table, object);
}

/* The first node with this tag from a slot on, then the chain's. */
static struct hm_table_node *find_from(const struct hm_table *table, const struct hm_table_bucket *bucket,
                                       uint32_t tag, unsigned from)
{
    unsigned matches = matching(bucket, tag) >> from << from;

    for (; matches != 0; matches &= matches - 1) { /* a free slot may have any tag */
        uint32_t object = bucket->objects[__builtin_ctz(matches)];
        if (object != 0)
            return node_of(table, object);
    }
    return find_in_chain(table, bucket->chain, tag);
}

void hm_table_foresee(const struct hm_table *table, uint64_t hash, uint32_t tag, enum hm_table_step step)
{
    if (step == HM_TABLE_BUCKET)
        __builtin_prefetch(bucket_of(table, hash));
    else /* of no object it is the address 0: harmless */
        __builtin_prefetch(hm_table_first(table, hash, tag));
}

struct hm_table_node *hm_table_first(const struct hm_table *table, uint64_t hash, uint32_t tag)
{
    return find_from(table, bucket_of(table, hash), tag, 0);
}

struct hm_table_node *hm_table_next(const struct hm_table *table, const struct hm_table_node *node,
                                    uint64_t hash)
{
    const struct hm_table_bucket *bucket = bucket_of(table, hash);
    uint32_t object = object_of(table, node), tag = tag_of(table, object);

    if (node->place != IN_SLOT)
        return find_in_chain(table, node->next, tag);
    return find_from(table, bucket, tag, slot_of(bucket, object) + 1);
}

/* The first node of a bucket, of those in slots from this one on and in the chain. */
static struct hm_table_node *walk_bucket(const struct hm_table *table, const struct hm_table_bucket *bucket,
                                         unsigned from)
{
    for (unsigned slot = from; slot < SLOTS; slot++)
        if (bucket->objects[slot] != 0)
            return node_of(table, bucket->objects[slot]);
    return node_of(table, bucket->chain);
}

struct hm_table_node *hm_table_walk(const struct hm_table *table, size_t *bucket,
                                    const struct hm_table_node *after)
{
    struct hm_table_node *node = NULL;

    if (after != NULL) {
        const struct hm_table_bucket *at = &table->buckets[*bucket];
        node = after->place == IN_SLOT ? walk_bucket(table, at, slot_of(at, object_of(table, after)) + 1)
                                       : node_of(table, after->next);
        *bucket += node == NULL;
    }
    for (; node == NULL && *bucket < table->bucket_count; *bucket += node == NULL)
        node = walk_bucket(table, &table->buckets[*bucket], 0);
    return node;
}
