/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what `check --live` asks the running agent about the others: way, answer, clock. */
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "platform/linux/cli.h"
#include "platform/linux/live.h"

#define TRIES 30
#define PAUSE_MS 100
#define CLOCK_WARNING_MS 1000

static const char *text_of(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));

    return text != NULL ? text : "";
}

static bool has_open_question(const json_t *rows)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        if (strcmp(text_of(row, "answers"), "asked") == 0)
            return true;
    }
    return false;
}

/* The agent's report, once all its questions are answered or given up; NULL: none. */
static json_t *ask_peers(const char *socket)
{
    json_t *document = NULL;

    for (unsigned i = 0; i < TRIES; i++) {
        char *text = hm_cli_ask(socket, "peers");

        json_decref(document);
        document = text != NULL ? json_loads(text, 0, NULL) : NULL;
        free(text);
        if (document == NULL || !has_open_question(json_object_get(document, "rows")))
            return document;
        poll(NULL, 0, PAUSE_MS);
    }
    return document;
}

static void say_clock(struct hm_live *live, const char *peer, const json_t *row)
{
    long long apart_ms = strtoll(text_of(row, "clock_ms"), NULL, 10);
    long long tolerance_ms = (long long)live->config->router.tolerance_s * 1000;

    if (llabs(apart_ms) >= tolerance_ms)
        hm_live_say(live, HM_LIVE_WARNING, peer,
                    "its clock is %+.1f s from ours, more than the tolerance: set both by NTP",
                    (double)apart_ms / 1000);
    else if (llabs(apart_ms) >= CLOCK_WARNING_MS)
        hm_live_say(live, HM_LIVE_WARNING, peer, "its clock is %+.1f s from ours: set both by NTP",
                    (double)apart_ms / 1000);
    else
        hm_live_say(live, HM_LIVE_OK, peer, "its clock is ours");
}

static void say_peer(struct hm_live *live, const json_t *row)
{
    const char *peer = text_of(row, "peer"), *next_hop = text_of(row, "next_hop");

    if (next_hop[0] == '\0') {
        hm_live_say(live, HM_LIVE_FAULT, peer, "no route to %s: give a gateway or a route",
                    text_of(row, "address"));
        return;
    }
    if (text_of(row, "next_hop_mac")[0] == '\0')
        hm_live_say(live, HM_LIVE_FAULT, peer, "its next hop %s does not answer ARP", next_hop);
    if (strcmp(text_of(row, "answers"), "yes") != 0) {
        hm_live_say(
            live, HM_LIVE_FAULT, peer,
            "%s does not answer on UDP %u: is it running, are address, spi and key the same there, does "
            "a firewall let UDP %u pass both ways?",
            text_of(row, "address"), live->config->router.control_port, live->config->router.control_port);
        return;
    }
    hm_live_say(live, HM_LIVE_OK, peer, "answers on UDP %u with the right key",
                live->config->router.control_port);
    hm_live_say(live, HM_LIVE_UNKNOWN, peer,
                "UDP 434 and IP protocol 4 are used by machines only: not checked, let both pass both ways");
    say_clock(live, peer, row);
}

void hm_live_check_peers(struct hm_live *live)
{
    json_t *document, *row;
    size_t i;

    if (!live->is_running) {
        hm_live_say(live, HM_LIVE_UNKNOWN, "peers",
                    "only a running agent can ask them: start it, and check again");
        return;
    }
    document = ask_peers(live->config->platform.socket);
    json_array_foreach(json_object_get(document, "rows"), i, row) say_peer(live, row);
    json_decref(document);
}
