/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the program `notify-migrate`: which of its commands is run. */
#include <string.h>

#include "config/config.h"
#include "platform/linux/notify_arguments.h"

/* The file's agent and key, with what the arguments say instead. */
static bool load_target(const struct hm_notify_arguments *arguments, struct hm_notify_target *target)
{
    static struct hm_faults faults;
    struct hm_notify_config config;
    int err = hm_notify_config_load(arguments->config, &config, &faults);

    hm_faults_print(&faults, stderr);
    hm_faults_fini(&faults);
    if (err != 0)
        return false;
    if (config.agent_addr == 0 && arguments->agent_addr == 0) {
        fprintf(stderr, "%s: [agent] address: missing, allowed: the agent's IPv4 address, or give --agent\n",
                arguments->config);
        return false;
    }
    *target = (struct hm_notify_target){
        .addr = arguments->agent_addr != 0 ? arguments->agent_addr : config.agent_addr,
        .port = arguments->agent_port != 0 ? arguments->agent_port : config.agent_port,
        .key_id = config.key_id,
        .key = config.key,
    };
    explicit_bzero(&config, sizeof(config));
    return true;
}

static bool wants(int argc, char **argv, const char *option)
{
    /* behind -- they are another program's */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], option) == 0)
            return true;
    }
    return false;
}

/* The VMs that were staged are told that they do not move after all. */
static void take_back(const struct hm_notify_target *target, const struct hm_notify_arguments *arguments,
                      const struct hm_notify_question *questions, const struct hm_notify_result *results)
{
    static struct hm_control_message requests[HM_NOTIFY_GROUP_MAX];
    static struct hm_notify_result cancelled[HM_NOTIFY_GROUP_MAX];
    static unsigned of[HM_NOTIFY_GROUP_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < arguments->vm_count; i++) {
        if (hm_notify_exit_code(&results[i]) != HM_NOTIFY_EXIT_DONE)
            continue;
        requests[count] = arguments->requests[i];
        requests[count].op = HM_OP_CANCEL;
        requests[count].host[0] = '\0';
        requests[count].has_stop_notice = false;
        of[count++] = i;
    }
    hm_notify_ask_all(target, requests, count, arguments->wait_ms, cancelled);
    for (unsigned k = 0; k < count; k++)
        fprintf(stderr, "notify-migrate: %s was staged and is %s, since another is not\n",
                questions[of[k]].vm,
                hm_notify_exit_code(&cancelled[k]) == HM_NOTIFY_EXIT_DONE ? "cancelled"
                                                                          : "not cancelled: it expires");
}

/* Asks for all VMs at once; of a group that is to be staged, all or none. */
static enum hm_notify_exit ask(const struct hm_notify_target *target, struct hm_notify_arguments *arguments)
{
    static struct hm_notify_result results[HM_NOTIFY_GROUP_MAX];
    static struct hm_notify_question questions[HM_NOTIFY_GROUP_MAX];
    enum hm_notify_exit code = HM_NOTIFY_EXIT_DONE;
    unsigned count = arguments->vm_count > 0 ? arguments->vm_count : 1;

    if (arguments->command != HM_COMMAND_SHIELD)
        hm_notify_ask_all(target, arguments->requests, count, arguments->wait_ms, results);
    else if (!hm_notify_shield(target, &arguments->shield, &arguments->requests[0], arguments->wait_ms,
                               results))
        return HM_NOTIFY_EXIT_INTERNAL;
    for (unsigned i = 0; i < count; i++) {
        questions[i] = (struct hm_notify_question){
            .op = arguments->requests[0].op,
            .vm = arguments->vm_count > 0 ? arguments->vms[i] : arguments->shield.device,
            .host = arguments->host,
            .dry_run = arguments->requests[0].dry_run,
            .wait_ms = arguments->wait_ms,
            .target = target,
        };
        if (code == HM_NOTIFY_EXIT_DONE)
            code = hm_notify_exit_code(&results[i]);
    }
    if (count == 1)
        hm_notify_report(questions, results, arguments->json);
    else
        hm_notify_report_all(questions, results, count, arguments->json);
    if (count > 1 && code != HM_NOTIFY_EXIT_DONE && arguments->command == HM_COMMAND_IMMINENT &&
        !arguments->requests[0].dry_run)
        take_back(target, arguments, questions, results);
    return code;
}

static int run(const struct hm_notify_target *target, struct hm_notify_arguments *arguments)
{
    const struct hm_notify_run program = {
        .vm = arguments->vms[0],
        .host = arguments->host,
        .request = &arguments->requests[0],
        .wait_ms = arguments->wait_ms,
        .proceeds = arguments->proceeds,
        .json = arguments->json,
        .program = arguments->program,
    };

    switch (arguments->command) {
    case HM_COMMAND_WATCH:
        return (int)hm_watch_run(&arguments->watch, target);
    case HM_COMMAND_RUN:
        return hm_notify_run(&program, target);
    case HM_COMMAND_IMMINENT:
    case HM_COMMAND_LANDED:
    case HM_COMMAND_CANCEL:
    case HM_COMMAND_STATUS:
    case HM_COMMAND_STOPPED:
    case HM_COMMAND_SHIELD:
    case HM_COMMAND_COUNT:
        break;
    }
    return (int)ask(target, arguments);
}

int main(int argc, char **argv)
{
    static struct hm_notify_arguments arguments;
    struct hm_notify_target target;
    int code;

    if (wants(argc, argv, "--help")) {
        hm_notify_arguments_help(stdout);
        return HM_NOTIFY_EXIT_DONE;
    }
    if (wants(argc, argv, "--version")) {
        puts("notify-migrate " HM_VERSION);
        return HM_NOTIFY_EXIT_DONE;
    }
    if (!hm_notify_arguments_parse(argc, argv, &arguments) || !load_target(&arguments, &target))
        return HM_NOTIFY_EXIT_USAGE;
    code = run(&target, &arguments);
    explicit_bzero(&target.key, sizeof(target.key));
    return code;
}
