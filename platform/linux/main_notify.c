/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the program `notify-migrate`: its arguments. The dialogue is in notify_client.c. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "platform/linux/notify_shield.h"

#define DEFAULT_WAIT_MS 10000
#define MAX_WAIT_MS 600000

struct arguments {
    const char *config;
    uint32_t agent_addr; /* 0: the file's */
    uint16_t agent_port; /* 0: the file's */
    bool json;
    uint64_t wait_ms;
    const char *vm;
    const char *host;
    struct hm_notify_shield shield;
    struct hm_control_message request;
};

struct command {
    const char *name;
    enum hm_control_op op;
    const char *help;
};

static const struct command COMMANDS[] = {
    {"imminent", HM_OP_IMMINENT,
     "VM --to HOST   the VM will move to that host; waits until the network is ready"},
    {"landed", HM_OP_LANDED, "VM             the VM runs at its destination"},
    {"cancel", HM_OP_CANCEL, "VM             the VM does not move; all is undone"},
    {"status", HM_OP_STATUS, "VM             what the agent knows of the VM"},
    {"shield", HM_OP_SHIELD,
     "[VM] --dev TAP [--remove]   only the agent may talk with the VM at this port of a bridge"},
};

#define COMMAND_COUNT (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

static void print_help(FILE *out)
{
    fputs("notify-migrate: tells the agent of this subnet that a virtual machine migrates\n\n"
          "usage: notify-migrate [option...] COMMAND VM [option...]\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s%s\n", COMMANDS[i].name, COMMANDS[i].help);
    fputs("\n"
          "VM is a name; an Ethernet or IPv4 address is used as such too.\n\n"
          "  --to HOST            where the VM goes, as in the agents' configuration\n"
          "  --ip ADDRESS         an address of the VM; may be repeated\n"
          "  --mac ADDRESS        an Ethernet address of the VM; may be repeated\n"
          "  --wait SECONDS       how long to try, 10 by default\n"
          "  --dev TAP            the VM's port, of shield\n"
          "  --agent-mac ADDRESS  the agent's Ethernet address, of shield; else the agent is asked\n"
          "  --remove             the shield is taken away\n"
          "  --dry-run            only tell whether it could be done\n"
          "  --config FILE        " HM_NOTIFY_FILE_PATH " by default\n"
          "  --agent IP[:PORT]    another agent than the file's\n"
          "  -j, --json           one JSON object instead of a line\n"
          "  --help, --version\n\n"
          "exit code: 0 staged or done, 1 internal, 2 wrong arguments or a faulty file, 3 refused,\n"
          "  4 unknown VM, 5 unknown host, 6 not reachable in time, 7 wrong key, 8 clocks apart\n",
          out);
}

static bool complain(const char *what, const char *found, const char *allowed)
{
    fprintf(stderr, "notify-migrate: %s: found \"%s\", allowed: %s\n", what, found, allowed);
    return false;
}

static bool add_ip(struct hm_control_message *request, const char *text, uint32_t addr)
{
    if (!hm_ip_is_host(addr))
        return complain("--ip", text, "the IPv4 address of a host");
    if (request->addr_count == HM_CONTROL_MAX_NODES)
        return complain("--ip", text, "up to 16 addresses");
    request->addrs[request->addr_count++] = addr;
    return true;
}

static bool add_mac(struct hm_control_message *request, const char *text, const struct hm_mac *mac)
{
    if (hm_mac_is_group(mac) || hm_mac_is_zero(mac))
        return complain("--mac", text, "a unicast Ethernet address");
    if (request->mac_count == HM_CONTROL_MAX_NODES)
        return complain("--mac", text, "up to 16 addresses");
    request->macs[request->mac_count++] = *mac;
    return true;
}

static bool parse_ip(struct arguments *arguments, const char *text)
{
    uint32_t addr;

    if (!hm_ip_parse(text, &addr))
        return complain("--ip", text, "an IPv4 address, as 10.1.0.5");
    return add_ip(&arguments->request, text, addr);
}

