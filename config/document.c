/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the sections of a file that has been read, and the questions about them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/loader.h"

const char *hm_section_text(const struct hm_section *section, char text[HM_SECTION_TEXT_LEN])
{
    snprintf(text, HM_SECTION_TEXT_LEN, "[%s%s%s] ", section->spec->name, section->spec->named ? " " : "",
             section->name);
    return text;
}

void hm_document_free(struct hm_document *document)
{
    while (document->sections != NULL) {
        struct hm_section *section = document->sections;

        document->sections = section->next;
        explicit_bzero(section->values, section->spec->values_len); /* keys */
        free(section->values);
        free(section);
    }
}

struct hm_section *hm_document_next(const struct hm_document *document, const char *name,
                                    const struct hm_section *after)
{
    struct hm_section *section = after == NULL ? document->sections : after->next;

    while (section != NULL && (section->is_ignored || strcmp(section->spec->name, name) != 0))
        section = section->next;
    return section;
}

static unsigned key_index(const struct hm_section *section, const char *key)
{
    int index = hm_section_spec_lookup(section->spec, key);

    assert(index >= 0);
    return (unsigned)index;
}

bool hm_section_has(const struct hm_section *section, const char *key)
{
    return section->usable[key_index(section, key)];
}

bool hm_section_is_given(const struct hm_section *section, const char *key)
{
    return section->key_lines[key_index(section, key)] != 0;
}

unsigned hm_section_line(const struct hm_section *section, const char *key)
{
    unsigned line = section->key_lines[key_index(section, key)];

    return line != 0 ? line : section->line;
}
