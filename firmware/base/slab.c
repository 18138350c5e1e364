/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects of one size out of one piece of memory; the free ones are a list through themselves. */
#include "firmware/base/slab.h"

#include "firmware/base/err.h"

#include <assert.h>
#include <stdlib.h>
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
    slab->memory = calloc(capacity > 0 ? capacity : 1, slab->object_len);
    if (slab->memory == NULL)
        return HM_ERR_MEMORY;
    for (size_t i = capacity; i > 0; i--)
        push(slab, slab->memory + (i - 1) * slab->object_len);
    return HM_OK;
}

void hm_slab_fini(struct hm_slab *slab)
{
    free(slab->memory);
    *slab = (struct hm_slab){0};
}

void *hm_slab_take(struct hm_slab *slab)
{
    void *object = slab->free;

    if (object == NULL)
        return NULL;
    memcpy(&slab->free, object, sizeof(slab->free));
    memset(object, 0, slab->object_len);
    slab->used++;
    return object;
}

void hm_slab_give(struct hm_slab *slab, void *object)
{
    uintptr_t at = (uintptr_t)object - (uintptr_t)slab->memory;

    assert(slab->used > 0);
    assert(at < slab->capacity * slab->object_len && at % slab->object_len == 0);
    (void)at;
    slab->used--;
    push(slab, object);
}
