/* SPDX-License-Identifier: BSD-3-Clause */
/* One dialogue of a hypervisor with its agent: a request, repeated until it is answered or time is out. */
#ifndef HM_LINUX_NOTIFY_CLIENT_H
#define HM_LINUX_NOTIFY_CLIENT_H

#include "platform/linux/notify_dialogue.h"

/* Sends the request (operation and items; the rest is filled in here) and waits up to wait_ms. */
void hm_notify_ask(const struct hm_notify_target *target, const struct hm_control_message *request,
                   uint64_t wait_ms, struct hm_notify_result *result);

#define HM_NOTIFY_GROUP_MAX 1024 /* VMs of one call */

/* The same for any number of requests, up to HM_DIALOGUE_SLOTS of them under way at a time; waits until all
 * are answered, or wait_ms. What was not begun by then is HM_NOTIFY_SILENT. */
void hm_notify_ask_all(const struct hm_notify_target *target, const struct hm_control_message *requests,
                       unsigned count, uint64_t wait_ms, struct hm_notify_result *results);

#endif
