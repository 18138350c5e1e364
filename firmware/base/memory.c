/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory at cache lines, from calloc: that does not write what the system gives as zero already, which
 * aligned_alloc and a memset would. The piece as calloc gave it is noted in front of what the caller gets. */
#include "firmware/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (HM_CACHE_LINE + sizeof(void *))

void *hm_memory_take(size_t count, size_t len)
{
    if (len != 0 && count > (SIZE_MAX - ROOM) / len)
        return NULL;
    uint8_t *piece = calloc(1, count * len + ROOM);
    if (piece == NULL)
        return NULL;
    uintptr_t past = (uintptr_t)piece + sizeof(void *);
    uint8_t *memory = piece + sizeof(void *) + (HM_CACHE_LINE - past % HM_CACHE_LINE) % HM_CACHE_LINE;
    memcpy(memory - sizeof(void *), &piece, sizeof(piece));
    return memory;
}

void hm_memory_give(void *memory)
{
    void *piece;
    if (memory == NULL)
        return;
    memcpy(&piece, (uint8_t *)memory - sizeof(void *), sizeof(piece));
    free(piece);
}
