/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and texts of the event counters. */
#include "firmware/base/counters.h"

#include <assert.h>

const char *hm_counter_name(enum hm_counter counter)
{
    static const char *const names[HM_COUNTER_COUNT] = {
#define HM_COUNTER_NAME(symbol, name, text) [HM_COUNT_##symbol] = name,
        HM_COUNTERS(HM_COUNTER_NAME)
#undef HM_COUNTER_NAME
    };

    assert((unsigned)counter < HM_COUNTER_COUNT);
    return names[counter];
}

const char *hm_counter_text(enum hm_counter counter)
{
    static const char *const texts[HM_COUNTER_COUNT] = {
#define HM_COUNTER_TEXT(symbol, name, text) [HM_COUNT_##symbol] = text,
        HM_COUNTERS(HM_COUNTER_TEXT)
#undef HM_COUNTER_TEXT
    };

    assert((unsigned)counter < HM_COUNTER_COUNT);
    return texts[counter];
}
