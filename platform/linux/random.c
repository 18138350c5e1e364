/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of the kernel's random numbers. */
#include "platform/linux/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

void hm_random_fill(void *bytes, size_t len)
{
    uint8_t *at = bytes;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno != EINTR)
            abort(); /* going on with predictable identifications would be worse */
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}
