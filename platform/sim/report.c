/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports of a simulated agent: a sink that keeps every field as text. */
#include "platform/sim/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct hm_sim_report *report, const char *field, const char *value)
{
    struct hm_sim_cell *cell;

    if (report->cell_count == report->cell_cap) {
        report->cell_cap = report->cell_cap == 0 ? 64 : 2 * report->cell_cap;
        report->cells = realloc(report->cells, report->cell_cap * sizeof(report->cells[0]));
        if (report->cells == NULL)
            abort();
    }
    cell = &report->cells[report->cell_count++];
    cell->row = report->rows;
    snprintf(cell->field, sizeof(cell->field), "%s", field);
    snprintf(cell->value, sizeof(cell->value), "%s", value);
}

static void on_begin_row(void *ctx)
{
    (void)ctx;
}

static void on_end_row(void *ctx)
{
    struct hm_sim_report *report = ctx;

    report->rows++;
}

static void on_text(void *ctx, const char *field, const char *text)
{
    add(ctx, field, text != NULL ? text : "");
}

static void on_number(void *ctx, const char *field, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    add(ctx, field, text);
}

static void on_flag(void *ctx, const char *field, bool value)
{
    add(ctx, field, value ? "yes" : "no");
}

void hm_sim_report_init(struct hm_sim_report *report, const struct hm_sim_agent *agent, const char *name)
{
    const struct hm_report_sink sink = {.ctx = report,
                                        .begin_row = on_begin_row,
                                        .end_row = on_end_row,
                                        .text = on_text,
                                        .number = on_number,
                                        .millis = on_number,
                                        .flag = on_flag};
    struct hm_time now = hm_sim_agent_time(agent);

    *report = (struct hm_sim_report){0};
    if (hm_router_report(agent->router, name, &sink, &now) != 0)
        hm_sim_report_fini(report);
}

void hm_sim_report_fini(struct hm_sim_report *report)
{
    free(report->cells);
    *report = (struct hm_sim_report){0};
}

const char *hm_sim_report_text(const struct hm_sim_report *report, unsigned row, const char *field)
{
    for (size_t i = 0; i < report->cell_count; i++) {
        if (report->cells[i].row == row && strcmp(report->cells[i].field, field) == 0)
            return report->cells[i].value;
    }
    return NULL;
}

int hm_sim_report_find(const struct hm_sim_report *report, const char *field, const char *text)
{
    for (size_t i = 0; i < report->cell_count; i++) {
        if (strcmp(report->cells[i].field, field) == 0 && strcmp(report->cells[i].value, text) == 0)
            return (int)report->cells[i].row;
    }
    return -1;
}

static bool is_among(const char *text, const char *const *texts)
{
    while (*texts != NULL && strcmp(*texts, text) != 0)
        texts++;
    return *texts != NULL;
}

bool hm_sim_report_equals(const struct hm_sim_report *a, const struct hm_sim_report *b,
                          const char *const *but)
{
    if (a->rows != b->rows || a->cell_count != b->cell_count)
        return false;
    for (size_t i = 0; i < a->cell_count; i++) {
        const struct hm_sim_cell *left = &a->cells[i], *right = &b->cells[i];

        if (left->row != right->row || strcmp(left->field, right->field) != 0)
            return false;
        if (!is_among(left->field, but) && strcmp(left->value, right->value) != 0)
            return false;
    }
    return true;
}

unsigned hm_sim_agent_rows(const struct hm_sim_agent *agent, const char *name)
{
    struct hm_sim_report report;
    unsigned rows;

    hm_sim_report_init(&report, agent, name);
    rows = report.rows;
    hm_sim_report_fini(&report);
    return rows;
}

uint64_t hm_sim_agent_counter(const struct hm_sim_agent *agent, const char *counter)
{
    struct hm_sim_report report;
    const char *text;
    uint64_t value;

    hm_sim_report_init(&report, agent, "counters");
    text = hm_sim_report_text(&report, 0, counter);
    if (text == NULL)
        fprintf(stderr, "no counter named %s\n", counter);
    assert(text != NULL);
    value = strtoull(text, NULL, 10);
    hm_sim_report_fini(&report);
    return value;
}

bool hm_sim_agent_field(const struct hm_sim_agent *agent, const char *name, const char *key_field,
                        const char *key, const char *field, char text[HM_SIM_VALUE_LEN])
{
    struct hm_sim_report report;
    const char *found = NULL;
    int row;

    hm_sim_report_init(&report, agent, name);
    row = hm_sim_report_find(&report, key_field, key);
    if (row >= 0)
        found = hm_sim_report_text(&report, (unsigned)row, field);
    snprintf(text, HM_SIM_VALUE_LEN, "%s", found != NULL ? found : "");
    hm_sim_report_fini(&report);
    return found != NULL;
}
