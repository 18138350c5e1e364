/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a router's port that a measurement in one process does not look at. */
#ifndef HM_BENCH_QUIET_PORT_H
#define HM_BENCH_QUIET_PORT_H

#include <stdio.h>

#include "firmware/port.h"

/* The same numbers in every run. */
static inline uint64_t quiet_chance(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 31;
}

static inline void quiet_datagram(void *ctx, const struct hm_endpoint *to, const void *bytes, size_t len)
{
    (void)ctx;
    (void)to;
    (void)bytes;
    (void)len;
}

static inline void quiet_random(void *ctx, void *bytes, size_t len)
{
    static uint64_t state;

    (void)ctx;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)quiet_chance(&state);
}

static inline void quiet_log(void *ctx, enum hm_log_level level, const char *line)
{
    (void)ctx;
    if (level == HM_LOG_ERROR)
        fprintf(stderr, "%s\n", line);
}

#endif
