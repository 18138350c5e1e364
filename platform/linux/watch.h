/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `watch` of notify-migrate: it listens to a VM's QEMU during a live migration, and tells the
 * agent. */
#ifndef HM_LINUX_WATCH_H
#define HM_LINUX_WATCH_H

#include "platform/linux/notify_report.h"

/* How it is found what the VM has got. */
enum hm_watch_cut {
    HM_WATCH_EXACT,   /* by the device's counter */
    HM_WATCH_COUNTED, /* by the TAP's alone */
    HM_WATCH_HOLD,    /* as exact, and nothing is handed to the VM while it is about to stop */
};

struct hm_watch_options {
    const char *vm;
    const char *monitor;  /* the path of QEMU's QMP socket */
    const char *device;   /* the VM's TAP */
    const char *host;     /* NULL: somebody else has told the agent, or will */
    uint64_t wait_ms;     /* for answers that nobody stands still for */
    uint64_t deadline_ms; /* how long the VM stands still at most because of us */
    enum hm_watch_cut cut;
    bool no_cont; /* somebody else lets the VM run */
    bool json;
    size_t history_len;                /* bytes of captured frames kept */
    struct hm_control_message request; /* what names the VM */
};

/* Runs until the migration is over; prints a line for each event. */
enum hm_notify_exit hm_watch_run(const struct hm_watch_options *options,
                                 const struct hm_notify_target *target);

#endif
