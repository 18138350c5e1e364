/* SPDX-License-Identifier: BSD-3-Clause */
/* Neighbours: (MAC, address) pairs of the agent's links, learnt from ARP and DHCP, and asked for.
 *
 * Any ARP packet of a neighbour confirms its entry. An entry in use that was not heard for CONFIRM_MS is
 * asked for while its MAC goes on being used, any other one after KEEP_MS, or as soon as somebody is refused
 * because of it; after MAX_ASKED questions without an answer it is forgotten. So nobody has a place for long
 * by a forged packet, and a silent machine that is there keeps its own. When the table is full the pair
 * learnt longest ago makes room. A MAC that a neighbour changes to is believed, as RFC 826 says; nothing here
 * ever moves a binding. */
#include "firmware/link/neighbour_parts.h"
#include "firmware/link/output.h"

#include <string.h>

#define CONFIRM_MS 30000
#define KEEP_MS 3600000 /* a VM may be paused for long, and is found by what was heard of it before */
#define FIRST_RETRY_MS 200
#define MAX_ASKED 3
#define MAX_WAITING 512 /* packets, for all neighbours together */
#define SCARCE_AT (MAX_WAITING / 2)
#define IN_USE_MS 60000 /* an entry that packets went to is not pushed out so soon */

static uint64_t addr_hash(const struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    return hm_hash_u64(neighbours->env->hash_seed, ((uint64_t)link << 32) | addr);
}

static uint64_t mac_hash(const struct hm_neighbours *neighbours, const struct hm_mac *mac)
{
    return hm_hash_u64(neighbours->env->hash_seed, hm_mac_u64(mac));
}

/* What stands before a packet that waits, and its headroom. */
struct waiting {
    uint8_t *next; /* NULL: the last */
    size_t len;
    struct hm_offload offload;
};

static size_t waiting_len(const struct hm_router_config *config)
{
    size_t mtu = 0;
    for (unsigned i = 0; i < config->link_count; i++)
        mtu = config->links[i].mtu > mtu ? config->links[i].mtu : mtu;
    return sizeof(struct waiting) + HM_FRAME_HEADROOM + mtu;
}

int hm_neighbours_init(struct hm_neighbours *neighbours, struct hm_env *env)
{
    *neighbours = (struct hm_neighbours){.env = env};
    hm_neighbour_search_init(neighbours);
    size_t capacity = env->config->max_neighbours;
    int err = hm_slab_init(&neighbours->entries, sizeof(struct hm_neighbour), capacity);
    if (err == HM_OK)
        err = hm_slab_init(&neighbours->waiting, waiting_len(env->config), MAX_WAITING);
    if (err == HM_OK)
        err = hm_table_init(&neighbours->by_addr, &neighbours->entries,
                            offsetof(struct hm_neighbour, by_addr), offsetof(struct hm_neighbour, addr));
    if (err == HM_OK)
        err = hm_table_init(&neighbours->by_mac, &neighbours->entries, offsetof(struct hm_neighbour, by_mac),
                            offsetof(struct hm_neighbour, mac) + HM_MAC_TAIL_AT);
    if (err != HM_OK)
        hm_neighbours_fini(neighbours);
    return err;
}

void hm_neighbours_fini(struct hm_neighbours *neighbours)
{
    hm_table_fini(&neighbours->by_addr);
    hm_table_fini(&neighbours->by_mac);
    hm_slab_fini(&neighbours->entries);
    hm_slab_fini(&neighbours->waiting);
}

static struct hm_neighbour *find(const struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    uint64_t hash = addr_hash(neighbours, link, addr);
    struct hm_table_node *node = hm_table_first(&neighbours->by_addr, hash, addr);
    for (; node != NULL; node = hm_table_next(&neighbours->by_addr, node, hash)) {
        struct hm_neighbour *entry = HM_CONTAINER_OF(node, struct hm_neighbour, by_addr);
        if (entry->link == link && entry->addr == addr)
            return entry;
    }
    return NULL;
}

static void unlink_age(struct hm_neighbours *neighbours, struct hm_neighbour *entry)
{
    *(entry->older != NULL ? &entry->older->newer : &neighbours->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &neighbours->newest) = entry->older;
}

static void link_newest(struct hm_neighbours *neighbours, struct hm_neighbour *entry)
{
    entry->newer = NULL;
    entry->older = neighbours->newest;
    *(entry->older != NULL ? &entry->older->newer : &neighbours->oldest) = entry;
    neighbours->newest = entry;
}

