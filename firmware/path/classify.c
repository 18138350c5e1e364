/* SPDX-License-Identifier: BSD-3-Clause */
/* Classify: what is this frame, and whose. The first step of the packet path.
 *
 * In this order: a visitor's own packet (by MAC and address) goes up the reverse tunnel; a packet for a node
 * that is away goes down its tunnel; a tunnelled packet for us is opened; what else is for us is the stack's;
 * in gateway mode the rest is routed. A frame whose MAC is none of ours was flooded by a bridge:
 * counted, no more. */
#include "firmware/path/path.h"

#include <stdlib.h>

#include "firmware/wire/dhcp.h"

#define UDP_HEADER_LEN 8

int hm_path_init(struct hm_path *path, struct hm_env *env, struct hm_neighbours *neighbours,
                 struct hm_agent *agent)
{
    *path = (struct hm_path){.env = env, .neighbours = neighbours, .agent = agent};
    hm_tunnel_states_init(&path->tunnels, env, &agent->security);
    neighbours->arg = path;
    neighbours->on_silent = hm_path_silent;
    path->plain = malloc(HM_PATH_SCRATCH_LEN);
    path->scratch = malloc(HM_PATH_SCRATCH_LEN);
    path->copy = malloc(HM_PATH_SCRATCH_LEN);
    if (path->plain == NULL || path->scratch == NULL || path->copy == NULL) {
        hm_path_fini(path);
        return HM_ERR_MEMORY;
    }
    hm_path_gather_init(path);
    return HM_OK;
}

void hm_path_fini(struct hm_path *path)
{
    free(path->plain);
    free(path->scratch);
    free(path->copy);
    path->plain = NULL;
    path->scratch = NULL;
    path->copy = NULL;
    hm_path_gather_fini(path);
}

/* Who got which address (design: a hypervisor knows a VM's MAC, but often not its address). */
static void snoop_dhcp(struct hm_path *path, unsigned link, const struct hm_ipv4 *ip,
                       const struct hm_frame *frame)
{
    struct hm_dhcp dhcp;
    struct hm_reader reader;
    if (ip->protocol != HM_IP_PROTO_UDP || hm_ipv4_is_fragment(ip))
        return;
    hm_reader_init(&reader, frame->data + ip->header_len, frame->len - ip->header_len);
    uint16_t src_port = hm_read_u16(&reader);
    uint16_t dst_port = hm_read_u16(&reader);
    hm_read_skip(&reader, UDP_HEADER_LEN - 4);
    if (reader.failed || src_port != HM_DHCP_SERVER_PORT || dst_port != HM_DHCP_CLIENT_PORT)
        return;
    if (hm_dhcp_decode(reader.at, reader.left, &dhcp) != HM_OK)
        hm_env_drop(path->env, HM_DROP_DHCP_MALFORMED, NULL);
    else if (hm_visitor_of_mac(&path->agent->foreign.visitors, &dhcp.client_mac, NULL) != NULL)
        return; /* it has its address from its home: what a server of this LAN says of it means nothing */
    else if (dhcp.type == HM_DHCP_ACK && dhcp.your_addr != 0)
        hm_neighbour_learn(path->neighbours, link, dhcp.your_addr, &dhcp.client_mac);
}

static bool is_group_addr(const struct hm_prefix *prefix, uint32_t addr)
{
    return hm_ip_is_multicast(addr) || addr == UINT32_MAX || addr == hm_prefix_broadcast(prefix);
}

/* Sent to another visitor of this LAN by its MAC: the bridge delivers it, and may have flooded it to us. */
static bool is_at_another_visitor(const struct hm_path *path, const struct hm_visitor *visitor,
                                  const struct hm_mac *dst)
{
    const struct hm_visitors *visitors = &path->agent->foreign.visitors;
    const struct hm_visitor *other =
        visitors->by_mac.count > 1 ? hm_visitor_of_mac(visitors, dst, NULL) : NULL;
    for (; other != NULL; other = hm_visitor_of_mac(visitors, dst, other))
        if (other->link == visitor->link && other->state == HM_VISITOR_PRESENT)
            return true;
    return false;
}

