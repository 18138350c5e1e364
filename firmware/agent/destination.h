/* SPDX-License-Identifier: BSD-3-Clause */
/* The destination's side of a handover: expect the VM's addresses, stage them all or none, land, tell the
 * source. */
#ifndef HM_AGENT_DESTINATION_H
#define HM_AGENT_DESTINATION_H

#include "firmware/agent/agent.h"

/* The handover to here that a request of its source is about; NULL, and refused, when there is none. */
struct hm_handover *hm_destination_told(struct hm_agent *agent, struct hm_control_request *request);

/* The staging, or the registration after the landing, of one visitor has ended. */
void hm_destination_staged(struct hm_agent *agent, struct hm_visitor *visitor, unsigned code);
void hm_destination_activated(struct hm_agent *agent, struct hm_visitor *visitor, unsigned code);

/* The VM is here, by a hypervisor's word. */
void hm_destination_landed(struct hm_agent *agent, struct hm_handover *handover, const char *reason);
/* It was called in vain. */
void hm_destination_unseen(struct hm_agent *agent, struct hm_handover *handover);
/* A frame of the VM was seen here, by the NIC with this MAC (NULL: of all that can be seen): it lands, unless
 * its stop is still to be told. */
void hm_destination_seen(struct hm_agent *agent, struct hm_handover *handover, const struct hm_mac *mac);

/* Its staged lifetime is over, or, after the landing, the time for its registrations. */
void hm_destination_expire(struct hm_agent *agent, struct hm_handover *handover);

/* Takes back what is staged, once what waited has gone back. */
void hm_destination_undo(struct hm_agent *agent, struct hm_handover *handover);

/* The handover is off, by the source's word: everything that it staged here is undone. */
void hm_destination_cancel(struct hm_agent *agent, struct hm_handover *handover, const char *reason);
/* The same at this agent's word: the source is told, and what waits goes back to it when it knows. */
void hm_destination_call_off(struct hm_agent *agent, struct hm_handover *handover, const char *reason);

#endif
