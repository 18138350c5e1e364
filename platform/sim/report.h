/* SPDX-License-Identifier: BSD-3-Clause */
/* Reports of a simulated agent as a test reads them: rows of named texts, and single counters. */
#ifndef HM_SIM_REPORT_H
#define HM_SIM_REPORT_H

#include "platform/sim/agent.h"

#define HM_SIM_FIELD_LEN 32
#define HM_SIM_VALUE_LEN 192

struct hm_sim_cell {
    unsigned row;
    char field[HM_SIM_FIELD_LEN];
    char value[HM_SIM_VALUE_LEN]; /* numbers in decimal, flags "yes" and "no", absent texts "" */
};

struct hm_sim_report {
    unsigned rows;
    struct hm_sim_cell *cells;
    size_t cell_count;
    size_t cell_cap;
};

/* Reads a report; the agent runs. An unknown name gives no rows. Released by hm_sim_report_fini. */
void hm_sim_report_init(struct hm_sim_report *report, const struct hm_sim_agent *agent, const char *name);
void hm_sim_report_fini(struct hm_sim_report *report);

/* A field's text; NULL when there is no such row or field. */
const char *hm_sim_report_text(const struct hm_sim_report *report, unsigned row, const char *field);
/* The first row whose field has this text; -1: none. */
int hm_sim_report_find(const struct hm_sim_report *report, const char *field, const char *text);
/* True when both have the same rows, but for the fields in `but` (ended by NULL). */
bool hm_sim_report_equals(const struct hm_sim_report *a, const struct hm_sim_report *b,
                          const char *const *but);

/* How many rows a report has. */
unsigned hm_sim_agent_rows(const struct hm_sim_agent *agent, const char *name);
/* A field of report "counters"; names as in firmware/base/{counters,drop}.h, drops with "drop-" before
 * them. Asserts that there is such a counter. */
uint64_t hm_sim_agent_counter(const struct hm_sim_agent *agent, const char *counter);
/* Copies a field of the row whose `key_field` is `key`; false (and an empty text) when there is none. */
bool hm_sim_agent_field(const struct hm_sim_agent *agent, const char *name, const char *key_field,
                        const char *key, const char *field, char text[HM_SIM_VALUE_LEN]);

#endif
