/* SPDX-License-Identifier: BSD-3-Clause */
/* Tunnel: into it and out of it, wrapped as agreed with the agent at its other end (wire/encapsulation).
 *
 * In: TCP segments may wait for others of their flow first (gather). What does not fit the tunnel is cut
 * before it is encapsulated, or its sender is told; so outer packets are never fragmented by us, and the
 * tunnel's own path MTU counts (tunnel_state). Out: a packet is taken only when its outer source is the peer
 * of a binding or a visitor, and its inner address is that binding's or visitor's (RFC 3024 section 4.3.2);
 * all else is dropped silently. Nothing is forwarded for strangers. What the tunnel's own checksum covers was
 * right when it was sent; where there is none, as in IP-in-IP, the packet's own is looked at. */
#include "firmware/agent/restart.h"
#include "firmware/path/path.h"
#include "firmware/wire/transport.h"
#include "firmware/wire/udp.h"

#define OUTER_TTL 64

#define ECN_MASK 3
#define ECN_CE 3

static void wrap(struct hm_path *path, struct hm_tunnel_state *tunnel, enum hm_encapsulation kind,
                 const struct hm_ipv4 *inner, struct hm_frame *frame)
{
    uint8_t *bytes = hm_frame_push(frame, hm_encapsulation_len(kind));
    assert(bytes != NULL);
    struct hm_ipv4 outer = {.tos = inner->tos, /* DSCP, and ECN by RFC 6040 normal mode */
                            .total_len = (uint16_t)frame->len,
                            .id = inner->fragment & HM_IPV4_DF ? path->env->ip_id++ : tunnel->next_id++,
                            .fragment = inner->fragment & HM_IPV4_DF,
                            .ttl = OUTER_TTL,
                            .protocol = hm_encapsulation_protocol(kind),
                            .src = path->env->agent_addr,
                            .dst = tunnel->remote_addr};
    hm_ipv4_encode(bytes, &outer);
    hm_encapsulation_encode(bytes + HM_IPV4_LEN, kind, &outer);
}

void hm_path_wrap(struct hm_path *path, struct hm_tunnel_state *tunnel, const struct hm_ipv4 *inner,
                  struct hm_frame *frame)
{
    wrap(path, tunnel, hm_tunnel_state_kind(tunnel), inner, frame);
}

static void encapsulate_piece(struct hm_path *path, void *arg, struct hm_frame *frame)
{
    struct hm_tunnel_state *tunnel = arg;
    enum hm_encapsulation kind = hm_tunnel_state_kind(tunnel);
    struct hm_ipv4 inner;
    if (hm_ipv4_decode(frame->data, frame->len, &inner) != HM_OK)
        return;
    hm_path_wrap(path, tunnel, &inner, frame);
    if (kind == HM_ENCAPSULATION_UDP && path->env->port->takes_super_frames)
        frame->offload = (struct hm_offload){.flags = HM_OFFLOAD_NEEDS_CSUM,
                                             .csum_start = HM_ETHERNET_LEN + HM_IPV4_LEN,
                                             .csum_offset = HM_UDP_CHECKSUM_AT};
    else
        hm_encapsulation_finish_sum(frame->data + HM_IPV4_LEN, frame->len - HM_IPV4_LEN, kind);
    if (frame->len > tunnel->largest_len)
        tunnel->largest_len = (uint16_t)frame->len;
    hm_env_count(path->env, HM_COUNT_TUNNEL_OUT);
    hm_neighbour_send(path->neighbours, tunnel->route.link, tunnel->route.next_hop, frame);
}

void hm_path_encapsulate(struct hm_path *path, uint32_t remote_addr, struct hm_visitor *visitor,
                         struct hm_frame *frame)
{
    struct hm_ipv4 inner;
    char text[HM_IP_TEXT_LEN];
    int err = hm_ipv4_decode(frame->data, frame->len, &inner);
    assert(err == HM_OK);
    /* RFC 2003 section 3.2: the tunnel's exit must not be the packet's source. */
    if (err != HM_OK || inner.src == remote_addr) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_LOOP, "from %s", hm_ip_text(inner.src, text));
        return;
    }
    if (!hm_path_gather(path, remote_addr, &inner, frame))
        hm_path_encapsulate_now(path, remote_addr, visitor, frame);
}

void hm_path_encapsulate_now(struct hm_path *path, uint32_t remote_addr, struct hm_visitor *visitor,
                             struct hm_frame *frame)
{
    char text[HM_IP_TEXT_LEN];
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&path->tunnels, remote_addr);
    if (tunnel == NULL) {
        hm_env_drop(path->env, HM_DROP_NO_ROUTE, "tunnel to %s", hm_ip_text(remote_addr, text));
        return;
    }
    uint16_t mtu = hm_tunnel_state_room(&path->tunnels, tunnel);
    if (frame->len <= mtu)
        encapsulate_piece(path, tunnel, frame);
    else if (!hm_path_cut_tcp(path, mtu, frame, encapsulate_piece, tunnel))
        hm_path_fit(path, visitor, mtu, frame, encapsulate_piece, tunnel);
}

