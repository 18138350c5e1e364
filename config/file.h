/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole file as bytes. */
#ifndef HM_CONFIG_FILE_H
#define HM_CONFIG_FILE_H

#include "config/faults.h"

struct hm_file {
    char *text; /* NULL: not read */
    size_t len;
    bool is_public; /* everybody may read it */
};

/* Reads a configuration file. HM_ERR_REFUSED with a fault when it cannot be read or is larger than any
 * sensible one, HM_ERR_MEMORY, or 0 and then hm_file_fini is due. */
int hm_file_read(const char *path, struct hm_file *file, struct hm_faults *faults);
/* Wipes and frees it. */
void hm_file_fini(struct hm_file *file);

#endif
