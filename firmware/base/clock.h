/* SPDX-License-Identifier: BSD-3-Clause */
/* Time as an argument: monotonic microseconds, and wall clock as a 64-bit NTP time (RFC 5905). */
#ifndef HM_BASE_CLOCK_H
#define HM_BASE_CLOCK_H

#include <stdint.h>

struct hm_time {
    uint64_t mono_us; /* never goes back; no meaning across restarts */
    uint64_t ntp;     /* seconds since 1900 in the high 32 bits, fraction in the low 32 */
};

/* Milliseconds of monotonic time in 6 bytes, for what there is a million of: enough for nine millennia. */
struct hm_short_ms {
    uint16_t parts[3];
};

static inline struct hm_short_ms hm_short_ms(uint64_t ms)
{
    return (struct hm_short_ms){{(uint16_t)ms, (uint16_t)(ms >> 16), (uint16_t)(ms >> 32)}};
}

static inline uint64_t hm_short_ms_get(struct hm_short_ms time)
{
    return time.parts[0] | (uint64_t)time.parts[1] << 16 | (uint64_t)time.parts[2] << 32;
}

#define HM_NTP_UNIX_OFFSET_S 2208988800u /* RFC 5905 section 6 */

/* Unix time to NTP; wraps in 2036 as RFC 5905 says. */
uint64_t hm_ntp_from_unix(uint64_t sec, uint32_t nsec);
/* Unix microseconds of an NTP time: the era is the one nearest to 2026..2094. */
uint64_t hm_ntp_to_unix_us(uint64_t ntp);
/* a - b in milliseconds, right across the era's end. */
int64_t hm_ntp_diff_ms(uint64_t a, uint64_t b);
/* ntp moved by offset_ms. */
uint64_t hm_ntp_add_ms(uint64_t ntp, int64_t offset_ms);

#endif
