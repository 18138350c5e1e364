/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of keys as help text and as a part of the manual. */
#ifndef HM_CONFIG_HELP_H
#define HM_CONFIG_HELP_H

#include <stdio.h>

#include "config/keys.h"

/* For a terminal. */
void hm_help_write(const struct hm_file_spec *file, FILE *out);
/* man(7) source: a sub-section for each section, a tagged paragraph for each key. The manual pages in
 * config/man hold this text between the comment lines HM_HELP_MAN_BEGIN and HM_HELP_MAN_END. */
void hm_help_write_man(const struct hm_file_spec *file, FILE *out);

#define HM_HELP_MAN_BEGIN ".\\\" keys: made by hypermip keys --man"
#define HM_HELP_MAN_END ".\\\" end of keys"

#endif
