/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress: what is said of a handover that is known: by hypervisors (landed, cancel, status, stopped,
 * salvage, attach, fetch), and by the other agent (abort, land). */
#ifndef HM_AGENT_PROGRESS_H
#define HM_AGENT_PROGRESS_H

#include "firmware/agent/agent.h"

/* A hypervisor's word; about its handover's VM, which its key must allow. */
void hm_progress_notice(struct hm_agent *agent, struct hm_control_request *request);

/* ABORT and LAND of the other agent. */
void hm_progress_abort(struct hm_agent *agent, struct hm_control_request *request);
void hm_progress_land(struct hm_agent *agent, struct hm_control_request *request);

#endif
