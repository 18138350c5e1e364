/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the two texts that are made from the table of keys. */
#include "config/help.h"

#include <string.h>

#include "config/value.h"

#define WIDTH 100
#define INDENT 22

/* Wraps a text to the terminal; the first line starts at column `column`. */
static void write_wrapped(FILE *out, const char *text, int column)
{
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");

        if (column + len > WIDTH && column > INDENT) {
            fprintf(out, "\n%*s", INDENT, "");
            column = INDENT;
        }
        fprintf(out, "%.*s", len, text);
        column += len + 1;
        text += len;
        if (*text == ' ')
            text++;
        if (*text != '\0' && column + (int)strcspn(text, " ") <= WIDTH)
            fputc(' ', out);
    }
    fputc('\n', out);
}

/* What holds when the key is absent. */
static void write_default(const struct hm_key_spec *key, FILE *out)
{
    if (key->required)
        fputs("required", out);
    else if (key->fallback != NULL)
        fprintf(out, "default: %s", key->fallback);
    else
        fprintf(out, "default: %s", key->otherwise);
    if (key->repeatable)
        fputs("; may be repeated", out);
}

void hm_help_write(const struct hm_file_spec *file, FILE *out)
{
    char allowed[HM_ALLOWED_LEN];

    fprintf(out, "%s: sections and keys, `key = value`; lines that begin with # or ; are comments\n",
            file->title);
    for (unsigned i = 0; i < file->section_count; i++) {
        const struct hm_section_spec *section = &file->sections[i];

        fprintf(out, "\n[%s%s]  %s\n", section->name, section->named ? " NAME" : "", section->help);
        for (unsigned k = 0; k < section->key_count; k++) {
            const struct hm_key_spec *key = &section->keys[k];

            fprintf(out, "  %-*s%s\n%*s", INDENT - 2, key->key, hm_value_allowed(key, allowed), INDENT, "");
            write_default(key, out);
            fprintf(out, "\n%*s", INDENT, "");
            write_wrapped(out, key->help, INDENT);
        }
    }
}

/* Escapes what man(7) would take for its own. */
static void write_man_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '\'')
            fputs("\\(aq", out);
        else if (*text != '`')
            fputc(*text, out);
    }
}

void hm_help_write_man(const struct hm_file_spec *file, FILE *out)
{
    char allowed[HM_ALLOWED_LEN];

    for (unsigned i = 0; i < file->section_count; i++) {
        const struct hm_section_spec *section = &file->sections[i];

        fprintf(out, ".SS [%s%s]\n", section->name, section->named ? " NAME" : "");
        write_man_text(out, section->help);
        fputc('\n', out);
        for (unsigned k = 0; k < section->key_count; k++) {
            const struct hm_key_spec *key = &section->keys[k];

            fprintf(out, ".TP\n.B %s\n", key->key);
            write_man_text(out, key->help);
            fputs("\n.br\nAllowed: ", out);
            write_man_text(out, hm_value_allowed(key, allowed));
            fputs(".\n.br\n", out);
            if (key->required) {
                fputs("Required", out);
            } else {
                fputs("Default: ", out);
                write_man_text(out, key->fallback != NULL ? key->fallback : key->otherwise);
            }
            fputs(key->repeatable ? "; may be repeated.\n" : ".\n", out);
        }
    }
}
