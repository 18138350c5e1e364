/* SPDX-License-Identifier: BSD-3-Clause */
/* Notices: what hypervisors say (imminent, landed, cancel, status), and the same relayed by another agent. */
#ifndef HM_AGENT_NOTICE_H
#define HM_AGENT_NOTICE_H

#include "firmware/agent/agent.h"

/* Every request of the control channel comes in here and is handed to the module that answers it. */
void hm_notice_handle(struct hm_agent *agent, struct hm_control_request *request);

/* May who asks move all of these? False: text says which not. Peers have checked that themselves. */
bool hm_notice_is_allowed(const struct hm_control_request *request, const struct hm_control_node *nodes,
                          unsigned node_count, char *text, size_t len);

/* Size of one entry of agent->notices. */
size_t hm_notice_len(void);

#endif
