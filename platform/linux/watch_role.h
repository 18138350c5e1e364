/* SPDX-License-Identifier: BSD-3-Clause */
/* The two roles of the watch: where the VM leaves, and where it arrives. */
#ifndef HM_LINUX_WATCH_ROLE_H
#define HM_LINUX_WATCH_ROLE_H

#include "platform/linux/watch_loop.h"

enum hm_notify_exit hm_watch_source(struct hm_watch *watch);
enum hm_notify_exit hm_watch_destination(struct hm_watch *watch);

#endif
