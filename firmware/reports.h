/* SPDX-License-Identifier: BSD-3-Clause */
/* The router's reports: status, bindings, visitors, handovers, counters, neighbours, peers, port. */
#ifndef HM_REPORTS_H
#define HM_REPORTS_H

#include "firmware/agent/agent.h"
#include "firmware/report.h"

struct hm_report_source {
    struct hm_env *env;
    struct hm_agent *agent;
    struct hm_neighbours *neighbours;
    uint64_t started_us;
};

/* HM_ERR_UNKNOWN when there is no report of this name. */
int hm_reports_write(const struct hm_report_source *source, const char *name,
                     const struct hm_report_sink *sink);

#endif
