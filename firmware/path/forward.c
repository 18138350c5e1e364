/* SPDX-License-Identifier: BSD-3-Clause */
/* Forward: an IP packet out of the tunnel, or of our own making, to where it belongs: a node that is away, a
 * visitor, ourselves, or a next hop. */
#include "firmware/agent/replay.h"
#include "firmware/link/output.h"
#include "firmware/link/route.h"
#include "firmware/path/path.h"

bool hm_path_lower_ttl(struct hm_path *path, struct hm_visitor *visitor, struct hm_frame *frame)
{
    struct hm_ipv4 ip;
    char text[HM_IP_TEXT_LEN];
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK)
        return false;
    if (ip.ttl > 1) {
        hm_ipv4_lower_ttl(frame->data);
        return true;
    }
    hm_env_drop(path->env, HM_DROP_IP_TTL, "to %s", hm_ip_text(ip.dst, text));
    hm_path_icmp_error(path, visitor, HM_ICMP_TIME_EXCEEDED, 0, 0, frame);
    return false;
}

static void send_to_next_hop(struct hm_path *path, void *arg, struct hm_frame *frame)
{
    const struct hm_route *route = arg;
    hm_neighbour_send(path->neighbours, route->link, route->next_hop, frame);
}

static void route_packet(struct hm_path *path, uint32_t dst, struct hm_frame *frame)
{
    struct hm_route route;
    char text[HM_IP_TEXT_LEN];
    if (!hm_route_find(path->env->config, dst, &route)) {
        hm_env_drop(path->env, HM_DROP_NO_ROUTE, "to %s", hm_ip_text(dst, text));
        hm_path_icmp_error(path, NULL, HM_ICMP_UNREACHABLE, HM_ICMP_NET_UNREACHABLE, 0, frame);
        return;
    }
    uint16_t mtu = path->env->config->links[route.link].mtu;
    if (hm_path_packet_len(frame) <= mtu)
        send_to_next_hop(path, &route, frame);
    else
        hm_path_fit(path, NULL, mtu, frame, send_to_next_hop, &route);
}

bool hm_path_is_link_broadcast(const struct hm_path *path, uint32_t addr)
{
    const struct hm_router_config *config = path->env->config;
    for (unsigned i = 0; i < config->link_count; i++) {
        const struct hm_prefix *prefix = &config->links[i].prefix;
        uint32_t host = addr ^ prefix->addr; /* all of it zeros or ones; the network's part is equal */
        if (prefix->len < 31 && (host == 0 || host == UINT32_MAX >> prefix->len))
            return true;
    }
    return false;
}

/* Broadcasts are not forwarded, directed ones neither (RFC 2644). */
static bool is_broadcast(const struct hm_path *path, uint32_t addr)
{
    const struct hm_prefix *home = &path->env->config->home;
    return hm_path_is_link_broadcast(path, addr) || !hm_ip_is_host(addr) || addr == home->addr ||
           addr == hm_prefix_broadcast(home);
}

void hm_path_forward(struct hm_path *path, struct hm_frame *frame)
{
    struct hm_ipv4 ip;
    char text[HM_IP_TEXT_LEN];
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK)
        return;
    if (hm_env_is_own_addr(path->env, ip.dst)) {
        hm_stack_input(path->agent->stack, path->env->home_link, HM_CARRIAGE_BARE, frame);
        return;
    }
    if (is_broadcast(path, ip.dst)) {
        hm_env_drop(path->env, HM_DROP_MOBILE_BROADCAST, "to %s", hm_ip_text(ip.dst, text));
        return;
    }
    if (!hm_path_lower_ttl(path, NULL, frame))
        return;
    const struct hm_binding *binding = hm_binding_lookup(&path->agent->home.bindings, ip.dst);
    if (binding != NULL && hm_binding_is_absent(binding))
        hm_path_to_care_of(path, binding, frame);
    else {
        if (binding != NULL)
            hm_path_copy_to_staged(path, binding, frame);
        route_packet(path, ip.dst, frame);
    }
}

static void send_to_visitor(struct hm_path *path, void *arg, struct hm_frame *frame)
{
    struct hm_visitor *visitor = arg;
    unsigned count = hm_path_packet_count(frame);
    hm_env_count_many(path->env, HM_COUNT_DELIVERED, count);
    visitor->delivered += count;
    if (visitor->next_handover_id != 0 && hm_replay_is_on(path->env))
        hm_replay_keep_delivered(path->agent, visitor->next_handover_id, frame);
    hm_output_ethernet(path->env, visitor->link, &visitor->node.mac,
                       &path->env->config->links[visitor->link].mac, frame);
    if (visitor->undelivered)
        hm_agent_delivered(path->agent, visitor);
}

void hm_path_deliver(struct hm_path *path, struct hm_visitor *visitor, bool lower_ttl, struct hm_frame *frame)
{
    uint16_t mtu = path->env->config->links[visitor->link].mtu;
    if (lower_ttl && !hm_path_lower_ttl(path, NULL, frame))
        return;
    if (hm_path_packet_len(frame) <= mtu)
        send_to_visitor(path, visitor, frame);
    else
        hm_path_fit(path, NULL, mtu, frame, send_to_visitor, visitor);
}

void hm_path_originate(struct hm_path *path, struct hm_frame *frame)
{
    struct hm_ipv4 ip;
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK)
        return;
    const struct hm_binding *binding = hm_binding_lookup(&path->agent->home.bindings, ip.dst);
    if (binding != NULL && hm_binding_is_absent(binding))
        hm_path_to_care_of(path, binding, frame);
    else
        route_packet(path, ip.dst, frame);
}

bool hm_path_output(void *arg, uint32_t dst, struct hm_frame *frame)
{
    struct hm_path *path = arg;
    const struct hm_binding *binding = hm_binding_lookup(&path->agent->home.bindings, dst);
    if (binding == NULL || !hm_binding_is_absent(binding))
        return false;
    hm_path_originate(path, frame);
    return true;
}
