/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated LAN: a learning bridge and its ports.
 *
 * The bridge decides when a frame is sent, and the frame arrives after the delay of the port that it
 * goes to. Each copy is one event. The order towards a port is kept unless its knobs or a tap say
 * otherwise. The forwarding table is a small hash with a bounded probe: when all places of a MAC are
 * taken, the oldest goes, as in a switch. */
#include "platform/sim/lan.h"

#include <assert.h>
#include <string.h>

#include "firmware/wire/ethernet.h"

#define FDB_PROBE 8

void hm_sim_lan_init(struct hm_sim_lan *lan, struct hm_sim *sim, const char *name)
{
    *lan = (struct hm_sim_lan){.sim = sim, .name = name, .ageing_us = HM_SIM_AGEING_US};
}

void hm_sim_lan_add_tap(struct hm_sim_lan *lan, struct hm_sim_tap *tap)
{
    struct hm_sim_tap **end = &lan->taps;

    while (*end != NULL)
        end = &(*end)->next;
    tap->next = NULL;
    *end = tap;
}

void hm_sim_lan_remove_tap(struct hm_sim_lan *lan, struct hm_sim_tap *tap)
{
    for (struct hm_sim_tap **at = &lan->taps; *at != NULL; at = &(*at)->next) {
        if (*at == tap) {
            *at = tap->next;
            return;
        }
    }
}

static uint64_t mac_u64(const uint8_t *b)
{
    return (uint64_t)b[0] << 40 | (uint64_t)b[1] << 32 | (uint64_t)b[2] << 24 | (uint64_t)b[3] << 16 |
           (uint64_t)b[4] << 8 | b[5];
}

static size_t fdb_slot(uint64_t mac, size_t probe)
{
    return (size_t)((mac * 0x9e3779b97f4a7c15u) >> 40) + probe;
}

static const struct hm_sim_fdb_entry *fdb_find(const struct hm_sim_lan *lan, uint64_t mac)
{
    for (size_t i = 0; i < FDB_PROBE; i++) {
        const struct hm_sim_fdb_entry *entry = &lan->fdb[fdb_slot(mac, i) % HM_SIM_FDB_LEN];

        if (entry->mac == 0)
            return NULL;
        if (entry->mac == mac)
            return entry;
    }
    return NULL;
}

static bool is_fresh(const struct hm_sim_lan *lan, const struct hm_sim_fdb_entry *entry)
{
    return lan->sim->now_us - entry->seen_us < lan->ageing_us;
}

static void learn(struct hm_sim_lan *lan, uint64_t mac, struct hm_sim_port *port)
{
    struct hm_sim_fdb_entry *oldest = NULL;

    for (size_t i = 0; i < FDB_PROBE; i++) {
        struct hm_sim_fdb_entry *entry = &lan->fdb[fdb_slot(mac, i) % HM_SIM_FDB_LEN];

        if (entry->mac == mac) {
            entry->moves += entry->port != port;
            entry->port = port;
            entry->seen_us = lan->sim->now_us;
            return;
        }
        if (oldest == NULL || entry->mac == 0 || entry->seen_us < oldest->seen_us)
            oldest = entry;
        if (entry->mac == 0)
            break;
    }
    *oldest = (struct hm_sim_fdb_entry){.mac = mac, .port = port, .seen_us = lan->sim->now_us};
}

const struct hm_sim_port *hm_sim_lan_lookup(const struct hm_sim_lan *lan, const struct hm_mac *mac)
{
    const struct hm_sim_fdb_entry *entry = fdb_find(lan, mac_u64(mac->b));

    return entry != NULL && is_fresh(lan, entry) ? entry->port : NULL;
}

uint32_t hm_sim_lan_moves(const struct hm_sim_lan *lan, const struct hm_mac *mac)
{
    const struct hm_sim_fdb_entry *entry = fdb_find(lan, mac_u64(mac->b));

    return entry != NULL ? entry->moves : 0;
}

void hm_sim_port_init(struct hm_sim_port *port, struct hm_sim *sim, const char *name,
                      void (*receive)(void *ctx, struct hm_sim_frame *frame), void *ctx)
{
    *port = (struct hm_sim_port){
        .name = name, .sim = sim, .receive = receive, .ctx = ctx, .knobs = {.delay_us = HM_SIM_WIRE_US}};
}

void hm_sim_port_attach(struct hm_sim_port *port, struct hm_sim_lan *lan)
{
    if (port->lan != NULL) {
        struct hm_sim_port **at = &port->lan->ports;

        while (*at != port)
            at = &(*at)->next;
        *at = port->next;
    }
    port->lan = lan;
    port->next = NULL;
    port->attachment++;
    port->last_arrival_us = 0;
    if (lan != NULL) {
        struct hm_sim_port **end = &lan->ports;

        while (*end != NULL)
            end = &(*end)->next;
        *end = port;
    }
}

static void on_arrival(void *arg)
{
    struct hm_sim_frame *frame = arg;
    struct hm_sim_port *port = frame->to;

    if (port->attachment != frame->note) {
        hm_sim_frame_give(port->sim, frame);
        return;
    }
    port->received++;
    port->receive(port->ctx, frame);
}

