/* SPDX-License-Identifier: BSD-3-Clause */
/* Large pages for memory that is used at random. */
#ifndef HM_LINUX_PAGES_H
#define HM_LINUX_PAGES_H

#include <stddef.h>

/* Struct hm_port's use_large_pages, without its context. Where the kernel has none nothing happens. */
void hm_pages_make_large(void *memory, size_t len);

#endif
