/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks between sections of the agent's file.
 *
 * Each check looks only at values that are usable, so a wrong value is one fault and not a chain of
 * them, and each fault names the line that came second: the first one may well be right. */
#include "config/check.h"

#include <string.h>

#include "config/sections.h"

/* A walk over all sections of one kind. */
#define FOR_EACH(section, document, name)                                                      \
    for (struct hm_section *section = hm_document_next(document, name, NULL); section != NULL; \
         section = hm_document_next(document, name, section))

static unsigned count_sections(const struct hm_document *document, const char *name)
{
    unsigned count = 0;

    FOR_EACH(section, document, name)
    {
        count++;
    }
    return count;
}

struct hm_section *hm_check_lan(const struct hm_document *document)
{
    FOR_EACH(section, document, "interface")
    {
        const struct hm_interface_section *interface = section->values;

        if (hm_section_has(section, "role") && interface->role == HM_LINK_LAN)
            return section;
    }
    return NULL;
}

bool hm_check_home(const struct hm_document *document, struct hm_prefix *home)
{
    const struct hm_section *section = hm_document_next(document, "home", NULL);
    const struct hm_section *lan = hm_check_lan(document);

    if (hm_section_has(section, "prefix"))
        *home = ((const struct hm_home_section *)section->values)->prefix;
    else if (!hm_section_is_given(section, "prefix") && lan != NULL && hm_section_has(lan, "address"))
        *home = ((const struct hm_interface_section *)lan->values)->address.prefix;
    else
        return false;
    return true;
}

bool hm_check_home_router(const struct hm_document *document, uint32_t *router)
{
    const struct hm_section *section = hm_document_next(document, "home", NULL);
    const struct hm_section *lan = hm_check_lan(document);
    const struct hm_interface_section *interface = lan == NULL ? NULL : lan->values;

    if (hm_section_is_given(section, "router") && !hm_section_has(section, "router"))
        return false;
    if (hm_section_has(section, "router"))
        *router = ((const struct hm_home_section *)section->values)->router;
    else if (lan != NULL && hm_section_has(lan, "gateway"))
        *router = interface->gateway;
    else if (lan != NULL && hm_section_has(lan, "address") && count_sections(document, "interface") > 1)
        *router = interface->address.addr;
    else
        return false;
    return true;
}

/* ---- interfaces ---- */

static void check_two_interfaces(struct hm_faults *faults, const struct hm_section *one,
                                 const struct hm_section *two)
{
    const struct hm_interface_section *a = one->values, *b = two->values;
    char where[HM_SECTION_TEXT_LEN], text[HM_PREFIX_TEXT_LEN], mac[HM_MAC_TEXT_LEN];

    hm_section_text(two, where);
    if (hm_section_has(one, "tap") && hm_section_has(two, "tap") && strcmp(a->tap, b->tap) == 0)
        hm_faults_add(faults, hm_section_line(two, "tap"),
                      "%stap: found \"%s\" which [interface %s] has, allowed: a device of its own", where,
                      b->tap, one->name);
    if (hm_section_has(one, "address") && hm_section_has(two, "address") &&
        hm_prefix_overlaps(&a->address.prefix, &b->address.prefix))
        hm_faults_add(
            faults, hm_section_line(two, "address"),
            "%saddress: found a prefix that overlaps %s of [interface %s], allowed: one that does not", where,
            hm_prefix_text(&a->address.prefix, text), one->name);
    if (hm_section_has(one, "mac") && hm_section_has(two, "mac") && hm_mac_equal(&a->mac, &b->mac))
        hm_faults_add(faults, hm_section_line(two, "mac"),
                      "%smac: found %s which [interface %s] has, allowed: another one", where,
                      hm_mac_text(&b->mac, mac), one->name);
    if (hm_section_has(one, "gateway") && hm_section_has(two, "gateway"))
        hm_faults_add(faults, hm_section_line(two, "gateway"),
                      "%sgateway: found a second default router, allowed: one in all interfaces", where);
    if (hm_section_has(one, "role") && hm_section_has(two, "role") && a->role == HM_LINK_LAN &&
        b->role == HM_LINK_LAN)
        hm_faults_add(faults, hm_section_line(two, "role"),
                      "%srole: found lan, which [interface %s] has, allowed: wan (there is one lan)", where,
                      one->name);
}

/* Another host of that link. */
static bool is_neighbour(const struct hm_interface_section *interface, uint32_t addr)
{
    const struct hm_cidr *own = &interface->address;

    return addr != own->addr && hm_prefix_contains(&own->prefix, addr) &&
           (own->prefix.len >= 31 || (addr != own->prefix.addr && addr != hm_prefix_broadcast(&own->prefix)));
}

