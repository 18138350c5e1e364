/* SPDX-License-Identifier: BSD-3-Clause */
/* Which VM is meant: a name, MACs and addresses turned into nodes.
 *
 * Looked for in this order: visitors here, nodes that belong here and are away, neighbours of the home
 * LAN. All that was named must be found; a MAC stands for all of its addresses. */
#include "firmware/agent/resolve.h"

#include <stdio.h>
#include <string.h>

/* An address that a MAC alone stands for must have been heard not too long ago; an older one is asked for. */
#define FRESH_MS 600000

static bool has_node(const struct hm_resolved *out, uint32_t home_addr)
{
    for (unsigned i = 0; i < out->node_count; i++)
        if (out->nodes[i].home_addr == home_addr)
            return true;
    return false;
}

static void say(struct hm_resolved *out, enum hm_resolve_verdict verdict, const char *text)
{
    if (out->verdict == HM_RESOLVE_UNKNOWN || out->verdict == HM_RESOLVE_AMBIGUOUS)
        return;
    out->verdict = verdict;
    snprintf(out->missing, sizeof(out->missing), "%s", text);
}

static void add_node(struct hm_resolved *out, const struct hm_control_node *node)
{
    if (has_node(out, node->home_addr))
        return;
    if (out->node_count == HM_CONTROL_MAX_NODES)
        say(out, HM_RESOLVE_AMBIGUOUS, "it has more addresses than one handover can carry");
    else if (out->node_count > 0 && out->nodes[0].home_agent != node->home_agent)
        say(out, HM_RESOLVE_AMBIGUOUS, "VMs of different homes are meant; give one address by --ip");
    else
        out->nodes[out->node_count++] = *node;
}

/* A node that belongs to this agent's subnet. */
static void add_home_node(const struct hm_agent *agent, uint32_t addr, const struct hm_mac *mac,
                          struct hm_resolved *out)
{
    const struct hm_router_config *config = agent->env->config;
    struct hm_control_node node = {.home_addr = addr,
                                   .mac = *mac,
                                   .home_agent = agent->env->agent_addr,
                                   .home_prefix = config->home,
                                   .router = config->home_router};
    const struct hm_neighbour *router =
        hm_neighbour_lookup(agent->neighbours, agent->env->home_link, config->home_router);
    if (hm_env_is_own_addr(agent->env, config->home_router))
        node.router_mac = config->links[agent->env->home_link].mac;
    else if (router != NULL)
        node.router_mac = router->mac;
    add_node(out, &node);
}

static void name_it(struct hm_resolved *out, const char *vm)
{
    if (out->vm[0] == '\0')
        snprintf(out->vm, sizeof(out->vm), "%s", vm);
}

static void add_visitor(const struct hm_visitor *visitor, struct hm_resolved *out)
{
    add_node(out, &visitor->node);
    name_it(out, visitor->vm);
}

static void add_absent(const struct hm_agent *agent, const struct hm_binding *binding,
                       struct hm_resolved *out)
{
    char vm[HM_NAME_LEN];
    add_home_node(agent, binding->home_addr, &binding->mac, out);
    if (out->care_of_addr != 0 && out->care_of_addr != binding->care_of_addr)
        say(out, HM_RESOLVE_AMBIGUOUS, "its addresses are at different agents");
    out->care_of_addr = binding->care_of_addr;
    if (out->verdict == HM_RESOLVE_HERE)
        out->verdict = HM_RESOLVE_AWAY;
    name_it(out, hm_binding_vm(binding, vm));
}

static bool is_named_mac(const struct hm_control_message *message, const struct hm_mac *mac)
{
    for (unsigned i = 0; i < message->mac_count; i++)
        if (hm_mac_equal(&message->macs[i], mac))
            return true;
    return message->mac_count == 0;
}

