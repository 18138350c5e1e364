/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet path: from a frame that came in to the frame that goes out.
 *
 *   foresee      what a frame will be looked up in, while others are before it
 *   whole        super-frames on their usual way into a UDP tunnel, or out of it: as they are
 *   plain        all other super-frames, and begun checksums: plain frames from here on
 *   super_frame  the reading and cutting of super-frames
 *   classify     what is this frame, and whose
 *   arp_input    ARP: learn, answer for oneself, for the absent, and towards visitors
 *   admit        may a packet with these addresses and options go on
 *   tunnel       into and out of the tunnel
 *   gather       TCP segments into one tunnel: a super-frame before they enter
 *   enter        super-frames into a tunnel
 *   tunnel_state what is known about each tunnel: route, path MTU
 *   tunnel_error ICMP errors from inside a tunnel
 *   dhcp_relay   DHCP broadcasts between a visitor and its home
 *   forward      a packet out of the tunnel, or of our own making, to where it belongs
 *   waiting      packets of a VM that moves: into its delivery and out of it
 *   copies       a packet for a node that is away, to each of its care-of addresses
 *   tcp_cut      a TCP segment that does not fit a tunnel: several that do
 *   fragment     what does not fit: cut, or told to its sender
 *
 * Only what is for the agent itself enters lwIP. It routes nothing, mobile or not: it knows destinations
 * only, sends no error for a missing route, and, as configured here, would clear the checksums of what it
 * forwards. Nothing here allocates. Each function takes a frame whose data points at what its name says, and
 * consumes it: afterwards its bytes mean nothing. */
#ifndef HM_PATH_PATH_H
#define HM_PATH_PATH_H

#include "firmware/agent/agent.h"
#include "firmware/path/tunnel_state.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/icmp.h"

struct hm_super_frame;

struct hm_path {
    struct hm_env *env;
    struct hm_neighbours *neighbours;
    struct hm_agent *agent;
    struct hm_tunnel_states tunnels;
    uint8_t *plain;   /* for a piece of a super-frame */
    uint8_t *scratch; /* for fragments, the pieces of a segment, trains */
    uint8_t *copy;    /* for a packet that goes to several care-of addresses */
};

/* Of a frame whose data is the IP header: the longest packet that it is, or will be cut to. */
static inline size_t hm_path_packet_len(const struct hm_frame *frame)
{
    size_t len = (size_t)frame->offload.hdr_len + frame->offload.gso_size - HM_ETHERNET_LEN;
    return frame->offload.gso_type != HM_OFFLOAD_GSO_NONE && len < frame->len ? len : frame->len;
}

/* How many. */
static inline unsigned hm_path_packet_count(const struct hm_frame *frame)
{
    if (frame->offload.gso_type == HM_OFFLOAD_GSO_NONE)
        return 1;
    size_t payload_len = frame->len - (frame->offload.hdr_len - (size_t)HM_ETHERNET_LEN);
    return (unsigned)((payload_len + frame->offload.gso_size - 1) / frame->offload.gso_size);
}

#define HM_PATH_SCRATCH_LEN (HM_FRAME_HEADROOM + 65535)

int hm_path_init(struct hm_path *path, struct hm_env *env, struct hm_neighbours *neighbours,
                 struct hm_agent *agent);
void hm_path_fini(struct hm_path *path);

/* classify: a whole Ethernet frame came in on a link. */
void hm_path_frame(struct hm_path *path, unsigned link, struct hm_frame *frame);

/* foresee: changes nothing, and reads the frame only. */
void hm_path_foresee(const struct hm_path *path, unsigned link, const struct hm_frame *frame,
                     enum hm_table_step step);

/* plain: gives `input` the frame, as it is or in pieces that are plain. */
void hm_path_plain(struct hm_path *path, unsigned link, struct hm_frame *frame,
                   void (*input)(struct hm_path *path, unsigned link, struct hm_frame *plain));

/* whole: true when it took the frame; else nothing was done with it, and it is plain's. */
bool hm_path_whole(struct hm_path *path, unsigned link, struct hm_frame *frame);

/* classify: to whom a packet on a link belongs, before anything else is asked; all NULL: to nobody who is
 * away. */