static void check_on_link(struct hm_faults *faults, const struct hm_section *section, const char *key,
                          unsigned line, uint32_t gateway)
{
    const struct hm_interface_section *interface = section->values;
    char where[HM_SECTION_TEXT_LEN], text[HM_IP_TEXT_LEN], prefix[HM_PREFIX_TEXT_LEN];

    if (hm_section_has(section, "address") && !is_neighbour(interface, gateway))
        hm_faults_add(faults, line, "%s%s: found gateway %s, allowed: another host in %s",
                      hm_section_text(section, where), key, hm_ip_text(gateway, text),
                      hm_prefix_text(&interface->address.prefix, prefix));
}

static void check_interface(const struct hm_document *document, const struct hm_section *section)
{
    const struct hm_interface_section *interface = section->values;

    if (hm_section_has(section, "gateway"))
        check_on_link(document->faults, section, "gateway", hm_section_line(section, "gateway"),
                      interface->gateway);
    for (unsigned i = 0; i < interface->routes.count; i++)
        check_on_link(document->faults, section, "route", interface->routes.lines[i],
                      interface->routes.gateways[i]);
    for (struct hm_section *other = hm_document_next(document, "interface", NULL); other != section;
         other = hm_document_next(document, "interface", other))
        check_two_interfaces(document->faults, other, section);
}

static void check_interfaces(const struct hm_document *document)
{
    const struct hm_section *last = NULL;
    bool all_roles_known = true;
    unsigned routes = 0;

    FOR_EACH(section, document, "interface")
    {
        const struct hm_interface_section *interface = section->values;

        check_interface(document, section);
        all_roles_known = all_roles_known && hm_section_has(section, "role");
        routes += interface->routes.count + (hm_section_has(section, "gateway") ? 1 : 0);
        last = section;
    }
    if (last != NULL && all_roles_known && hm_check_lan(document) == NULL)
        hm_faults_add(document->faults, hm_section_line(last, "role"),
                      "[interface %s] role: found no lan, allowed: exactly one in all interfaces",
                      last->name);
    if (routes > HM_MAX_ROUTES)
        hm_faults_add(document->faults, last->line,
                      "[interface %s] route: found %u routes in all, allowed: up to %d", last->name, routes,
                      HM_MAX_ROUTES);
}

/* ---- home ---- */

static void check_home(const struct hm_document *document)
{
    const struct hm_section *section = hm_document_next(document, "home", NULL);
    const struct hm_section *lan = hm_check_lan(document);
    const struct hm_interface_section *interface = lan == NULL ? NULL : lan->values;
    char text[HM_IP_TEXT_LEN], prefix[HM_PREFIX_TEXT_LEN], on_link[HM_PREFIX_TEXT_LEN];
    struct hm_prefix home;
    uint32_t router;

    if (lan == NULL || !hm_section_has(lan, "address") || !hm_check_home(document, &home))
        return;
    hm_prefix_text(&interface->address.prefix, on_link);
    if (!hm_prefix_overlaps(&home, &interface->address.prefix) || home.len < interface->address.prefix.len)
        hm_faults_add(document->faults, hm_section_line(section, "prefix"),
                      "[home] prefix: found %s, allowed: %s of the lan, or a part of it",
                      hm_prefix_text(&home, prefix), on_link);
    if (!hm_check_home_router(document, &router)) {
        if (!hm_section_is_given(section, "router"))
            hm_faults_add(document->faults, section->line != 0 ? section->line : lan->line,
                          "[home] router: missing, allowed: the VMs' default router in %s (or a gateway in "
                          "[interface %s])",
                          on_link, lan->name);
    } else if (!hm_prefix_contains(&interface->address.prefix, router)) {
        hm_faults_add(document->faults, hm_section_line(section, "router"),
                      "[home] router: found %s, allowed: an address in %s of the lan",
                      hm_ip_text(router, text), on_link);
    }
}

/* ---- hosts ---- */

