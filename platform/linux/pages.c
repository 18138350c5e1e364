/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the request for transparent huge pages. Only for pieces that hold a few: a small one in the heap would
 * make the heap large. */
#include "platform/linux/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE_LEN ((size_t)2 << 20)
#define WORTH_LEN (2 * LARGE_LEN)

void hm_pages_make_large(void *memory, size_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)memory + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)memory + len) / page * page;

    if (len >= WORTH_LEN)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE); /* it may be off: no harm */
}
