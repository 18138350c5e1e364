/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns notify-migrate's command line. */
#include "platform/linux/notify_arguments.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

#include "config/config.h"
#include "platform/linux/notify_options.h"

#define DEFAULT_WAIT_MS 10000
#define DEFAULT_DEADLINE_MS 300
#define DEFAULT_HISTORY_MIB 32

/* What may be said with a command. */
enum {
    TAKES_GROUP = 1,
    TAKES_HOST = 2,
    NEEDS_HOST = 4,
    TAKES_DEVICE = 8,
    TAKES_MONITOR = 16,
    TAKES_PROGRAM = 32,
    NEEDS_NO_VM = 64,
    TAKES_DRY_RUN = 128,
    TAKES_STOP_NOTICE = 256,
    TAKES_SHIELD = 512,
};

struct command {
    const char *name;
    enum hm_control_op op;
    unsigned allows;
    const char *help;
};

static const struct command COMMANDS[] = {
    [HM_COMMAND_IMMINENT] =
        {"imminent", HM_OP_IMMINENT,
         TAKES_GROUP | TAKES_HOST | NEEDS_HOST | TAKES_DRY_RUN | TAKES_STOP_NOTICE,
         "VM... --to HOST   the VM will move to that host; waits until the network is ready"},
    [HM_COMMAND_LANDED] = {"landed", HM_OP_LANDED, 0, "VM             the VM runs at its destination"},
    [HM_COMMAND_CANCEL] = {"cancel", HM_OP_CANCEL, TAKES_GROUP,
                           "VM...          the VM does not move; all is undone"},
    [HM_COMMAND_STATUS] = {"status", HM_OP_STATUS, 0, "VM             what the agent knows of the VM"},
    [HM_COMMAND_STOPPED] = {"stopped", HM_OP_STOPPED, 0,
                            "VM             the VM has stopped here, and will run at its destination"},
    [HM_COMMAND_SHIELD] =
        {"shield", HM_OP_SHIELD, TAKES_DEVICE | TAKES_SHIELD | NEEDS_NO_VM | TAKES_DRY_RUN,
         "[VM] --dev TAP [--remove]   only the agent may talk with the VM at this port of a "
         "bridge"},
    [HM_COMMAND_WATCH] =
        {"watch", HM_OP_STATUS, TAKES_HOST | TAKES_DEVICE | TAKES_MONITOR,
         "VM --qmp SOCKET --dev TAP [--to HOST]   follows QEMU through a migration, at either end"},
    [HM_COMMAND_RUN] =
        {"run", HM_OP_IMMINENT, TAKES_HOST | NEEDS_HOST | TAKES_PROGRAM | TAKES_STOP_NOTICE,
         "VM --to HOST -- PROGRAM...   imminent, then the program that migrates; cancel if it fails"},
};
static_assert(sizeof(COMMANDS) / sizeof(COMMANDS[0]) == HM_COMMAND_COUNT, "one for each");

void hm_notify_arguments_help(FILE *out)
{
    fputs("notify-migrate: tells the agent of this subnet that a virtual machine migrates\n\n"
          "usage: notify-migrate [option...] COMMAND VM... [option...]\n\n",
          out);
    for (size_t i = 0; i < HM_COMMAND_COUNT; i++)
        fprintf(out, "  %-10s%s\n", COMMANDS[i].name, COMMANDS[i].help);
    fputs("\n"
          "VM is a name; an Ethernet or IPv4 address is used as such too.\n\n"
          "  --to HOST            where the VM goes, as in the agents' configuration\n"
          "  --ip ADDRESS         an address of the VM; may be repeated\n"
          "  --mac ADDRESS        an Ethernet address of the VM; may be repeated\n"
          "  --wait SECONDS       how long to try, 10 by default\n"
          "  --dev TAP            the VM's port, of shield and watch\n"
          "  --agent-mac ADDRESS  the agent's Ethernet address, of shield; else the agent is asked\n"
          "  --remove             the shield is taken away\n"
          "  --dry-run            only tell whether it could be done\n"
          "  --stop-notice        of imminent and run: the agent will hear stopped before the VM lands\n"
          "  --qmp SOCKET         of watch: QEMU's monitor\n"
          "  --deadline MS        of watch: how long the VM stands still because of it, 300 by default\n"
          "  --cut exact|counted|hold   of watch: how to find what the VM has got; exact by default\n"
          "  --history MIB        of watch: captured frames kept, 32 by default\n"
          "  --no-cont            of watch: somebody else lets the VM run\n"
          "  --on-error abort|proceed   of run: when the move could not be staged; abort by default\n"
          "  --config FILE        " HM_NOTIFY_FILE_PATH " by default\n"
          "  --agent IP[:PORT]    another agent than the file's\n"
          "  -j, --json           JSON instead of lines\n"
          "  --help, --version\n\n"
          "exit code: 0 staged or done, 1 internal, 2 wrong arguments or a faulty file, 3 refused,\n"
          "  4 unknown VM, 5 unknown host, 6 not reachable in time, 7 wrong key, 8 clocks apart,\n"
          "  9 the migration failed or was cancelled (watch); of run, the program's own\n",
          out);
}

static bool is_only_with(const char *option, const char *value, bool is_given, bool is_allowed,
                         const char *commands)
{
    return !is_given || is_allowed || hm_notify_complain(option, value, commands);
}

