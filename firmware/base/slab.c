/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects of one size out of one piece of memory; those that were given back are a list through themselves,
 * and come before those that were never taken. */
#include "firmware/base/slab.h"

#include "firmware/base/err.h"
#include "firmware/base/memory.h"

#include <assert.h>
#include <string.h>

/* Each object starts where any type may, and has room for the list's pointer. */
static size_t rounded_len(size_t object_len)
{
    size_t align = _Alignof(max_align_t);

    if (object_len < sizeof(void *))
        object_len = sizeof(void *);
    return (object_len + align - 1) / align * align;
}

static void push(struct hm_slab *slab, void *object)
{
    memcpy(object, &slab->free, sizeof(slab->free));
    slab->free = object;
}

int hm_slab_init(struct hm_slab *slab, size_t object_len, size_t capacity)
{
    *slab = (struct hm_slab){.object_len = rounded_len(object_len), .capacity = capacity};
    slab->memory = hm_memory_take(capacity, slab->object_len);
    return slab->memory == NULL ? HM_ERR_MEMORY : HM_OK;
}

void hm_slab_fini(struct hm_slab *slab)
{
    hm_memory_give(slab->memory);
    *slab = (struct hm_slab){0};
}

void *hm_slab_take(struct hm_slab *slab)
{
    void *object = slab->free;

    if (object != NULL) {
        memcpy(&slab->free, object, sizeof(slab->free));
        memset(object, 0, slab->object_len);
    } else if (slab->fresh < slab->capacity) {
        object = hm_slab_at(slab, slab->fresh++); /* zero as it came */
    } else {
        return NULL;
    }
    slab->used++;
    return object;
}

void hm_slab_give(struct hm_slab *slab, void *object)
{
    uintptr_t at = (uintptr_t)object - (uintptr_t)slab->memory;

    assert(slab->used > 0);
    assert(at < slab->fresh * slab->object_len && at % slab->object_len == 0);
    (void)at;
    slab->used--;
    push(slab, object);
}

size_t hm_slab_number(const struct hm_slab *slab, const void *object)
{
    return ((uintptr_t)object - (uintptr_t)slab->memory) / slab->object_len;
}
