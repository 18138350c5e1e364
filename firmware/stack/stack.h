/* SPDX-License-Identifier: BSD-3-Clause */
/* The IP stack: lwIP, for what is addressed to the agent itself.
 *
 * lwIP keeps its state in globals, so several routers of one process share one instance; each has its own
 * interfaces and sockets, and hooks keep their packets apart. ARP is not lwIP's: packets leave
 * through link/neighbour. */
#ifndef HM_STACK_STACK_H
#define HM_STACK_STACK_H

#include "firmware/link/neighbour.h"

/* A datagram for one of the agent's ports came in on one of its addresses. */
struct hm_datagram {
    uint32_t local_addr;
    uint16_t local_port;
    uint32_t remote_addr;
    uint16_t remote_port;
    bool is_broadcast;         /* came in on the LAN's broadcast address; local_addr is still the agent's */
    enum hm_carriage carriage; /* as the payload of a tunnelled packet to, or from, remote_addr? */
    bool bypass;          /* goes out straight to remote_addr though a binding says that it is elsewhere */
    const uint8_t *bytes; /* borrowed for the call */
    size_t len;
};

struct hm_stack_handlers {
    void *arg;
    void (*datagram)(void *arg, const struct hm_datagram *datagram);
};

/* What the packet path does for the stack. */
struct hm_stack_path {
    void *arg;
    /* A tunnelled packet (protocol 4) that arrived in fragments is whole: frame->data is the outer header. */
    void (*tunnel)(void *arg, unsigned link, struct hm_frame *frame);
    /* Takes a packet of the agent's own that is for a node which is away; false: send it as usual. */
    bool (*output)(void *arg, uint32_t dst, struct hm_frame *frame);
    /* Sends a packet of the agent's own by the tunnel to its destination, or in a packet of one kind. */
    void (*tunnel_output)(void *arg, uint32_t dst, enum hm_carriage carriage, struct hm_frame *frame);
};

struct hm_stack;

/* Opens the given ports on every address of the router. HM_ERR_MEMORY or 0. */
int hm_stack_create(struct hm_env *env, struct hm_neighbours *neighbours, const uint16_t *ports,
                    unsigned port_count, const struct hm_stack_handlers *handlers,
                    const struct hm_stack_path *path, struct hm_stack **out);
void hm_stack_destroy(struct hm_stack *stack);

/* Hands in an IP packet (frame->data is its header; a copy is made), and how it came. */
void hm_stack_input(struct hm_stack *stack, unsigned link, enum hm_carriage carriage,
                    const struct hm_frame *frame);

/* Sends from local_addr and local_port (one that is open). 0, HM_ERR_NO_ROUTE or HM_ERR_FULL. */
int hm_stack_send(struct hm_stack *stack, const struct hm_datagram *datagram);

#endif
