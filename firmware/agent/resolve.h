/* SPDX-License-Identifier: BSD-3-Clause */
/* Which VM is meant: a name, MACs and addresses turned into nodes (address, MAC, home), and where they are.
 */
#ifndef HM_AGENT_RESOLVE_H
#define HM_AGENT_RESOLVE_H

#include "firmware/agent/agent.h"

enum hm_resolve_verdict {
    HM_RESOLVE_HERE,      /* at home or visiting here: nodes are filled in */
    HM_RESOLVE_AWAY,      /* belongs here, and is at the agent care_of_addr; nodes are filled in */
    HM_RESOLVE_UNKNOWN,   /* not all of it is known: `missing` says what */
    HM_RESOLVE_AMBIGUOUS, /* what was named does not fit together: `missing` says why */
};

struct hm_resolved {
    enum hm_resolve_verdict verdict;
    struct hm_control_node nodes[HM_CONTROL_MAX_NODES];
    unsigned node_count;
    uint32_t care_of_addr;
    char vm[HM_NAME_LEN]; /* a name for it in any case: the given, the known, or its first address */
    char missing[HM_CONTROL_TEXT_LEN];
};

/* trust_pairs: an address in the home prefix that was not heard of is paired with the one MAC that was named,
 * on the operator's word; else it stays unknown. */
void hm_resolve(const struct hm_agent *agent, const struct hm_control_message *message, bool trust_pairs,
                struct hm_resolved *out);

/* Asks the home LAN for what is not known: the named addresses, or, for a MAC without any, all of its hosts.
 */
void hm_resolve_search(const struct hm_agent *agent, const struct hm_control_message *message);

/* Adds a node that belongs to this agent's subnet to the nodes of `out`. */
void hm_resolve_home_node(const struct hm_agent *agent, uint32_t addr, const struct hm_mac *mac,
                          struct hm_resolved *out);

#endif
