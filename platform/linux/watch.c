/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the watch's choice of its role. */
#include "platform/linux/watch.h"

#include <stdio.h>
#include <string.h>

#include "platform/linux/watch_role.h"

#define OPENING_US 10000000

/* A VM that waits for a migration is at its destination. */
static enum hm_notify_exit run_role(struct hm_watch *watch)
{
    char state[32];

    hm_watch_run_state(watch, hm_watch_now_us() + OPENING_US, state);
    if (state[0] == '\0') {
        fprintf(stderr, "notify-migrate: --qmp %s: QEMU does not tell its state\n", watch->options->monitor);
        return HM_NOTIFY_EXIT_INTERNAL;
    }
    return strcmp(state, "inmigrate") == 0 ? hm_watch_destination(watch) : hm_watch_source(watch);
}

enum hm_notify_exit hm_watch_run(const struct hm_watch_options *options,
                                 const struct hm_notify_target *target)
{
    static struct hm_watch watch;
    enum hm_notify_exit code = HM_NOTIFY_EXIT_INTERNAL;

    if (hm_watch_open(&watch, options, target))
        code = run_role(&watch);
    hm_watch_close(&watch);
    return code;
}