struct hm_whose {
    struct hm_visitor *visitor;      /* its sender, with its own address */
    struct hm_visitor *unaddressed;  /* its sender, with another address */
    const struct hm_binding *absent; /* its target */
};
struct hm_whose hm_path_whose(const struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                              const struct hm_ipv4 *ip);
/* classify: does this packet of a visitor that is present go up its reverse tunnel? */
bool hm_path_goes_up(const struct hm_path *path, const struct hm_visitor *visitor,
                     const struct hm_ethernet *ethernet, const struct hm_ipv4 *ip);

/* classify: a packet that a visitor sent to one host, into its reverse tunnel. */
void hm_path_of_visitor(struct hm_path *path, struct hm_visitor *visitor, const struct hm_ipv4 *ip,
                        struct hm_frame *frame);

/* arp_input: frame->data is the ARP packet behind the header `ethernet`. */
void hm_path_arp(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                 const struct hm_frame *frame);

/* admit: false, and counted, when the packet must not go on. _options: may be left out for a header of 20
 * bytes. _source: only for what is to be forwarded. */
bool hm_path_admit_options(struct hm_path *path, const struct hm_ipv4 *ip, const struct hm_frame *frame);
bool hm_path_admit_addresses(struct hm_path *path, const struct hm_ipv4 *ip);
bool hm_path_admit_source(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                          const struct hm_ipv4 *ip);

/* tunnel: frame->data is an IP packet whose TTL was lowered already; it is sent to the other agent, cut or in
 * fragments when it does not fit, or its sender is told. It may wait for others until hm_output_flush.
 * visitor: who sent it, NULL when it is for somebody away. */
void hm_path_encapsulate(struct hm_path *path, uint32_t remote_addr, struct hm_visitor *visitor,
                         struct hm_frame *frame);
/* tunnel: the same, without waiting. */
void hm_path_encapsulate_now(struct hm_path *path, uint32_t remote_addr, struct hm_visitor *visitor,
                             struct hm_frame *frame);
/* gather: without memory for it, nothing is gathered. */
void hm_path_gather_init(struct hm_path *path);
/* gather: what waits is lost. */
void hm_path_gather_fini(struct hm_path *path);
/* gather: true when the packet, of which `inner` is the header, was taken: it enters with hm_output_flush at
 * the latest. False: it is to be encapsulated now, and is as it was; what it must not overtake has entered.
 */
bool hm_path_gather(struct hm_path *path, uint32_t remote_addr, const struct hm_ipv4 *inner,
                    struct hm_frame *frame);
/* enter: the payload of each piece (piece_len, or less) with which the super-frame can enter as one; 0: it
 * cannot. frame is the whole of it, from its Ethernet header on. */
size_t hm_path_entry_piece_len(const struct hm_path *path, struct hm_tunnel_state *tunnel,
                               const struct hm_super_frame *super, const struct hm_frame *frame);
/* enter: frame->data is the super-frame's Ethernet header, which is left away; its TTL was lowered, and its
 * piece_len is what the function above has given. */
void hm_path_enter(struct hm_path *path, struct hm_tunnel_state *tunnel, struct hm_super_frame *super,
                   struct hm_frame *frame);
/* copies: frame->data is as for hm_path_encapsulate; it is sent to each care-of address of a node that is
 * away (RFC 5944 section 4.2.3). */
void hm_path_to_care_of(struct hm_path *path, const struct hm_binding *binding, struct hm_frame *frame);
/* copies: the same to a place that is only prepared, when it wants that. frame keeps its bytes. */
void hm_path_copy_to_staged(struct hm_path *path, const struct hm_binding *binding,
                            const struct hm_frame *frame);
/* tunnel: puts the outer headers around a packet, or all packets of a super-frame, in the tunnel's kind. The
 * checksum of UDP is begun only. */
void hm_path_wrap(struct hm_path *path, struct hm_tunnel_state *tunnel, const struct hm_ipv4 *inner,
                  struct hm_frame *frame);
/* tunnel: RFC 6040 section 4.2, in the inner header; false: the packet must be dropped. */
bool hm_path_combine_ecn(uint8_t *inner_bytes, const struct hm_ipv4 *inner, const struct hm_ipv4 *outer);
/* tunnel: frame->data is the outer header of a tunnelled packet (hm_encapsulation_is_one) for one of our
 * addresses. */
void hm_path_decapsulate(struct hm_path *path, struct hm_frame *frame);
/* tunnel: the same, of which frame->data is the inner header: what is around it was found right. */
void hm_path_unwrapped(struct hm_path *path, const struct hm_ipv4 *outer, struct hm_frame *frame);
/* tunnel: is the kind of this tunnel, by its outer header, taken from that agent? From a stranger each is:
 * the rest decides about it. */
