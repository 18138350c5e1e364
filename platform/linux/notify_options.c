/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the values of notify-migrate's options. */
#include "platform/linux/notify_options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAIT_MS 600000

bool hm_notify_complain(const char *what, const char *found, const char *allowed)
{
    fprintf(stderr, "notify-migrate: %s: found \"%s\", allowed: %s\n", what, found, allowed);
    return false;
}

static bool add_ip(struct hm_control_message *request, const char *text, uint32_t addr)
{
    if (!hm_ip_is_host(addr))
        return hm_notify_complain("--ip", text, "the IPv4 address of a host");
    if (request->addr_count == HM_CONTROL_MAX_NODES)
        return hm_notify_complain("--ip", text, "up to 16 addresses");
    request->addrs[request->addr_count++] = addr;
    return true;
}

static bool add_mac(struct hm_control_message *request, const char *text, const struct hm_mac *mac)
{
    if (hm_mac_is_group(mac) || hm_mac_is_zero(mac))
        return hm_notify_complain("--mac", text, "a unicast Ethernet address");
    if (request->mac_count == HM_CONTROL_MAX_NODES)
        return hm_notify_complain("--mac", text, "up to 16 addresses");
    request->macs[request->mac_count++] = *mac;
    return true;
}

static bool parse_ip(struct hm_notify_arguments *arguments, const char *text)
{
    uint32_t addr;

    if (!hm_ip_parse(text, &addr))
        return hm_notify_complain("--ip", text, "an IPv4 address, as 10.1.0.5");
    return add_ip(&arguments->requests[0], text, addr);
}

static bool parse_mac(struct hm_notify_arguments *arguments, const char *text)
{
    struct hm_mac mac;

    if (!hm_mac_parse(text, &mac))
        return hm_notify_complain("--mac", text, "an Ethernet address, as 52:54:00:12:34:56");
    return add_mac(&arguments->requests[0], text, &mac);
}

static bool parse_wait(struct hm_notify_arguments *arguments, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0.1 && seconds <= MAX_WAIT_MS / 1000.0))
        return hm_notify_complain("--wait", text, "seconds from 0.1 to 600");
    arguments->wait_ms = (uint64_t)(seconds * 1000);
    return true;
}

/* IP or IP:PORT */
static bool parse_agent(struct hm_notify_arguments *arguments, const char *text)
{
    char addr[64];
    const char *colon = strchr(text, ':');
    char *end = NULL;
    unsigned long port = colon == NULL ? 1 : strtoul(colon + 1, &end, 10);

    snprintf(addr, sizeof(addr), "%.*s", colon == NULL ? 60 : (int)(colon - text), text);
    if (!hm_ip_parse(addr, &arguments->agent_addr) || arguments->agent_addr == 0 || port < 1 ||
        port > 65535 || (colon != NULL && (colon[1] < '0' || colon[1] > '9' || *end != '\0')))
        return hm_notify_complain("--agent", text, "an IPv4 address, or one with a port, as 10.1.0.2:4340");
    arguments->agent_port = colon == NULL ? 0 : (uint16_t)port;
    return true;
}

/* Printable, and short enough for the wire. */
static bool copy_name(const char *what, const char *text, char to[HM_NAME_LEN])
{
    size_t len = strlen(text);

    if (len == 0 || len >= HM_NAME_LEN)
        return hm_notify_complain(what, text, "1 to 63 bytes");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            fprintf(stderr, "notify-migrate: %s: control characters are not allowed\n", what);
            return false;
        }
    }
    memcpy(to, text, len + 1);
    return true;
}

bool hm_notify_options_vm(struct hm_notify_arguments *arguments, const char *text)
{
    struct hm_control_message *request = &arguments->requests[arguments->vm_count];
    struct hm_mac mac;
    uint32_t addr;

    arguments->vms[arguments->vm_count] = text;
    if (hm_mac_parse(text, &mac) && !add_mac(request, text, &mac))
        return false;
    if (hm_ip_parse(text, &addr) && !add_ip(request, text, addr))
        return false;
    arguments->vm_count++;
    return copy_name("VM", text, request->vm);
}

