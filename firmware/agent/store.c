/* SPDX-License-Identifier: BSD-3-Clause */
/* The store: marks, batches, and the messages that wait for them. */
#include "firmware/agent/store_parts.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/agent/agent.h"
#include "firmware/base/memory.h"

#define MAX_HELD 2048              /* a thousand nodes may land at once, and more answers may wait */
#define MAX_PLACE ((1u << 24) - 1) /* see hm_stored */

/* A message that waits. */
struct hm_held {
    uint64_t ticket;
    bool is_for_kernel;
    struct hm_endpoint to; /* when it is */
    struct hm_datagram datagram;
    uint8_t bytes[HM_CONTROL_MAX_LEN];
};

_Static_assert(HM_CONTROL_MAX_LEN >= HM_MIP_MAX_LEN, "a registration reply fits");

int hm_store_init(struct hm_store *store, struct hm_agent *agent)
{
    *store = (struct hm_store){.agent = agent, .env = agent->env, .collecting = 1};
    if (agent->env->port->store == NULL)
        return HM_OK;
    const struct hm_router_config *config = agent->env->config;
    size_t count = (size_t)config->max_bindings + config->max_visitors + config->max_handovers;
    if (count > MAX_PLACE)
        return HM_ERR_MEMORY;
    store->held = calloc(MAX_HELD, sizeof(*store->held));
    store->marked = hm_memory_take(count, sizeof(struct hm_stored *));
    if (store->held == NULL || store->marked == NULL) {
        hm_store_fini(store);
        return HM_ERR_MEMORY;
    }
    agent->env->store = store;
    return HM_OK;
}

void hm_store_fini(struct hm_store *store)
{
    free(store->held);
    hm_memory_give(store->marked);
    store->held = NULL;
    store->marked = NULL;
}

/* --- marks -------------------------------------------------------------------------------------------- */

/* The last one takes its place. */
static void unmark(struct hm_store *store, struct hm_stored *stored)
{
    struct hm_stored *last = store->marked[--store->marked_count];
    store->marked[stored->place - 1] = last;
    last->place = stored->place;
    stored->place = 0;
}

void hm_stored_mark(struct hm_stored *stored)
{
    struct hm_store *store = hm_store_of(stored);
    if (store == NULL || stored->place != 0)
        return;
    store->marked[store->marked_count++] = stored;
    stored->place = (uint32_t)store->marked_count & MAX_PLACE;
}

void hm_stored_init(struct hm_stored *stored, enum hm_record_kind kind)
{
    *stored = (struct hm_stored){.kind = (unsigned)kind & 0x7f};
    struct hm_store *store = hm_store_of(stored);
    stored->is_kept = store != NULL && store->is_loading;
    hm_stored_mark(stored);
}

void hm_store_put(struct hm_store *store, const struct hm_record *record, bool is_there)
{
    uint8_t key[HM_RECORD_KEY_LEN], value[HM_RECORD_MAX_LEN];
    const struct hm_port *port = store->env->port;
    size_t key_len = hm_record_encode_key(record, key);
    if (is_there)
        port->store(port->ctx, key, key_len, value, hm_record_encode(record, value));
    else
        port->store(port->ctx, key, key_len, NULL, 0);
    store->is_changed = true;
}

void hm_stored_remove(struct hm_stored *stored)
{
    struct hm_store *store = hm_store_of(stored);
    struct hm_record record;
    if (stored->place != 0)
        unmark(store, stored);
    if (!stored->is_kept)
        return;
    hm_store_describe(stored, &record);
    hm_store_put(store, &record, false);
    stored->is_kept = false;
}

void hm_store_note_agent(struct hm_store *store)
{
    if (store == NULL)
        return;
    struct hm_record record = {
        .kind = HM_RECORD_AGENT,
        .agent = {.last_epoch = store->agent->last_epoch, .forgotten = store->agent->home.forgotten}};
    hm_store_put(store, &record, true);
}

void hm_store_note_mobile(struct hm_store *store, const struct hm_mobile *mobile)
{
    if (store == NULL)
        return;
    struct hm_record record = {
        .kind = HM_RECORD_MOBILE,
        .mobile = {.home_addr = mobile->config->addr, .identification = mobile->identification}};
    hm_store_put(store, &record, true);
}

void hm_store_note_revocation(struct hm_store *store, const struct hm_revocation_record *revocation,
                              bool is_there)
{
    struct hm_record record = {.kind = HM_RECORD_REVOCATION, .revocation = *revocation};
    if (store != NULL)
        hm_store_put(store, &record, is_there);
}

void hm_store_note_shield(struct hm_store *store, const struct hm_shield_record *shield, bool is_there)
{
    struct hm_record record = {.kind = HM_RECORD_SHIELD, .shield = *shield};
    if (store != NULL)
        hm_store_put(store, &record, is_there);
}

/* --- messages that wait ------------------------------------------------------------------------------- */

bool hm_store_hold(struct hm_store *store, const struct hm_endpoint *to, const struct hm_datagram *datagram)
{
    bool has_changes = store->marked_count > 0 || store->is_changed;
    uint64_t ticket = has_changes ? store->collecting : store->collecting - 1;
    if (store->held == NULL || ticket <= store->durable)
        return false;
    if (store->held_count == MAX_HELD || datagram->len > HM_CONTROL_MAX_LEN) {
        hm_env_drop(store->env, HM_DROP_STORE_FULL, NULL);
        return true;
    }
    struct hm_held *held = &store->held[(store->held_first + store->held_count++) % MAX_HELD];
    held->ticket = ticket;
    held->is_for_kernel = to != NULL;
    if (to != NULL)
        held->to = *to;
    held->datagram = *datagram;
    held->datagram.bytes = held->bytes;
    memcpy(held->bytes, datagram->bytes, datagram->len);
    return true;
}

static void send_held(struct hm_store *store, const struct hm_held *held)
{
    if (held->is_for_kernel)
        store->send_to_kernel(store->arg, &held->to, held->bytes, held->datagram.len);
    else
        store->send(store->arg, &held->datagram);
}

/* Sends what waited for no later ticket. */
static void release(struct hm_store *store, uint64_t ticket)
{
    while (store->held_count > 0 && store->held[store->held_first].ticket <= ticket) {
        send_held(store, &store->held[store->held_first]);
        store->held_first = (store->held_first + 1) % MAX_HELD;
        store->held_count--;
    }
}

/* --- batches ------------------------------------------------------------------------------------------ */

static void write_object(struct hm_store *store, struct hm_stored *stored)
{
    struct hm_record record;
    bool is_to_keep = hm_store_describe(stored, &record);
    if (is_to_keep || stored->is_kept)
        hm_store_put(store, &record, is_to_keep);
    stored->is_kept = is_to_keep;
}

static bool is_under_way(const struct hm_store *store)
{
    return store->durable + 1 < store->collecting;
}

void hm_store_flush(struct hm_store *store)
{
    if (is_under_way(store) || (store->marked_count == 0 && !store->is_changed))
        return;
    while (store->marked_count > 0) {
        struct hm_stored *stored = store->marked[store->marked_count - 1];
        unmark(store, stored);
        write_object(store, stored);
    }
    if (!store->is_changed) { /* what was marked has left nothing to be kept */
        release(store, store->collecting);
        return;
    }
    store->is_changed = false;
    store->env->port->commit(store->env->port->ctx, store->collecting++);
}

void hm_store_committed(struct hm_store *store, uint64_t ticket)
{
    assert(ticket < store->collecting);
    store->durable = ticket;
    release(store, ticket);
}
