/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole: super-frames that go into a UDP tunnel, or come out of it, in one piece: one system call instead of
 * forty.
 *
 * Only on the way that packets go nearly always: of a node that is away and stays there, to its one care-of
 * address, from a visitor that is present, or out of their tunnel to a node or a next hop that is known.
 * Whatever is asked of a packet there is asked of the super-frame. What is anything else, or on any other
 * way, is left to plain, and becomes the packets that it stands for: the same ones, in the same order.
 *
 * In: path/enter. Out: a super-frame stays one; the packets of a train are taken out of it where they lie;
 * both were made by a kernel on this host, which vouches for their checksums. */
#include "firmware/link/bundle.h"
#include "firmware/path/path.h"
#include "firmware/path/super_frame.h"
#include "firmware/wire/udp.h"

#define DATAGRAMS_MAX 128 /* of a train: newer kernels take so many */
#define UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)

/* --- in ----------------------------------------------------------------------------------------------- */

/* The tunnel that the packets would enter, or 0: they do not, or not on the usual way. */
static uint32_t way_in(const struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                       const struct hm_ipv4 *ip, const struct hm_whose *whose)
{
    const struct hm_binding *binding = whose->absent, *sender;
    if (whose->visitor != NULL)
        return hm_path_goes_up(path, whose->visitor, ethernet, ip) ? whose->visitor->node.home_agent : 0;
    if (binding == NULL || binding->state != HM_BINDING_AWAY || hm_binding_count(binding) > 1 ||
        hm_binding_motion(binding)->delivery != NULL)
        return 0;
    sender = hm_binding_lookup(&path->agent->home.bindings, ip->src);
    if (sender != NULL && hm_binding_is_absent(sender) && link == path->env->home_link)
        return 0;
    return hm_binding_target(binding);
}

static bool enter(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                  struct hm_super_frame *super, struct hm_frame *frame)
{
    const struct hm_ipv4 *ip = &super->ip[0];
    struct hm_whose whose = hm_path_whose(path, link, ethernet, ip);
    uint32_t remote_addr = way_in(path, link, ethernet, ip, &whose);
    struct hm_tunnel_state *tunnel;
    if (remote_addr == 0 || remote_addr == ip->src || ip->ttl <= 1 || ip->header_len != HM_IPV4_LEN)
        return false;
    hm_bundles_flush(path->env->gather); /* of its flow, perhaps */
    tunnel = hm_tunnel_state_use(&path->tunnels, remote_addr);
    size_t piece_len = tunnel != NULL ? hm_path_entry_piece_len(path, tunnel, super, frame) : 0;
    if (piece_len == 0)
        return false;
    if (!hm_path_admit_addresses(path, ip) ||
        (whose.absent != NULL && !hm_path_admit_source(path, link, ethernet, ip)))
        return true;
    if (whose.visitor != NULL)
        whose.visitor->seen_ms = hm_env_ms(path->env);
    hm_env_count(path->env, HM_COUNT_WHOLE);
    hm_ipv4_lower_ttl(frame->data + HM_ETHERNET_LEN);
    super->piece_len = piece_len;
    hm_path_enter(path, tunnel, super, frame);
    return true;
}

/* --- out ---------------------------------------------------------------------------------------------- */

/* Is it a data message, or a train of them, from an agent to us? What a visitor sends is not, whatever it
 * says. frame->data is the Ethernet header. */
static bool is_for_us(const struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                      const struct hm_ipv4 *ip, const struct hm_frame *frame)
{
    if (ip->header_len != HM_IPV4_LEN || ip->protocol != HM_IP_PROTO_UDP || hm_ipv4_is_fragment(ip) ||
        !hm_mac_equal(&ethernet->dst, &path->env->config->links[link].mac) ||
        !hm_env_is_own_addr(path->env, ip->dst) ||
        !hm_encapsulation_is_one(ip->protocol, frame->data + UDP_AT, frame->len - UDP_AT))
        return false;
    struct hm_whose whose = hm_path_whose(path, link, ethernet, ip);
    return whose.visitor == NULL && whose.unaddressed == NULL;
}

/* One datagram or more, each with the header of a data message: the packets are taken out where they lie, and
 * what is before each of them, which was looked at already, is its headroom. */
static void leave_train(struct hm_path *path, const struct hm_ipv4 *outer, const struct hm_frame *frame,
                        size_t datagram_len)
{
    char text[HM_IP_TEXT_LEN];
    size_t end = (size_t)HM_ETHERNET_LEN + outer->total_len, len;
    for (size_t at = UDP_AT + HM_UDP_LEN; at < end; at += len) {
        len = end - at < datagram_len ? end - at : datagram_len;
        struct hm_frame packet = {
            .memory = frame->memory, .cap = frame->cap, .data = frame->data + at, .len = len};
        if (!hm_encapsulation_is_data(packet.data, packet.len)) {
            hm_env_drop(path->env, HM_DROP_TUNNEL_MALFORMED, "by %s", hm_ip_text(outer->src, text));
            continue;
        }
        hm_frame_pull(&packet, HM_TUNNEL_DATA_LEN);
        hm_path_unwrapped(path, outer, &packet);
    }
}

/* The visitor that gets the packets, when it gets them at once. */
static struct hm_visitor *visitor_for(const struct hm_path *path, uint32_t outer_src,
                                      const struct hm_ipv4 *inner)
{
    struct hm_visitor *visitor = hm_visitor_by_home(&path->agent->foreign.visitors, outer_src, inner->dst);
    return visitor != NULL && visitor->state == HM_VISITOR_PRESENT && visitor->delivery == NULL &&
                   visitor->next_addr == 0 && visitor->next_handover_id == 0
               ? visitor
               : NULL;
}

