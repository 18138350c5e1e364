/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks of further associations with peers, and of nodes with an association of their own. */
#include <string.h>

#include "config/check_parts.h"
#include "config/sections.h"

/* ---- associations ---- */

static const struct hm_section *find_peer(const struct hm_document *document, const char *name)
{
    HM_FOR_EACH_SECTION(section, document, "peer")
    {
        if (strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

/* An SPI names one key of all agents', as the control channel has nothing else to go by. */
static void check_spi(const struct hm_document *document, const struct hm_section *section)
{
    uint32_t spi = ((const struct hm_association_section *)section->values)->spi;

    HM_FOR_EACH_SECTION(peer, document, "peer")
    {
        if (hm_section_has(peer, "spi") && ((const struct hm_peer_section *)peer->values)->spi == spi)
            hm_faults_add(document->faults, hm_section_line(section, "spi"),
                          "[association %s] spi: found %u which [peer %s] has, allowed: another one",
                          section->name, spi, peer->name);
    }
    for (struct hm_section *at = hm_document_next(document, "association", NULL); at != section;
         at = hm_document_next(document, "association", at)) {
        if (hm_section_has(at, "spi") && ((const struct hm_association_section *)at->values)->spi == spi)
            hm_faults_add(document->faults, hm_section_line(section, "spi"),
                          "[association %s] spi: found %u which [association %s] has, allowed: another one",
                          section->name, spi, at->name);
    }
}

/* How many the peer has up to this one, its own among them. */
static unsigned count_up_to(const struct hm_document *document, const struct hm_section *section,
                            const char *peer)
{
    unsigned count = 1;

    HM_FOR_EACH_SECTION(at, document, "association")
    {
        count += strcmp(((const struct hm_association_section *)at->values)->peer, peer) == 0;
        if (at == section)
            break;
    }
    return count;
}

void hm_check_associations(const struct hm_document *document)
{
    HM_FOR_EACH_SECTION(section, document, "association")
    {
        const struct hm_association_section *association = section->values;

        if (hm_section_has(section, "spi"))
            check_spi(document, section);
        if (!hm_section_has(section, "peer"))
            continue;
        if (find_peer(document, association->peer) == NULL)
            hm_faults_add(document->faults, hm_section_line(section, "peer"),
                          "[association %s] peer: found \"%s\", allowed: the name of a [peer NAME] section",
                          section->name, association->peer);
        else if (count_up_to(document, section, association->peer) > HM_MAX_ASSOCIATIONS)
            hm_faults_add(document->faults, section->line,
                          "[association %s]: found one more with [peer %s], allowed: up to %d beside its own",
                          section->name, association->peer, HM_MAX_ASSOCIATIONS - 1);
    }
}

/* ---- mobile nodes ---- */

static const char *nai_of(const struct hm_section *section)
{
    const struct hm_mobile_section *mobile = section->values;

    return mobile->nai[0] != '\0' ? mobile->nai : section->name;
}

static void check_two_mobiles(struct hm_faults *faults, const struct hm_section *one,
                              const struct hm_section *two)
{
    const struct hm_mobile_section *a = one->values, *b = two->values;
    char text[HM_IP_TEXT_LEN];

    if (hm_section_has(one, "address") && hm_section_has(two, "address") && a->address == b->address)
        hm_faults_add(faults, hm_section_line(two, "address"),
                      "[mobile %s] address: found %s which [mobile %s] has, allowed: another one", two->name,
                      hm_ip_text(b->address, text), one->name);
    if (strcmp(nai_of(one), nai_of(two)) == 0)
        hm_faults_add(faults, hm_section_line(two, "nai"),
                      "[mobile %s] nai: found \"%s\" which [mobile %s] has, allowed: another one", two->name,
                      nai_of(two), one->name);
}

void hm_check_mobiles(const struct hm_document *document)
{
    struct hm_prefix home;
    uint32_t router = 0;
    bool has_home = hm_check_home(document, &home);
    char text[HM_IP_TEXT_LEN], prefix[HM_PREFIX_TEXT_LEN];

    hm_check_home_router(document, &router);
    HM_FOR_EACH_SECTION(section, document, "mobile")
    {
        uint32_t addr = ((const struct hm_mobile_section *)section->values)->address;

        if (has_home && hm_section_has(section, "address") &&
            (!hm_prefix_contains(&home, addr) || addr == router || hm_check_is_own(document, addr)))
            hm_faults_add(document->faults, hm_section_line(section, "address"),
                          "[mobile %s] address: found %s, allowed: the address of a VM in the home %s",
                          section->name, hm_ip_text(addr, text), hm_prefix_text(&home, prefix));
        for (struct hm_section *other = hm_document_next(document, "mobile", NULL); other != section;
             other = hm_document_next(document, "mobile", other))
            check_two_mobiles(document->faults, other, section);
    }
}
