/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `run` of notify-migrate: another program's migration, with the agent told before and, if it
 * fails, after. */
#ifndef HM_LINUX_NOTIFY_RUN_H
#define HM_LINUX_NOTIFY_RUN_H

#include "platform/linux/notify_report.h"

struct hm_notify_run {
    const char *vm;
    const char *host;
    const struct hm_control_message *request; /* IMMINENT */
    uint64_t wait_ms;
    bool proceeds; /* the program is run also when the move could not be staged */
    bool json;
    char **program; /* ended by NULL */
};

/* Gives the program's exit status (128 and the signal's number when one ended it), or hm_notify_exit when it
 * was not run. */
int hm_notify_run(const struct hm_notify_run *run, const struct hm_notify_target *target);

#endif
