/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated store: lists of records, and one event for the commit under way. */
#include "platform/sim/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_US 2000

static void free_list(struct hm_sim_record **list)
{
    while (*list != NULL) {
        struct hm_sim_record *record = *list;

        *list = record->next;
        free(record);
    }
}

static int compare(const struct hm_sim_record *a, const struct hm_sim_record *b)
{
    size_t len = a->key_len < b->key_len ? a->key_len : b->key_len;
    int order = memcmp(a->key, b->key, len);

    return order != 0 ? order : (int)a->key_len - (int)b->key_len;
}

/* Changes come newest first. */
static void apply(struct hm_sim_store *store, struct hm_sim_record *change)
{
    struct hm_sim_record **at = &store->records;

    if (change == NULL)
        return;
    apply(store, change->next);
    while (*at != NULL && compare(*at, change) < 0)
        at = &(*at)->next;
    if (*at != NULL && compare(*at, change) == 0) {
        struct hm_sim_record *old = *at;

        *at = old->next;
        free(old);
    }
    if (change->is_removal) {
        free(change);
        return;
    }
    change->next = *at;
    *at = change;
}

static void on_committed(void *arg)
{
    struct hm_sim_store *store = arg;
    struct hm_sim_record *changes = store->committing;

    store->committing = NULL;
    apply(store, changes);
    store->on_committed(store->ctx, store->ticket);
}

void hm_sim_store_init(struct hm_sim_store *store, struct hm_sim *sim)
{
    *store = (struct hm_sim_store){.sim = sim, .commit_us = COMMIT_US};
    hm_sim_event_init(&store->committed, on_committed, store);
}

void hm_sim_store_fini(struct hm_sim_store *store)
{
    hm_sim_store_kill(store);
    free_list(&store->records);
}

void hm_sim_store_change(struct hm_sim_store *store, const void *key, size_t key_len, const void *value,
                         size_t value_len)
{
    struct hm_sim_record *change = calloc(1, sizeof(*change));

    assert(key_len <= HM_RECORD_KEY_LEN && value_len <= HM_RECORD_MAX_LEN);
    if (change == NULL)
        abort();
    memcpy(change->key, key, key_len);
    change->key_len = key_len;
    if (value != NULL)
        memcpy(change->value, value, value_len);
    change->value_len = value_len;
    change->is_removal = value == NULL;
    change->next = store->collecting;
    store->collecting = change;
}

void hm_sim_store_commit(struct hm_sim_store *store, uint64_t ticket)
{
    assert(store->committing == NULL && !hm_sim_is_armed(&store->committed));
    store->committing = store->collecting;
    store->collecting = NULL;
    store->ticket = ticket;
    hm_sim_arm(store->sim, &store->committed, store->sim->now_us + store->commit_us);
}

void hm_sim_store_kill(struct hm_sim_store *store)
{
    hm_sim_cancel(store->sim, &store->committed);
    free_list(&store->collecting);
    free_list(&store->committing);
}

void hm_sim_store_clear(struct hm_sim_store *store)
{
    free_list(&store->records);
}

unsigned hm_sim_store_count(const struct hm_sim_store *store, enum hm_record_kind kind)
{
    unsigned count = 0;

    for (const struct hm_sim_record *at = store->records; at != NULL; at = at->next)
        count += at->key[0] == (uint8_t)kind;
    return count;
}
