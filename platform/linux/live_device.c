/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what `check --live` reads in /sys and /proc about the agent's devices and their bridges. */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/linux/live.h"

#define VALUE_LEN 64
#define SYS_PATH_LEN 160
#define PORT_FORWARDING 3
#define AGEING_MIN_CS 12000 /* an absent machine's MAC is refreshed each 60 s */

bool hm_live_read(const char *path, long *number)
{
    char text[VALUE_LEN];
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(text, sizeof(text), file) != NULL;

    if (file != NULL)
        fclose(file);
    if (good)
        *number = strtol(text, NULL, 0);
    return good;
}

bool hm_live_read_of(const char *device, const char *what, long *number)
{
    char path[SYS_PATH_LEN];

    snprintf(path, sizeof(path), "/sys/class/net/%s/%s", device, what);
    return hm_live_read(path, number);
}

/* The bridge that the device is in; empty: none. */
static void read_master(const char *device, char master[HM_DEVICE_LEN])
{
    char path[SYS_PATH_LEN], target[SYS_PATH_LEN] = "";
    const char *name;

    snprintf(path, sizeof(path), "/sys/class/net/%s/master", device);
    if (readlink(path, target, sizeof(target) - 1) < 0)
        target[0] = '\0';
    name = strrchr(target, '/');
    snprintf(master, HM_DEVICE_LEN, "%.15s", name != NULL ? name + 1 : "");
}

static void check_up(struct hm_live *live, const char *device)
{
    long flags = 0;

    if (!hm_live_read_of(device, "flags", &flags))
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_FAULT, device, "there is no such device");
    else if ((flags & IFF_UP) == 0)
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_FAULT, device, "is down: ip link set %s up", device);
    else
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_OK, device, "is up");
}

/* The switch of all bridges, and each bridge's own. */
static bool is_filtered(const char *bridge)
{
    static const char *const SWITCHES[] = {"iptables", "arptables"};
    char path[SYS_PATH_LEN];
    bool is_on = false;
    long value;

    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "/proc/sys/net/bridge/bridge-nf-call-%s", SWITCHES[i]);
        is_on = is_on || (hm_live_read(path, &value) && value != 0);
        snprintf(path, sizeof(path), "bridge/nf_call_%s", SWITCHES[i]);
        is_on = is_on || (hm_live_read_of(bridge, path, &value) && value != 0);
    }
    return is_on;
}

static void check_filter(struct hm_live *live, const char *bridge)
{
    if (!is_filtered(bridge))
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_OK, bridge, "br_netfilter is not in the way");
    else
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_WARNING, bridge,
                    "br_netfilter hands bridged packets to the host's firewall, which may drop them: "
                    "sysctl net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-arptables=0; ip "
                    "link set %s "
                    "type bridge nf_call_iptables 0 nf_call_arptables 0",
                    bridge);
}

static void check_bridge(struct hm_live *live, const char *bridge)
{
    long value = 0;

    check_up(live, bridge);
    if (hm_live_read_of(bridge, "bridge/stp_state", &value) && value != 0)
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_WARNING, bridge,
                    "runs STP: a new port is silent for two forward delays, which is longer than a landing "
                    "takes; switch it off where there is no loop (ip link set %s type bridge stp_state 0)",
                    bridge);
    else
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_OK, bridge, "runs no STP");
    if (hm_live_read_of(bridge, "bridge/ageing_time", &value) && value < AGEING_MIN_CS)
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_WARNING, bridge,
                    "forgets MACs after %ld s; an absent machine's is refreshed each 60 s: use 120 s or more",
                    value / 100);
    else
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_OK, bridge, "remembers MACs for long enough");
    check_filter(live, bridge);
}

static void check_port(struct hm_live *live, const char *device, const struct hm_tap_config *tap)
{
    char master[HM_DEVICE_LEN];
    long state = PORT_FORWARDING;

    read_master(device, master);
    if (master[0] == '\0')
        hm_live_say(live, HM_LIVE_DEVICE, tap->bridge[0] != '\0' ? HM_LIVE_FAULT : HM_LIVE_WARNING, device,
                    "is in no bridge: ip link set %s master BRIDGE", device);
    else if (tap->bridge[0] != '\0' && strcmp(master, tap->bridge) != 0)
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_FAULT, device, "is in bridge %s, and should be in %s",
                    master, tap->bridge);
    else if (hm_live_read_of(device, "brport/state", &state) && state != PORT_FORWARDING)
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_FAULT, device,
                    "does not forward (port state %ld): has it a carrier, is STP on?", state);
    else
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_OK, device, "forwards in bridge %s", master);
}

void hm_live_bridge(const struct hm_live *live, unsigned link, char bridge[HM_DEVICE_LEN])
{
    const struct hm_tap_config *tap = &live->config->platform.taps[link];

    read_master(tap->device, bridge);
    if (bridge[0] == '\0')
        snprintf(bridge, HM_DEVICE_LEN, "%s", tap->bridge);
}

void hm_live_check_device(struct hm_live *live, unsigned link)
{
    const struct hm_tap_config *tap = &live->config->platform.taps[link];
    char bridge[HM_DEVICE_LEN];

    if (if_nametoindex(tap->device) == 0 && tap->create && !live->is_running) {
        hm_live_say(live, HM_LIVE_DEVICE, HM_LIVE_UNKNOWN, tap->device, "is made by the agent when it runs");
    } else {
        check_up(live, tap->device);
        check_port(live, tap->device, tap);
    }
    hm_live_bridge(live, link, bridge);
    if (bridge[0] != '\0')
        check_bridge(live, bridge);
}
