/* SPDX-License-Identifier: BSD-3-Clause */
/* A fixed number of objects of one size: memory at init, take and give in O(1). */
#ifndef HM_BASE_SLAB_H
#define HM_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct hm_slab {
    uint8_t *memory;
    void *free; /* list through the objects */
    size_t object_len;
    size_t capacity;
    size_t used;
};

/* HM_ERR_MEMORY or 0. */
int hm_slab_init(struct hm_slab *slab, size_t object_len, size_t capacity);
void hm_slab_fini(struct hm_slab *slab);

/* A zeroed object, or NULL when all are in use. */
void *hm_slab_take(struct hm_slab *slab);
void hm_slab_give(struct hm_slab *slab, void *object);

#endif
