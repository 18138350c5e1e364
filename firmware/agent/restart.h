/* SPDX-License-Identifier: BSD-3-Clause */
/* Restarts: an agent that has lost its bindings, visitors and handovers gets them back from its peers. */
#ifndef HM_AGENT_RESTART_H
#define HM_AGENT_RESTART_H

#include "firmware/agent/agent.h"

/* This agent begins: all peers are told, for a minute. */
void hm_restart_begin(struct hm_agent *agent);

/* A peer tunnels by a kind that was not agreed since this agent began: it is told once more, at most every
 * few seconds. */
void hm_restart_remind(struct hm_agent *agent, uint32_t peer_addr);

/* A request RESTARTED of a peer came in: what that agent needs is told to it again. */
void hm_restart_told(struct hm_agent *agent, struct hm_control_request *request);

/* A request RESTORE of a home agent came in: its node is at this agent, as far as it knows. */
void hm_restart_restore(struct hm_agent *agent, struct hm_control_request *request);

#endif
