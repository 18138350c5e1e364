/* SPDX-License-Identifier: BSD-3-Clause */
/* What both roles of the watch stand on: one loop over monitor, agent, capture and signals, and the lines
 * that it prints.
 *
 * The roles are written one step after the other: a step that waits calls hm_watch_turn until what it waits
 * for has come, and meanwhile everything else goes on. */
#ifndef HM_LINUX_WATCH_LOOP_H
#define HM_LINUX_WATCH_LOOP_H

#include "platform/linux/qmp.h"
#include "platform/linux/tap_netlink.h"
#include "platform/linux/tap_ring.h"
#include "platform/linux/watch.h"

/* What QEMU says of the migration. */
enum hm_migration {
    HM_MIGRATION_NONE,
    HM_MIGRATION_SETUP,
    HM_MIGRATION_ACTIVE,
    HM_MIGRATION_PRE_SWITCHOVER, /* stopped, and waits for migrate-continue */
    HM_MIGRATION_DEVICE,
    HM_MIGRATION_POSTCOPY, /* runs at the destination: no way back */
    HM_MIGRATION_COMPLETED,
    HM_MIGRATION_FAILED,
    HM_MIGRATION_CANCELLING,
    HM_MIGRATION_CANCELLED,
    HM_MIGRATION_COUNT,
};

struct hm_watch {
    const struct hm_watch_options *options;
    const struct hm_notify_target *target;
    struct hm_control_message request; /* what names the VM; its MAC added, when QEMU told it */
    struct hm_mac mac;                 /* of the NIC behind the TAP; zero: not known */
    struct hm_qmp qmp;
    struct hm_dialogue dialogue;
    struct hm_tap_netlink tap;
    struct hm_tap_ring ring;                     /* fd -1: no capture, and none of these is called: */
    void (*on_frame)(void *ctx, uint64_t index); /* each frame captured */
    void (*on_run)(void *ctx, bool runs);        /* RESUME was heard, or STOP */
    void (*on_turn)(void *ctx);                  /* something has come */
    void *capture_ctx;
    int signal_fd;

    enum hm_migration migration;
    bool had_postcopy;           /* it was HM_MIGRATION_POSTCOPY */
    uint64_t stop_us, resume_us; /* Unix time of QEMU's stamps, 0: not since the last of the other kind */
    uint64_t after_stop_us; /* the same of PRE_SWITCHOVER or DEVICE, whichever came first after the STOP */
    bool has_shut_down;
    bool has_new_filter; /* NIC_RX_FILTER_CHANGED */
    bool is_alone;       /* the monitor has gone */
    int signal;          /* that asks us to end; 0: none */
};

/* Opens monitor, agent's socket, netlink and signals, and negotiates with QEMU. False, and said, when that
 * fails. */
bool hm_watch_open(struct hm_watch *watch, const struct hm_watch_options *options,
                   const struct hm_notify_target *target);
void hm_watch_close(struct hm_watch *watch);

/* No migration has stopped the VM yet: none is under way, or it copies memory. */
bool hm_watch_is_before_stop(const struct hm_watch *watch);
/* QEMU says that status; NULL, or one that nobody knows, changes nothing. */
void hm_watch_migration_is(struct hm_watch *watch, const char *status);

/* Monotonic. */
uint64_t hm_watch_now_us(void);
/* As QEMU's stamps. */
uint64_t hm_watch_unix_us(void);
/* Waits for anything to happen, until_us at most, and takes it in. */
void hm_watch_turn(struct hm_watch *watch, uint64_t until_us);
/* Takes in what was captured until now. */
void hm_watch_drain(struct hm_watch *watch);

/* Gives a command to QEMU and waits for what it returns, the caller's; NULL: refused (`error`, when it is not
 * NULL, says why), gone, or not answered in time. The arguments become ours. */
json_t *hm_watch_command(struct hm_watch *watch, const char *name, json_t *arguments, uint64_t until_us,
                         char error[HM_QMP_ERROR_LEN]);
/* QEMU's run state, as "running"; empty: it does not say. */
void hm_watch_run_state(struct hm_watch *watch, uint64_t until_us, char state[32]);
/* Turns until the slot is over; false when it is not until then. */
bool hm_watch_await(struct hm_watch *watch, const struct hm_dialogue_slot *slot, uint64_t until_us);

/* Prints an event at once: a line for a person, or a JSON object, with `extra` (becomes ours, NULL: none)
 * besides. */
void hm_watch_say(const struct hm_watch *watch, const char *event, json_t *extra, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The event "warning" of an agent's answer, or of its silence. */
void hm_watch_warn_result(const struct hm_watch *watch, const char *what,
                          const struct hm_notify_result *result);

#endif
