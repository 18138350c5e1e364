/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP updates: telling a VM that has just landed which MAC its router and its home neighbours have now.
 *
 * At a foreign agent the MACs that it knew at home, where that is safe, else the agent's own; back at home
 * the true ones. Unicast ARP requests to the VM: every stack takes the sender's pair from a request that is
 * for itself (RFC 826), and the answer shows that the VM lives. Repeated, since Linux ignores an update
 * within a second of the last. */
#ifndef HM_LINK_ARP_UPDATE_H
#define HM_LINK_ARP_UPDATE_H

#include "firmware/link/neighbour.h"

#define HM_ARP_UPDATE_MAX 25 /* the router and 24 neighbours */

struct hm_arp_update;

struct hm_arp_updates {
    struct hm_env *env;
    struct hm_neighbours *neighbours;
    struct hm_slab slab;
    struct hm_arp_update *first;
};

/* Whom to tell about what. */
struct hm_arp_update_plan {
    unsigned link;
    uint32_t vm_addr;
    struct hm_mac vm_mac;
    /* The frames' source is the MAC that they tell, so that bridges learn it at the agent's port; else the
     * agent's own. */
    bool teach_bridges;
    /* Also ask for the VM by broadcast, from the agent's own MAC: a VM that says nothing by itself answers,
     * and so moves its MAC in the bridges to where it is now. */
    bool call_vm;
    struct hm_pair pairs[HM_ARP_UPDATE_MAX]; /* MAC zero: as the neighbour table has it at that time */
    unsigned pair_count;
};

int hm_arp_updates_init(struct hm_arp_updates *updates, struct hm_env *env, struct hm_neighbours *neighbours);
void hm_arp_updates_fini(struct hm_arp_updates *updates);

/* Adds a pair to a plan; more than HM_ARP_UPDATE_MAX, repetitions, 0 and the VM itself are left out. */
void hm_arp_update_plan_add(struct hm_arp_update_plan *plan, uint32_t addr, const struct hm_mac *mac);

/* Sends the first round now and the others on schedule; the plan is copied. An earlier plan for the same VM
 * ends. With all places taken only the first round is sent. */
void hm_arp_updates_start(struct hm_arp_updates *updates, const struct hm_arp_update_plan *plan);
/* This MAC has come to the link itself: from now on the agent's own is told, and used, in its place. */
void hm_arp_updates_disown(struct hm_arp_updates *updates, unsigned link, const struct hm_mac *mac);
/* No further round for this VM. */
void hm_arp_updates_stop(struct hm_arp_updates *updates, uint32_t vm_addr, const struct hm_mac *vm_mac);

#endif
