/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the program `hypermip`: its table of commands. */
#include <stdio.h>
#include <string.h>

#include "platform/linux/cli.h"

struct command {
    const char *name;
    const char *arguments;
    const char *help;
    int (*run)(int argc, char **argv);
};

static const struct command COMMANDS[] = {
    {"run", "[-c FILE]", "be the agent that the file describes, until SIGINT or SIGTERM", hm_cli_run},
    {"check", "[--live [-j]] [-c FILE]",
     "tell all faults of a file; --live: and what the network does not allow", hm_cli_check},
    {"status", "[-j] [-s SOCKET | -c FILE]", "the running agent in a few lines", hm_cli_report},
    {"bindings", "[-j] [-s SOCKET | -c FILE]", "VMs of this subnet that are away", hm_cli_report},
    {"visitors", "[-j] [-s SOCKET | -c FILE]", "VMs of other subnets that are here", hm_cli_report},
    {"handovers", "[-j] [-s SOCKET | -c FILE]", "migrations, with the times of their steps", hm_cli_report},
    {"neighbours", "[-j] [-s SOCKET | -c FILE]", "pairs of Ethernet and IPv4 address seen in the subnet",
     hm_cli_report},
    {"peers", "[-j] [-s SOCKET | -c FILE]", "other agents, as the last question found them; asks them anew",
     hm_cli_report},
    {"port", "[-j] [-s SOCKET | -c FILE]",
     "what passes at the agent's port, as the last probe found; probes anew", hm_cli_report},
    {"counters", "[-j] [-s SOCKET | -c FILE]", "packets and messages, and why some were dropped",
     hm_cli_report},
    {"keygen", "", "a new secret, 64 hex digits", hm_cli_keygen},
    {"keys", "[--notify] [--man]", "all keys of hypermip.ini (or notify.conf), their ranges and defaults",
     hm_cli_keys},
};

#define COMMAND_COUNT (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

static void print_help(FILE *out)
{
    fputs("hypermip: a router that keeps the address of a virtual machine when it migrates to another "
          "subnet\n\n"
          "usage: hypermip COMMAND [option...]\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s%-28s%s\n", COMMANDS[i].name, COMMANDS[i].arguments, COMMANDS[i].help);
    fputs("\n"
          "  -c, --config FILE    configuration, " HM_AGENT_FILE_PATH " by default\n"
          "  -s, --socket SOCKET  socket of the running agent; the only one in " HM_RUN_DIR " by default\n"
          "  -j, --json           JSON instead of a table\n"
          "  --help, --version\n\n"
          "exit code: 0 fine, 1 could not (no device, no agent), 2 wrong arguments or a faulty file\n",
          out);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return HM_EXIT_FINE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("hypermip " HM_VERSION);
        return HM_EXIT_FINE;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(stdout);
            return HM_EXIT_FINE;
        }
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(COMMANDS[i].name, name) == 0)
            return COMMANDS[i].run(argc - 1, argv + 1);
    }
    if (*name != '\0')
        fprintf(stderr, "hypermip: unknown command %s\n\n", name);
    print_help(stderr);
    return HM_EXIT_USAGE;
}