/* Behind shields, visitors of several homes may have one address. */
static const struct hm_visitor *present_visitor(const struct hm_agent *agent, uint32_t addr,
                                                const struct hm_control_message *message, bool *is_one)
{
    const struct hm_visitor *found = NULL;
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(&agent->foreign.visitors.by_home, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&agent->foreign.visitors.by_home, &bucket, at)) {
        const struct hm_visitor *visitor = HM_CONTAINER_OF(at, struct hm_visitor, by_home);
        if (visitor->node.home_addr == addr && visitor->state == HM_VISITOR_PRESENT &&
            is_named_mac(message, &visitor->node.mac)) {
            *is_one = found == NULL;
            found = visitor;
        }
    }
    return found;
}

static void resolve_neighbour(const struct hm_agent *agent, const struct hm_control_message *message,
                              uint32_t addr, bool trust_pairs, struct hm_resolved *out)
{
    char addr_text[HM_IP_TEXT_LEN], mac_text[HM_MAC_TEXT_LEN], text[HM_CONTROL_TEXT_LEN];
    const struct hm_neighbour *entry = hm_neighbour_lookup(agent->neighbours, agent->env->home_link, addr);
    hm_ip_text(addr, addr_text);
    if (addr == agent->env->config->home_router || hm_env_is_own_addr(agent->env, addr)) {
        snprintf(text, sizeof(text), "%s is a router", addr_text);
        say(out, HM_RESOLVE_AMBIGUOUS, text);
    } else if (entry != NULL && is_named_mac(message, &entry->mac)) {
        add_home_node(agent, addr, &entry->mac, out);
    } else if (entry != NULL) {
        snprintf(text, sizeof(text), "%s has another MAC: %s", addr_text, hm_mac_text(&entry->mac, mac_text));
        say(out, HM_RESOLVE_AMBIGUOUS, text);
    } else if (trust_pairs && message->mac_count == 1) {
        add_home_node(agent, addr, &message->macs[0], out);
    } else {
        snprintf(text, sizeof(text), "%s does not answer on its home LAN; give its MAC by --mac", addr_text);
        say(out, HM_RESOLVE_UNKNOWN, text);
    }
}

static void resolve_addr(const struct hm_agent *agent, const struct hm_control_message *message,
                         uint32_t addr, bool trust_pairs, struct hm_resolved *out)
{
    char addr_text[HM_IP_TEXT_LEN], text[HM_CONTROL_TEXT_LEN];
    bool is_one = true;
    const struct hm_visitor *visitor = present_visitor(agent, addr, message, &is_one);
    const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, addr);
    if (!is_one) {
        snprintf(text, sizeof(text), "visitors of several homes have %s here; give the MAC by --mac",
                 hm_ip_text(addr, addr_text));
        say(out, HM_RESOLVE_AMBIGUOUS, text);
    } else if (visitor != NULL) {
        add_visitor(visitor, out);
    } else if (binding != NULL && hm_binding_is_absent(binding)) {
        add_absent(agent, binding, out);
    } else if (hm_prefix_contains(&agent->env->config->home, addr)) {
        resolve_neighbour(agent, message, addr, trust_pairs, out);
    } else {
        snprintf(text, sizeof(text), "%s neither belongs here nor visits here", hm_ip_text(addr, addr_text));
        say(out, HM_RESOLVE_UNKNOWN, text);
    }
}

