/* SPDX-License-Identifier: BSD-3-Clause */
/* The faults of a file: collected, sorted by line, printed all at once. */
#ifndef HM_CONFIG_FAULTS_H
#define HM_CONFIG_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define HM_FAULTS_MAX 200 /* more are counted, and not kept */
#define HM_FAULT_TEXT_LEN 512

struct hm_fault {
    unsigned line; /* 0: of the whole file */
    bool is_warning;
    char *text;
};

struct hm_faults {
    const char *file; /* its name as printed; borrowed */
    struct hm_fault list[HM_FAULTS_MAX];
    unsigned count;
    unsigned dropped;
    unsigned faults;   /* that make the file unusable */
    unsigned warnings; /* that do not */
};

void hm_faults_init(struct hm_faults *faults, const char *file);
void hm_faults_fini(struct hm_faults *faults);

/* Adds a formatted line. Secrets must not come in here. */
void hm_faults_add(struct hm_faults *faults, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void hm_faults_warn(struct hm_faults *faults, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes `file:line: text` for each, by line; those of the whole file last. */
void hm_faults_print(struct hm_faults *faults, FILE *out);

#endif
