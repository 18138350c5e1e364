/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbours: (MAC, address) pairs of the agent's links, learnt from ARP and DHCP, and asked for.
 *
 * One table serves three users: the router's next hops, the look-up of a VM's addresses by its MAC
 * (a hypervisor often knows no more), and the MACs told to a VM that came home. An entry without
 * a MAC is being asked for, and packets wait in it. One that nobody confirms times out. */
#ifndef HM_LINK_NEIGHBOUR_H
#define HM_LINK_NEIGHBOUR_H

#include "firmware/base/slab.h"
#include "firmware/base/table.h"
#include "firmware/env.h"

#define HM_NEIGHBOUR_QUEUE 64 /* packets that wait for one address: all of a super-frame, say */
#define HM_NEIGHBOUR_FEW 4    /* of which so many when memory is scarce */
#define HM_NEIGHBOUR_QUESTIONS 32

struct hm_neighbour {
    struct hm_table_node by_addr;
    struct hm_table_node by_mac;
    struct hm_neighbour *older, *newer; /* by time of learning */
    unsigned link;
    uint32_t addr;
    bool has_mac;
    struct hm_mac mac;
    uint64_t confirmed_ms; /* when its MAC was last heard from it */
    uint64_t asked_ms;     /* when we last asked for it */
    uint64_t used_ms;      /* when a packet last went to it */
    unsigned asked;        /* times since it was last heard */
    struct hm_timer retry;
    struct hm_neighbours *owner;
    uint8_t *first, *last; /* packets that wait: a list through what stands before each */
    unsigned queued;
};

struct hm_neighbour_question {
    uint32_t addr;
    uint64_t asked_ms;
};

struct hm_neighbours {
    struct hm_env *env;
    struct hm_slab entries;
    struct hm_slab waiting; /* memory of waiting packets */
    struct hm_table by_addr;
    struct hm_table by_mac;
    struct hm_neighbour *oldest, *newest;
    struct hm_neighbour_question questions[HM_NEIGHBOUR_QUESTIONS]; /* asked out of curiosity */
    unsigned next_question;
    struct hm_timer search; /* asks for all addresses of a link, a few at a time */
    unsigned search_link;
    uint32_t search_next, search_last;
    /* NULL, or told of a packet (frame->data is its IP header; borrowed) whose next hop does not answer. */
    void (*on_silent)(void *arg, struct hm_frame *frame);
    void *arg;
};

int hm_neighbours_init(struct hm_neighbours *neighbours, struct hm_env *env);
void hm_neighbours_fini(struct hm_neighbours *neighbours);

/* A pair was seen on a link. Addresses outside the link's prefix, and group MACs, are not learnt. */
void hm_neighbour_learn(struct hm_neighbours *neighbours, unsigned link, uint32_t addr,
                        const struct hm_mac *mac);

/* The entry with a known MAC, or NULL. */
struct hm_neighbour *hm_neighbour_lookup(struct hm_neighbours *neighbours, unsigned link, uint32_t addr);

/* Is its MAC known, and will it still be when the next packet is sent? What is sent then does not have to
 * wait. */
bool hm_neighbour_is_sure(const struct hm_neighbours *neighbours, unsigned link, uint32_t addr);

/* Addresses heard from a MAC on a link within max_age_ms: fills in at most `max`, gives how many. */
unsigned hm_neighbour_addrs_of(struct hm_neighbours *neighbours, unsigned link, const struct hm_mac *mac,
                               uint64_t max_age_ms, uint32_t *addrs, unsigned max);

/* Asks for the address by broadcast, without any packet that waits. */
void hm_neighbour_ask(struct hm_neighbours *neighbours, unsigned link, uint32_t addr);
/* Somebody on the link asks for the address; its answer will not reach us, so we ask for ourselves when we do
 * not know it: a VM's neighbours and its router are those for whom it asks. Each address
 * once in a while only: two agents must not wonder about each other's questions for ever. */
void hm_neighbour_wonder(struct hm_neighbours *neighbours, unsigned link, uint32_t addr);
/* Asks for every address of the link's prefix (at most 1,024 of them), some at a time, to find who has a MAC.
 */
void hm_neighbour_ask_all(struct hm_neighbours *neighbours, unsigned link);

/* Sends an IP packet (frame->data is its IP header) to a next hop on a link; takes its Ethernet header from
 * the headroom. Waits in a copy while the next hop is asked for. */
void hm_neighbour_send(struct hm_neighbours *neighbours, unsigned link, uint32_t next_hop,
                       struct hm_frame *frame);

/* Up to max neighbours of a link with known MACs, the latest learnt first, but `except`; gives how many. */
unsigned hm_neighbour_recent(const struct hm_neighbours *neighbours, unsigned link,
                             const struct hm_mac *except, struct hm_pair *pairs, unsigned max);

/* The first neighbour on the link that has this MAC, and those after it; NULL at the end. */
struct hm_neighbour *hm_neighbour_of_mac(const struct hm_neighbours *neighbours, unsigned link,
                                         const struct hm_mac *mac, const struct hm_neighbour *after);
/* Somebody is refused because of who has this MAC: they are asked now whether they are there, and who does
 * not answer within a few seconds is forgotten. */
void hm_neighbour_doubt(struct hm_neighbours *neighbours, unsigned link, const struct hm_mac *mac);

#endif