/* All addresses of a MAC. */
static void resolve_mac(const struct hm_agent *agent, const struct hm_mac *mac, struct hm_resolved *out)
{
    uint32_t addrs[HM_CONTROL_MAX_NODES + 1]; /* one more than fits, so that too many are noticed */
    unsigned before = out->node_count;
    const struct hm_visitor *visitor = hm_visitor_of_mac(&agent->foreign.visitors, mac, NULL);
    for (; visitor != NULL; visitor = hm_visitor_of_mac(&agent->foreign.visitors, mac, visitor))
        if (visitor->state == HM_VISITOR_PRESENT)
            add_visitor(visitor, out);
    const struct hm_binding *binding = hm_binding_of_mac(&agent->home.bindings, mac, NULL);
    for (; binding != NULL; binding = hm_binding_of_mac(&agent->home.bindings, mac, binding))
        if (hm_binding_is_absent(binding))
            add_absent(agent, binding, out);
    unsigned count = hm_neighbour_addrs_of(agent->neighbours, agent->env->home_link, mac, FRESH_MS, addrs,
                                           HM_CONTROL_MAX_NODES + 1);
    for (unsigned i = 0; i < count; i++)
        if (hm_prefix_contains(&agent->env->config->home, addrs[i]) && !has_node(out, addrs[i]))
            add_home_node(agent, addrs[i], mac, out);
    if (out->node_count > before)
        return;
    for (unsigned i = 0; i < out->node_count; i++)
        if (hm_mac_equal(&out->nodes[i].mac, mac))
            return;
    char mac_text[HM_MAC_TEXT_LEN], text[HM_CONTROL_TEXT_LEN];
    snprintf(text, sizeof(text), "no address of %s is known; give it by --ip", hm_mac_text(mac, mac_text));
    say(out, HM_RESOLVE_UNKNOWN, text);
}

static void add_bindings_of_name(const struct hm_agent *agent, const char *vm, bool absent,
                                 struct hm_resolved *out)
{
    const struct hm_table *table = &agent->home.bindings.by_addr;
    char name[HM_NAME_LEN];
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(table, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(table, &bucket, at)) {
        const struct hm_binding *binding = HM_CONTAINER_OF(at, struct hm_binding, by_addr);
        if (strcmp(hm_binding_vm(binding, name), vm) != 0 || hm_binding_is_absent(binding) != absent)
            continue;
        if (absent)
            add_absent(agent, binding, out);
        else
            add_home_node(agent, binding->home_addr, &binding->mac, out);
    }
}

/* A name without MAC or address is known from earlier handovers only. What is away counts before what is home
 * and only remembered. */
static void resolve_name(const struct hm_agent *agent, const char *vm, struct hm_resolved *out)
{
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(&agent->foreign.visitors.by_home, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&agent->foreign.visitors.by_home, &bucket, at)) {
        const struct hm_visitor *visitor = HM_CONTAINER_OF(at, struct hm_visitor, by_home);
        if (visitor->state == HM_VISITOR_PRESENT && strcmp(visitor->vm, vm) == 0)
            add_visitor(visitor, out);
    }
    add_bindings_of_name(agent, vm, true, out);
    if (out->node_count == 0)
        add_bindings_of_name(agent, vm, false, out);
    if (out->node_count == 0)
        say(out, HM_RESOLVE_UNKNOWN,
            "no VM of this name is known; give its MAC by --mac or its address by --ip");
}

void hm_resolve(const struct hm_agent *agent, const struct hm_control_message *message, bool trust_pairs,
                struct hm_resolved *out)
{
    char text[HM_IP_TEXT_LEN];
    *out = (struct hm_resolved){.verdict = HM_RESOLVE_HERE};
    name_it(out, message->vm);
    for (unsigned i = 0; i < message->addr_count; i++)
        resolve_addr(agent, message, message->addrs[i], trust_pairs, out);
    for (unsigned i = 0; i < message->mac_count; i++)
        resolve_mac(agent, &message->macs[i], out);
    if (message->addr_count == 0 && message->mac_count == 0)
        resolve_name(agent, message->vm, out);
    if (out->node_count > 0)
        name_it(out, hm_ip_text(out->nodes[0].home_addr, text));
}

void hm_resolve_search(const struct hm_agent *agent, const struct hm_control_message *message)
{
    const struct hm_router_config *config = agent->env->config;
    for (unsigned i = 0; i < message->addr_count; i++)
        if (hm_prefix_contains(&config->home, message->addrs[i]))
            hm_neighbour_ask(agent->neighbours, agent->env->home_link, message->addrs[i]);
    if (message->addr_count == 0 && message->mac_count > 0)
        hm_neighbour_ask_all(agent->neighbours, agent->env->home_link);
}

void hm_resolve_home_node(const struct hm_agent *agent, uint32_t addr, const struct hm_mac *mac,
                          struct hm_resolved *out)
{
    add_home_node(agent, addr, mac, out);
}
