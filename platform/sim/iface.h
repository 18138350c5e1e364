/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated network interface: MAC, addresses, and an ARP cache that behaves like Linux's.
 *
 * What matters of Linux for a moved neighbour: an existing entry follows any ARP packet of its owner,
 * but not within a second of the last change (locktime); an entry is created only by whoever asks for
 * us or by our own question; after 30 s without confirmation it is stale, still used, and asked for
 * again by unicast after 5 s of use, three times, then forgotten. */
#ifndef HM_SIM_IFACE_H
#define HM_SIM_IFACE_H

#include "firmware/wire/arp.h"
#include "platform/sim/lan.h"

#define HM_SIM_IFACE_ADDRS 4
#define HM_SIM_NEIGHBOURS 64
#define HM_SIM_NEIGHBOUR_QUEUE 64 /* frames that wait for an answer */

#define HM_SIM_ARP_LOCKTIME_US (1u * HM_SIM_S)
#define HM_SIM_ARP_REACHABLE_US (30u * HM_SIM_S)
#define HM_SIM_ARP_DELAY_US (5u * HM_SIM_S)
#define HM_SIM_ARP_RETRY_US (1u * HM_SIM_S)
#define HM_SIM_ARP_TRIES 3

enum hm_sim_neighbour_state {
    HM_SIM_NEIGHBOUR_FREE,
    HM_SIM_NEIGHBOUR_INCOMPLETE, /* asked for by broadcast */
    HM_SIM_NEIGHBOUR_REACHABLE,
    HM_SIM_NEIGHBOUR_STALE, /* used as it is, asked for after a while of use */
    HM_SIM_NEIGHBOUR_DELAY,
    HM_SIM_NEIGHBOUR_PROBE, /* asked for by unicast, used meanwhile */
};

struct hm_sim_iface;

struct hm_sim_neighbour {
    struct hm_sim_iface *iface;
    enum hm_sim_neighbour_state state;
    uint32_t addr;
    struct hm_mac mac;
    uint64_t confirmed_us;
    uint64_t updated_us; /* last change of the MAC */
    unsigned tries;
    struct hm_sim_event timer;
    bool is_due; /* its timer fired while the interface was frozen */
    struct hm_sim_frame *queue;
    struct hm_sim_frame **queue_end;
    unsigned queued;
};

struct hm_sim_iface {
    struct hm_sim *sim;
    struct hm_sim_port port;
    struct hm_mac mac;
    uint32_t addrs[HM_SIM_IFACE_ADDRS]; /* all in the prefix */
    unsigned addr_count;
    struct hm_prefix prefix;
    bool frozen; /* neither sends nor receives, and its timers wait; set by hm_sim_iface_freeze */

    /* An IP packet at bytes + 14 for this MAC or a group came in. Takes ownership of the frame. */
    void (*on_ip)(void *ctx, struct hm_sim_iface *iface, struct hm_sim_frame *frame);
    void *ctx;

    struct hm_sim_neighbour neighbours[HM_SIM_NEIGHBOURS];
    uint64_t conflicts;  /* ARP packets of somebody else with one of our addresses (RFC 5227) */
    uint64_t own_mac;    /* frames received with our own MAC as their source */
    uint64_t unresolved; /* frames given up because nobody answered */
    uint64_t locked;     /* updates that came too soon after another */
};

void hm_sim_iface_init(struct hm_sim_iface *iface, struct hm_sim *sim, const char *name,
                       const struct hm_mac *mac, uint32_t addr, uint8_t prefix_len);
void hm_sim_iface_add_addr(struct hm_sim_iface *iface, uint32_t addr);
bool hm_sim_iface_has_addr(const struct hm_sim_iface *iface, uint32_t addr);
void hm_sim_iface_freeze(struct hm_sim_iface *iface, bool frozen);

/* Sends the IP packet at bytes + 14 of the frame (len counts the Ethernet header) to a host on the link;
 * takes ownership. */
void hm_sim_iface_send(struct hm_sim_iface *iface, uint32_t next_hop, struct hm_sim_frame *frame);
/* Broadcasts an ARP request for addr, sent by `sender` (one of ours, or 0: a probe). */
void hm_sim_iface_ask(struct hm_sim_iface *iface, uint32_t sender, uint32_t addr);
/* What the cache says; NULL: nothing usable. */
const struct hm_mac *hm_sim_iface_lookup(const struct hm_sim_iface *iface, uint32_t addr);
/* Forgets all neighbours, as after a reboot. */
void hm_sim_iface_flush(struct hm_sim_iface *iface);

#endif