bool hm_path_goes_up(const struct hm_path *path, const struct hm_visitor *visitor,
                     const struct hm_ethernet *ethernet, const struct hm_ipv4 *ip)
{
    return visitor->state == HM_VISITOR_PRESENT && !hm_mac_is_group(&ethernet->dst) &&
           !is_group_addr(&visitor->node.home_prefix, ip->dst) &&
           !is_at_another_visitor(path, visitor, &ethernet->dst);
}

void hm_path_of_visitor(struct hm_path *path, struct hm_visitor *visitor, const struct hm_ipv4 *ip,
                        struct hm_frame *frame)
{
    if (is_group_addr(&visitor->node.home_prefix, ip->dst))
        hm_env_drop(path->env, HM_DROP_MOBILE_BROADCAST, "%s", visitor->vm);
    else if (hm_path_admit_addresses(path, ip) && hm_path_lower_ttl(path, visitor, frame))
        hm_path_encapsulate(path, visitor->node.home_agent, visitor, frame);
}

/* A packet that a visitor sent with its own address. */
static void from_visitor(struct hm_path *path, struct hm_visitor *visitor, const struct hm_ethernet *ethernet,
                         const struct hm_ipv4 *ip, struct hm_frame *frame)
{
    visitor->seen_ms = hm_env_ms(path->env);
    bool is_ahead = visitor->state == HM_VISITOR_EXPECTED || visitor->state == HM_VISITOR_BUFFERING;
    if (is_ahead && visitor->delivery != NULL && !hm_mac_is_group(&ethernet->dst)) {
        hm_delivery_put_up(visitor->delivery, frame);
        return;
    }
    /* What it had sent before its stop may come behind the notice of that; or it runs here again. */
    if (visitor->state != HM_VISITOR_PRESENT && visitor->state != HM_VISITOR_STOPPED) {
        hm_env_drop(path->env,
                    visitor->state == HM_VISITOR_LEAVING ? HM_DROP_VISITOR_ABSENT : HM_DROP_EARLY_FRAME, "%s",
                    visitor->vm);
        return;
    }
    if (is_at_another_visitor(path, visitor, &ethernet->dst)) {
        hm_env_drop(path->env, HM_DROP_NOT_OURS, NULL);
        return;
    }
    if (hm_path_dhcp_of_visitor(path, visitor, ip, frame))
        return;
    if (hm_mac_is_group(&ethernet->dst))
        hm_env_drop(path->env, HM_DROP_MOBILE_BROADCAST, "%s", visitor->vm);
    else
        hm_path_of_visitor(path, visitor, ip, frame);
}

/* A packet for a node that is away, caught on the home LAN or on its way there. */
static void to_absent(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                      const struct hm_binding *binding, const struct hm_ipv4 *ip, struct hm_frame *frame)
{
    const struct hm_binding *sender = hm_binding_lookup(&path->agent->home.bindings, ip->src);
    char vm[HM_NAME_LEN];
    if (sender != NULL && hm_binding_is_absent(sender) && link == path->env->home_link) {
        hm_env_drop(path->env, HM_DROP_HOME_SOURCE, "%s is away", hm_binding_vm(sender, vm));
        return;
    }
    if (hm_path_admit_addresses(path, ip) && hm_path_admit_source(path, link, ethernet, ip) &&
        hm_path_lower_ttl(path, NULL, frame))
        hm_path_to_care_of(path, binding, frame);
}

/* A node that has just come home may go on sending to the MAC of the agent where it was. */
static bool is_misdirected(const struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                           const struct hm_ipv4 *ip)
{
    const struct hm_binding *binding;
    if (link != path->env->home_link || path->agent->home.bindings.by_addr.count == 0)
        return false;
    binding = hm_binding_lookup(&path->agent->home.bindings, ip->src);
    return binding != NULL && !hm_binding_is_absent(binding) && hm_mac_equal(&binding->mac, &ethernet->src) &&
           hm_mac_equal(&binding->agent_mac, &ethernet->dst) && !hm_mac_is_zero(&binding->agent_mac);
}

