/* SPDX-License-Identifier: BSD-3-Clause */
/* What agent/destination and agent/prepare share. */
#ifndef HM_AGENT_DESTINATION_PARTS_H
#define HM_AGENT_DESTINATION_PARTS_H

#include "firmware/agent/agent.h"

/* The handover ends as FAILED, all that was staged is undone, and its request is answered. */
void hm_destination_fail(struct hm_agent *agent, struct hm_handover *handover, enum hm_control_code code,
                         const char *text);
/* All outcomes of the staging are in. */
void hm_destination_conclude(struct hm_agent *agent, struct hm_handover *handover);
/* ARRIVED: the VM runs here. */
void hm_destination_tell_source(struct hm_agent *agent, uint32_t source, const char *vm, uint64_t handover_id,
                                uint32_t epoch);

#endif
