/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet path: from a frame that came in to the frame that goes out.
 *
 *   classify     what is this frame, and whose
 *   arp_input    ARP: learn, answer for oneself, for the absent, and towards visitors
 *   tunnel       into and out of the tunnel
 *   dhcp_relay   DHCP broadcasts between a visitor and its home
 *   forward      a packet out of the tunnel, or of our own making, to where it belongs
 *   fragment     what does not fit: cut, or told to its sender
 *
 * Only what is for the agent itself enters lwIP. It routes nothing, mobile or not: it knows destinations
 * only, sends no error for a missing route, and, as configured here, would clear the checksums of what it
 * forwards. Nothing here allocates. Each function takes a frame whose data points at what its name says, and
 * consumes it: afterwards its bytes mean nothing. */
#ifndef HM_PATH_PATH_H
#define HM_PATH_PATH_H

#include "firmware/agent/agent.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"

struct hm_path {
    struct hm_env *env;
    struct hm_neighbours *neighbours;
    struct hm_agent *agent;
    uint8_t *scratch; /* for packets of our own: fragments, ICMP errors */
};

#define HM_PATH_SCRATCH_LEN (HM_FRAME_HEADROOM + 65535)

int hm_path_init(struct hm_path *path, struct hm_env *env, struct hm_neighbours *neighbours,
                 struct hm_agent *agent);
void hm_path_fini(struct hm_path *path);

/* classify: a whole Ethernet frame came in on a link. */
void hm_path_frame(struct hm_path *path, unsigned link, struct hm_frame *frame);

/* arp_input: frame->data is the ARP packet behind the header `ethernet`. */
void hm_path_arp(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                 const struct hm_frame *frame);

/* tunnel: frame->data is an IP packet whose TTL was lowered already; it is sent to the other agent, in
 * fragments when it does not fit. visitor: who sent it, NULL when it is for somebody away. */
void hm_path_encapsulate(struct hm_path *path, uint32_t remote_addr, struct hm_visitor *visitor,
                         struct hm_frame *frame);
/* tunnel: frame->data is the outer header of a packet (protocol 4) for one of our addresses. */
void hm_path_decapsulate(struct hm_path *path, struct hm_frame *frame);

/* forward: frame->data is an IP packet with a checked header, to be routed: its TTL is lowered here. */
void hm_path_forward(struct hm_path *path, struct hm_frame *frame);
/* forward: to a visitor on its LAN. lower_ttl: false for packets of our own. */
void hm_path_deliver(struct hm_path *path, struct hm_visitor *visitor, bool lower_ttl,
                     struct hm_frame *frame);
/* forward: a packet of our own making, or one of the agent's stack: to where it belongs, TTL as it is. */
void hm_path_originate(struct hm_path *path, struct hm_frame *frame);

/* Takes one TTL off; false (and the packet dropped, its sender told) when there is none left. visitor: who
 * sent it, NULL when it came from elsewhere. */
bool hm_path_lower_ttl(struct hm_path *path, struct hm_visitor *visitor, struct hm_frame *frame);

/* dhcp_relay: each looks at a checked packet (frame->data is its header), and is true when it was a DHCP
 * message that it carried, or refused: the frame is consumed then. of_visitor: a broadcast of a visitor
 * that is present. */
bool hm_path_dhcp_of_visitor(struct hm_path *path, struct hm_visitor *visitor, const struct hm_ipv4 *ip,
                             struct hm_frame *frame);
/* dhcp_relay: a server's message to a node that is away, by broadcast or to its MAC. */
bool hm_path_dhcp_of_server(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                            const struct hm_ipv4 *ip, struct hm_frame *frame);
/* dhcp_relay: either of them as it comes out of the tunnel from remote_addr. */
bool hm_path_dhcp_of_tunnel(struct hm_path *path, uint32_t remote_addr, const struct hm_ipv4 *ip,
                            struct hm_frame *frame);

/* fragment: what is to be done with each piece. */
typedef void (*hm_path_emit)(struct hm_path *path, void *arg, struct hm_frame *piece);
/* fragment: gives `emit` the packet in pieces of at most mtu bytes, or tells its sender the MTU. */
void hm_path_fit(struct hm_path *path, struct hm_visitor *visitor, uint16_t mtu, struct hm_frame *frame,
                 hm_path_emit emit, void *arg);

/* fragment: sends an ICMP error about a packet to its sender, if that is allowed. */
void hm_path_icmp_error(struct hm_path *path, struct hm_visitor *visitor, uint8_t type, uint8_t code,
                        uint16_t mtu, const struct hm_frame *about);

#endif
