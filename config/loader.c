/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way from the bytes of a file to its sections.
 *
 * inih splits `key = value` lines; it is fed by next_line, which counts the lines (Debian's inih does not
 * hand a line number on), and which sees each line first: a section header opens the section here, even when
 * it stays empty or is unknown, and a line that inih would cut or misread is reported and withheld. A
 * line that went in as a key but came back as no value had no '='. Leading blanks are taken away, so
 * inih's continuation lines do not occur. Nothing stops at a fault: the operator gets all of them.
 *
 * No line is ever quoted whole: it may hold a key's secret. */
#include "config/loader.h"

#include <ctype.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"
#include "firmware/base/err.h"

#define LINE_ENDS_LEN 3 /* what inih wants to be free: CR, LF and the zero */

struct parse {
    struct hm_document *document;
    const char *at;
    size_t left;
    unsigned line;
    bool is_pending;            /* the line went to inih as a key and has not come back */
    bool has_header;            /* any section header was seen */
    struct hm_section *section; /* NULL: before the first, or in an unknown one */
    struct hm_section **tail;
    bool no_memory;
};

static void *value_at(const struct hm_section *section, const struct hm_key_spec *spec)
{
    return (char *)section->values + spec->offset;
}

static void set_defaults(struct hm_section *section)
{
    char found[HM_FOUND_LEN];

    for (unsigned i = 0; i < section->spec->key_count; i++) {
        const struct hm_key_spec *spec = &section->spec->keys[i];

        if (spec->fallback != NULL)
            section->usable[i] = hm_value_parse(spec, spec->fallback, 0, value_at(section, spec), found);
    }
}

static struct hm_section *add_section(struct parse *parse, const struct hm_section_spec *spec,
                                      const char *name, unsigned line)
{
    struct hm_section *section = calloc(1, sizeof(*section));

    if (section == NULL || (section->values = calloc(1, spec->values_len)) == NULL) {
        free(section);
        parse->no_memory = true;
        return NULL;
    }
    section->spec = spec;
    section->line = line;
    snprintf(section->name, sizeof(section->name), "%s", name);
    set_defaults(section);
    *parse->tail = section;
    parse->tail = &section->next;
    return section;
}

static void list_sections(const struct hm_file_spec *spec, char *text, size_t cap)
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < spec->section_count && len < cap; i++) {
        len += (size_t)snprintf(text + len, cap - len, "%s[%s%s]", i == 0 ? "" : ", ", spec->sections[i].name,
                                spec->sections[i].named ? " NAME" : "");
    }
}

/* Notes what is wrong with one more section of that kind and name; true when it is a second one. */
static bool is_duplicate(struct parse *parse, const struct hm_section_spec *spec, const char *name)
{
    struct hm_faults *faults = parse->document->faults;
    unsigned count = 0;

    for (struct hm_section *other = parse->document->sections; other != NULL; other = other->next) {
        if (other->spec != spec || other->is_ignored)
            continue;
        count++;
        if (!spec->named || strcmp(other->name, name) == 0) {
            hm_faults_add(faults, parse->line, "[%s%s%s]: section given twice, first in line %u", spec->name,
                          spec->named ? " " : "", name, other->line);
            return true;
        }
    }
    if (count == spec->max_count) {
        hm_faults_add(faults, parse->line, "[%s %s]: more than %u sections of this kind", spec->name, name,
                      spec->max_count);
        return true;
    }
    return false;
}

/* `kind` and `name` are what stood between the brackets. */
static void open_section(struct parse *parse, const char *kind, const char *name)
{
    struct hm_document *document = parse->document;
    const struct hm_section_spec *spec = hm_file_spec_lookup(document->spec, kind);
    char found[HM_FOUND_LEN], allowed[256];

    if (spec == NULL) {
        list_sections(document->spec, allowed, sizeof(allowed));
        hm_faults_add(document->faults, parse->line, "unknown section: found %s, allowed: %s",
                      hm_value_quote(kind, found), allowed);
        return;
    }
    if (!spec->named && *name != '\0') {
        hm_faults_add(document->faults, parse->line, "[%s]: found the name %s, allowed: no name", kind,
                      hm_value_quote(name, found));
        name = "";
    }
    bool is_ignored = false;
    if (spec->named && !hm_value_is_name(name)) {
        hm_faults_add(document->faults, parse->line,
                      "[%s NAME]: found %s, allowed: a name of up to %d letters, digits, '.', '_' and '-'",
                      kind, hm_value_quote(name, found), HM_NAME_LEN - 1);
        name = "?";
        is_ignored = true;
    } else {
        is_ignored = is_duplicate(parse, spec, name);
    }
    parse->section = add_section(parse, spec, name, parse->line);
    if (parse->section != NULL)
        parse->section->is_ignored = is_ignored;
}

