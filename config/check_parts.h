/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the cross checks, one for each kind of section, and what they share. */
#ifndef HM_CONFIG_CHECK_PARTS_H
#define HM_CONFIG_CHECK_PARTS_H

#include "config/check.h"

struct hm_interface_section;

/* A walk over all sections of one kind. */
#define HM_FOR_EACH_SECTION(section, document, name)                                           \
    for (struct hm_section *section = hm_document_next(document, name, NULL); section != NULL; \
         section = hm_document_next(document, name, section))

void hm_check_interfaces(const struct hm_document *document);
void hm_check_home_section(const struct hm_document *document);
void hm_check_hosts(const struct hm_document *document);
void hm_check_peers(const struct hm_document *document);
void hm_check_associations(const struct hm_document *document);
void hm_check_mobiles(const struct hm_document *document);

/* True for the agent's own address on one of its interfaces. */
bool hm_check_is_own(const struct hm_document *document, uint32_t addr);
/* True for an address that another host of that link may have. */
bool hm_check_is_neighbour(const struct hm_interface_section *interface, uint32_t addr);

#endif
