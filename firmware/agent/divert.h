/* SPDX-License-Identifier: BSD-3-Clause */
/* Diverting at the home agent of a VM that moves between two other agents, or back home: the source says that
 * it has stopped, or that it goes on there. */
#ifndef HM_AGENT_DIVERT_H
#define HM_AGENT_DIVERT_H

#include "firmware/agent/agent.h"

/* DIVERT and UNDIVERT of the source. */
void hm_divert_told(struct hm_agent *agent, struct hm_control_request *request);
void hm_divert_undo(struct hm_agent *agent, struct hm_control_request *request);

#endif