/* A line that begins with '['. */
static void read_header(struct parse *parse, const char *line)
{
    char kind[256];
    const char *end = strchr(line, ']');
    char *name;

    parse->section = NULL;
    parse->has_header = true;
    if (end == NULL || (end[1] != '\0' && end[1] != ';' && !isspace((unsigned char)end[1]))) {
        hm_faults_add(parse->document->faults, parse->line, "section header without its ']' at the end");
        return;
    }
    for (const char *rest = end + 1; *rest != '\0' && *rest != ';' && *rest != '#'; rest++) {
        if (!isspace((unsigned char)*rest)) {
            hm_faults_add(parse->document->faults, parse->line,
                          "section header with something behind its ']'");
            break;
        }
    }
    snprintf(kind, sizeof(kind), "%.*s", (int)(end - line - 1), line + 1);
    name = kind + strcspn(kind, " \t");
    if (*name != '\0')
        *name++ = '\0';
    name += strspn(name, " \t");
    for (size_t len = strlen(name); len > 0 && isspace((unsigned char)name[len - 1]); len--)
        name[len - 1] = '\0';
    open_section(parse, kind, name);
}

/* The line that went to inih last has come to nothing. */
static void check_pending(struct parse *parse)
{
    if (parse->is_pending)
        hm_faults_add(parse->document->faults, parse->line, "line without '=', allowed: key = value");
    parse->is_pending = false;
}

static bool has_control_bytes(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (iscntrl((unsigned char)text[i]) && text[i] != '\t')
            return true;
    }
    return false;
}

/* Takes the next line off the file, without blanks at its ends. False at the end of the file. */
static bool take_line(struct parse *parse, const char **start, size_t *len)
{
    const char *end;
    size_t taken;

    if (parse->left == 0)
        return false;
    end = memchr(parse->at, '\n', parse->left);
    taken = end == NULL ? parse->left : (size_t)(end - parse->at) + 1;
    *start = parse->at;
    *len = taken;
    parse->at += taken;
    parse->left -= taken;
    if (parse->line++ == 0 && *len >= 3 && memcmp(*start, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        *start += 3;
        *len -= 3;
    }
    while (*len > 0 && isspace((unsigned char)(*start)[*len - 1]))
        (*len)--;
    while (*len > 0 && isspace((unsigned char)**start)) {
        (*start)++;
        (*len)--;
    }
    return true;
}

/* inih's reader, like fgets. What must not get to inih becomes an empty line. */
static char *next_line(char *to, int cap, void *stream)
{
    struct parse *parse = stream;
    struct hm_faults *faults = parse->document->faults;
    const char *start;
    size_t len;

    check_pending(parse);
    if (!take_line(parse, &start, &len))
        return NULL;
    to[0] = '\0';
    if (len == 0 || start[0] == ';' || start[0] == '#')
        return to;
    if (len + LINE_ENDS_LEN > (size_t)cap) {
        hm_faults_add(
            faults, parse->line,
            "line too long: found %zu bytes, allowed: %d (a list may go on in a second line with the "
            "same key)",
            len, cap - LINE_ENDS_LEN);
        /* what follows belongs to a section whose header was not read */
        if (start[0] == '[') {
            parse->section = NULL;
            parse->has_header = true;
        }
        return to;
    }
    if (has_control_bytes(start, len)) {
        hm_faults_add(faults, parse->line, "line with control characters, allowed: plain text");
        return to;
    }
    memcpy(to, start, len);
    to[len] = '\0';
    if (to[0] == '[')
        read_header(parse, to);
    else
        parse->is_pending = true;
    return to;
}

/* A list of the section's keys for the fault of an unknown one. */
static void list_keys(const struct hm_section_spec *spec, char *text, size_t cap)
{
    size_t len = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < spec->key_count && len < cap; i++)
        len += (size_t)snprintf(text + len, cap - len, "%s%s", i == 0 ? "" : ", ", spec->keys[i].key);
}

