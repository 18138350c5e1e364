/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks between peers, their homes, and the hosts of all subnets. */
#include <string.h>

#include "config/check_parts.h"
#include "config/sections.h"

/* ---- hosts ---- */

/* A host belongs to one subnet: no name twice, here or at a peer. Looks only before (section, index). */
static void check_host(const struct hm_document *document, const char *host, unsigned line,
                       const struct hm_section *section)
{
    static const char *const KINDS[] = {"agent", "peer"};
    char where[HM_SECTION_TEXT_LEN], other[HM_SECTION_TEXT_LEN];

    for (unsigned kind = 0; kind < 2; kind++) {
        HM_FOR_EACH_SECTION(at, document, KINDS[kind])
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

void hm_check_hosts(const struct hm_document *document)
{
    HM_FOR_EACH_SECTION(section, document, "agent")
    {
        const struct hm_agent_section *agent = section->values;

        for (unsigned i = 0; i < agent->hosts.count; i++)
            check_host(document, agent->hosts.names[i], agent->hosts.lines[i], section);
    }
    HM_FOR_EACH_SECTION(section, document, "peer")
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
    HM_FOR_EACH_SECTION(section, document, "interface")
    {
        const struct hm_interface_section *interface = section->values;

        if (!hm_section_has(section, "address") || hm_section_has(section, "gateway") ||
            hm_check_is_neighbour(interface, addr))
            return true;
        for (unsigned i = 0; i < interface->routes.count; i++) {
            if (hm_prefix_contains(&interface->routes.prefixes[i], addr))
                return true;
        }
    }
    return hm_document_next(document, "interface", NULL) == NULL;
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
        HM_FOR_EACH_SECTION(at, document, "peer")
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

void hm_check_peers(const struct hm_document *document)
{
    const struct hm_section *own = hm_document_next(document, "agent", NULL);
    const struct hm_agent_section *agent = own->values;
    char text[HM_IP_TEXT_LEN];

    HM_FOR_EACH_SECTION(section, document, "peer")
    {
        const struct hm_peer_section *peer = section->values;

        if (hm_section_has(own, "name") && strcmp(agent->name, section->name) == 0)
            hm_faults_add(document->faults, section->line,
                          "[peer %s]: found our own name, allowed: another one", section->name);
        if (hm_section_has(section, "address") && hm_check_is_own(document, peer->address))
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
