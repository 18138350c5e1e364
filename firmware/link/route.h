/* SPDX-License-Identifier: BSD-3-Clause */
/* Routes: on-link prefixes and static routes, longest prefix first. */
#ifndef HM_LINK_ROUTE_H
#define HM_LINK_ROUTE_H

#include "firmware/router_config.h"

struct hm_route {
    unsigned link;
    uint32_t next_hop; /* the destination itself when it is on link */
};

/* False when there is no route. */
bool hm_route_find(const struct hm_router_config *config, uint32_t dst, struct hm_route *out);

#endif
