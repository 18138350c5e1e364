/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns `check --live`: the order of its checks, and its lines.
 *
 * Each line is a verdict, the demand that it is about, what was looked at, what was found and what to do. Of
 * every demand there is one at least: what could not be looked at is said so, as `unknown`, with the way to
 * try it. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/linux/cli.h"
#include "platform/linux/live.h"

#define EXIT_WARNINGS 1
#define EXIT_FAULTS 2
#define FOUND_LEN 512

static const char *const VERDICTS[HM_LIVE_VERDICT_COUNT] = {"ok", "unknown", "warning", "fault"};
static const char *const DEMANDS[HM_LIVE_DEMAND_COUNT] = {
    [HM_LIVE_AGENT] = "agent",         [HM_LIVE_DEVICE] = "device",
    [HM_LIVE_ADDRESS] = "address",     [HM_LIVE_MACS] = "macs",
    [HM_LIVE_RECEPTION] = "reception", [HM_LIVE_ARP] = "arp",
    [HM_LIVE_SOURCE] = "source",       [HM_LIVE_VLAN] = "vlan",
    [HM_LIVE_CONTROL] = "control",     [HM_LIVE_REGISTRATION] = "registration",
    [HM_LIVE_TUNNEL] = "tunnel",       [HM_LIVE_CLOCK] = "clock",
};

void hm_live_say(struct hm_live *live, enum hm_live_demand demand, enum hm_live_verdict verdict,
                 const char *subject, const char *format, ...)
{
    char found[FOUND_LEN];
    va_list args;

    va_start(args, format);
    vsnprintf(found, sizeof(found), format, args);
    va_end(args);
    live->counts[verdict]++;
    live->told[demand]++;
    if (live->rows == NULL)
        printf("%-8s %-12s %s: %s\n", VERDICTS[verdict], DEMANDS[demand], subject, found);
    else
        json_array_append_new(live->rows,
                              json_pack("{s:s, s:s, s:s, s:s}", "verdict", VERDICTS[verdict], "demand",
                                        DEMANDS[demand], "subject", subject, "found", found));
}

/* Does somebody listen at its socket? */
static bool is_running(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = fd >= 0 && strlen(path) < sizeof(addr.sun_path);

    if (is_there) {
        strcpy(addr.sun_path, path);
        is_there = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
    }
    if (fd >= 0)
        close(fd);
    return is_there;
}

static void check_agent(struct hm_live *live)
{
    const char *name = live->config->router.name;

    live->is_running = is_running(live->config->platform.socket);
    if (live->is_running)
        hm_live_say(live, HM_LIVE_AGENT, HM_LIVE_OK, name, "runs");
    else
        hm_live_say(live, HM_LIVE_AGENT, HM_LIVE_WARNING, name,
                    "the agent does not run (or its socket is another user's): hypermip run -c FILE");
}

static void check_all(struct hm_live *live)
{
    check_agent(live);
    for (unsigned i = 0; i < live->config->platform.tap_count; i++) {
        hm_live_check_device(live, i);
        hm_live_check_port(live, i);
        hm_live_check_address(live, i);
        if (live->config->router.links[i].role == HM_LINK_LAN)
            hm_live_check_wire(live, i);
    }
    if (live->is_running)
        hm_live_check_own_port(live);
    hm_live_check_peers(live);
    hm_live_check_host(live);
    for (enum hm_live_demand demand = 0; demand < HM_LIVE_DEMAND_COUNT; demand++)
        if (live->told[demand] == 0)
            hm_live_say(live, demand, HM_LIVE_UNKNOWN, live->config->router.name,
                        "could not be looked at: see above, and check again when that is mended");
}

static void print_sum(const struct hm_live *live)
{
    printf("%u fault%s, %u warning%s, %u not checked\n", live->counts[HM_LIVE_FAULT],
           live->counts[HM_LIVE_FAULT] == 1 ? "" : "s", live->counts[HM_LIVE_WARNING],
           live->counts[HM_LIVE_WARNING] == 1 ? "" : "s", live->counts[HM_LIVE_UNKNOWN]);
}

/* As the other reports. */
static void print_document(const struct hm_live *live)
{
    json_t *document = json_pack("{s:s, s:s, s:O}", "report", "check", "agent", live->config->router.name,
                                 "rows", live->rows);

    json_dumpf(document, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(document);
}

int hm_cli_live(const struct hm_config *config, bool json)
{
    struct hm_live live = {.config = config, .rows = json ? json_array() : NULL};

    check_all(&live);
    if (json)
        print_document(&live);
    else
        print_sum(&live);
    json_decref(live.rows);
    if (fflush(stdout) != 0 || live.counts[HM_LIVE_FAULT] > 0)
        return EXIT_FAULTS;
    return live.counts[HM_LIVE_WARNING] > 0 ? EXIT_WARNINGS : HM_EXIT_FINE;
}