/* The packet, and in *next the one behind it. */
static struct hm_frame waiting_frame(uint8_t *slot, uint8_t **next)
{
    struct waiting head;
    struct hm_frame frame;
    memcpy(&head, slot, sizeof(head));
    hm_frame_init(&frame, slot + sizeof(head), HM_FRAME_HEADROOM + head.len, head.len);
    frame.offload = head.offload;
    *next = head.next;
    return frame;
}

/* Takes all that waits from the entry: the first of them. Whoever has them gives their memory back. */
static uint8_t *detach(struct hm_neighbour *entry)
{
    uint8_t *first = entry->first;
    entry->first = entry->last = NULL;
    entry->queued = 0;
    return first;
}

static void forget(struct hm_neighbours *neighbours, struct hm_neighbour *entry)
{
    for (uint8_t *slot = detach(entry), *next; slot != NULL; slot = next) {
        waiting_frame(slot, &next);
        hm_env_drop(neighbours->env, HM_DROP_NEIGHBOUR_SILENT, NULL);
        hm_slab_give(&neighbours->waiting, slot);
    }
    hm_timer_cancel(&neighbours->env->wheel, &entry->retry);
    hm_table_remove(&neighbours->by_addr, &entry->by_addr, addr_hash(neighbours, entry->link, entry->addr));
    hm_table_remove(&neighbours->by_mac, &entry->by_mac, mac_hash(neighbours, &entry->mac));
    unlink_age(neighbours, entry);
    hm_slab_give(&neighbours->entries, entry);
}

static void ask_entry(struct hm_neighbour *entry)
{
    struct hm_env *env = entry->owner->env;
    entry->asked++;
    entry->asked_ms = hm_env_ms(env);
    hm_neighbour_ask(entry->owner, entry->link, entry->addr);
}

/* It does not answer: what waited for it is lost, and whoever sent it is told. */
static void give_up(struct hm_neighbours *neighbours, struct hm_neighbour *entry)
{
    uint8_t *slot = detach(entry), *next;
    forget(neighbours, entry); /* first: telling sends packets, which use the table */
    for (; slot != NULL; slot = next) {
        struct hm_frame frame = waiting_frame(slot, &next);
        hm_env_drop(neighbours->env, HM_DROP_NEIGHBOUR_SILENT, NULL);
        if (neighbours->on_silent != NULL)
            neighbours->on_silent(neighbours->arg, &frame);
        hm_slab_give(&neighbours->waiting, slot);
    }
}

/* Time is out for an entry that is being asked for, or was not heard for long: once more, or the end. */
static void on_retry(void *arg)
{
    struct hm_neighbour *entry = arg;
    uint64_t waited_ms = hm_env_ms(entry->owner->env) - entry->asked_ms;
    if (entry->asked >= MAX_ASKED &&
        waited_ms < HM_NEIGHBOUR_ASK_INTERVAL_MS) { /* somebody else has just asked */
        hm_timer_arm(&entry->owner->env->wheel, &entry->retry, HM_NEIGHBOUR_ASK_INTERVAL_MS - waited_ms);
        return;
    }
    if (entry->asked >= MAX_ASKED) {
        char text[HM_IP_TEXT_LEN];
        hm_env_log(entry->owner->env, HM_LOG_DEBUG, "%s does not answer ARP", hm_ip_text(entry->addr, text));
        give_up(entry->owner, entry);
        return;
    }
    ask_entry(entry);
    hm_timer_arm(&entry->owner->env->wheel, &entry->retry, HM_NEIGHBOUR_ASK_INTERVAL_MS);
}

/* The pair learnt longest ago that is not in use; a flood of new pairs must not push out the next hops. */
static void make_room(struct hm_neighbours *neighbours)
{
    struct hm_neighbour *entry = neighbours->oldest;
    uint64_t now_ms = hm_env_ms(neighbours->env);
    while (entry != NULL && entry->used_ms != 0 && now_ms - entry->used_ms < IN_USE_MS)
        entry = entry->newer;
    if (entry == NULL)
        return;
    forget(neighbours, entry);
    hm_env_count(neighbours->env, HM_COUNT_NEIGHBOURS_DISPLACED);
}

static struct hm_neighbour *add(struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    struct hm_neighbour *entry = hm_slab_take(&neighbours->entries);
    if (entry == NULL) {
        make_room(neighbours);
        entry = hm_slab_take(&neighbours->entries);
    }
    if (entry == NULL)
        return NULL;
    entry->owner = neighbours;
    entry->link = link;
    entry->addr = addr;
    hm_timer_init(&entry->retry, on_retry, entry);
    hm_table_add(&neighbours->by_addr, &entry->by_addr, addr_hash(neighbours, link, addr));
    link_newest(neighbours, entry);
    return entry;
}

