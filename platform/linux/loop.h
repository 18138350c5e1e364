/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent on Linux: devices, sockets and timers around one router. */
#ifndef HM_LINUX_LOOP_H
#define HM_LINUX_LOOP_H

#include "config/config.h"

/* Opens everything, gives up privileges, and runs until SIGINT or SIGTERM. 0 after a clean end,
 * HM_ERR_PLATFORM or HM_ERR_MEMORY when it could not start or lost a device: the reason is in the log. */
int hm_loop_run(const struct hm_config *config);

#endif
