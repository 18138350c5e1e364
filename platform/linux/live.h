/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of `hypermip check --live`: findings, the devices, probes on the wire, the other agents. */
#ifndef HM_LINUX_LIVE_H
#define HM_LINUX_LIVE_H

#include "config/config.h"

enum hm_live_verdict {
    HM_LIVE_OK,
    HM_LIVE_UNKNOWN, /* cannot be checked from here; told, and no reason for a warning's exit code */
    HM_LIVE_WARNING,
    HM_LIVE_FAULT,
    HM_LIVE_VERDICT_COUNT,
};

struct hm_live {
    const struct hm_config *config;
    bool is_running; /* the agent */
    unsigned counts[HM_LIVE_VERDICT_COUNT];
};

/* Prints one line: what was looked at, what was found, what to do. */
void hm_live_say(struct hm_live *live, enum hm_live_verdict verdict, const char *subject, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* TAP and bridge of a link: there, up, forwarding, and nothing in between. */
void hm_live_check_device(struct hm_live *live, unsigned link);

/* By frames with a MAC that nobody has: is a second MAC let through, has somebody else our address? */
void hm_live_check_wire(struct hm_live *live, unsigned link);

/* The running agent's peers: way, answer, clock. */
void hm_live_check_peers(struct hm_live *live);

#endif
