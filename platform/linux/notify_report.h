/* SPDX-License-Identifier: BSD-3-Clause */
/* What notify-migrate says at its end: a line for a person, or one JSON object, and the exit code. */
#ifndef HM_LINUX_NOTIFY_REPORT_H
#define HM_LINUX_NOTIFY_REPORT_H

#include "platform/linux/notify_client.h"

enum hm_notify_exit {
    HM_NOTIFY_EXIT_DONE = 0,
    HM_NOTIFY_EXIT_INTERNAL = 1,
    HM_NOTIFY_EXIT_USAGE = 2, /* wrong arguments, or a faulty notify.conf */
    HM_NOTIFY_EXIT_REFUSED = 3,
    HM_NOTIFY_EXIT_UNKNOWN_VM = 4,
    HM_NOTIFY_EXIT_UNKNOWN_HOST = 5,
    HM_NOTIFY_EXIT_UNREACHABLE = 6,
    HM_NOTIFY_EXIT_KEY = 7,
    HM_NOTIFY_EXIT_CLOCK = 8,
    HM_NOTIFY_EXIT_MIGRATION = 9, /* of watch: the migration failed or was cancelled */
};

/* What was asked, for the texts. */
struct hm_notify_question {
    enum hm_control_op op;
    const char *vm;
    const char *host; /* NULL: none */
    bool dry_run;
    uint64_t wait_ms;
    const struct hm_notify_target *target;
};

enum hm_notify_exit hm_notify_exit_code(const struct hm_notify_result *result);

/* The same for several questions: with as_json one array of objects. */
void hm_notify_report_all(const struct hm_notify_question *questions, const struct hm_notify_result *results,
                          unsigned count, bool as_json);

/* Prints to stdout, or, of a failure for a person, to stderr what went wrong and what to do. */
void hm_notify_report(const struct hm_notify_question *question, const struct hm_notify_result *result,
                      bool as_json);

#endif