/* Sends one frame, which it owns, towards a port. */
static void depart(struct hm_sim_port *to, struct hm_sim_frame *frame, uint64_t extra_us)
{
    struct hm_sim *sim = to->sim;
    const struct hm_sim_knobs *knobs = &to->knobs;
    uint64_t at_us;

    if (to->shield != NULL && memcmp(hm_sim_frame_bytes(frame) + 6, to->shield->b, 6) != 0) {
        hm_sim_frame_give(sim, frame);
        return;
    }
    if (hm_sim_random_chance(&sim->random, knobs->loss_ppm)) {
        hm_sim_frame_give(sim, frame);
        return;
    }
    if (extra_us == 0)
        at_us = hm_sim_knobs_arrival(knobs, sim, &to->last_arrival_us);
    else
        at_us = sim->now_us + knobs->delay_us + extra_us;
    frame->to = to;
    frame->note = to->attachment;
    hm_sim_event_init(&frame->event, on_arrival, frame);
    hm_sim_arm(sim, &frame->event, at_us);
}

/* Sends a copy towards a port, or two. The original stays with the caller. */
static void depart_copy(struct hm_sim_port *to, const struct hm_sim_frame *frame, uint64_t extra_us)
{
    if (hm_sim_random_chance(&to->sim->random, to->knobs.dup_ppm))
        depart(to, hm_sim_frame_copy(to->sim, frame), extra_us);
    depart(to, hm_sim_frame_copy(to->sim, frame), extra_us);
}

static void flood(struct hm_sim_lan *lan, const struct hm_sim_port *from, const struct hm_sim_frame *frame,
                  uint64_t extra_us)
{
    for (struct hm_sim_port *port = lan->ports; port != NULL; port = port->next) {
        if (port != from)
            depart_copy(port, frame, extra_us);
    }
}

/* Bridges the frame, which it owns. */
static void bridge(struct hm_sim_lan *lan, struct hm_sim_port *from, struct hm_sim_frame *frame,
                   uint64_t extra_us)
{
    uint8_t *bytes = hm_sim_frame_bytes(frame);
    const struct hm_sim_fdb_entry *entry;

    if (from->shield != NULL)
        memcpy(bytes, from->shield->b, 6);
    if ((bytes[6] & 1) == 0 && mac_u64(bytes + 6) != 0)
        learn(lan, mac_u64(bytes + 6), from);
    entry = (bytes[0] & 1) != 0 ? NULL : fdb_find(lan, mac_u64(bytes));
    if (entry == NULL || !is_fresh(lan, entry)) {
        lan->flooded += (bytes[0] & 1) == 0;
        flood(lan, from, frame, extra_us);
        hm_sim_frame_give(lan->sim, frame);
    } else if (entry->port == from || entry->port->lan != lan) {
        lan->hairpins += entry->port == from;
        hm_sim_frame_give(lan->sim, frame);
    } else {
        if (hm_sim_random_chance(&lan->sim->random, entry->port->knobs.dup_ppm))
            depart(entry->port, hm_sim_frame_copy(lan->sim, frame), extra_us);
        depart(entry->port, frame, extra_us);
    }
}

/* Shows the frame, which it owns, to the taps, and bridges what they leave of it. */
static void enter(struct hm_sim_lan *lan, struct hm_sim_port *port, struct hm_sim_frame *frame)
{
    struct hm_sim_passing passing = {
        .lan = lan, .from = port, .bytes = hm_sim_frame_bytes(frame), .len = frame->len, .copies = 1};

    for (struct hm_sim_tap *tap = lan->taps, *next; tap != NULL; tap = next) {
        next = tap->next;
        tap->see(tap->ctx, &passing);
    }
    frame->len = passing.len;
    for (; passing.copies > 1; passing.copies--)
        bridge(lan, port, hm_sim_frame_copy(lan->sim, frame), passing.delay_us);
    if (passing.copies == 1)
        bridge(lan, port, frame, passing.delay_us);
    else
        hm_sim_frame_give(lan->sim, frame);
}

void hm_sim_port_send(struct hm_sim_port *port, struct hm_sim_frame *frame)
{
    struct hm_sim_lan *lan = port->lan;

    if (lan == NULL || frame->len < HM_ETHERNET_LEN) {
        hm_sim_frame_give(port->sim, frame);
        return;
    }
    port->sent++;
    lan->frames++;
    if (lan->pcap != NULL)
        hm_sim_pcap_write(lan->pcap, hm_sim_unix_us(lan->sim), hm_sim_frame_bytes(frame), frame->len);
    enter(lan, port, frame);
}

void hm_sim_port_send_bytes(struct hm_sim_port *port, const void *bytes, size_t len)
{
    struct hm_sim_frame *frame = hm_sim_frame_take(port->sim);

    assert(len <= HM_SIM_FRAME_MAX);
    frame->len = len;
    memcpy(hm_sim_frame_bytes(frame), bytes, len);
    hm_sim_port_send(port, frame);
}
