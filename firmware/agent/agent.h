/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent: home agent, foreign agent and handovers of one router, and the messages among them.
 *
 * What comes in (datagrams, frames of mobile nodes) enters here; every decision is in one of the modules. The
 * handover's two sides are agent/source and agent/destination; what hypervisors say comes
 * through agent/notice. */
#ifndef HM_AGENT_AGENT_H
#define HM_AGENT_AGENT_H

#include "firmware/agent/control_call.h"
#include "firmware/agent/foreign.h"
#include "firmware/agent/handover.h"
#include "firmware/agent/home.h"
#include "firmware/agent/port_probe.h"
#include "firmware/agent/reach.h"
#include "firmware/agent/revocation.h"
#include "firmware/agent/store.h"

struct hm_agent {
    struct hm_env *env;
    struct hm_stack *stack;
    struct hm_neighbours *neighbours;
    struct hm_arp_updates updates;
    struct hm_security security;
    struct hm_store store;
    struct hm_revocations revocations;
    struct hm_home home;
    struct hm_foreign foreign;
    struct hm_handovers handovers;
    struct hm_deliveries deliveries;
    struct hm_control_server server;
    struct hm_control_calls calls;
    struct hm_reach reach;
    struct hm_port_probe port;
    uint32_t last_epoch;     /* that this agent gave to a handover; 0: none */
    struct hm_slab pendings; /* agent/source's: requests that wait for another agent's answer */
    struct hm_timer begin;   /* tells the peers that this agent began */
    unsigned restores;       /* agent/restart's: visitors that a restarted agent is being told of */
    struct hm_timer watch;   /* of the home router's MAC */
    unsigned announced;      /* rounds in which the agent's own addresses were announced; saturates late */
    struct hm_slab notices;  /* agent/notice's */
};

/* path: what the packet path does for the stack (borrowed for the call). */
int hm_agent_init(struct hm_agent *agent, struct hm_env *env, struct hm_neighbours *neighbours,
                  const struct hm_stack_path *path);
void hm_agent_fini(struct hm_agent *agent);

/* A datagram for UDP 434 or the control port came in on one of the agent's own addresses. */
void hm_agent_datagram(struct hm_agent *agent, const struct hm_datagram *datagram);
/* A control datagram came in on a kernel address. */
void hm_agent_kernel_datagram(struct hm_agent *agent, const struct hm_endpoint *from, const uint8_t *bytes,
                              size_t len);

/* Is this agent the node's home agent? */
static inline bool hm_agent_is_home_of(const struct hm_agent *agent, const struct hm_control_node *node)
{
    return hm_env_is_own_addr(agent->env, node->home_agent);
}

/* The node as a visitor here, or NULL. */
static inline struct hm_visitor *hm_agent_visitor(const struct hm_agent *agent,
                                                  const struct hm_control_node *node)
{
    return hm_visitor_by_home(&agent->foreign.visitors, node->home_agent, node->home_addr);
}

/* A frame with this source MAC was seen on a link. Completes a handover that was announced, stamps signs of
 * life; changes nothing else. Cheap for MACs that are nobody's: false, then. */
bool hm_agent_presence(struct hm_agent *agent, unsigned link, const struct hm_mac *mac);

/* The first packet since its landing was delivered to a visitor. */
void hm_agent_delivered(struct hm_agent *agent, struct hm_visitor *visitor);

#endif
