/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP as it comes in: learn from it, answer for oneself, for the absent, and towards visitors.
 *
 * A visitor asks for its home router and its home neighbours: the agent answers with its own MAC (RFC 925),
 * but never for the visitor's own address (that would be a conflict, RFC 5227), nor to a probe, nor to an
 * address of another network (RFC 1027 section 2.2). On the home LAN the agent answers for nodes that are
 * away whoever asks, as the nodes would (RFC 5944 section 4.6), probes included: their addresses are not
 * free. */
#include "firmware/link/output.h"
#include "firmware/path/path.h"

static void answer(struct hm_path *path, unsigned link, const struct hm_mac *source, const struct hm_mac *mac,
                   const struct hm_arp *request)
{
    struct hm_arp reply = {.op = HM_ARP_REPLY,
                           .sender_mac = *mac,
                           .sender_addr = request->target_addr,
                           .target_mac = request->sender_mac,
                           .target_addr = request->sender_addr};
    hm_output_arp(path->env, link, &request->sender_mac, source, &reply);
}

static bool is_address_of_mac(const struct hm_path *path, const struct hm_mac *mac, uint32_t addr)
{
    return hm_visitor_by_source(&path->agent->foreign.visitors, mac, addr) != NULL;
}

static bool is_host_of(const struct hm_prefix *prefix, uint32_t addr)
{
    return hm_prefix_contains(prefix, addr) &&
           (prefix->len >= 31 || (addr != prefix->addr && addr != hm_prefix_broadcast(prefix)));
}

/* A visitor's ARP never reaches the tables of this LAN. */
static void from_visitor(struct hm_path *path, unsigned link, const struct hm_visitor *visitor,
                         const struct hm_arp *arp)
{
    if (arp->op != HM_ARP_REQUEST || hm_arp_is_probe(arp) || visitor->state != HM_VISITOR_PRESENT)
        return;
    const struct hm_prefix *home = &visitor->node.home_prefix;
    if (!is_host_of(home, arp->sender_addr) || !is_host_of(home, arp->target_addr) ||
        is_address_of_mac(path, &visitor->node.mac, arp->target_addr))
        return;
    const struct hm_foreign *foreign = &path->agent->foreign;
    const struct hm_mac *mac = hm_foreign_mac_for(foreign, visitor, arp->target_addr);
    answer(path, link, hm_foreign_source_for(foreign, visitor, mac), mac, arp);
    hm_env_count(path->env, HM_COUNT_ARP_PROXIED);
}

/* Somebody else on the home LAN uses the address of a node that is away: not believed. */
static struct hm_binding *claimed_binding(const struct hm_path *path, unsigned link, const struct hm_arp *arp)
{
    struct hm_binding *binding = hm_binding_lookup(&path->agent->home.bindings, arp->sender_addr);
    bool is_claimed = binding != NULL && link == path->env->home_link && hm_binding_is_absent(binding) &&
                      !hm_mac_equal(&binding->mac, &arp->sender_mac);
    return is_claimed ? binding : NULL;
}

/* The agent is the defender of an absent node's address (RFC 5227 section 2.4). */
static void defend(struct hm_path *path, struct hm_binding *binding, const struct hm_arp *arp)
{
    char addr[HM_IP_TEXT_LEN], mac[HM_MAC_TEXT_LEN], vm[HM_NAME_LEN];
    hm_env_drop(path->env, HM_DROP_HOME_SOURCE, "ARP by another host for %s",
                hm_ip_text(binding->home_addr, addr));
    if (!hm_takeover_defend(&binding->takeover))
        return;
    hm_env_count(path->env, HM_COUNT_ARP_CONFLICTS);
    hm_env_log(path->env, HM_LOG_WARNING, "%s: address conflict: %s uses %s, which is away",
               hm_binding_vm(binding, vm), hm_mac_text(&arp->sender_mac, mac),
               hm_ip_text(binding->home_addr, addr));
}

static void answer_for_absent_or_wonder(struct hm_path *path, unsigned link, const struct hm_arp *arp)
{
    struct hm_binding *binding = hm_binding_lookup(&path->agent->home.bindings, arp->target_addr);
    if (link != path->env->home_link)
        return;
    if (binding == NULL || !hm_binding_is_absent(binding))
        hm_neighbour_wonder(path->neighbours, link, arp->target_addr);
    else if (!hm_mac_equal(&binding->mac, &arp->sender_mac))
        hm_takeover_answer(&binding->takeover, arp->sender_addr, &arp->sender_mac);
}

/* The visitor that speaks: by its address, else any of the MAC, one that is present first. */
static const struct hm_visitor *find_visitor(const struct hm_path *path, unsigned link,
                                             const struct hm_mac *mac, uint32_t addr)
{
    const struct hm_visitors *visitors = &path->agent->foreign.visitors;
    const struct hm_visitor *any = NULL;
    const struct hm_visitor *visitor = hm_visitor_by_source(visitors, mac, addr);
    if (visitor != NULL && visitor->link == link && visitor->state == HM_VISITOR_PRESENT)
        return visitor;
    visitor = hm_visitor_of_mac(visitors, mac, NULL);
    for (; visitor != NULL; visitor = hm_visitor_of_mac(visitors, mac, visitor))
        if (visitor->link == link && (any == NULL || visitor->state == HM_VISITOR_PRESENT))
            any = visitor;
    return any;
}

void hm_path_arp(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                 const struct hm_frame *frame)
{
    struct hm_arp arp;
    char text[HM_IP_TEXT_LEN];
    if (hm_arp_decode(frame->data, frame->len, &arp) != HM_OK) {
        hm_env_drop(path->env, HM_DROP_ARP_MALFORMED, NULL);
        return;
    }
    if (hm_mac_is_group(&arp.sender_mac) || hm_mac_is_zero(&arp.sender_mac)) {
        hm_env_drop(path->env, HM_DROP_ARP_GROUP_MAC, "%s", hm_ip_text(arp.sender_addr, text));
        return;
    }
    hm_port_probe_see(&path->agent->port, link, ethernet, &arp);
    const struct hm_visitor *visitor = find_visitor(path, link, &ethernet->src, arp.sender_addr);
    if (visitor != NULL) {
        from_visitor(path, link, visitor, &arp);
        return;
    }
    struct hm_binding *claimed = claimed_binding(path, link, &arp);
    if (claimed != NULL) {
        defend(path, claimed, &arp);
        return;
    }
    hm_neighbour_learn(path->neighbours, link, arp.sender_addr, &arp.sender_mac);
    if (arp.op != HM_ARP_REQUEST)
        return;
    if (arp.target_addr == path->env->config->links[link].addr)
        answer(path, link, &path->env->config->links[link].mac, &path->env->config->links[link].mac, &arp);
    else
        answer_for_absent_or_wonder(path, link, &arp);
}