/* A host belongs to one subnet: no name twice, here or at a peer. Looks only before (section, index). */
static void check_host(const struct hm_document *document, const char *host, unsigned line,
                       const struct hm_section *section)
{
    static const char *const KINDS[] = {"agent", "peer"};
    char where[HM_SECTION_TEXT_LEN], other[HM_SECTION_TEXT_LEN];

    for (unsigned kind = 0; kind < 2; kind++) {
        FOR_EACH(at, document, KINDS[kind])
        {
            const struct hm_names *names = kind == 0 ? &((struct hm_agent_section *)at->values)->hosts
                                                     : &((struct hm_peer_section *)at->values)->hosts;

            for (unsigned i = 0; i < names->count; i++) {
                if (names->names[i] == host)
                    return;
                if (strcmp(names->names[i], host) != 0)
                    continue;
                hm_faults_add(document->faults, line,
                              "%shosts: found \"%s\" which %sline %u has, allowed: each host once",
                              hm_section_text(section, where), host, hm_section_text(at, other),
                              names->lines[i]);
                return;
            }
        }
    }
}

static void check_hosts(const struct hm_document *document)
{
    FOR_EACH(section, document, "agent")
    {
        const struct hm_agent_section *agent = section->values;

        for (unsigned i = 0; i < agent->hosts.count; i++)
            check_host(document, agent->hosts.names[i], agent->hosts.lines[i], section);
    }
    FOR_EACH(section, document, "peer")
    {
        const struct hm_peer_section *peer = section->values;

        for (unsigned i = 0; i < peer->hosts.count; i++)
            check_host(document, peer->hosts.names[i], peer->hosts.lines[i], section);
    }
}

/* ---- peers ---- */

/* True when the routes of the file lead to that address. */
static bool is_reachable(const struct hm_document *document, uint32_t addr)
{
    FOR_EACH(section, document, "interface")
    {
        const struct hm_interface_section *interface = section->values;

        if (!hm_section_has(section, "address") || hm_section_has(section, "gateway") ||
            is_neighbour(interface, addr))
            return true;
        for (unsigned i = 0; i < interface->routes.count; i++) {
            if (hm_prefix_contains(&interface->routes.prefixes[i], addr))
                return true;
        }
    }
    return hm_document_next(document, "interface", NULL) == NULL;
}

static bool is_own(const struct hm_document *document, uint32_t addr)
{
    FOR_EACH(section, document, "interface")
    {
        const struct hm_interface_section *interface = section->values;

        if (hm_section_has(section, "address") && interface->address.addr == addr)
            return true;
    }
    return false;
}

/* Its homes against ours and each other's. */
static void check_peer_homes(const struct hm_document *document, const struct hm_section *section)
{
    const struct hm_peer_section *peer = section->values;
    char where[HM_SECTION_TEXT_LEN], text[HM_PREFIX_TEXT_LEN], other[HM_PREFIX_TEXT_LEN];
    struct hm_prefix home;
    bool has_home = hm_check_home(document, &home);

    hm_section_text(section, where);
    for (unsigned i = 0; i < peer->home.count; i++) {
        const struct hm_prefix *prefix = &peer->home.prefixes[i];

        hm_prefix_text(prefix, text);
        if (has_home && hm_prefix_overlaps(prefix, &home))
            hm_faults_add(document->faults, peer->home.lines[i],
                          "%shome: found %s which overlaps our own home %s, allowed: a prefix that does not",
                          where, text, hm_prefix_text(&home, other));
        FOR_EACH(at, document, "peer")
        {
            const struct hm_prefixes *homes = &((const struct hm_peer_section *)at->values)->home;

            for (unsigned j = 0; j < homes->count && (at != section || j < i); j++) {
                if (hm_prefix_overlaps(prefix, &homes->prefixes[j]))
                    hm_faults_add(
                        document->faults, peer->home.lines[i],
                        "%shome: found %s which overlaps %s of [peer %s], allowed: a prefix that does not",
                        where, text, hm_prefix_text(&homes->prefixes[j], other), at->name);
            }
            if (at == section)
                break;
        }
    }
}

static void check_two_peers(struct hm_faults *faults, const struct hm_section *one,
                            const struct hm_section *two)
{
    const struct hm_peer_section *a = one->values, *b = two->values;
    char where[HM_SECTION_TEXT_LEN], text[HM_IP_TEXT_LEN];

    hm_section_text(two, where);
    if (hm_section_has(one, "address") && hm_section_has(two, "address") && a->address == b->address)
        hm_faults_add(faults, hm_section_line(two, "address"),
                      "%saddress: found %s which [peer %s] has, allowed: another one", where,
                      hm_ip_text(b->address, text), one->name);
    if (hm_section_has(one, "spi") && hm_section_has(two, "spi") && a->spi == b->spi)
        hm_faults_add(faults, hm_section_line(two, "spi"),
                      "%sspi: found %u which [peer %s] has, allowed: another one", where, b->spi, one->name);
}

