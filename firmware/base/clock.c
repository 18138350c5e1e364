/* SPDX-License-Identifier: BSD-3-Clause */
/* Arithmetic of 64-bit NTP times. */
#include "firmware/base/clock.h"

#define NSEC_PER_SEC 1000000000u
#define USEC_PER_SEC 1000000u
#define MSEC_PER_SEC 1000

/* An NTP time says its second modulo 2^32. It is read as the one in the 136 years round 2060-01-01,
 * which begin here (1991-12-13), so that all of 2026..2094 is well away from either end. */
#define FIRST_UNIX_S 692657152u

#define HALF ((uint64_t)1 << 31) /* half a unit of a 32-bit fraction: rounds to the nearest */

uint64_t hm_ntp_from_unix(uint64_t sec, uint32_t nsec)
{
    uint64_t fraction = (((uint64_t)nsec << 32) + NSEC_PER_SEC / 2) / NSEC_PER_SEC;

    /* The sum carries a fraction that was rounded up to a whole second; era bits fall off the top. */
    return ((sec + HM_NTP_UNIX_OFFSET_S) << 32) + fraction;
}

uint64_t hm_ntp_to_unix_us(uint64_t ntp)
{
    uint32_t since_first = (uint32_t)(ntp >> 32) - (uint32_t)(FIRST_UNIX_S + HM_NTP_UNIX_OFFSET_S);
    uint64_t fraction_us = ((ntp & UINT32_MAX) * USEC_PER_SEC + HALF) >> 32;

    return ((uint64_t)FIRST_UNIX_S + since_first) * USEC_PER_SEC + fraction_us;
}

int64_t hm_ntp_diff_ms(uint64_t a, uint64_t b)
{
    uint64_t units = a - b; /* of 2^-32 s, modulo 2^64: signed, it is the shorter way round */
    int64_t sec = (int32_t)(uint32_t)(units >> 32);
    uint64_t fraction_ms = ((units & UINT32_MAX) * MSEC_PER_SEC + HALF) >> 32;

    return sec * MSEC_PER_SEC + (int64_t)fraction_ms;
}

uint64_t hm_ntp_add_ms(uint64_t ntp, int64_t offset_ms)
{
    int64_t sec = offset_ms / MSEC_PER_SEC;
    int64_t rest_ms = offset_ms % MSEC_PER_SEC;
    int64_t fraction = rest_ms * ((int64_t)1 << 32) / MSEC_PER_SEC;

    return ntp + ((uint64_t)sec << 32) + (uint64_t)fraction;
}
