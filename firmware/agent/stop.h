/* SPDX-License-Identifier: BSD-3-Clause */
/* The stop: a VM has run its last instruction at the source. From here on nothing is delivered to it there.
 * What comes for it goes to the destination and waits, or waits here until the destination is ready. */
#ifndef HM_AGENT_STOP_H
#define HM_AGENT_STOP_H

#include "firmware/agent/agent.h"

/* STOPPED of a hypervisor, about a handover that is known here. */
void hm_stop_notice(struct hm_agent *agent, struct hm_control_request *request, struct hm_handover *handover);

/* The destination of a stopped VM is ready: what waited is sent after it, and what comes goes there. */
void hm_stop_divert(struct hm_agent *agent, struct hm_handover *handover);

/* STOP of the source: what comes waits here. */
void hm_stop_told(struct hm_agent *agent, struct hm_control_request *request);

#endif