static bool parse_mac(struct arguments *arguments, const char *text)
{
    struct hm_mac mac;

    if (!hm_mac_parse(text, &mac))
        return complain("--mac", text, "an Ethernet address, as 52:54:00:12:34:56");
    return add_mac(&arguments->request, text, &mac);
}

static bool parse_wait(struct arguments *arguments, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0.1 && seconds <= MAX_WAIT_MS / 1000.0))
        return complain("--wait", text, "seconds from 0.1 to 600");
    arguments->wait_ms = (uint64_t)(seconds * 1000);
    return true;
}

/* IP or IP:PORT */
static bool parse_agent(struct arguments *arguments, const char *text)
{
    char addr[64];
    const char *colon = strchr(text, ':');
    char *end = NULL;
    unsigned long port = colon == NULL ? 1 : strtoul(colon + 1, &end, 10);

    snprintf(addr, sizeof(addr), "%.*s", colon == NULL ? 60 : (int)(colon - text), text);
    if (!hm_ip_parse(addr, &arguments->agent_addr) || arguments->agent_addr == 0 || port < 1 ||
        port > 65535 || (colon != NULL && (colon[1] < '0' || colon[1] > '9' || *end != '\0')))
        return complain("--agent", text, "an IPv4 address, or one with a port, as 10.1.0.2:4340");
    arguments->agent_port = colon == NULL ? 0 : (uint16_t)port;
    return true;
}

/* Printable, and short enough for the wire. */
static bool copy_name(const char *what, const char *text, char to[HM_NAME_LEN])
{
    size_t len = strlen(text);

    if (len == 0 || len >= HM_NAME_LEN)
        return complain(what, text, "1 to 63 bytes");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            fprintf(stderr, "notify-migrate: %s: control characters are not allowed\n", what);
            return false;
        }
    }
    memcpy(to, text, len + 1);
    return true;
}

static bool parse_vm(struct arguments *arguments, const char *text)
{
    struct hm_control_message *request = &arguments->request;
    struct hm_mac mac;
    uint32_t addr;

    arguments->vm = text;
    if (hm_mac_parse(text, &mac) && !add_mac(request, text, &mac))
        return false;
    if (hm_ip_parse(text, &addr) && !add_ip(request, text, addr))
        return false;
    return copy_name("VM", text, request->vm);
}

static bool parse_option(struct arguments *arguments, int option)
{
    switch (option) {
    case 'c':
        arguments->config = optarg;
        return true;
    case 'a':
        return parse_agent(arguments, optarg);
    case 'j':
        arguments->json = true;
        return true;
    case 'd':
        arguments->request.dry_run = true;
        return true;
    case 't':
        arguments->host = optarg;
        return copy_name("--to", optarg, arguments->request.host);
    case 'i':
        return parse_ip(arguments, optarg);
    case 'm':
        return parse_mac(arguments, optarg);
    case 'D':
        arguments->shield.device = optarg;
        return true;
    case 'A':
        arguments->shield.has_agent_mac = hm_mac_parse(optarg, &arguments->shield.agent_mac);
        return arguments->shield.has_agent_mac || complain("--agent-mac", optarg, "an Ethernet address");
    case 'R':
        arguments->shield.remove = true;
        return true;
    case 'w':
        return parse_wait(arguments, optarg);
    default:
        return false;
    }
}

static bool parse_options(int argc, char **argv, struct arguments *arguments)
{
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'}, {"agent", required_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},         {"dry-run", no_argument, NULL, 'd'},
        {"to", required_argument, NULL, 't'},     {"ip", required_argument, NULL, 'i'},
        {"mac", required_argument, NULL, 'm'},    {"wait", required_argument, NULL, 'w'},
        {"dev", required_argument, NULL, 'D'},    {"agent-mac", required_argument, NULL, 'A'},
        {"remove", no_argument, NULL, 'R'},       {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:j", LONG, NULL)) != -1) {
        if (option == ':' || option == '?') {
            fprintf(stderr, "notify-migrate: %s %s (see notify-migrate --help)\n",
                    option == ':' ? "a value is missing behind" : "unknown option", argv[optind - 1]);
            return false;
        }
        if (!parse_option(arguments, option))
            return false;
    }
    return true;
}

