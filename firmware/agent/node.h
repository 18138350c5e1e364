/* SPDX-License-Identifier: BSD-3-Clause */
/* What a mobile node may be: a claim that is authentic may still be impossible. */
#ifndef HM_AGENT_NODE_H
#define HM_AGENT_NODE_H

#include "firmware/link/neighbour.h"

/* Not a group's MAC, not ours, not that of the home LAN's router: an agent speaks with a node's MAC while
 * that is away, and must not take another's place. */
bool hm_node_mac_is_possible(const struct hm_env *env, struct hm_neighbours *neighbours,
                             const struct hm_mac *mac);

#endif