static void read_value(struct parse *parse, const char *key, const char *text)
{
    struct hm_section *section = parse->section;
    struct hm_faults *faults = parse->document->faults;
    char found[HM_FOUND_LEN], allowed[HM_ALLOWED_LEN], where[HM_SECTION_TEXT_LEN];
    int index = hm_section_spec_lookup(section->spec, key);
    const struct hm_key_spec *spec;

    hm_section_text(section, where);
    if (index < 0) {
        list_keys(section->spec, allowed, sizeof(allowed));
        hm_faults_add(faults, parse->line, "%sunknown key: found %s, allowed: %s", where,
                      hm_value_quote(key, found), allowed);
        return;
    }
    spec = &section->spec->keys[index];
    if (section->key_lines[index] != 0 && !spec->repeatable) {
        hm_faults_add(faults, parse->line, "%s%s: given twice, first in line %u", where, key,
                      section->key_lines[index]);
        return;
    }
    bool is_first = section->key_lines[index] == 0;
    if (is_first)
        section->key_lines[index] = parse->line;
    if (hm_value_parse(spec, text, parse->line, value_at(section, spec), found)) {
        section->usable[index] = is_first || section->usable[index];
        return;
    }
    section->usable[index] = false;
    hm_faults_add(faults, parse->line, "%s%s: found %s, allowed: %s", where, key, found,
                  hm_value_allowed(spec, allowed));
}

/* inih's handler; its own idea of the section is cut to 50 bytes, so ours is used. */
static int on_pair(void *user, const char *section, const char *key, const char *text)
{
    struct parse *parse = user;

    (void)section;
    parse->is_pending = false;
    if (parse->section != NULL)
        read_value(parse, key, text);
    else if (!parse->has_header)
        hm_faults_add(parse->document->faults, parse->line, "key before the first section header");
    return 1;
}

static void check_required_keys(struct hm_document *document, const struct hm_section *section)
{
    char where[HM_SECTION_TEXT_LEN], allowed[HM_ALLOWED_LEN];

    for (unsigned i = 0; i < section->spec->key_count; i++) {
        const struct hm_key_spec *spec = &section->spec->keys[i];

        if (spec->required && section->key_lines[i] == 0)
            hm_faults_add(document->faults, section->line, "%s%s: missing, allowed: %s",
                          hm_section_text(section, where), spec->key, hm_value_allowed(spec, allowed));
    }
}

/* A header of that kind stands in the file, be it ignored. */
static bool is_seen(const struct hm_document *document, const struct hm_section_spec *spec)
{
    const struct hm_section *section = document->sections;

    while (section != NULL && section->spec != spec)
        section = section->next;
    return section != NULL;
}

/* Notes what is missing, and adds the unnamed sections that are absent with their defaults. */
static void complete(struct parse *parse)
{
    struct hm_document *document = parse->document;

    for (struct hm_section *section = document->sections; section != NULL; section = section->next) {
        if (!section->is_ignored)
            check_required_keys(document, section);
    }
    for (unsigned i = 0; i < document->spec->section_count; i++) {
        const struct hm_section_spec *spec = &document->spec->sections[i];

        if (hm_document_next(document, spec->name, NULL) != NULL)
            continue;
        if (spec->required && !is_seen(document, spec))
            hm_faults_add(document->faults, 0, "[%s%s]: section missing", spec->name,
                          spec->named ? " NAME" : "");
        if (!spec->named)
            add_section(parse, spec, "", 0);
    }
}

int hm_document_parse(struct hm_document *document, const struct hm_file_spec *spec, const char *text,
                      size_t len, struct hm_faults *faults)
{
    struct parse parse = {.document = document, .at = text, .left = len, .tail = &document->sections};

    *document = (struct hm_document){.spec = spec, .faults = faults};
    ini_parse_stream(next_line, &parse, on_pair, &parse);
    complete(&parse);
    return parse.no_memory ? HM_ERR_MEMORY : 0;
}
