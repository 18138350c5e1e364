/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of sections and keys, read by its table: every value parsed, every fault noted. */
#ifndef HM_CONFIG_LOADER_H
#define HM_CONFIG_LOADER_H

#include "config/faults.h"
#include "config/keys.h"
#include "firmware/router_config.h"

struct hm_section {
    const struct hm_section_spec *spec;
    char name[HM_NAME_LEN]; /* of a named section */
    unsigned line;          /* of its header; 0: absent, and filled with defaults */
    bool is_ignored;        /* a second one, or without a right name: read for its faults only */
    unsigned key_lines[HM_SECTION_MAX_KEYS]; /* where a key was given first; 0: it was not */
    bool usable[HM_SECTION_MAX_KEYS];        /* its value is right, or there is a default */
    void *values;                            /* the section's struct of config/sections.h */
    struct hm_section *next;                 /* in the order of the file; absent ones last */
};

struct hm_document {
    const struct hm_file_spec *spec;
    struct hm_section *sections;
    struct hm_faults *faults; /* borrowed */
};

/* Parses len bytes of a file. All that the table alone can tell is added to faults: lines, sections, keys,
 * values, what is missing. 0, or HM_ERR_MEMORY. To be freed in either case. */
int hm_document_parse(struct hm_document *document, const struct hm_file_spec *spec, const char *text,
                      size_t len, struct hm_faults *faults);
void hm_document_free(struct hm_document *document);

/* The next section of that name after `after` (NULL: the first), without duplicates. An unnamed section
 * is always there. NULL at the end. */
struct hm_section *hm_document_next(const struct hm_document *document, const char *name,
                                    const struct hm_section *after);

/* True when the key's value can be used; the key must be in the table. */
bool hm_section_has(const struct hm_section *section, const char *key);
/* True when the key stands in the file, right or wrong. */
bool hm_section_is_given(const struct hm_section *section, const char *key);
/* The line to name in a fault about the key: its own, or its section's. */
unsigned hm_section_line(const struct hm_section *section, const char *key);
/* "[peer b] " or "[home] ", as faults begin. */
#define HM_SECTION_TEXT_LEN (HM_NAME_LEN + 24)
const char *hm_section_text(const struct hm_section *section, char text[HM_SECTION_TEXT_LEN]);

#endif
