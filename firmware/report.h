/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports: the router names rows and fields, the platform makes JSON or a table of them.
 *
 * A report is a sequence of rows; a row is a sequence of named fields. `status` has one row. */
#ifndef HM_REPORT_H
#define HM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct hm_report_sink {
    void *ctx;
    void (*begin_row)(void *ctx);
    void (*end_row)(void *ctx);
    /* text may be NULL: the field has no value now. */
    void (*text)(void *ctx, const char *field, const char *text);
    void (*number)(void *ctx, const char *field, uint64_t value);
    /* A time span or point in milliseconds with microseconds behind the point. */
    void (*millis)(void *ctx, const char *field, uint64_t us);
    void (*flag)(void *ctx, const char *field, bool value);
};

/* Names of all reports, ended by NULL. */
extern const char *const HM_REPORT_NAMES[];

#endif
