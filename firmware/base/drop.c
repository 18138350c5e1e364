/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and texts of the drop reasons. */
#include "firmware/base/drop.h"

#include <assert.h>

const char *hm_drop_name(enum hm_drop reason)
{
    static const char *const names[HM_DROP_COUNT] = {
#define HM_DROP_NAME(symbol, name, text) [HM_DROP_##symbol] = name,
        HM_DROP_REASONS(HM_DROP_NAME)
#undef HM_DROP_NAME
    };

    assert((unsigned)reason < HM_DROP_COUNT);
    return names[reason];
}

const char *hm_drop_text(enum hm_drop reason)
{
    static const char *const texts[HM_DROP_COUNT] = {
#define HM_DROP_TEXT(symbol, name, text) [HM_DROP_##symbol] = text,
        HM_DROP_REASONS(HM_DROP_TEXT)
#undef HM_DROP_TEXT
    };

    assert((unsigned)reason < HM_DROP_COUNT);
    return texts[reason];
}
