/* SPDX-License-Identifier: BSD-3-Clause */
/* A chained hash table over the owner's nodes.
 *
 * Each node keeps the address of the pointer that points at it, so that it leaves its chain without
 * a search. There are at least as many buckets as objects, hence chains of length one on average;
 * a seeded hash keeps them so against a peer that picks the keys. */
#include "firmware/base/table.h"

#include "firmware/base/err.h"

#include <assert.h>
#include <stdlib.h>

int hm_table_init(struct hm_table *table, size_t capacity)
{
    size_t buckets = 1;

    *table = (struct hm_table){0};
    while (buckets < capacity) {
        if (buckets > SIZE_MAX / 2)
            return HM_ERR_MEMORY;
        buckets *= 2;
    }
    table->buckets = calloc(buckets, sizeof(struct hm_table_node *));
    if (table->buckets == NULL)
        return HM_ERR_MEMORY;
    table->mask = buckets - 1;
    return HM_OK;
}

void hm_table_fini(struct hm_table *table)
{
    free(table->buckets);
    *table = (struct hm_table){0};
}

void hm_table_add(struct hm_table *table, struct hm_table_node *node, uint64_t hash)
{
    struct hm_table_node **bucket = &table->buckets[hash & table->mask];

    assert(node->link == NULL);
    node->hash = hash;
    node->next = *bucket;
    node->link = bucket;
    if (node->next != NULL)
        node->next->link = &node->next;
    *bucket = node;
    table->count++;
}

void hm_table_remove(struct hm_table *table, struct hm_table_node *node)
{
    if (node->link == NULL)
        return;
    *node->link = node->next;
    if (node->next != NULL)
        node->next->link = node->link;
    node->next = NULL;
    node->link = NULL;
    table->count--;
}

bool hm_table_has(const struct hm_table_node *node)
{
    return node->link != NULL;
}

/* The first node of this hash from `node` on. */
static struct hm_table_node *same_hash(struct hm_table_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct hm_table_node *hm_table_first(const struct hm_table *table, uint64_t hash)
{
    return same_hash(table->buckets[hash & table->mask], hash);
}

struct hm_table_node *hm_table_next(const struct hm_table_node *node)
{
    return same_hash(node->next, node->hash);
}

struct hm_table_node *hm_table_walk(const struct hm_table *table, size_t *bucket,
                                    const struct hm_table_node *after)
{
    if (after != NULL) {
        if (after->next != NULL)
            return after->next;
        ++*bucket;
    }
    for (; *bucket <= table->mask; ++*bucket)
        if (table->buckets[*bucket] != NULL)
            return table->buckets[*bucket];
    return NULL;
}

uint64_t hm_hash_u64(uint64_t seed, uint64_t value)
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
