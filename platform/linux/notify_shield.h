/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `shield` of notify-migrate: rules on the machine's port, and what the agent is told of them. */
#ifndef HM_LINUX_NOTIFY_SHIELD_H
#define HM_LINUX_NOTIFY_SHIELD_H

#include "platform/linux/notify_report.h"

struct hm_notify_shield {
    const char *device;
    bool has_agent_mac;
    struct hm_mac agent_mac; /* if it was given; else the agent is asked */
    bool remove;
};

/* Sets or clears the rules, and tells the agent for the request's MACs. False (and told on stderr) when the
 * rules could not be changed; else *result is what the agent said: only with that is the work done. */
bool hm_notify_shield(const struct hm_notify_target *target, const struct hm_notify_shield *shield,
                      struct hm_control_message *request, uint64_t wait_ms, struct hm_notify_result *result);

#endif
