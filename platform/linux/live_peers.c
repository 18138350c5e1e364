/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what `check --live` asks the running agent about the others: way, answer, protocols, clock.
 *
 * The agent asks each peer by a signed question (HELLO), once bare and once in a packet of each protocol that
 * the tunnel may use; the peer answers by the same. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "platform/linux/cli.h"
#include "platform/linux/live.h"

#define TRIES 30
#define PAUSE_MS 100
#define CLOCK_WARNING_MS 1000

struct protocol {
    const char *field; /* of the report */
    const char *text;
    enum hm_live_demand demand;
    enum hm_encapsulation kind;
};

static const struct protocol PROTOCOLS[] = {
    {"udp_434", "UDP 434 (registrations, and tunnels by UDP)", HM_LIVE_REGISTRATION, HM_ENCAPSULATION_UDP},
    {"ip_4", "IP protocol 4 (IP-in-IP)", HM_LIVE_TUNNEL, HM_ENCAPSULATION_IPIP},
    {"ip_47", "IP protocol 47 (GRE)", HM_LIVE_TUNNEL, HM_ENCAPSULATION_GRE},
};
#define PROTOCOL_COUNT (sizeof(PROTOCOLS) / sizeof(PROTOCOLS[0]))

static const char *text_of(const json_t *row, const char *field)
{
    const char *text = json_string_value(json_object_get(row, field));

    return text != NULL ? text : "";
}

static bool is_open(const json_t *row)
{
    bool is = strcmp(text_of(row, "answers"), "asked") == 0;

    for (unsigned i = 0; i < PROTOCOL_COUNT; i++)
        is = is || strcmp(text_of(row, PROTOCOLS[i].field), "asked") == 0;
    return is;
}

/* By any way. */
static bool is_heard(const json_t *row)
{
    bool is = strcmp(text_of(row, "answers"), "yes") == 0;

    for (unsigned i = 0; i < PROTOCOL_COUNT; i++)
        is = is || strcmp(text_of(row, PROTOCOLS[i].field), "yes") == 0;
    return is;
}

static bool has_open_question(const json_t *rows)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        if (is_open(row))
            return true;
    }
    return false;
}

/* The agent's report, once all its questions are answered or given up; NULL: none. */
static json_t *ask_peers(const struct hm_live *live)
{
    json_t *document = hm_live_ask(live, "peers");

    for (unsigned i = 0;
         i < TRIES && document != NULL && has_open_question(json_object_get(document, "rows")); i++) {
        json_decref(document);
        poll(NULL, 0, PAUSE_MS);
        document = hm_live_ask(live, "peers");
    }
    return document;
}

static void say_clock(struct hm_live *live, const char *peer, const json_t *row)
{
    long long apart_ms = strtoll(text_of(row, "clock_ms"), NULL, 10);
    long long tolerance_ms = (long long)live->config->router.tolerance_s * 1000;

    if (llabs(apart_ms) >= CLOCK_WARNING_MS)
        hm_live_say(live, HM_LIVE_CLOCK, HM_LIVE_WARNING, peer,
                    "its clock is %+.1f s from ours%s: set both by NTP", (double)apart_ms / 1000,
                    llabs(apart_ms) >= tolerance_ms ? ", more than the tolerance" : "");
    else
        hm_live_say(live, HM_LIVE_CLOCK, HM_LIVE_OK, peer, "its clock is ours");
}

static const struct hm_peer_config *config_of(const struct hm_live *live, const char *peer)
{
    const struct hm_router_config *router = &live->config->router;

    for (unsigned i = 0; i < router->peer_count; i++)
        if (strcmp(router->peers[i].name, peer) == 0)
            return &router->peers[i];
    return NULL;
}

/* Without UDP 434 nothing is registered, without the protocol that was chosen nothing is carried; IP-in-IP is
 * also what is used before two agents have agreed on another. */