bool hm_path_takes_tunnel(struct hm_path *path, const struct hm_ipv4 *outer);

/* waiting: the delivery into which a packet for this address comes from the agent at the other end of a
 * handover. */
struct hm_delivery *hm_path_old_way(const struct hm_path *path, uint32_t from_addr, uint32_t addr);
/* waiting: is a packet for this address one that the other agent of a handover sends after a node, which has
 * landed here or gone on here, though nothing waits for it any more? *visitor: the node, or NULL when this is
 * its home. */
bool hm_path_late(struct hm_path *path, uint32_t from_addr, uint32_t addr, struct hm_visitor **visitor);
/* waiting: frame->data is a packet out of a tunnel, whose TTL is lowered here. */
void hm_path_wait(struct hm_path *path, struct hm_delivery *delivery, enum hm_delivery_way way,
                  struct hm_frame *frame);
/* waiting: the same, for a visitor that was stopped here: it is sent after it. */
void hm_path_redirect(struct hm_path *path, struct hm_visitor *visitor, struct hm_frame *frame);
/* waiting: a packet of a node of ours came from the place where it is going. False: it need not wait. */
bool hm_path_wait_upward(struct hm_path *path, struct hm_binding *binding, uint32_t from_addr,
                         struct hm_frame *frame);
/* waiting: for agent->deliveries: by the packet's destination. */
const struct hm_mac *hm_path_mac_for(const struct hm_delivery *delivery, const struct hm_frame *packet);
/* waiting: for agent->deliveries; arg is the path. */
void hm_path_send_waiting(void *arg, struct hm_delivery *delivery, enum hm_delivery_way way,
                          struct hm_frame *frame);

/* tunnel: a packet of our own for the agent at `dst`, by the tunnel or in a packet of one kind; arg is the
 * path. */
void hm_path_tunnel_output(void *arg, uint32_t dst, enum hm_carriage carriage, struct hm_frame *frame);

/* tunnel_error: a whole ICMP packet for us. False: it is no error about a tunnel; the stack's. */
bool hm_path_tunnel_error(struct hm_path *path, const struct hm_ipv4 *ip, struct hm_frame *frame);
/* tunnel_error: the next hop of a packet that we sent does not answer ARP; arg is the path. */
void hm_path_silent(void *arg, struct hm_frame *frame);

/* forward: is it a network or broadcast address of one of our links? */
bool hm_path_is_link_broadcast(const struct hm_path *path, uint32_t addr);
/* forward: frame->data is an IP packet with a checked header, to be routed: its TTL is lowered here. */
void hm_path_forward(struct hm_path *path, struct hm_frame *frame);
/* forward: to a visitor on its LAN. lower_ttl: false for packets of our own. */
void hm_path_deliver(struct hm_path *path, struct hm_visitor *visitor, bool lower_ttl,
                     struct hm_frame *frame);
/* forward: a packet of our own making, or one of the agent's stack: to where it belongs, TTL as it is. */
void hm_path_originate(struct hm_path *path, struct hm_frame *frame);
/* forward: the same for the stack, which sends it itself when this gives false; arg is the path. */
bool hm_path_output(void *arg, uint32_t dst, struct hm_frame *frame);

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
/* tcp_cut: gives `emit` the packet's TCP segment in pieces, in packets of at most mtu bytes. False, and
 * nothing done: it is none, or must not be cut. True: also when its checksum was wrong, and it was dropped.
 */
bool hm_path_cut_tcp(struct hm_path *path, uint16_t mtu, const struct hm_frame *frame, hm_path_emit emit,
                     void *arg);
/* fragment: gives `emit` the packet in pieces of at most mtu bytes, or tells its sender the MTU. */
void hm_path_fit(struct hm_path *path, struct hm_visitor *visitor, uint16_t mtu, struct hm_frame *frame,
                 hm_path_emit emit, void *arg);

/* fragment: sends an ICMP error about a packet to its sender, if that is allowed. */
void hm_path_icmp_error(struct hm_path *path, struct hm_visitor *visitor, uint8_t type, uint8_t code,
                        uint16_t mtu, const struct hm_frame *about);
/* fragment: the same, and `about` may hold the beginning of the packet only. error->src is filled in here. */
void hm_path_icmp_error_as(struct hm_path *path, struct hm_visitor *visitor,
                           const struct hm_icmp_error *error, const struct hm_frame *about);

#endif
