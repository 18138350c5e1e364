/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated plain IP router: the routed network between the subnets.
 *
 * Longest prefix first, ARP on each interface, ICMP where a host would miss it. Each path from one
 * interface to another has knobs: delay, jitter, loss, doubling; the order is kept unless they say
 * otherwise. */
#ifndef HM_SIM_GATE_H
#define HM_SIM_GATE_H

#include "platform/sim/iface.h"

#define HM_SIM_GATE_IFACES 8
#define HM_SIM_GATE_ROUTES 16

struct hm_sim_route {
    struct hm_prefix prefix;
    uint32_t next_hop; /* 0: on link */
    unsigned iface;
};

struct hm_sim_gate {
    struct hm_sim *sim;
    struct hm_sim_iface ifaces[HM_SIM_GATE_IFACES];
    unsigned iface_count;
    uint16_t mtu[HM_SIM_GATE_IFACES]; /* of what leaves */
    struct hm_sim_route routes[HM_SIM_GATE_ROUTES];
    unsigned route_count;
    struct hm_sim_knobs paths[HM_SIM_GATE_IFACES][HM_SIM_GATE_IFACES]; /* [in][out] */
    uint64_t last_us[HM_SIM_GATE_IFACES][HM_SIM_GATE_IFACES];

    uint64_t forwarded;
    uint64_t lost;      /* by the paths' knobs */
    uint64_t malformed; /* wrong header or checksum */
    uint64_t expired;   /* time to live */
    uint64_t no_route;
    uint64_t too_big;
};

void hm_sim_gate_init(struct hm_sim_gate *gate, struct hm_sim *sim);
/* Adds an interface with its own address in a subnet, and its on-link route; gives its number. */
unsigned hm_sim_gate_add_iface(struct hm_sim_gate *gate, const char *name, const struct hm_mac *mac,
                               uint32_t addr, uint8_t prefix_len, struct hm_sim_lan *lan);
void hm_sim_gate_add_route(struct hm_sim_gate *gate, const struct hm_prefix *prefix, uint32_t next_hop,
                           unsigned iface);
/* Sets the knobs of the path from a to b, and back. */
void hm_sim_gate_set_path(struct hm_sim_gate *gate, unsigned a, unsigned b, const struct hm_sim_knobs *knobs);

#endif
