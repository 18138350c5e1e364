/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory for what is used at random and kept until the end: zeroed, and at the beginning of a cache line.
 *
 * Much of it is taken for the worst case and never touched; where the system gives memory only when it is
 * first written, as Linux does, that part costs nothing but address space. */
#ifndef HM_BASE_MEMORY_H
#define HM_BASE_MEMORY_H

#include <stddef.h>

#define HM_CACHE_LINE 64

/* NULL: there is none. */
void *hm_memory_take(size_t count, size_t len);
/* Nothing happens for NULL. */
void hm_memory_give(void *memory);

#endif
