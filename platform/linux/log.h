/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines to stderr: with time and level for a person, with a priority for the journal. */
#ifndef HM_LINUX_LOG_H
#define HM_LINUX_LOG_H

#include "firmware/base/log.h"

/* Lines less important than `level` are left out. To be called once before the first line. */
void hm_log_init(enum hm_log_level level);
void hm_log_line(enum hm_log_level level, const char *line);
void hm_log_printf(enum hm_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
