/* SPDX-License-Identifier: BSD-3-Clause */
/* A hash table of intrusive nodes: memory only at init, cost of a look-up independent of the count.
 *
 * The owner embeds a struct hm_table_node in its object and gives a 64-bit hash (hm_hash_u64 and
 * friends); equal hashes of unequal keys are told apart by the caller, who walks with
 * hm_table_first/hm_table_next. Nothing is allocated after hm_table_init, so the number of buckets
 * is chosen there from the configured capacity. Objects are removed in O(1). */
#ifndef HM_BASE_TABLE_H
#define HM_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hm_table_node {
    struct hm_table_node *next;
    struct hm_table_node **link; /* what points here; NULL: in no table */
    uint64_t hash;
};

struct hm_table {
    struct hm_table_node **buckets;
    size_t mask;
    size_t count;
};

/* Buckets for `capacity` objects (at least 1; rounded up to a power of two). HM_ERR_MEMORY or 0. */
int hm_table_init(struct hm_table *table, size_t capacity);
/* Frees the buckets; the objects are the owner's. */
void hm_table_fini(struct hm_table *table);

/* The node must be in no table. One object may be in several tables through several nodes. */
void hm_table_add(struct hm_table *table, struct hm_table_node *node, uint64_t hash);
/* Nothing happens for a node that is in no table. */
void hm_table_remove(struct hm_table *table, struct hm_table_node *node);
bool hm_table_has(const struct hm_table_node *node);

/* First and further nodes of exactly this hash; NULL at the end. */
struct hm_table_node *hm_table_first(const struct hm_table *table, uint64_t hash);
struct hm_table_node *hm_table_next(const struct hm_table_node *node);

/* Walks all nodes, in no order: *cursor starts at 0. The node returned last may be removed before
 * the next call only by hm_table_walk's caller holding its successor; use it for reports. */
struct hm_table_node *hm_table_walk(const struct hm_table *table, size_t *bucket,
                                    const struct hm_table_node *after);

/* Mixing hashes. `seed` is per process and random, so that no peer can choose collisions. */
uint64_t hm_hash_u64(uint64_t seed, uint64_t value);

#define HM_CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
