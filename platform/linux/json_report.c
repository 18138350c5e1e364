/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way from a report's rows to JSON. */
#include "platform/linux/json_report.h"

#include <jansson.h>

struct builder {
    json_t *rows;
    json_t *row;
};

static void begin_row(void *ctx)
{
    struct builder *builder = ctx;

    builder->row = json_object();
    json_array_append_new(builder->rows, builder->row);
}

static void end_row(void *ctx)
{
    ((struct builder *)ctx)->row = NULL;
}

/* A NULL value (no memory, or a text that is no UTF-8) is refused by jansson, and becomes null here. */
static void set(void *ctx, const char *field, json_t *value)
{
    struct builder *builder = ctx;

    json_object_set_new(builder->row, field, value != NULL ? value : json_null());
}

static void add_text(void *ctx, const char *field, const char *text)
{
    set(ctx, field, text == NULL ? json_null() : json_string(text));
}

static void add_number(void *ctx, const char *field, uint64_t value)
{
    set(ctx, field, json_integer((json_int_t)value));
}

static void add_millis(void *ctx, const char *field, uint64_t us)
{
    set(ctx, field, json_real((double)us / 1000.0));
}

static void add_flag(void *ctx, const char *field, bool value)
{
    set(ctx, field, json_boolean(value));
}

static json_t *unknown_report(const char *report)
{
    json_t *names = json_array();

    for (unsigned i = 0; HM_REPORT_NAMES[i] != NULL; i++)
        json_array_append_new(names, json_string(HM_REPORT_NAMES[i]));
    return json_pack("{s:o, s:o}", "error", json_sprintf("there is no report \"%s\"", report), "reports",
                     names);
}

char *hm_json_report(struct hm_router *router, const char *agent, const char *report,
                     const struct hm_time *now)
{
    struct builder builder = {.rows = json_array()};
    const struct hm_report_sink sink = {
        .ctx = &builder,
        .begin_row = begin_row,
        .end_row = end_row,
        .text = add_text,
        .number = add_number,
        .millis = add_millis,
        .flag = add_flag,
    };
    json_t *document;
    char *text;

    if (hm_router_report(router, report, &sink, now) == 0) {
        document = json_pack("{s:s, s:s, s:o}", "report", report, "agent", agent, "rows", builder.rows);
    } else {
        json_decref(builder.rows);
        document = unknown_report(report);
    }
    /* 16 digits: microseconds behind the milliseconds of a date, without the noise of the 17th */
    text = json_dumps(document, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(16));
    json_decref(document);
    return text;
}