bool hm_path_combine_ecn(uint8_t *inner_bytes, const struct hm_ipv4 *inner, const struct hm_ipv4 *outer)
{
    unsigned in = inner->tos & ECN_MASK, out = outer->tos & ECN_MASK;
    if (in == 0)
        return out != ECN_CE;
    if (out == ECN_CE && in != ECN_CE) {
        inner_bytes[1] |= ECN_CE;
        hm_ipv4_fix_checksum(inner_bytes, inner->header_len);
    } else if (out == 1 && in == 2) { /* ECT(1) is the more severe */
        inner_bytes[1] = (uint8_t)((inner_bytes[1] & ~ECN_MASK) | 1);
        hm_ipv4_fix_checksum(inner_bytes, inner->header_len);
    }
    return true;
}

/* Why a packet that is neither a visitor's nor a binding's was not taken. */
static void refuse(struct hm_path *path, const struct hm_ipv4 *outer, const struct hm_ipv4 *inner,
                   const struct hm_binding *binding)
{
    char from[HM_IP_TEXT_LEN], src[HM_IP_TEXT_LEN];
    bool is_peer = hm_security_peer_by_addr(&path->agent->security, outer->src) != NULL;
    bool is_others = binding != NULL && hm_binding_is_absent(binding);
    hm_env_drop(path->env, !is_peer || is_others ? HM_DROP_TUNNEL_PEER : HM_DROP_TUNNEL_INNER, "%s by %s",
                hm_ip_text(inner->src, src), hm_ip_text(outer->src, from));
}

static void exit_tunnel(struct hm_path *path, const struct hm_ipv4 *outer, const struct hm_ipv4 *inner,
                        struct hm_frame *frame)
{
    char text[HM_IP_TEXT_LEN];
    struct hm_agent *agent = path->agent;
    struct hm_visitor *visitor = hm_visitor_by_home(&agent->foreign.visitors, outer->src, inner->dst);
    bool is_present = visitor != NULL && visitor->state == HM_VISITOR_PRESENT;
    struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, inner->src);
    bool is_reverse = binding != NULL && hm_binding_is_at(binding, outer->src);
    /* In a shielded visitor's home somebody else may have the address that is ours here. */
    bool is_own = hm_env_is_own_addr(path->env, inner->src);
    struct hm_delivery *old =
        visitor == NULL && !is_reverse ? hm_path_old_way(path, outer->src, inner->dst) : NULL;
    bool is_late =
        visitor == NULL && !is_reverse && old == NULL && hm_path_late(path, outer->src, inner->dst, &visitor);
    if (is_late)
        is_present = visitor != NULL && visitor->state == HM_VISITOR_PRESENT;
    bool is_twin = is_own && is_present && hm_foreign_is_shielded(&agent->foreign, visitor);
    if ((is_own && !is_twin) ||
        (inner->protocol == HM_IP_PROTO_IPIP && hm_env_is_own_addr(path->env, inner->dst))) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_LOOP, "by %s", hm_ip_text(outer->src, text));
    } else if (visitor == NULL && !is_reverse && old == NULL && !is_late) {
        refuse(path, outer, inner, binding);
    } else if (!is_twin && !hm_path_admit_addresses(path, inner)) {
        return;
    } else if (!hm_path_combine_ecn(frame->data, inner, outer)) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_MALFORMED, "congestion mark on a flow without ECN");
    } else if (old != NULL) {
        hm_path_wait(path, old, HM_WAY_OLD, frame);
    } else if (visitor != NULL && visitor->delivery != NULL) {
        hm_path_wait(path, visitor->delivery, HM_WAY_NEW, frame);
    } else if (visitor != NULL && visitor->next_addr != 0) {
        hm_path_redirect(path, visitor, frame);
    } else if (is_reverse && !is_present && hm_path_wait_upward(path, binding, outer->src, frame)) {
        return;
    } else if (is_reverse && !is_present) { /* by a node of ours, perhaps to one that is expected here */
        hm_env_count(path->env, HM_COUNT_TUNNEL_IN);
        hm_path_forward(path, frame);
    } else if (visitor == NULL) { /* late, and it is at home */
        hm_env_count(path->env, HM_COUNT_TUNNEL_IN);
        hm_path_forward(path, frame);
    } else if (!is_present) {
        hm_env_drop(path->env, HM_DROP_VISITOR_ABSENT, "%s", visitor->vm);
    } else {
        hm_env_count(path->env, HM_COUNT_TUNNEL_IN);
        hm_path_deliver(path, visitor, true, frame);
    }
}

/* What an agent sends to another by the tunnel: end markers and the like, behind the data. */
static bool is_for_agent(const struct hm_path *path, const struct hm_ipv4 *outer, const struct hm_ipv4 *inner,
                         const struct hm_frame *frame)
{
    struct hm_reader reader;
    if (inner->protocol != HM_IP_PROTO_UDP || inner->src != outer->src || hm_ipv4_is_fragment(inner) ||
        !hm_env_is_own_addr(path->env, inner->dst) ||
        hm_security_peer_by_addr(&path->agent->security, outer->src) == NULL)
        return false;
    hm_reader_init(&reader, frame->data + inner->header_len, frame->len - inner->header_len);
    hm_read_skip(&reader, 2);
    return hm_read_u16(&reader) == path->env->config->control_port && !reader.failed;
}

