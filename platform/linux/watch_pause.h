/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's pause before the switchover, as the watch at the source sets it. */
#ifndef HM_LINUX_WATCH_PAUSE_H
#define HM_LINUX_WATCH_PAUSE_H

#include "platform/linux/watch_loop.h"

struct hm_watch_pause {
    bool is_on;
    bool is_ours; /* to continue, and to be set back */
};

/* Sets the capabilities that are needed, and learns whether a migration is under way. What QEMU refuses is
 * said. */
void hm_watch_pause_set(struct hm_watch *watch, struct hm_watch_pause *pause);
void hm_watch_pause_restore(struct hm_watch *watch, struct hm_watch_pause *pause);

#endif
