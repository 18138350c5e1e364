/* SPDX-License-Identifier: BSD-3-Clause */
/* Fetching: the destination's hypervisor takes what waits for the VM and writes it to the VM's own TAP, the
 * one place behind which nothing can overtake it. */
#ifndef HM_AGENT_FETCH_H
#define HM_AGENT_FETCH_H

#include "firmware/agent/agent.h"

/* ATTACH and FETCH of a hypervisor, about a handover that is known here. */
void hm_fetch_attach(struct hm_agent *agent, struct hm_control_request *request,
                     struct hm_handover *handover);
void hm_fetch_notice(struct hm_agent *agent, struct hm_control_request *request,
                     struct hm_handover *handover);

/* The delivery of the handover has changed: a fetch that waits may have something now. */
void hm_fetch_wake(struct hm_agent *agent, struct hm_handover *handover);

#endif
