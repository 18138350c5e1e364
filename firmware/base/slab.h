/* SPDX-License-Identifier: BSD-3-Clause */
/* A fixed number of objects of one size: memory at init, take and give in O(1).
 *
 * They lie side by side from the beginning of a cache line, so an object can be told by its number. What was
 * never taken was never touched (base/memory): a slab may be as large as the worst case. */
#ifndef HM_BASE_SLAB_H
#define HM_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct hm_slab {
    uint8_t *memory;
    void *free; /* list through the objects that were given back */
    size_t object_len;
    size_t capacity;
    size_t used;
    size_t fresh; /* objects from this number on were never taken */
};

/* HM_ERR_MEMORY or 0. */
int hm_slab_init(struct hm_slab *slab, size_t object_len, size_t capacity);
void hm_slab_fini(struct hm_slab *slab);

/* A zeroed object, or NULL when all are in use. */
void *hm_slab_take(struct hm_slab *slab);
void hm_slab_give(struct hm_slab *slab, void *object);

/* Bytes of its memory. */
static inline size_t hm_slab_len(const struct hm_slab *slab)
{
    return slab->capacity * slab->object_len;
}

static inline void *hm_slab_at(const struct hm_slab *slab, size_t number)
{
    return slab->memory + number * slab->object_len;
}

/* The number of an object of the slab: from 0, less than its capacity. */
size_t hm_slab_number(const struct hm_slab *slab, const void *object);

#endif
