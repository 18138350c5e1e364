/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated network interface: ARP with Linux's rules, Ethernet in and out.
 *
 * Each entry of the cache has one timer: INCOMPLETE asks again by broadcast, DELAY turns into PROBE,
 * PROBE asks again by unicast; all end in forgetting. REACHABLE turns into STALE when it is used. */
#include "platform/sim/iface.h"

#include <assert.h>
#include <string.h>

#include "firmware/wire/ethernet.h"

static void on_neighbour_timer(void *arg);
static void receive(void *ctx, struct hm_sim_frame *frame);

void hm_sim_iface_init(struct hm_sim_iface *iface, struct hm_sim *sim, const char *name,
                       const struct hm_mac *mac, uint32_t addr, uint8_t prefix_len)
{
    *iface = (struct hm_sim_iface){
        .sim = sim,
        .mac = *mac,
        .addrs = {addr},
        .addr_count = 1,
        .prefix = {.addr = addr & hm_prefix_mask(prefix_len), .len = prefix_len},
    };
    hm_sim_port_init(&iface->port, sim, name, receive, iface);
    for (size_t i = 0; i < HM_SIM_NEIGHBOURS; i++) {
        struct hm_sim_neighbour *neighbour = &iface->neighbours[i];

        neighbour->iface = iface;
        neighbour->queue_end = &neighbour->queue;
        hm_sim_event_init(&neighbour->timer, on_neighbour_timer, neighbour);
    }
}

void hm_sim_iface_add_addr(struct hm_sim_iface *iface, uint32_t addr)
{
    assert(iface->addr_count < HM_SIM_IFACE_ADDRS);
    iface->addrs[iface->addr_count++] = addr;
}

bool hm_sim_iface_has_addr(const struct hm_sim_iface *iface, uint32_t addr)
{
    for (unsigned i = 0; i < iface->addr_count; i++) {
        if (iface->addrs[i] == addr)
            return true;
    }
    return false;
}

static void send_arp(struct hm_sim_iface *iface, const struct hm_mac *to, const struct hm_arp *arp)
{
    struct hm_sim_frame *frame;

    if (iface->frozen)
        return;
    frame = hm_sim_frame_take(iface->sim);
    frame->len = HM_ARP_FRAME_LEN;
    hm_arp_encode_frame(hm_sim_frame_bytes(frame), to, &iface->mac, HM_ETHERTYPE_ARP, arp);
    hm_sim_port_send(&iface->port, frame);
}

static void send_request(struct hm_sim_iface *iface, const struct hm_mac *to, uint32_t sender, uint32_t addr)
{
    const struct hm_arp arp = {
        .op = HM_ARP_REQUEST, .sender_mac = iface->mac, .sender_addr = sender, .target_addr = addr};

    send_arp(iface, to, &arp);
}

void hm_sim_iface_ask(struct hm_sim_iface *iface, uint32_t sender, uint32_t addr)
{
    send_request(iface, &HM_MAC_BROADCAST, sender, addr);
}

static void drop_queue(struct hm_sim_neighbour *neighbour)
{
    while (neighbour->queue != NULL) {
        struct hm_sim_frame *frame = neighbour->queue;

        neighbour->queue = frame->next;
        hm_sim_frame_give(neighbour->iface->sim, frame);
    }
    neighbour->queue_end = &neighbour->queue;
    neighbour->queued = 0;
}

static void forget(struct hm_sim_neighbour *neighbour)
{
    hm_sim_cancel(neighbour->iface->sim, &neighbour->timer);
    drop_queue(neighbour);
    neighbour->state = HM_SIM_NEIGHBOUR_FREE;
    neighbour->is_due = false;
}

void hm_sim_iface_flush(struct hm_sim_iface *iface)
{
    for (size_t i = 0; i < HM_SIM_NEIGHBOURS; i++)
        forget(&iface->neighbours[i]);
}

static struct hm_sim_neighbour *find(struct hm_sim_iface *iface, uint32_t addr)
{
    for (size_t i = 0; i < HM_SIM_NEIGHBOURS; i++) {
        if (iface->neighbours[i].addr == addr && iface->neighbours[i].state != HM_SIM_NEIGHBOUR_FREE)
            return &iface->neighbours[i];
    }
    return NULL;
}

/* A new entry without a MAC; the one confirmed longest ago makes room in a full cache. */
static struct hm_sim_neighbour *create(struct hm_sim_iface *iface, uint32_t addr)
{
    struct hm_sim_neighbour *place = &iface->neighbours[0];

