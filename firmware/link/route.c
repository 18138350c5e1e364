/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes: on-link prefixes and static routes, longest prefix first. The table is the configuration's,
 * of a few entries; it is walked whole. */
#include "firmware/link/route.h"

bool hm_route_find(const struct hm_router_config *config, uint32_t dst, struct hm_route *out)
{
    int best = -1;
    for (unsigned i = 0; i < config->link_count; i++) {
        const struct hm_link_config *link = &config->links[i];
        if (hm_prefix_contains(&link->prefix, dst) && link->prefix.len > best) {
            best = link->prefix.len;
            *out = (struct hm_route){.link = i, .next_hop = dst};
        }
    }
    for (unsigned i = 0; i < config->route_count; i++) {
        const struct hm_route_config *route = &config->routes[i];
        if (hm_prefix_contains(&route->prefix, dst) && route->prefix.len > best) {
            best = route->prefix.len;
            *out = (struct hm_route){.link = route->link, .next_hop = route->gateway};
        }
    }
    return best >= 0;
}
