/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP needs of the compiler and of its surroundings. */
#ifndef HM_STACK_ARCH_CC_H
#define HM_STACK_ARCH_CC_H

#include <stdint.h>
#include <stdlib.h>

/* A diagnostic of lwIP's is never printed by the stack itself; a broken assertion is a bug and stops the
 * program. */
#define LWIP_PLATFORM_DIAG(message) ((void)0)
#define LWIP_PLATFORM_ASSERT(message) abort()

#endif