static void check_peers(const struct hm_document *document)
{
    const struct hm_section *own = hm_document_next(document, "agent", NULL);
    const struct hm_agent_section *agent = own->values;
    char text[HM_IP_TEXT_LEN];

    FOR_EACH(section, document, "peer")
    {
        const struct hm_peer_section *peer = section->values;

        if (hm_section_has(own, "name") && strcmp(agent->name, section->name) == 0)
            hm_faults_add(document->faults, section->line,
                          "[peer %s]: found our own name, allowed: another one", section->name);
        if (hm_section_has(section, "address") && is_own(document, peer->address))
            hm_faults_add(document->faults, hm_section_line(section, "address"),
                          "[peer %s] address: found %s, which is our own, allowed: another agent's",
                          section->name, hm_ip_text(peer->address, text));
        else if (hm_section_has(section, "address") && !is_reachable(document, peer->address))
            hm_faults_add(document->faults, hm_section_line(section, "address"),
                          "[peer %s] address: found %s, to which no interface, route or gateway leads",
                          section->name, hm_ip_text(peer->address, text));
        check_peer_homes(document, section);
        for (struct hm_section *other = hm_document_next(document, "peer", NULL); other != section;
             other = hm_document_next(document, "peer", other))
            check_two_peers(document->faults, other, section);
    }
}

/* ---- control channel ---- */

/* Key ids and SPIs name keys on one channel. */
static void check_key_id(const struct hm_document *document, const struct hm_section *section)
{
    uint32_t key_id = ((const struct hm_hypervisor_section *)section->values)->key_id;

    FOR_EACH(at, document, "peer")
    {
        if (hm_section_has(at, "spi") && ((const struct hm_peer_section *)at->values)->spi == key_id)
            hm_faults_add(
                document->faults, hm_section_line(section, "key_id"),
                "[hypervisor %s] key_id: found %u, which is the spi of [peer %s], allowed: another one",
                section->name, key_id, at->name);
    }
    for (struct hm_section *at = hm_document_next(document, "hypervisor", NULL); at != section;
         at = hm_document_next(document, "hypervisor", at)) {
        if (hm_section_has(at, "key_id") &&
            ((const struct hm_hypervisor_section *)at->values)->key_id == key_id)
            hm_faults_add(document->faults, hm_section_line(section, "key_id"),
                          "[hypervisor %s] key_id: found %u which [hypervisor %s] has, allowed: another one",
                          section->name, key_id, at->name);
    }
}

static void check_hypervisors(const struct hm_document *document)
{
    FOR_EACH(section, document, "hypervisor")
    {
        const struct hm_hypervisor_section *hypervisor = section->values;

        if (hm_section_has(section, "key_id"))
            check_key_id(document, section);
        if (hypervisor->allow.count == 0 && !hm_section_is_given(section, "allow"))
            hm_faults_warn(document->faults, section->line,
                           "[hypervisor %s] allow: missing, so this host may move nothing", section->name);
    }
}

static void check_control(const struct hm_document *document)
{
    const struct hm_section *section = hm_document_next(document, "control", NULL);
    const struct hm_control_section *control = section->values;
    const struct hm_endpoints *kernel = &control->kernel_address;
    char text[HM_IP_TEXT_LEN];

    for (unsigned i = 0; i < kernel->count; i++) {
        hm_ip_text(kernel->addrs[i], text);
        if (is_own(document, kernel->addrs[i]))
            hm_faults_add(document->faults, kernel->lines[i],
                          "[control] kernel_address: found %s, which is the agent's own, allowed: one of "
                          "this machine's "
                          "kernel (the agent's own is served by listen)",
                          text);
        for (unsigned j = 0; j < i; j++) {
            if (kernel->addrs[j] == kernel->addrs[i] && kernel->ports[j] == kernel->ports[i])
                hm_faults_add(document->faults, kernel->lines[i],
                              "[control] kernel_address: found %s twice, allowed: each address once", text);
        }
    }
    if (hm_section_has(section, "listen") && control->listen == 0 && kernel->count == 0 &&
        hm_document_next(document, "hypervisor", NULL) != NULL)
        hm_faults_warn(document->faults, hm_section_line(section, "listen"),
                       "[control] listen: no, without a kernel_address no hypervisor can reach this agent");
}

void hm_check_document(const struct hm_document *document)
{
    check_interfaces(document);
    check_home(document);
    check_hosts(document);
    check_peers(document);
    check_hypervisors(document);
    check_control(document);
}
