/* SPDX-License-Identifier: BSD-3-Clause */
/* Port probe: does the network at the agent's own port let a second MAC through, and what is for it come in?
 * Tried when an operator asks. */
#ifndef HM_AGENT_PORT_PROBE_H
#define HM_AGENT_PORT_PROBE_H

#include "firmware/link/neighbour.h"
#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"

enum hm_port_probe_state {
    HM_PORT_PROBE_NEVER, /* not tried yet, or there is nobody to ask */
    HM_PORT_PROBE_OPEN,
    HM_PORT_PROBE_PASSED,
    HM_PORT_PROBE_REFUSED, /* answered to the agent's MAC only */
    HM_PORT_PROBE_SILENT,  /* to neither */
};

struct hm_port_probe {
    struct hm_env *env;
    struct hm_neighbours *neighbours;
    enum hm_port_probe_state state;
    uint32_t target;
    struct hm_mac mac; /* nobody's; another one each time */
    bool is_there;     /* it has answered to the agent's own MAC */
    unsigned tries;
    uint64_t ended_us;
    struct hm_timer timer;
};

void hm_port_probe_init(struct hm_port_probe *probe, struct hm_env *env, struct hm_neighbours *neighbours);
/* Begins one, unless one is open or has just ended. */
void hm_port_probe_begin(struct hm_port_probe *probe);
/* An ARP packet came in on a link. */
void hm_port_probe_see(struct hm_port_probe *probe, unsigned link, const struct hm_ethernet *ethernet,
                       const struct hm_arp *arp);
/* NULL: not tried. */
const char *hm_port_probe_state_name(enum hm_port_probe_state state);

#endif