    for (size_t i = 0; i < HM_SIM_NEIGHBOURS && place->state != HM_SIM_NEIGHBOUR_FREE; i++) {
        struct hm_sim_neighbour *at = &iface->neighbours[i];

        if (at->state == HM_SIM_NEIGHBOUR_FREE || at->confirmed_us < place->confirmed_us)
            place = at;
    }
    forget(place);
    place->addr = addr;
    place->confirmed_us = iface->sim->now_us;
    place->tries = 0;
    return place;
}

const struct hm_mac *hm_sim_iface_lookup(const struct hm_sim_iface *iface, uint32_t addr)
{
    for (size_t i = 0; i < HM_SIM_NEIGHBOURS; i++) {
        const struct hm_sim_neighbour *at = &iface->neighbours[i];

        if (at->addr == addr && at->state > HM_SIM_NEIGHBOUR_INCOMPLETE)
            return &at->mac;
    }
    return NULL;
}

/* Asks for the neighbour once more, or gives it up. */
static void ask_again(struct hm_sim_neighbour *neighbour)
{
    struct hm_sim_iface *iface = neighbour->iface;
    bool is_known = neighbour->state == HM_SIM_NEIGHBOUR_PROBE;

    if (neighbour->tries >= HM_SIM_ARP_TRIES) {
        iface->unresolved += neighbour->queued;
        forget(neighbour);
        return;
    }
    neighbour->tries++;
    hm_sim_arm(iface->sim, &neighbour->timer, iface->sim->now_us + HM_SIM_ARP_RETRY_US);
    send_request(iface, is_known ? &neighbour->mac : &HM_MAC_BROADCAST, iface->addrs[0], neighbour->addr);
}

static void on_neighbour_timer(void *arg)
{
    struct hm_sim_neighbour *neighbour = arg;

    if (neighbour->iface->frozen) {
        neighbour->is_due = true;
        return;
    }
    if (neighbour->state == HM_SIM_NEIGHBOUR_DELAY) {
        neighbour->state = HM_SIM_NEIGHBOUR_PROBE;
        neighbour->tries = 0;
    }
    ask_again(neighbour);
}

void hm_sim_iface_freeze(struct hm_sim_iface *iface, bool frozen)
{
    iface->frozen = frozen;
    for (size_t i = 0; i < HM_SIM_NEIGHBOURS && !frozen; i++) {
        struct hm_sim_neighbour *neighbour = &iface->neighbours[i];

        if (neighbour->is_due) {
            neighbour->is_due = false;
            on_neighbour_timer(neighbour);
        }
    }
}

static void transmit(struct hm_sim_iface *iface, const struct hm_mac *to, struct hm_sim_frame *frame)
{
    const struct hm_ethernet header = {.dst = *to, .src = iface->mac, .type = HM_ETHERTYPE_IPV4};

    hm_ethernet_encode(hm_sim_frame_bytes(frame), &header);
    hm_sim_port_send(&iface->port, frame);
}

static void enqueue(struct hm_sim_neighbour *neighbour, struct hm_sim_frame *frame)
{
    if (neighbour->queued >= HM_SIM_NEIGHBOUR_QUEUE) {
        neighbour->iface->unresolved++;
        hm_sim_frame_give(neighbour->iface->sim, frame);
        return;
    }
    frame->next = NULL;
    *neighbour->queue_end = frame;
    neighbour->queue_end = &frame->next;
    neighbour->queued++;
}

/* Ages an entry that is about to be used. */
static void touch(struct hm_sim_iface *iface, struct hm_sim_neighbour *neighbour)
{
    if (neighbour->state == HM_SIM_NEIGHBOUR_REACHABLE &&
        iface->sim->now_us - neighbour->confirmed_us > HM_SIM_ARP_REACHABLE_US)
        neighbour->state = HM_SIM_NEIGHBOUR_STALE;
    if (neighbour->state == HM_SIM_NEIGHBOUR_STALE) {
        neighbour->state = HM_SIM_NEIGHBOUR_DELAY;
        hm_sim_arm(iface->sim, &neighbour->timer, iface->sim->now_us + HM_SIM_ARP_DELAY_US);
    }
}

void hm_sim_iface_send(struct hm_sim_iface *iface, uint32_t next_hop, struct hm_sim_frame *frame)
{
    struct hm_sim_neighbour *neighbour;

    if (iface->frozen) {
        hm_sim_frame_give(iface->sim, frame);
        return;
    }
    if (next_hop == UINT32_MAX || next_hop == hm_prefix_broadcast(&iface->prefix)) {
        transmit(iface, &HM_MAC_BROADCAST, frame);
        return;
    }
    neighbour = find(iface, next_hop);
    if (neighbour == NULL) {
        neighbour = create(iface, next_hop);
        neighbour->state = HM_SIM_NEIGHBOUR_INCOMPLETE;
        enqueue(neighbour, frame);
        ask_again(neighbour);
    } else if (neighbour->state == HM_SIM_NEIGHBOUR_INCOMPLETE) {
        enqueue(neighbour, frame);
    } else {
        touch(iface, neighbour);
        transmit(iface, &neighbour->mac, frame);
    }
}

