/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks between interfaces, of the home that lies on one of them, and what follows from both. */
#include <string.h>

#include "config/check_parts.h"
#include "config/sections.h"

static unsigned count_sections(const struct hm_document *document, const char *name)
{
    unsigned count = 0;

    HM_FOR_EACH_SECTION(section, document, name)
    {
        count++;
    }
    return count;
}

struct hm_section *hm_check_lan(const struct hm_document *document)
{
    HM_FOR_EACH_SECTION(section, document, "interface")
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

bool hm_check_is_neighbour(const struct hm_interface_section *interface, uint32_t addr)
{
    const struct hm_cidr *own = &interface->address;

    return addr != own->addr && hm_prefix_contains(&own->prefix, addr) &&
           (own->prefix.len >= 31 || (addr != own->prefix.addr && addr != hm_prefix_broadcast(&own->prefix)));
}

bool hm_check_is_own(const struct hm_document *document, uint32_t addr)
{
    HM_FOR_EACH_SECTION(section, document, "interface")
    {
        const struct hm_interface_section *interface = section->values;

        if (hm_section_has(section, "address") && interface->address.addr == addr)
            return true;
    }
    return false;
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

static void check_on_link(struct hm_faults *faults, const struct hm_section *section, const char *key,
                          unsigned line, uint32_t gateway)
{
    const struct hm_interface_section *interface = section->values;
    char where[HM_SECTION_TEXT_LEN], text[HM_IP_TEXT_LEN], prefix[HM_PREFIX_TEXT_LEN];

    if (hm_section_has(section, "address") && !hm_check_is_neighbour(interface, gateway))
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

void hm_check_interfaces(const struct hm_document *document)
{
    const struct hm_section *last = NULL;
    bool all_roles_known = true;
    unsigned routes = 0;

    HM_FOR_EACH_SECTION(section, document, "interface")
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

void hm_check_home_section(const struct hm_document *document)
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
