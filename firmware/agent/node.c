/* SPDX-License-Identifier: BSD-3-Clause */
/* What a mobile node may be: a claim that is authentic may still be impossible. */
#include "firmware/agent/node.h"

bool hm_node_mac_is_possible(const struct hm_env *env, struct hm_neighbours *neighbours,
                             const struct hm_mac *mac)
{
    const struct hm_router_config *config = env->config;
    if (hm_mac_is_group(mac) || hm_mac_is_zero(mac))
        return false;
    for (unsigned i = 0; i < config->link_count; i++)
        if (hm_mac_equal(&config->links[i].mac, mac))
            return false;
    const struct hm_neighbour *router = hm_neighbour_lookup(neighbours, env->home_link, config->home_router);
    return router == NULL || !hm_mac_equal(&router->mac, mac);
}
