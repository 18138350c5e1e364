/* SPDX-License-Identifier: BSD-3-Clause */
/* Secrets in files of their own: `key_file`, or `key` in place. */
#ifndef HM_CONFIG_KEY_FILE_H
#define HM_CONFIG_KEY_FILE_H

#include "config/config.h"
#include "config/loader.h"

/* Gives a section that has the keys `key` and `key_file` its secret: exactly one of them must be given.
 * Faults are noted, none of them quotes a secret. */
void hm_key_file_resolve(struct hm_section *section, const char *config_path, enum hm_config_secrets secrets,
                         struct hm_faults *faults);

#endif
