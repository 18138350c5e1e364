/* SPDX-License-Identifier: BSD-3-Clause */
/* Salvage: frames that the VM's TAP was given at the source and that it never got. The source's hypervisor
 * sends them as a stream; the source passes the pieces on, and they are the first that the destination
 * delivers. */
#ifndef HM_AGENT_SALVAGE_H
#define HM_AGENT_SALVAGE_H

#include "firmware/agent/agent.h"

/* SALVAGE of a hypervisor, about a handover that is known here. */
void hm_salvage_notice(struct hm_agent *agent, struct hm_control_request *request,
                       struct hm_handover *handover);

/* SALVAGED of the source. */
void hm_salvage_told(struct hm_agent *agent, struct hm_control_request *request);

#endif