static void send_resolved(struct hm_neighbour *entry, struct hm_frame *frame)
{
    struct hm_env *env = entry->owner->env;
    hm_output_ethernet(env, entry->link, &entry->mac, &env->config->links[entry->link].mac, frame);
}

static void flush_queue(struct hm_neighbour *entry)
{
    for (uint8_t *slot = detach(entry), *next; slot != NULL; slot = next) {
        struct hm_frame frame = waiting_frame(slot, &next);
        send_resolved(entry, &frame);
        hm_slab_give(&entry->owner->waiting, slot);
    }
}

static void set_mac(struct hm_neighbours *neighbours, struct hm_neighbour *entry, const struct hm_mac *mac)
{
    if (!entry->has_mac || !hm_mac_equal(&entry->mac, mac)) {
        hm_table_remove(&neighbours->by_mac, &entry->by_mac, mac_hash(neighbours, &entry->mac));
        entry->mac = *mac;
        entry->has_mac = true;
        hm_table_add(&neighbours->by_mac, &entry->by_mac, mac_hash(neighbours, mac));
    }
    entry->confirmed_ms = hm_env_ms(neighbours->env);
    entry->asked = 0;
    hm_timer_arm(&neighbours->env->wheel, &entry->retry, KEEP_MS);
}

bool hm_neighbour_is_learnable(const struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    const struct hm_link_config *config = &neighbours->env->config->links[link];
    const struct hm_prefix *prefix = &config->prefix;
    if (!hm_ip_is_host(addr) || !hm_prefix_contains(prefix, addr) || addr == config->addr)
        return false;
    return prefix->len >= 31 || (addr != prefix->addr && addr != hm_prefix_broadcast(prefix));
}

void hm_neighbour_learn(struct hm_neighbours *neighbours, unsigned link, uint32_t addr,
                        const struct hm_mac *mac)
{
    if (!hm_neighbour_is_learnable(neighbours, link, addr) || hm_mac_is_group(mac) || hm_mac_is_zero(mac))
        return;
    struct hm_neighbour *entry = find(neighbours, link, addr);
    if (entry == NULL)
        entry = add(neighbours, link, addr);
    if (entry == NULL)
        return;
    unlink_age(neighbours, entry);
    link_newest(neighbours, entry);
    set_mac(neighbours, entry, mac);
    flush_queue(entry);
}

struct hm_neighbour *hm_neighbour_lookup(struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    struct hm_neighbour *entry = find(neighbours, link, addr);
    return entry != NULL && entry->has_mac ? entry : NULL;
}

unsigned hm_neighbour_addrs_of(struct hm_neighbours *neighbours, unsigned link, const struct hm_mac *mac,
                               uint64_t max_age_ms, uint32_t *addrs, unsigned max)
{
    unsigned count = 0;
    const struct hm_neighbour *entry = hm_neighbour_of_mac(neighbours, link, mac, NULL);
    for (; entry != NULL && count < max; entry = hm_neighbour_of_mac(neighbours, link, mac, entry))
        if (hm_env_ms(neighbours->env) - entry->confirmed_ms <= max_age_ms)
            addrs[count++] = entry->addr;
    return count;
}

static void enqueue(struct hm_neighbour *entry, const struct hm_frame *frame)
{
    struct hm_neighbours *neighbours = entry->owner;
    struct waiting head = {.len = frame->len, .offload = frame->offload};
    uint8_t *slot = NULL;
    bool is_scarce = neighbours->waiting.used >= SCARCE_AT;
    if (entry->queued < (is_scarce ? HM_NEIGHBOUR_FEW : HM_NEIGHBOUR_QUEUE) &&
        sizeof(head) + HM_FRAME_HEADROOM + head.len <= neighbours->waiting.object_len)
        slot = hm_slab_take(&neighbours->waiting);
    if (slot == NULL) {
        hm_env_drop(neighbours->env, HM_DROP_NEIGHBOUR_QUEUE, NULL);
        return;
    }
    memcpy(slot, &head, sizeof(head));
    memcpy(slot + sizeof(head) + HM_FRAME_HEADROOM, frame->data, head.len);
    if (entry->last != NULL)
        memcpy(entry->last + offsetof(struct waiting, next), &slot, sizeof(slot));
    else
        entry->first = slot;
    entry->last = slot;
    entry->queued++;
}