/* Fragments of strangers' tunnels must not fill the memory of reassembly. */
static bool is_strangers_fragment(struct hm_path *path, const struct hm_ipv4 *ip)
{
    return (ip->protocol == HM_IP_PROTO_IPIP || ip->protocol == HM_IP_PROTO_GRE) && hm_ipv4_is_fragment(ip) &&
           hm_security_peer_by_addr(&path->agent->security, ip->src) == NULL;
}

static void to_us(struct hm_path *path, unsigned link, const struct hm_ipv4 *ip, struct hm_frame *frame)
{
    char text[HM_IP_TEXT_LEN];
    bool is_whole = hm_env_is_own_addr(path->env, ip->dst) && !hm_ipv4_is_fragment(ip);
    snoop_dhcp(path, link, ip, frame);
    if (is_whole && hm_encapsulation_is_one(ip->protocol, frame->data + ip->header_len,
                                            (size_t)ip->total_len - ip->header_len))
        hm_path_decapsulate(path, frame);
    else if (is_strangers_fragment(path, ip))
        hm_env_drop(path->env, HM_DROP_TUNNEL_PEER, "fragment by %s", hm_ip_text(ip->src, text));
    else if (!(is_whole && ip->protocol == HM_IP_PROTO_ICMP && hm_path_tunnel_error(path, ip, frame)))
        hm_stack_input(path->agent->stack, link, HM_CARRIAGE_BARE, frame);
}

/* Not mobile: ours, to be routed, or flooded here. */
static void from_others(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                        const struct hm_ipv4 *ip, struct hm_frame *frame)
{
    const struct hm_link_config *config = &path->env->config->links[link];
    char text[HM_IP_TEXT_LEN];
    bool is_group = hm_mac_is_group(&ethernet->dst), to_group = is_group_addr(&config->prefix, ip->dst);
    /* A group's frame with one host's address is nobody's (RFC 1122 section 3.3.6). */
    if ((is_group && !to_group) || (!is_group && !hm_mac_equal(&ethernet->dst, &config->mac)))
        hm_env_drop(path->env, HM_DROP_NOT_OURS, NULL);
    else if (!hm_path_admit_addresses(path, ip))
        return;
    else if (hm_env_is_own_addr(path->env, ip->dst) || to_group)
        to_us(path, link, ip, frame);
    else if (hm_router_config_is_one_armed(path->env->config))
        hm_env_drop(path->env, HM_DROP_NOT_A_ROUTER, "to %s", hm_ip_text(ip->dst, text));
    else if (hm_path_admit_source(path, link, ethernet, ip))
        hm_path_forward(path, frame);
}

/* The absent node that the frame is meant for, or NULL. */
static const struct hm_binding *absent_target(const struct hm_path *path, unsigned link,
                                              const struct hm_ethernet *ethernet, const struct hm_ipv4 *ip)
{
    const struct hm_binding *binding;
    if (path->agent->home.bindings.by_addr.count == 0)
        return NULL;
    binding = hm_binding_lookup(&path->agent->home.bindings, ip->dst);
    if (binding == NULL || !hm_binding_is_absent(binding))
        return NULL;
    if (hm_mac_equal(&ethernet->dst, &path->env->config->links[link].mac))
        return binding;
    return link == path->env->home_link && hm_mac_equal(&ethernet->dst, &binding->mac) ? binding : NULL;
}

/* A packet with another source address than the visitor's: only a client without address may do that. */
static void from_unaddressed(struct hm_path *path, const struct hm_ethernet *ethernet,
                             const struct hm_ipv4 *ip, unsigned link, struct hm_visitor *first,
                             struct hm_frame *frame)
{
    const struct hm_visitors *visitors = &path->agent->foreign.visitors;
    struct hm_visitor *visitor = first;
    while (visitor != NULL && (visitor->link != link || visitor->state != HM_VISITOR_PRESENT))
        visitor = hm_visitor_of_mac(visitors, &ethernet->src, visitor);
    if (ip->src != 0 || visitor == NULL || !hm_path_dhcp_of_visitor(path, visitor, ip, frame))
        hm_env_drop(path->env, HM_DROP_VISITOR_SOURCE, "%s", first->vm);
}

