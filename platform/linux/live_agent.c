/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what `check --live` asks the running agent about its own LAN: a probe of its port, and whom it has
 * heard of.
 *
 * The probe goes out from the agent's port itself, and so through whatever stands between that and the bridge
 * from which live_wire's probes go out. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "platform/linux/cli.h"
#include "platform/linux/live.h"

#define TRIES 20
#define PAUSE_MS 50

json_t *hm_live_ask(const struct hm_live *live, const char *report)
{
    char *text = hm_cli_ask(live->config->platform.socket, report);
    json_t *document = text != NULL ? json_loads(text, 0, NULL) : NULL;

    free(text);
    return document;
}

static const char *text_of(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));

    return text != NULL ? text : "";
}

static void say_port(struct hm_live *live, const json_t *row)
{
    bool is_needed = live->config->router.takeover == HM_TAKEOVER_MAC;
    const char *device = live->config->platform.taps[0].device, *passes = text_of(row, "second_mac");

    if (strcmp(passes, "yes") != 0 && strcmp(passes, "no") != 0)
        hm_live_say(
            live, HM_LIVE_MACS, HM_LIVE_UNKNOWN, device,
            "nobody in this subnet answers whom the agent could ask with a second MAC: check again with a "
            "machine or a router up");
    else if (strcmp(passes, "yes") == 0)
        hm_live_say(live, HM_LIVE_MACS, HM_LIVE_OK, device,
                    "a second MAC is let through from the agent's own port: %s answered to it",
                    text_of(row, "asked"));
    else
        hm_live_say(
            live, HM_LIVE_MACS, is_needed ? HM_LIVE_WARNING : HM_LIVE_OK, device,
            "%s did not answer to a second MAC from the agent's own port, and did to the first: %s",
            text_of(row, "asked"),
            is_needed ? "where it answers from the bridge, let the port's filters (nft, ebtables, libvirt's "
                        "no-mac-spoofing) pass it, both ways"
                      : "takeover = own does without");
}

void hm_live_check_own_port(struct hm_live *live)
{
    json_t *document = hm_live_ask(live, "port");
    const json_t *row = json_array_get(json_object_get(document, "rows"), 0);

    for (unsigned i = 0; i < TRIES && strcmp(text_of(row, "second_mac"), "asked") == 0; i++) {
        json_decref(document);
        poll(NULL, 0, PAUSE_MS);
        document = hm_live_ask(live, "port");
        row = json_array_get(json_object_get(document, "rows"), 0);
    }
    if (row != NULL)
        say_port(live, row);
    json_decref(document);
}

/* The report begins with those heard of last. */
unsigned hm_live_neighbours(const struct hm_live *live, unsigned link, uint32_t addrs[HM_LIVE_MAX_NEIGHBOURS])
{
    const struct hm_link_config *config = &live->config->router.links[link];
    json_t *document = live->is_running ? hm_live_ask(live, "neighbours") : NULL, *row;
    unsigned count = 0;
    size_t i;

    json_array_foreach(json_object_get(document, "rows"), i, row)
    {
        uint32_t addr;

        if (count < HM_LIVE_MAX_NEIGHBOURS && strcmp(text_of(row, "interface"), config->name) == 0 &&
            hm_ip_parse(text_of(row, "address"), &addr) && hm_prefix_contains(&config->prefix, addr) &&
            addr != live->config->router.home_router && addr != config->addr)
            addrs[count++] = addr;
    }
    json_decref(document);
    return count;
}