/* It was not heard for long, nor asked for a moment ago. */
static bool is_doubtful(const struct hm_neighbours *neighbours, const struct hm_neighbour *entry)
{
    uint64_t now_ms = hm_env_ms(neighbours->env);
    return now_ms - entry->confirmed_ms >= CONFIRM_MS &&
           now_ms - entry->asked_ms >= HM_NEIGHBOUR_ASK_INTERVAL_MS;
}

bool hm_neighbour_is_sure(const struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    const struct hm_neighbour *entry = find(neighbours, link, addr);
    return entry != NULL && entry->has_mac && (entry->asked < MAX_ASKED || !is_doubtful(neighbours, entry));
}

/* A MAC in use that was not heard for long: ask, and forget it when it stays silent. */
static void confirm(struct hm_neighbours *neighbours, struct hm_neighbour *entry)
{
    if (!is_doubtful(neighbours, entry))
        return;
    if (entry->asked >= MAX_ASKED) {
        hm_table_remove(&neighbours->by_mac, &entry->by_mac, mac_hash(neighbours, &entry->mac));
        entry->has_mac = false;
        entry->asked = 0;
        hm_timer_cancel(&neighbours->env->wheel, &entry->retry); /* who sends asks */
        return;
    }
    ask_entry(entry);
}

/* Broadcast and multicast need no question (RFC 1112 section 6.4). */
static bool group_mac(const struct hm_link_config *link, uint32_t addr, struct hm_mac *mac)
{
    if (addr == UINT32_MAX || addr == hm_prefix_broadcast(&link->prefix)) {
        *mac = HM_MAC_BROADCAST;
        return true;
    }
    if (!hm_ip_is_multicast(addr))
        return false;
    *mac = (struct hm_mac){
        {0x01, 0x00, 0x5e, (uint8_t)(addr >> 16 & 0x7f), (uint8_t)(addr >> 8), (uint8_t)addr}};
    return true;
}

void hm_neighbour_send(struct hm_neighbours *neighbours, unsigned link, uint32_t next_hop,
                       struct hm_frame *frame)
{
    struct hm_mac group;
    const struct hm_link_config *config = &neighbours->env->config->links[link];
    struct hm_neighbour *entry = find(neighbours, link, next_hop);
    if (entry != NULL)
        entry->used_ms = hm_env_ms(neighbours->env);
    if (entry != NULL && entry->has_mac)
        confirm(neighbours, entry);
    if (entry != NULL && entry->has_mac) {
        send_resolved(entry, frame);
        return;
    }
    if (group_mac(config, next_hop, &group)) {
        hm_output_ethernet(neighbours->env, link, &group, &config->mac, frame);
        return;
    }
    if (entry == NULL)
        entry = add(neighbours, link, next_hop);
    if (entry == NULL) {
        hm_env_drop(neighbours->env, HM_DROP_NEIGHBOUR_QUEUE, NULL);
        return;
    }
    enqueue(entry, frame);
    if (!hm_timer_is_armed(&entry->retry)) {
        ask_entry(entry);
        hm_timer_arm(&neighbours->env->wheel, &entry->retry, FIRST_RETRY_MS);
    }
}

unsigned hm_neighbour_recent(const struct hm_neighbours *neighbours, unsigned link,
                             const struct hm_mac *except, struct hm_pair *pairs, unsigned max)
{
    unsigned count = 0;
    const struct hm_neighbour *entry = neighbours->newest;
    for (; entry != NULL && count < max; entry = entry->older)
        if (entry->link == link && entry->has_mac && !hm_mac_equal(&entry->mac, except))
            pairs[count++] = (struct hm_pair){.addr = entry->addr, .mac = entry->mac};
    return count;
}

struct hm_neighbour *hm_neighbour_of_mac(const struct hm_neighbours *neighbours, unsigned link,
                                         const struct hm_mac *mac, const struct hm_neighbour *after)
{
    uint64_t hash = mac_hash(neighbours, mac);
    struct hm_table_node *node = after == NULL ? hm_table_first(&neighbours->by_mac, hash, hm_mac_tail(mac))
                                               : hm_table_next(&neighbours->by_mac, &after->by_mac, hash);
    for (; node != NULL; node = hm_table_next(&neighbours->by_mac, node, hash)) {
        struct hm_neighbour *entry = HM_CONTAINER_OF(node, struct hm_neighbour, by_mac);
        if (entry->link == link && hm_mac_equal(&entry->mac, mac))
            return entry;
    }
    return NULL;
}
