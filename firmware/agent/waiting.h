/* SPDX-License-Identifier: BSD-3-Clause */
/* What waits for the VM of a handover: its delivery, from the reservation to the record of what became of it.
 */
#ifndef HM_AGENT_WAITING_H
#define HM_AGENT_WAITING_H

#include "firmware/agent/agent.h"

/* Reserves a delivery to the VM here; false when there are too many. */
bool hm_waiting_begin(struct hm_agent *agent, struct hm_handover *handover);
/* Of visitors that are expected by it: what comes for them waits. */
void hm_waiting_connect(struct hm_agent *agent, struct hm_handover *handover);
/* There is nothing to wait for any more: what still waits is dropped and counted, packets go straight on. */
void hm_waiting_end(struct hm_agent *agent, struct hm_handover *handover);

/* What still waits here for the VM since an earlier handover brought it is this handover's from now on, and
 * holds. */
void hm_waiting_inherit(struct hm_agent *agent, struct hm_handover *handover);

/* For agent->deliveries. */
void hm_waiting_done(void *arg, struct hm_delivery *delivery);
void hm_waiting_changed(void *arg, struct hm_delivery *delivery);

/* A packet of the delivery has gone out to the VM. */
void hm_waiting_delivered(struct hm_agent *agent, struct hm_delivery *delivery);

#endif
