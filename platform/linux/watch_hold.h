/* SPDX-License-Identifier: BSD-3-Clause */
/* The hold at the source: nothing is handed to a VM that is about to stop. */
#ifndef HM_LINUX_WATCH_HOLD_H
#define HM_LINUX_WATCH_HOLD_H

#include "platform/linux/plug.h"
#include "platform/linux/watch_loop.h"

struct hm_watch_hold {
    struct hm_watch *watch;
    struct hm_plug plug;
    bool is_on;           /* else all calls but the first do nothing */
    bool is_drained;      /* since it was closed the guest has got all that the TAP had */
    uint64_t closed_us;   /* monotonic */
    uint64_t next_ask_us; /* QEMU how far it is */
};

/* Looks for the bucket on the TAP. Without it there is no hold, and that is said. */
void hm_watch_hold_init(struct hm_watch_hold *hold, struct hm_watch *watch);
/* The plug is open again. */
void hm_watch_hold_fini(struct hm_watch_hold *hold);

/* While the migration is active: closes the plug when the stop is near, opens it when that does not come. */
void hm_watch_hold_work(struct hm_watch_hold *hold);
/* A sample was taken: had the guest got all that was captured? */
void hm_watch_hold_sampled(struct hm_watch_hold *hold, bool is_drained);
/* A socket past the plug for a filler, while it is closed and the TAP may not be empty; else -1. */
int hm_watch_hold_filler(const struct hm_watch_hold *hold);
/* Is the plug closed, and had the guest got all before it? */
bool hm_watch_hold_is_drained(const struct hm_watch_hold *hold);
/* What waits comes out, in order. */
void hm_watch_hold_open(struct hm_watch_hold *hold);

#endif