/* Small, and no part of what the tunnel carries: neither its agreed kind nor its path MTU are asked. */
static void send_of_kind(struct hm_path *path, uint32_t dst, enum hm_encapsulation kind,
                         struct hm_frame *frame)
{
    struct hm_ipv4 inner;
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&path->tunnels, dst);
    if (tunnel == NULL || hm_ipv4_decode(frame->data, frame->len, &inner) != HM_OK)
        return;
    wrap(path, tunnel, kind, &inner, frame);
    hm_encapsulation_finish_sum(frame->data + HM_IPV4_LEN, frame->len - HM_IPV4_LEN, kind);
    hm_neighbour_send(path->neighbours, tunnel->route.link, tunnel->route.next_hop, frame);
}

void hm_path_tunnel_output(void *arg, uint32_t dst, enum hm_carriage carriage, struct hm_frame *frame)
{
    if (hm_carriage_is_of_a_kind(carriage))
        send_of_kind(arg, dst, (enum hm_encapsulation)(carriage - HM_CARRIAGE_KINDS), frame);
    else
        hm_path_encapsulate(arg, dst, NULL, frame);
}

bool hm_path_takes_tunnel(struct hm_path *path, const struct hm_ipv4 *outer)
{
    const struct hm_tunnel_state *tunnel = hm_tunnel_state_find(&path->tunnels, outer->src);
    const struct hm_peer *peer =
        tunnel != NULL ? tunnel->peer : hm_security_peer_by_addr(&path->agent->security, outer->src);
    return peer == NULL || hm_security_takes_tunnel(peer, hm_encapsulation_of_protocol(outer->protocol));
}

/* Whoever sends it has not heard, perhaps, that this agent began and knows of no agreement. */
static void refuse_kind(struct hm_path *path, const struct hm_ipv4 *outer)
{
    char text[HM_IP_TEXT_LEN];
    hm_env_drop(path->env, HM_DROP_TUNNEL_PEER, "%s was not agreed with %s",
                hm_encapsulation_name(hm_encapsulation_of_protocol(outer->protocol)),
                hm_ip_text(outer->src, text));
    hm_restart_remind(path->agent, outer->src);
}

/* Of a packet that no checksum around it covers: is its own right? Its header is looked at later. */
static bool is_sound(const struct hm_frame *frame)
{
    struct hm_ipv4 inner;
    return hm_ipv4_decode(frame->data, frame->len, &inner) != HM_OK ||
           hm_transport_checksum_is_right(&inner, frame->data);
}

void hm_path_decapsulate(struct hm_path *path, struct hm_frame *frame)
{
    struct hm_ipv4 outer;
    struct hm_encapsulated wrapping;
    char text[HM_IP_TEXT_LEN];
    if (hm_ipv4_decode(frame->data, frame->len, &outer) != HM_OK) {
        hm_env_drop(path->env, HM_DROP_IP_HEADER, NULL);
        return;
    }
    frame->len = outer.total_len;
    hm_frame_pull(frame, outer.header_len);
    if (!hm_encapsulation_checksum_is_right(&outer, frame->data, frame->len)) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_CHECKSUM, "by %s", hm_ip_text(outer.src, text));
    } else if (hm_encapsulation_decode(outer.protocol, frame->data, frame->len, &wrapping) != HM_OK) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_MALFORMED, "by %s", hm_ip_text(outer.src, text));
    } else {
        hm_frame_pull(frame, wrapping.header_len);
        if (wrapping.is_summed || is_sound(frame))
            hm_path_unwrapped(path, &outer, frame);
        else
            hm_env_drop(path->env, HM_DROP_INNER_CHECKSUM, "by %s", hm_ip_text(outer.src, text));
    }
}

void hm_path_unwrapped(struct hm_path *path, const struct hm_ipv4 *outer, struct hm_frame *frame)
{
    struct hm_ipv4 inner;
    char text[HM_IP_TEXT_LEN];
    if (hm_ipv4_decode(frame->data, frame->len, &inner) != HM_OK ||
        !hm_ipv4_checksum_is_right(frame->data, inner.header_len)) {
        hm_env_drop(path->env, HM_DROP_TUNNEL_MALFORMED, "by %s", hm_ip_text(outer->src, text));
        return;
    }
    frame->len = inner.total_len;
    if (inner.header_len != HM_IPV4_LEN && !hm_path_admit_options(path, &inner, frame))
        return;
    if (is_for_agent(path, outer, &inner, frame))
        hm_stack_input(path->agent->stack, path->env->home_link,
                       hm_carriage_of_kind(hm_encapsulation_of_protocol(outer->protocol)), frame);
    else if (!hm_path_takes_tunnel(path, outer))
        refuse_kind(path, outer);
    else if (!hm_path_dhcp_of_tunnel(path, outer->src, &inner, frame))
        exit_tunnel(path, outer, &inner, frame);
}
