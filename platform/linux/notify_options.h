/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of notify-migrate, one by one; which of them go together is not looked at. */
#ifndef HM_LINUX_NOTIFY_OPTIONS_H
#define HM_LINUX_NOTIFY_OPTIONS_H

#include "platform/linux/notify_arguments.h"

/* Says on stderr what is wrong with an argument, and gives false. */
bool hm_notify_complain(const char *what, const char *found, const char *allowed);
/* Takes all options; optind is then the first word. False, and said, when one is wrong. */
bool hm_notify_options_parse(int argc, char **argv, struct hm_notify_arguments *arguments);
/* Adds a VM. */
bool hm_notify_options_vm(struct hm_notify_arguments *arguments, const char *text);

#endif
