/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of a file's faults. */
#include "config/faults.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void hm_faults_init(struct hm_faults *faults, const char *file)
{
    memset(faults, 0, sizeof(*faults));
    faults->file = file;
}

void hm_faults_fini(struct hm_faults *faults)
{
    for (unsigned i = 0; i < faults->count; i++)
        free(faults->list[i].text);
    faults->count = 0;
}

__attribute__((format(printf, 4, 0))) static void add(struct hm_faults *faults, unsigned line,
                                                      bool is_warning, const char *format, va_list args)
{
    char text[HM_FAULT_TEXT_LEN];
    char *copy;

    if (is_warning)
        faults->warnings++;
    else
        faults->faults++;
    vsnprintf(text, sizeof(text), format, args);
    copy = faults->count < HM_FAULTS_MAX ? strdup(text) : NULL;
    if (copy == NULL) {
        faults->dropped++;
        return;
    }
    faults->list[faults->count++] = (struct hm_fault){.line = line, .is_warning = is_warning, .text = copy};
}

void hm_faults_add(struct hm_faults *faults, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(faults, line, false, format, args);
    va_end(args);
}

void hm_faults_warn(struct hm_faults *faults, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(faults, line, true, format, args);
    va_end(args);
}

/* Stable, by line; few items. */
static void sort_by_line(struct hm_faults *faults)
{
    for (unsigned i = 1; i < faults->count; i++) {
        struct hm_fault fault = faults->list[i];
        unsigned at = i;

        /* line 0 wraps round to the largest number: last */
        while (at > 0 && faults->list[at - 1].line - 1u > fault.line - 1u) {
            faults->list[at] = faults->list[at - 1];
            at--;
        }
        faults->list[at] = fault;
    }
}

void hm_faults_print(struct hm_faults *faults, FILE *out)
{
    sort_by_line(faults);
    for (unsigned i = 0; i < faults->count; i++) {
        const struct hm_fault *fault = &faults->list[i];
        const char *kind = fault->is_warning ? "warning: " : "";

        if (fault->line == 0)
            fprintf(out, "%s: %s%s\n", faults->file, kind, fault->text);
        else
            fprintf(out, "%s:%u: %s%s\n", faults->file, fault->line, kind, fault->text);
    }
    if (faults->dropped != 0)
        fprintf(out, "%s: %u more faults or warnings are not shown\n", faults->file, faults->dropped);
}
