/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what `check --live` says of this host as a router: does it check the sources of what it forwards?
 *
 * A strict check (rp_filter = 1) drops what comes in by another interface than the one by which it would be
 * answered: so may tunnels that come and go by different ways. Whether they do, only they show. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "platform/linux/live.h"

#define CONF "/proc/sys/net/ipv4/conf"
#define STRICT 1
#define NAMES_LEN 96

static long mode_of(const char *device)
{
    char path[320];
    long mode = 0;

    snprintf(path, sizeof(path), CONF "/%s/rp_filter", device);
    (void)hm_live_read(path, &mode);
    return mode;
}

/* The interfaces with a strict check: the greater of the interface's own setting and that of all counts. */
static void list_strict(char names[NAMES_LEN])
{
    DIR *folder = opendir(CONF);
    const struct dirent *entry;
    long all = mode_of("all");

    names[0] = '\0';
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        long own = mode_of(entry->d_name);

        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "all") == 0 ||
            strcmp(entry->d_name, "default") == 0 || strcmp(entry->d_name, "lo") == 0 ||
            (own > all ? own : all) != STRICT || strlen(names) + strlen(entry->d_name) + 2 > NAMES_LEN)
            continue;
        strcat(names, names[0] != '\0' ? " " : "");
        strcat(names, entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
}

void hm_live_check_host(struct hm_live *live)
{
    char names[NAMES_LEN];
    long forwards = 0;

    (void)hm_live_read("/proc/sys/net/ipv4/ip_forward", &forwards);
    list_strict(names);
    if (forwards == 0)
        hm_live_say(live, HM_LIVE_SOURCE, HM_LIVE_OK, "this host",
                    "forwards nothing, and so checks no source");
    else if (names[0] == '\0')
        hm_live_say(live, HM_LIVE_SOURCE, HM_LIVE_OK, "this host", "forwards, and checks no source strictly");
    else if (live->tunnels_pass)
        hm_live_say(live, HM_LIVE_SOURCE, HM_LIVE_OK, "this host",
                    "checks sources strictly (rp_filter) on %s, and the tunnels pass all the same", names);
    else
        hm_live_say(
            live, HM_LIVE_SOURCE, HM_LIVE_UNKNOWN, "this host",
            "forwards, and checks sources strictly (rp_filter) on %s; whether that stops a tunnel shows when "
            "the agent runs: sysctl net.ipv4.conf.DEVICE.rp_filter=2 where it does",
            names);
}