/* A device is what a shield is about, and nothing else is. */
static bool is_shield_right(const struct arguments *arguments, const char *command)
{
    const struct hm_notify_shield *shield = &arguments->shield;

    if (arguments->request.op == HM_OP_SHIELD)
        return shield->device != NULL || complain("--dev", "", "the VM's port of the bridge");
    if (shield->device == NULL && !shield->has_agent_mac && !shield->remove)
        return true;
    return complain("--dev, --agent-mac or --remove", command, "only with shield");
}

/* COMMAND VM, and what goes with them. */
static bool parse_words(int argc, char **argv, struct arguments *arguments)
{
    const struct command *command = NULL;

    for (size_t i = 0; i < COMMAND_COUNT && argc > 0; i++) {
        if (strcmp(COMMANDS[i].name, argv[0]) == 0)
            command = &COMMANDS[i];
    }
    if (command == NULL)
        return complain("COMMAND", argc > 0 ? argv[0] : "", "imminent, landed, cancel, status or shield");
    arguments->request.op = command->op;
    if (!is_shield_right(arguments, argv[0]))
        return false;
    if (command->op == HM_OP_SHIELD && argc < 2)
        return true;
    if (argc < 2)
        return complain("VM", "", "a name, an Ethernet address or an IPv4 address");
    if (argc > 2)
        return complain("argument", argv[2], "nothing more (a name with blanks must be quoted)");
    if (command->op == HM_OP_IMMINENT && arguments->host == NULL)
        return complain("--to", "", "the host that the VM goes to");
    if (command->op != HM_OP_IMMINENT &&
        (arguments->host != NULL || (arguments->request.dry_run && command->op != HM_OP_SHIELD)))
        return complain(arguments->host != NULL ? "--to" : "--dry-run", argv[0], "only with imminent");
    return parse_vm(arguments, argv[1]);
}

/* The file's agent and key, with what the arguments say instead. */
static bool load_target(const struct arguments *arguments, struct hm_notify_target *target)
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
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], option) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    static struct arguments arguments = {.config = HM_NOTIFY_FILE_PATH, .wait_ms = DEFAULT_WAIT_MS};
    static struct hm_notify_result result;
    struct hm_notify_target target;
    struct hm_notify_question question;

    if (wants(argc, argv, "--help")) {
        print_help(stdout);
        return HM_NOTIFY_EXIT_DONE;
    }
    if (wants(argc, argv, "--version")) {
        puts("notify-migrate " HM_VERSION);
        return HM_NOTIFY_EXIT_DONE;
    }
    if (!parse_options(argc, argv, &arguments) || !parse_words(argc - optind, argv + optind, &arguments) ||
        !load_target(&arguments, &target))
        return HM_NOTIFY_EXIT_USAGE;
    /* the agent gives up a little before us, so that its reason still arrives */
    arguments.request.wait_ms = (uint32_t)(arguments.wait_ms - arguments.wait_ms / 10);
    if (arguments.request.op != HM_OP_SHIELD)
        hm_notify_ask(&target, &arguments.request, arguments.wait_ms, &result);
    else if (!hm_notify_shield(&target, &arguments.shield, &arguments.request, arguments.wait_ms, &result))
        return HM_NOTIFY_EXIT_INTERNAL;
    question = (struct hm_notify_question){
        .op = arguments.request.op,
        .vm = arguments.vm != NULL ? arguments.vm : arguments.shield.device,
        .host = arguments.host,
        .dry_run = arguments.request.dry_run,
        .wait_ms = arguments.wait_ms,
        .target = &target,
    };
    hm_notify_report(&question, &result, arguments.json);
    explicit_bzero(&target.key, sizeof(target.key));
    return (int)hm_notify_exit_code(&result);
}