/* The MTU of the link that they leave by, when they are by a node of ours that is away and stays there, and
 * for somebody who is no mobile node and whose next hop is known; else 0. */
static unsigned mtu_beyond(const struct hm_path *path, uint32_t outer_src, const struct hm_ipv4 *inner)
{
    const struct hm_bindings *bindings = &path->agent->home.bindings;
    const struct hm_binding *sender = hm_binding_lookup(bindings, inner->src);
    struct hm_route route;
    if (sender == NULL || sender->state != HM_BINDING_AWAY || hm_binding_motion(sender)->upward != NULL ||
        !hm_binding_is_at(sender, outer_src) || hm_binding_lookup(bindings, inner->dst) != NULL ||
        hm_visitor_by_home(&path->agent->foreign.visitors, outer_src, inner->dst) != NULL ||
        hm_env_is_own_addr(path->env, inner->dst) || !hm_route_find(path->env->config, inner->dst, &route) ||
        !hm_neighbour_is_sure(path->neighbours, route.link, route.next_hop))
        return 0;
    return path->env->config->links[route.link].mtu;
}

static bool leave_whole(struct hm_path *path, const struct hm_super_frame *super, struct hm_frame *frame)
{
    const struct hm_ipv4 *outer = &super->ip[0], *inner = &super->ip[1];
    struct hm_visitor *visitor = visitor_for(path, outer->src, inner);
    unsigned mtu =
        visitor != NULL ? path->env->config->links[visitor->link].mtu : mtu_beyond(path, outer->src, inner);
    size_t inner_at = HM_ETHERNET_LEN + HM_TUNNEL_UDP_LEN;
    if (!hm_path_takes_tunnel(path, outer) || super->ip_at[1] != inner_at ||
        inner->header_len != HM_IPV4_LEN || inner->ttl <= 1 ||
        !hm_encapsulation_is_data(frame->data + UDP_AT + HM_UDP_LEN, HM_TUNNEL_DATA_LEN) ||
        hm_env_is_own_addr(path->env, inner->src) || super->headers_len - inner_at + super->piece_len > mtu)
        return false;
    if (!hm_path_combine_ecn(frame->data + inner_at, inner, outer))
        return false; /* and nothing was changed: each of its packets is dropped */
    if (!hm_path_admit_addresses(path, inner))
        return true;
    hm_env_count(path->env, HM_COUNT_WHOLE);
    hm_env_count_many(path->env, HM_COUNT_TUNNEL_IN, hm_super_frame_count(super));
    hm_frame_pull(frame, inner_at);
    frame->offload = (struct hm_offload){
        .flags = HM_OFFLOAD_NEEDS_CSUM,
        .gso_type = hm_tcp_gso_type(super->tcp.flags),
        .hdr_len = (uint16_t)(HM_ETHERNET_LEN + super->headers_len - inner_at),
        .gso_size = (uint16_t)super->piece_len,
        .csum_start = UDP_AT,
        .csum_offset = HM_TCP_CHECKSUM_AT,
    };
    if (visitor != NULL)
        hm_path_deliver(path, visitor, true, frame);
    else
        hm_path_forward(path, frame);
    return true;
}

static bool leave(struct hm_path *path, const struct hm_super_frame *super, struct hm_frame *frame)
{
    if (super->is_tcp && super->ip_count == 2)
        return leave_whole(path, super, frame);
    if (super->ip_count == 2)
        return false;
    if (hm_super_frame_count(super) >
        DATAGRAMS_MAX) { /* a guest's choice: it shall not make us work for long */
        hm_env_drop(path->env, HM_DROP_OFFLOAD, "a train of %u datagrams", hm_super_frame_count(super));
        return true;
    }
    struct hm_ipv4 outer = super->ip[0]; /* the packets overwrite what it was read from */
    leave_train(path, &outer, frame, super->piece_len);
    return true;
}

/* A single datagram whose checksum an agent on this host has only begun: nothing can have happened to it. */
static bool leave_single(struct hm_path *path, unsigned link, const struct hm_frame *frame)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 outer;
    if (frame->offload.csum_start != UDP_AT || frame->offload.csum_offset != HM_UDP_CHECKSUM_AT ||
        hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK ||
        ethernet.type != HM_ETHERTYPE_IPV4 ||
        hm_ipv4_decode(frame->data + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN, &outer) != HM_OK ||
        !hm_ipv4_checksum_is_right(frame->data + HM_ETHERNET_LEN, outer.header_len) ||
        !is_for_us(path, link, &ethernet, &outer, frame) ||
        !hm_udp_has_len(frame->data + UDP_AT, (size_t)outer.total_len - HM_IPV4_LEN))
        return false;
    hm_agent_presence(path->agent, link, &ethernet.src);
    leave_train(path, &outer, frame, HM_FRAME_MAX);
    return true;
}

bool hm_path_whole(struct hm_path *path, unsigned link, struct hm_frame *frame)
{
    struct hm_super_frame super;
    struct hm_ethernet ethernet;
    if (frame->offload.gso_type == HM_OFFLOAD_GSO_NONE)
        return (frame->offload.flags & HM_OFFLOAD_NEEDS_CSUM) != 0 && leave_single(path, link, frame);
    if (!hm_super_frame_read(frame, &super) || !hm_super_frame_is_sane(&super) ||
        hm_super_frame_count(&super) < 2 || hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK)
        return false;
    hm_agent_presence(path->agent, link, &ethernet.src);
    if (is_for_us(path, link, &ethernet, &super.ip[0], frame))
        return leave(path, &super, frame);
    return path->env->tunnel_way != HM_TUNNEL_WAY_SINGLE && super.is_tcp && super.ip_count == 1 &&
           enter(path, link, &ethernet, &super, frame);
}