static bool parse_number(const char *what, const char *text, unsigned long most, uint64_t *value)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number < 1 || number > most) {
        fprintf(stderr, "notify-migrate: %s: found \"%s\", allowed: a number from 1 to %lu\n", what, text,
                most);
        return false;
    }
    *value = number;
    return true;
}

static bool parse_cut(struct hm_notify_arguments *arguments, const char *text)
{
    static const char *const NAMES[] = {
        [HM_WATCH_EXACT] = "exact", [HM_WATCH_COUNTED] = "counted", [HM_WATCH_HOLD] = "hold"};

    for (unsigned i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            arguments->watch.cut = (enum hm_watch_cut)i;
            return true;
        }
    }
    return hm_notify_complain("--cut", text, "exact, counted or hold");
}

static bool parse_on_error(struct hm_notify_arguments *arguments, const char *text)
{
    arguments->proceeds = strcmp(text, "proceed") == 0;
    return arguments->proceeds || strcmp(text, "abort") == 0 ||
           hm_notify_complain("--on-error", text, "abort or proceed");
}

static bool parse_history(struct hm_notify_arguments *arguments, const char *text)
{
    uint64_t mib;

    if (!parse_number("--history", text, 4096, &mib))
        return false;
    arguments->watch.history_len = (size_t)mib << 20;
    return true;
}

static bool parse_watch_option(struct hm_notify_arguments *arguments, int option)
{
    switch (option) {
    case 'q':
        arguments->watch.monitor = optarg;
        return true;
    case 'l':
        return parse_number("--deadline", optarg, MAX_WAIT_MS, &arguments->watch.deadline_ms);
    case 'u':
        return parse_cut(arguments, optarg);
    case 'y':
        return parse_history(arguments, optarg);
    case 'n':
        arguments->watch.no_cont = true;
        return true;
    case 'e':
        return parse_on_error(arguments, optarg);
    default:
        return false;
    }
}

static bool parse_option(struct hm_notify_arguments *arguments, int option)
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
        arguments->requests[0].dry_run = true;
        return true;
    case 't':
        arguments->host = optarg;
        return copy_name("--to", optarg, arguments->requests[0].host);
    case 'i':
        return parse_ip(arguments, optarg);
    case 'm':
        return parse_mac(arguments, optarg);
    case 'D':
        arguments->shield.device = optarg;
        return true;
    case 'A':
        arguments->shield.has_agent_mac = hm_mac_parse(optarg, &arguments->shield.agent_mac);
        return arguments->shield.has_agent_mac ||
               hm_notify_complain("--agent-mac", optarg, "an Ethernet address");
    case 'R':
        arguments->shield.remove = true;
        return true;
    case 'w':
        return parse_wait(arguments, optarg);
    case 's':
        arguments->requests[0].has_stop_notice = true;
        return true;
    default:
        return parse_watch_option(arguments, option);
    }
}

bool hm_notify_options_parse(int argc, char **argv, struct hm_notify_arguments *arguments)
{
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'},
        {"agent", required_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {"dry-run", no_argument, NULL, 'd'},
        {"to", required_argument, NULL, 't'},
        {"ip", required_argument, NULL, 'i'},
        {"mac", required_argument, NULL, 'm'},
        {"wait", required_argument, NULL, 'w'},
        {"dev", required_argument, NULL, 'D'},
        {"agent-mac", required_argument, NULL, 'A'},
        {"remove", no_argument, NULL, 'R'},
        {"stop-notice", no_argument, NULL, 's'},
        {"qmp", required_argument, NULL, 'q'},
        {"deadline", required_argument, NULL, 'l'},
        {"cut", required_argument, NULL, 'u'},
        {"history", required_argument, NULL, 'y'},
        {"no-cont", no_argument, NULL, 'n'},
        {"on-error", required_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
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
