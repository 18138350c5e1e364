/* SPDX-License-Identifier: BSD-3-Clause */
/* End markers: "nothing more of this handover comes by this way". A marker travels the way that it ends, as
 * the payload of a tunnelled packet with the data's outer addresses, and is repeated until it is answered. */
#ifndef HM_AGENT_END_MARKER_H
#define HM_AGENT_END_MARKER_H

#include "firmware/agent/agent.h"

/* Ends the way from here to the agent at to_addr. */
void hm_end_marker_send(struct hm_agent *agent, uint32_t to_addr, uint64_t handover_id, uint32_t epoch);

/* END of another agent came by the tunnel. */
void hm_end_marker_receive(struct hm_agent *agent, struct hm_control_request *request);

#endif