static void say_protocol(struct hm_live *live, const json_t *row, const struct protocol *protocol)
{
    const char *peer = text_of(row, "peer"), *passes = text_of(row, protocol->field);
    const struct hm_peer_config *config = config_of(live, peer);
    bool is_chosen =
        protocol->demand == HM_LIVE_REGISTRATION || (config != NULL && config->tunnel == protocol->kind);

    if (passes[0] == '\0')
        return; /* is not used with this peer */
    live->tunnels_pass = live->tunnels_pass && strcmp(passes, "yes") == 0;
    if (strcmp(passes, "yes") == 0)
        hm_live_say(live, protocol->demand, HM_LIVE_OK, peer, "%s passes both ways", protocol->text);
    else if (!is_heard(row))
        hm_live_say(live, protocol->demand, HM_LIVE_UNKNOWN, peer,
                    "%s: nothing came back, as from all of %s: check again when that is mended",
                    protocol->text, text_of(row, "address"));
    else if (is_chosen)
        hm_live_say(
            live, protocol->demand, HM_LIVE_FAULT, peer,
            "%s does not pass, to %s or back: let it pass both ways, in firewalls on the way and on both "
            "hosts",
            protocol->text, text_of(row, "address"));
    else
        hm_live_say(
            live, protocol->demand, HM_LIVE_WARNING, peer,
            "%s does not pass, to %s or back: it carries what is sent before two agents have agreed on "
            "another tunnel; let it pass both ways",
            protocol->text, text_of(row, "address"));
}

/* A file without a route to a peer is refused: there is a next hop. */
static void say_next_hop(struct hm_live *live, const json_t *row)
{
    if (text_of(row, "next_hop_mac")[0] == '\0')
        hm_live_say(live, HM_LIVE_CONTROL, HM_LIVE_FAULT, text_of(row, "peer"),
                    "its next hop %s does not answer ARP", text_of(row, "next_hop"));
}

static bool say_answer(struct hm_live *live, const json_t *row)
{
    const char *peer = text_of(row, "peer");
    unsigned port = live->config->router.control_port;
    bool answers = strcmp(text_of(row, "answers"), "yes") == 0;

    if (answers)
        hm_live_say(live, HM_LIVE_CONTROL, HM_LIVE_OK, peer, "answers on UDP %u with the right key", port);
    else
        hm_live_say(
            live, HM_LIVE_CONTROL, HM_LIVE_FAULT, peer,
            "%s does not answer on UDP %u: is it running, are address, spi and key the same there, does "
            "a firewall let UDP %u pass both ways?",
            text_of(row, "address"), port, port);
    return answers;
}

static void say_peer(struct hm_live *live, const json_t *row)
{
    bool answers;

    say_next_hop(live, row);
    answers = say_answer(live, row);
    for (unsigned i = 0; i < PROTOCOL_COUNT; i++)
        say_protocol(live, row, &PROTOCOLS[i]);
    if (answers)
        say_clock(live, text_of(row, "peer"), row);
}

/* What the agents ask each other has their own addresses inside; a machine's packets have the machine's. */
static void say_inner_sources(struct hm_live *live)
{
    json_t *document = live->is_running ? hm_live_ask(live, "counters") : NULL;
    const json_t *row = json_array_get(json_object_get(document, "rows"), 0);
    json_int_t count = json_integer_value(json_object_get(row, "tunnel-in"));

    if (count > 0)
        hm_live_say(live, HM_LIVE_SOURCE, HM_LIVE_OK, "tunnels",
                    "%" JSON_INTEGER_FORMAT " packets with machines' addresses have come out of them", count);
    else
        hm_live_say(
            live, HM_LIVE_SOURCE, HM_LIVE_UNKNOWN, "tunnels",
            "whether anything on the way looks into them, at the machines' addresses, shows only when a "
            "machine is away: ping it then, and check again");
    json_decref(document);
}

void hm_live_check_peers(struct hm_live *live)
{
    static const enum hm_live_demand DEMANDS[] = {HM_LIVE_CONTROL, HM_LIVE_REGISTRATION, HM_LIVE_TUNNEL,
                                                  HM_LIVE_CLOCK};
    json_t *document = live->is_running ? ask_peers(live) : NULL, *rows = json_object_get(document, "rows"),
           *row;
    size_t i;

    live->tunnels_pass = json_array_size(rows) > 0;
    json_array_foreach(rows, i, row) say_peer(live, row);
    for (i = 0; !live->is_running && i < sizeof(DEMANDS) / sizeof(DEMANDS[0]); i++)
        hm_live_say(live, DEMANDS[i], HM_LIVE_UNKNOWN, "peers",
                    "only a running agent can ask them: start it, and check again");
    json_decref(document);
    say_inner_sources(live);
}