static void flush_queue(struct hm_sim_neighbour *neighbour)
{
    struct hm_sim_frame *frame = neighbour->queue;

    neighbour->queue = NULL;
    drop_queue(neighbour);
    while (frame != NULL) {
        struct hm_sim_frame *next = frame->next;

        transmit(neighbour->iface, &neighbour->mac, frame);
        frame = next;
    }
}

/* Learns from an ARP packet of an entry's owner. is_answer: a reply sent to us alone. */
static void update(struct hm_sim_neighbour *neighbour, const struct hm_mac *mac, bool is_answer)
{
    struct hm_sim_iface *iface = neighbour->iface;
    bool has_mac = neighbour->state > HM_SIM_NEIGHBOUR_INCOMPLETE;
    bool is_same = has_mac && hm_mac_equal(&neighbour->mac, mac);

    if (is_same && !is_answer)
        return;
    if (has_mac && !is_same && iface->sim->now_us - neighbour->updated_us < HM_SIM_ARP_LOCKTIME_US) {
        iface->locked++;
        return;
    }
    hm_sim_cancel(iface->sim, &neighbour->timer);
    neighbour->is_due = false;
    neighbour->state = is_answer ? HM_SIM_NEIGHBOUR_REACHABLE : HM_SIM_NEIGHBOUR_STALE;
    if (is_answer)
        neighbour->confirmed_us = iface->sim->now_us;
    if (!is_same) {
        neighbour->mac = *mac;
        neighbour->updated_us = iface->sim->now_us;
    }
    flush_queue(neighbour);
}

static void receive_arp(struct hm_sim_iface *iface, const struct hm_ethernet *header, const uint8_t *bytes,
                        size_t len)
{
    bool is_for_us;
    struct hm_sim_neighbour *neighbour;
    struct hm_arp arp, reply;

    if (hm_arp_decode(bytes, len, &arp) != 0 || hm_mac_equal(&arp.sender_mac, &iface->mac) ||
        hm_mac_is_group(&arp.sender_mac))
        return;
    if (arp.sender_addr != 0 && hm_sim_iface_has_addr(iface, arp.sender_addr)) {
        iface->conflicts++;
        return;
    }
    is_for_us = hm_sim_iface_has_addr(iface, arp.target_addr);
    neighbour = arp.sender_addr != 0 ? find(iface, arp.sender_addr) : NULL;
    if (neighbour == NULL && is_for_us && arp.op == HM_ARP_REQUEST && arp.sender_addr != 0)
        neighbour = create(iface, arp.sender_addr);
    if (neighbour != NULL)
        update(neighbour, &arp.sender_mac, arp.op == HM_ARP_REPLY && !hm_mac_is_group(&header->dst));
    if (arp.op != HM_ARP_REQUEST || !is_for_us)
        return;
    reply = (struct hm_arp){.op = HM_ARP_REPLY,
                            .sender_mac = iface->mac,
                            .sender_addr = arp.target_addr,
                            .target_mac = arp.sender_mac,
                            .target_addr = arp.sender_addr};
    send_arp(iface, &arp.sender_mac, &reply);
}

static void receive(void *ctx, struct hm_sim_frame *frame)
{
    struct hm_sim_iface *iface = ctx;
    uint8_t *bytes = hm_sim_frame_bytes(frame);
    struct hm_ethernet header;

    if (iface->frozen || hm_ethernet_decode(bytes, frame->len, &header) != 0) {
        hm_sim_frame_give(iface->sim, frame);
        return;
    }
    iface->own_mac += hm_mac_equal(&header.src, &iface->mac);
    if (header.type == HM_ETHERTYPE_IPV4 && iface->on_ip != NULL &&
        (hm_mac_is_group(&header.dst) || hm_mac_equal(&header.dst, &iface->mac))) {
        iface->on_ip(iface->ctx, iface, frame);
        return;
    }
    if (header.type == HM_ETHERTYPE_ARP &&
        (hm_mac_is_group(&header.dst) || hm_mac_equal(&header.dst, &iface->mac)))
        receive_arp(iface, &header, bytes + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN);
    hm_sim_frame_give(iface->sim, frame);
}
