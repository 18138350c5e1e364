/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of the clocks. */
#include "platform/linux/clock.h"

#include <time.h>

void hm_clock_read(struct hm_time *now)
{
    struct timespec mono, wall;

    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    now->mono_us = (uint64_t)mono.tv_sec * 1000000 + (uint64_t)mono.tv_nsec / 1000;
    now->ntp = hm_ntp_from_unix((uint64_t)wall.tv_sec, (uint32_t)wall.tv_nsec);
}
