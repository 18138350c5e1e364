/* SPDX-License-Identifier: BSD-3-Clause */
/* A hash table of the objects of a slab: memory only at init, cost of a look-up independent of the count.
 *
 * The owner embeds a struct hm_table_node in its object, and gives a 64-bit hash of the key (hm_hash_u64 and
 * friends) with each call. Four bytes of the key itself, the tag, lie somewhere in the object. A bucket is
 * one cache line with the tags and the numbers of its objects, so a look-up costs that line alone, as a rule:
 * it finds no object of another tag, and where the tag is the whole key that is all. Where it is not, the
 * caller compares keys, and walks on with hm_table_next. Nothing is allocated after hm_table_init, and
 * objects are removed in O(1). */
#ifndef HM_BASE_TABLE_H
#define HM_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/base/slab.h"

struct hm_table_node {
    uint32_t next;  /* in the bucket's chain: number of the object + 1; 0: the last */
    uint32_t place; /* 0: in no table; else the table's */
};

struct hm_table {
    struct hm_table_bucket *buckets;
    const struct hm_slab *slab;
    uint8_t *nodes;    /* the first object's; */
    uint8_t *tags;     /* the first object's; */
    size_t object_len; /* the next object's is so much farther */
    size_t bucket_count;
    size_t count;
};

/* For the objects of the slab, all of them, whose nodes are at node_offset, and whose tags, four bytes that
 * do not change while the object is in the table, are at tag_offset. HM_ERR_MEMORY or 0. */
int hm_table_init(struct hm_table *table, const struct hm_slab *slab, size_t node_offset, size_t tag_offset);
/* Bytes of its buckets. */
size_t hm_table_len(const struct hm_table *table);
/* Frees the buckets; the objects are the owner's. */
void hm_table_fini(struct hm_table *table);

/* The node must be in no table. One object may be in several tables through several nodes. */
void hm_table_add(struct hm_table *table, struct hm_table_node *node, uint64_t hash);
/* The hash by which it was added. Nothing happens for a node that is in no table. */
void hm_table_remove(struct hm_table *table, struct hm_table_node *node, uint64_t hash);
bool hm_table_has(const struct hm_table_node *node);

/* First and further nodes with this tag: all those of the hash, and some of another hash in rare cases; NULL
 * at the end. */
struct hm_table_node *hm_table_first(const struct hm_table *table, uint64_t hash, uint32_t tag);
struct hm_table_node *hm_table_next(const struct hm_table *table, const struct hm_table_node *node,
                                    uint64_t hash);

/* A look-up that comes soon, and what is done with its object, lead through memory twice: to a bucket, and
 * from there to the object. This fetches one of them into the cache; the object is found only when its bucket
 * is there. */
enum hm_table_step {
    HM_TABLE_BUCKET,
    HM_TABLE_OBJECT,
};
void hm_table_foresee(const struct hm_table *table, uint64_t hash, uint32_t tag, enum hm_table_step step);

/* Walks all nodes, in no order: *bucket starts at 0. The node returned last may be removed before
 * the next call only by hm_table_walk's caller holding its successor; use it for reports. */
struct hm_table_node *hm_table_walk(const struct hm_table *table, size_t *bucket,
                                    const struct hm_table_node *after);

/* Mixing hashes. `seed` is per process and random, so that no peer can choose collisions. */
static inline uint64_t hm_hash_u64(uint64_t seed, uint64_t value)
{
    /* Two rounds of multiply and shift-xor; the seed enters before each, so that without it neither
     * the input nor the middle of the mix is known. */
    uint64_t x = value ^ seed;

    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 29;
    x += (seed << 32 | seed >> 32) ^ 0x9e3779b97f4a7c15u;
    x ^= x >> 31;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 32;
    return x;
}

#define HM_CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
