/* SPDX-License-Identifier: BSD-3-Clause */
/* Cross checks: what no single line tells. */
#ifndef HM_CONFIG_CHECK_H
#define HM_CONFIG_CHECK_H

#include "config/loader.h"

/* Notes all faults and warnings of the agent's file that lie between its sections. Values that were
 * faulty by themselves are left out. */
void hm_check_document(const struct hm_document *document);

/* The interface with role lan, or NULL. */
struct hm_section *hm_check_lan(const struct hm_document *document);
/* The prefix that is home here, and whether there is one. */
bool hm_check_home(const struct hm_document *document, struct hm_prefix *home);
/* The VMs' default router; false when none can be told. */
bool hm_check_home_router(const struct hm_document *document, uint32_t *router);

#endif
