/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments of notify-migrate. */
#ifndef HM_LINUX_NOTIFY_ARGUMENTS_H
#define HM_LINUX_NOTIFY_ARGUMENTS_H

#include <stdio.h>

#include "platform/linux/notify_run.h"
#include "platform/linux/notify_shield.h"
#include "platform/linux/watch.h"

enum hm_notify_command {
    HM_COMMAND_IMMINENT,
    HM_COMMAND_LANDED,
    HM_COMMAND_CANCEL,
    HM_COMMAND_STATUS,
    HM_COMMAND_STOPPED,
    HM_COMMAND_SHIELD,
    HM_COMMAND_WATCH,
    HM_COMMAND_RUN,
    HM_COMMAND_COUNT,
};

struct hm_notify_arguments {
    enum hm_notify_command command;
    const char *config;
    uint32_t agent_addr; /* 0: the file's */
    uint16_t agent_port; /* 0: the file's */
    bool json;
    uint64_t wait_ms;
    const char *vms[HM_NOTIFY_GROUP_MAX];
    unsigned vm_count;
    const char *host;
    struct hm_notify_shield shield;
    struct hm_watch_options watch;
    char **program; /* of run, ended by NULL */
    bool proceeds;  /* run: the program is run also when nothing could be staged */
    /* one for each VM: operation and items */
    struct hm_control_message requests[HM_NOTIFY_GROUP_MAX];
};

/* Fills in all. False, and said on stderr, when something is wrong. */
bool hm_notify_arguments_parse(int argc, char **argv, struct hm_notify_arguments *arguments);
void hm_notify_arguments_help(FILE *out);

#endif