/* Every option that is given belongs to the command, and what it needs is given. */
static bool is_right(const struct hm_notify_arguments *arguments, const struct command *command)
{
    const struct hm_notify_shield *shield = &arguments->shield;
    const struct hm_control_message *request = &arguments->requests[0];
    const struct hm_watch_options *watch = &arguments->watch;
    unsigned allows = command->allows;

    if (!is_only_with("--to", command->name, arguments->host != NULL, allows & TAKES_HOST,
                      "only with imminent, run and watch") ||
        !is_only_with("--dry-run", command->name, request->dry_run, allows & TAKES_DRY_RUN,
                      "only with imminent") ||
        !is_only_with("--stop-notice", command->name, request->has_stop_notice, allows & TAKES_STOP_NOTICE,
                      "only with imminent and run") ||
        !is_only_with("--dev", command->name, shield->device != NULL, allows & TAKES_DEVICE,
                      "only with shield and watch") ||
        !is_only_with("--agent-mac or --remove", command->name, shield->has_agent_mac || shield->remove,
                      allows & TAKES_SHIELD, "only with shield") ||
        !is_only_with("--qmp, --deadline, --cut, --history or --no-cont", command->name,
                      watch->monitor != NULL || watch->deadline_ms != 0 || watch->no_cont ||
                          watch->history_len != 0 || watch->cut != HM_WATCH_EXACT,
                      allows & TAKES_MONITOR, "only with watch") ||
        !is_only_with("--on-error", command->name, arguments->proceeds, allows & TAKES_PROGRAM,
                      "only with run"))
        return false;
    if ((allows & TAKES_DEVICE) != 0 && shield->device == NULL)
        return hm_notify_complain("--dev", "", "the VM's TAP, its port of the bridge");
    if ((allows & TAKES_MONITOR) != 0 && watch->monitor == NULL)
        return hm_notify_complain("--qmp", "", "the path of QEMU's QMP socket");
    if ((allows & NEEDS_HOST) != 0 && arguments->host == NULL)
        return hm_notify_complain("--to", "", "the host that the VM goes to");
    return true;
}

/* One VM, or several of a command that takes a group; behind them the program of run. */
static bool parse_vms(int argc, char **argv, struct hm_notify_arguments *arguments,
                      const struct command *command)
{
    const struct hm_control_message common = arguments->requests[0];
    int most = (command->allows & TAKES_GROUP) != 0 ? HM_NOTIFY_GROUP_MAX : 1;

    if (argc < 1)
        return (command->allows & NEEDS_NO_VM) != 0 ||
               hm_notify_complain("VM", "", "a name, an Ethernet address or an IPv4 address");
    if ((command->allows & TAKES_PROGRAM) != 0) {
        arguments->program = argv + 1;
        if (argc < 2)
            return hm_notify_complain("PROGRAM", "", "what migrates the VM, behind --");
        argc = 1;
    }
    if (argc > most)
        return hm_notify_complain("argument", argv[most],
                                  most > 1 ? "up to 1024 VMs"
                                           : "nothing more (a name with blanks must be quoted)");
    if (argc > 1 && (common.mac_count > 0 || common.addr_count > 0))
        return hm_notify_complain("--ip or --mac", argv[1], "only with one VM");
    for (int i = 0; i < argc; i++) {
        arguments->requests[i] = common;
        if (!hm_notify_options_vm(arguments, argv[i]))
            return false;
    }
    return true;
}

static bool parse_words(int argc, char **argv, struct hm_notify_arguments *arguments)
{
    const struct command *command = NULL;

    for (size_t i = 0; i < HM_COMMAND_COUNT && argc > 0; i++) {
        if (strcmp(COMMANDS[i].name, argv[0]) == 0)
            command = &COMMANDS[i];
    }
    if (command == NULL)
        return hm_notify_complain("COMMAND", argc > 0 ? argv[0] : "",
                                  "imminent, landed, cancel, status, stopped, shield, watch or run");
    arguments->command = (enum hm_notify_command)(command - COMMANDS);
    arguments->requests[0].op = command->op;
    return is_right(arguments, command) && parse_vms(argc - 1, argv + 1, arguments, command);
}

static void fill_in_watch(struct hm_notify_arguments *arguments)
{
    struct hm_watch_options *watch = &arguments->watch;

    watch->vm = arguments->vms[0];
    watch->device = arguments->shield.device;
    watch->host = arguments->host;
    watch->wait_ms = arguments->wait_ms;
    watch->json = arguments->json;
    watch->request = arguments->requests[0];
    if (watch->deadline_ms == 0)
        watch->deadline_ms = DEFAULT_DEADLINE_MS;
    if (watch->history_len == 0)
        watch->history_len = (size_t)DEFAULT_HISTORY_MIB << 20;
}

bool hm_notify_arguments_parse(int argc, char **argv, struct hm_notify_arguments *arguments)
{
    memset(arguments, 0, sizeof(*arguments));
    arguments->config = HM_NOTIFY_FILE_PATH;
    arguments->wait_ms = DEFAULT_WAIT_MS;
    if (!hm_notify_options_parse(argc, argv, arguments) ||
        !parse_words(argc - optind, argv + optind, arguments))
        return false;
    /* the agent gives up a little before us, so that its reason still arrives */
    for (unsigned i = 0; i < HM_NOTIFY_GROUP_MAX; i++)
        arguments->requests[i].wait_ms = (uint32_t)(arguments->wait_ms - arguments->wait_ms / 10);
    fill_in_watch(arguments);
    return true;
}
