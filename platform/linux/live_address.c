/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the place from which `check --live` probes a link, and the probe for the agent's own address: who
 * answers for it is the agent, or a conflict. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/linux/live.h"
#include "platform/linux/live_probe.h"

#define TRIES 2 /* so often nobody else answers */

/* The bridge of the file, else the one that the TAP is in. */
static void find_bridge(const struct hm_live *live, unsigned link, char bridge[HM_DEVICE_LEN])
{
    const char *named = live->config->platform.taps[link].bridge;

    if (named[0] != '\0')
        snprintf(bridge, HM_DEVICE_LEN, "%s", named);
    else
        hm_live_bridge(live, link, bridge);
}

bool hm_live_open_probe(struct hm_live *live, unsigned link, enum hm_live_demand demand,
                        char bridge[HM_DEVICE_LEN], struct hm_live_probe *probe)
{
    int err;

    find_bridge(live, link, bridge);
    err = bridge[0] != '\0' ? hm_live_probe_open(probe, bridge) : 0;
    if (bridge[0] == '\0')
        hm_live_say(live, demand, HM_LIVE_UNKNOWN, live->config->platform.taps[link].device,
                    "is in no bridge that could be probed from");
    else if (err != 0)
        hm_live_say(live, demand, HM_LIVE_UNKNOWN, bridge, "cannot be probed from: %s%s", strerror(err),
                    err == EPERM ? " (be root)" : "");
    return bridge[0] != '\0' && err == 0;
}

void hm_live_check_address(struct hm_live *live, unsigned link)
{
    const struct hm_link_config *config = &live->config->router.links[link];
    char bridge[HM_DEVICE_LEN], addr[HM_IP_TEXT_LEN], mac[HM_MAC_TEXT_LEN];
    struct hm_live_question question = {.target = config->addr};
    struct hm_live_probe probe;
    struct hm_mac answered;

    if (!hm_live_open_probe(live, link, HM_LIVE_ADDRESS, bridge, &probe))
        return;
    question.frame_src = question.sender = probe.nobodys;
    hm_ip_text(config->addr, addr);
    if (hm_live_probe_ask(&probe, &question, TRIES, &config->mac, &answered))
        hm_live_say(live, HM_LIVE_ADDRESS, HM_LIVE_FAULT, addr,
                    "address conflict: %s has the agent's address, too", hm_mac_text(&answered, mac));
    else if (live->is_running && !hm_live_probe_ask(&probe, &question, TRIES, NULL, &answered))
        hm_live_say(live, HM_LIVE_ADDRESS, HM_LIVE_FAULT, addr,
                    "the agent does not answer ARP: is its TAP in bridge %s?", bridge);
    else
        hm_live_say(live, HM_LIVE_ADDRESS, HM_LIVE_OK, addr, "nobody else has the agent's address");
    hm_live_probe_close(&probe);
}
