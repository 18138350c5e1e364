/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts of the firmware's errors. */
#include "firmware/base/err.h"

const char *hm_err_text(enum hm_err err)
{
    /* No default: the compiler reports an error that was forgotten here. */
    switch (err) {
    case HM_OK:
        return "success";
    case HM_ERR_MALFORMED:
        return "malformed";
    case HM_ERR_FULL:
        return "full";
    case HM_ERR_UNKNOWN:
        return "unknown";
    case HM_ERR_EXISTS:
        return "exists already";
    case HM_ERR_AUTH:
        return "not authentic";
    case HM_ERR_REPLAY:
        return "replayed, or clocks apart";
    case HM_ERR_REFUSED:
        return "refused";
    case HM_ERR_MEMORY:
        return "no memory";
    case HM_ERR_PLATFORM:
        return "platform failure";
    case HM_ERR_NO_ROUTE:
        return "no route";
    }
    return "unknown error";
}
