/* SPDX-License-Identifier: BSD-3-Clause */
/* A report of the router as a JSON document: {"report": NAME, "agent": NAME, "rows": [{...}, ...]}. */
#ifndef HM_LINUX_JSON_REPORT_H
#define HM_LINUX_JSON_REPORT_H

#include "firmware/router.h"

/* The document as one line without its end, to be freed; NULL without memory. A report that does not exist
 * gives {"error": TEXT, "reports": [NAME, ...]}. */
char *hm_json_report(struct hm_router *router, const char *agent, const char *report,
                     const struct hm_time *now);

#endif
