/* SPDX-License-Identifier: BSD-3-Clause */
/* Log levels; lines go out through the port (firmware/port.h), by hm_env_log. */
#ifndef HM_BASE_LOG_H
#define HM_BASE_LOG_H

enum hm_log_level {
    HM_LOG_ERROR,
    HM_LOG_WARNING,
    HM_LOG_INFO,
    HM_LOG_DEBUG,
    HM_LOG_COUNT,
};

#endif
