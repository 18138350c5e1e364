/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks between sections of the agent's file.
 *
 * Each check looks only at values that are usable, so a wrong value is one fault and not a chain of
 * them, and each fault names the line that came second: the first one may well be right. */
#include "config/check.h"

#include "config/check_parts.h"
#include "config/sections.h"

/* Key ids and SPIs name keys on one channel. */
static void check_key_id(const struct hm_document *document, const struct hm_section *section)
{
    uint32_t key_id = ((const struct hm_hypervisor_section *)section->values)->key_id;

    HM_FOR_EACH_SECTION(at, document, "peer")
    {
        if (hm_section_has(at, "spi") && ((const struct hm_peer_section *)at->values)->spi == key_id)
            hm_faults_add(
                document->faults, hm_section_line(section, "key_id"),
                "[hypervisor %s] key_id: found %u, which is the spi of [peer %s], allowed: another one",
                section->name, key_id, at->name);
    }
    HM_FOR_EACH_SECTION(at, document, "association")
    {
        if (hm_section_has(at, "spi") && ((const struct hm_association_section *)at->values)->spi == key_id)
            hm_faults_add(document->faults, hm_section_line(section, "key_id"),
                          "[hypervisor %s] key_id: found %u, which is the spi of [association %s], allowed: "
                          "another one",
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
    HM_FOR_EACH_SECTION(section, document, "hypervisor")
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
        if (hm_check_is_own(document, kernel->addrs[i]))
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
    hm_check_interfaces(document);
    hm_check_home_section(document);
    hm_check_hosts(document);
    hm_check_peers(document);
    hm_check_associations(document);
    hm_check_mobiles(document);
    check_hypervisors(document);
    check_control(document);
}