struct hm_whose hm_path_whose(const struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                              const struct hm_ipv4 *ip)
{
    const struct hm_visitors *visitors = &path->agent->foreign.visitors;
    struct hm_whose whose = {.visitor = NULL};
    if (visitors->by_mac.count > 0) {
        struct hm_visitor *visitor = hm_visitor_by_source(visitors, &ethernet->src, ip->src);
        if (visitor != NULL && visitor->link == link)
            whose.visitor = visitor;
        else if ((visitor = hm_visitor_of_mac(visitors, &ethernet->src, NULL)) != NULL &&
                 visitor->link == link)
            whose.unaddressed = visitor;
    }
    if (whose.visitor == NULL && whose.unaddressed == NULL)
        whose.absent = absent_target(path, link, ethernet, ip);
    return whose;
}

static void classify_ipv4(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                          const struct hm_ipv4 *ip, struct hm_frame *frame)
{
    struct hm_whose whose = hm_path_whose(path, link, ethernet, ip);
    if (whose.visitor != NULL)
        from_visitor(path, whose.visitor, ethernet, ip, frame);
    else if (whose.unaddressed != NULL)
        from_unaddressed(path, ethernet, ip, link, whose.unaddressed, frame);
    else if (whose.absent != NULL)
        to_absent(path, link, ethernet, whose.absent, ip, frame);
    else if (hm_path_dhcp_of_server(path, link, ethernet, ip, frame))
        return;
    else if (is_misdirected(path, link, ethernet, ip))
        hm_path_forward(path, frame);
    else
        from_others(path, link, ethernet, ip, frame);
}

static void input_ipv4(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                       struct hm_frame *frame)
{
    struct hm_ipv4 ip;
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK)
        hm_env_drop(path->env, HM_DROP_IP_HEADER, NULL);
    else if (!hm_ipv4_checksum_is_right(frame->data, ip.header_len))
        hm_env_drop(path->env, HM_DROP_IP_CHECKSUM, NULL);
    else if (ip.header_len == HM_IPV4_LEN || hm_path_admit_options(path, &ip, frame)) {
        frame->len = ip.total_len; /* without the padding of a short frame */
        classify_ipv4(path, link, ethernet, &ip, frame);
    }
}

static void input_frame(struct hm_path *path, unsigned link, struct hm_frame *frame)
{
    struct hm_ethernet ethernet;
    char text[HM_MAC_TEXT_LEN];
    if (hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK) {
        hm_env_drop(path->env, HM_DROP_FRAME_SHORT, NULL);
        return;
    }
    bool is_known = hm_agent_presence(path->agent, link, &ethernet.src);
    hm_frame_pull(frame, HM_ETHERNET_LEN);
    switch (ethernet.type) {
    case HM_ETHERTYPE_IPV4:
        input_ipv4(path, link, &ethernet, frame);
        return;
    case HM_ETHERTYPE_ARP:
        hm_path_arp(path, link, &ethernet, frame);
        return;
    case HM_ETHERTYPE_RARP: /* a hypervisor announces a landed VM: its presence was all */
        if (!is_known)
            hm_env_drop(path->env, HM_DROP_RARP_UNKNOWN, "%s", hm_mac_text(&ethernet.src, text));
        return;
    default:
        hm_env_drop(path->env, HM_DROP_ETHERTYPE, "0x%04x", ethernet.type);
    }
}

void hm_path_frame(struct hm_path *path, unsigned link, struct hm_frame *frame)
{
    hm_env_count(path->env, HM_COUNT_FRAMES_IN);
    if (!hm_path_whole(path, link, frame))
        hm_path_plain(path, link, frame, input_frame);
}
