/* SPDX-License-Identifier: BSD-3-Clause */
/* What the unit tests share: cmocka, bytes from hexadecimal text, exact-size copies, cuts, seeded chance. */
#ifndef HM_UNIT_UNIT_H
#define HM_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of hexadecimal digits; spaces are skipped. Gives their number. */
static inline size_t unit_hex(const char *text, uint8_t *out, size_t cap)
{
    size_t len = 0;
    unsigned digits = 0;

    for (; *text != '\0'; text++) {
        char digit[2] = {*text, '\0'};
        if (*text == ' ')
            continue;
        assert_true(digits / 2 < cap);
        out[digits / 2] =
            (uint8_t)((digits % 2 == 0 ? 0 : out[digits / 2] << 4) | (int)strtol(digit, NULL, 16));
        digits++;
        len = digits / 2;
    }
    assert_int_equal(digits % 2, 0);
    return len;
}

/* A copy of exactly len bytes on the heap, so that the address sanitizer sees each byte read too many. */
static inline uint8_t *unit_copy(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len);

    assert_true(copy != NULL || len == 0);
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

/* The next of a reproducible sequence of random numbers. */
static inline uint64_t unit_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* A number below limit. */
static inline uint64_t unit_below(uint64_t *state, uint64_t limit)
{
    return unit_random(state) % limit;
}

/* HM_SEED of the environment, else the test's own; printed, so that a failure can be repeated. */
static inline uint64_t unit_seed(uint64_t fallback)
{
    const char *text = getenv("HM_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : fallback;

    print_message("seed %llu\n", (unsigned long long)seed);
    return seed;
}

#endif
