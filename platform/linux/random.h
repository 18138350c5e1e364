/* SPDX-License-Identifier: BSD-3-Clause */
/* Unpredictable bytes. */
#ifndef HM_LINUX_RANDOM_H
#define HM_LINUX_RANDOM_H

#include <stddef.h>

/* Fills in all of them; a kernel that has none to give ends the program. */
void hm_random_fill(void *bytes, size_t len);

#endif
