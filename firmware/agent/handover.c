/* SPDX-License-Identifier: BSD-3-Clause */
/* Handovers: the table of records and the state machine. */
#include "firmware/agent/handover.h"

#include <stdio.h>
#include <string.h>

static const char *const ROLE_NAMES[] = {"source", "destination"};
static const char *const STATE_NAMES[] = {"preparing", "prepared",  "stopped", "forwarding",
                                          "done",      "cancelled", "failed"};
static const char *const STEP_NAMES[] = {"imminent",   "staged",    "stopped", "landed",
                                         "registered", "delivered", "ended"};
_Static_assert(sizeof(ROLE_NAMES) / sizeof(ROLE_NAMES[0]) == HM_ROLE_COUNT, "a name for each role");
_Static_assert(sizeof(STATE_NAMES) / sizeof(STATE_NAMES[0]) == HM_HANDOVER_STATE_COUNT,
               "a name for each state");
_Static_assert(sizeof(STEP_NAMES) / sizeof(STEP_NAMES[0]) == HM_STEP_COUNT, "a name for each step");

const char *hm_handover_role_name(enum hm_handover_role role)
{
    return ROLE_NAMES[role];
}

const char *hm_handover_state_name(enum hm_handover_state state)
{
    return STATE_NAMES[state];
}

const char *hm_handover_step_name(enum hm_handover_step step)
{
    return STEP_NAMES[step];
}

enum hm_handover_state hm_handover_next(enum hm_handover_state state, enum hm_handover_event event)
{
    /* A destination that has the VM overrules a source that had given the handover up. */
    if (state == HM_HANDOVER_DONE || (state > HM_HANDOVER_DONE && event != HM_HANDOVER_LAND))
        return state;
    switch (event) {
    case HM_HANDOVER_STAGED:
        return state == HM_HANDOVER_PREPARING ? HM_HANDOVER_PREPARED : state;
    case HM_HANDOVER_STOP:
        return state < HM_HANDOVER_STOPPED ? HM_HANDOVER_STOPPED : state;
    case HM_HANDOVER_LAND:
        return HM_HANDOVER_FORWARDING;
    case HM_HANDOVER_FINISH:
        return state == HM_HANDOVER_FORWARDING ? HM_HANDOVER_DONE : state;
    case HM_HANDOVER_CANCEL:
        /* What has landed cannot be cancelled. */
        return state < HM_HANDOVER_FORWARDING ? HM_HANDOVER_CANCELLED : state;
    case HM_HANDOVER_FAIL:
        return HM_HANDOVER_FAILED;
    case HM_HANDOVER_EVENT_COUNT:
        break;
    }
    return state;
}

int hm_handovers_init(struct hm_handovers *handovers, struct hm_env *env)
{
    *handovers = (struct hm_handovers){.env = env};
    int err = hm_slab_init(&handovers->slab, sizeof(struct hm_handover), env->config->max_handovers);
    if (err == HM_OK)
        err = hm_table_init(&handovers->by_id, &handovers->slab, offsetof(struct hm_handover, by_id),
                            offsetof(struct hm_handover, id));
    if (err != HM_OK)
        hm_handovers_fini(handovers);
    return err;
}

void hm_handovers_fini(struct hm_handovers *handovers)
{
    hm_table_fini(&handovers->by_id);
    hm_slab_fini(&handovers->slab);
}

static void fire_lifetime(void *arg)
{
    struct hm_handover *handover = arg;
    handover->owner->on_lifetime(handover->owner->arg, handover);
}

static void make_room(struct hm_handovers *handovers)
{
    struct hm_handover *handover = handovers->oldest;
    while (handover != NULL && (hm_handover_is_ahead(handover) || handover->delivery != NULL))
        handover = handover->newer;
    if (handover == NULL)
        return;
    *(handover->older != NULL ? &handover->older->newer : &handovers->oldest) = handover->newer;
    *(handover->newer != NULL ? &handover->newer->older : &handovers->newest) = handover->older;
    hm_table_remove(&handovers->by_id, &handover->by_id,
                    hm_hash_u64(handovers->env->hash_seed, handover->id));
    hm_timer_cancel(&handovers->env->wheel, &handover->lifetime);
    hm_timer_cancel(&handovers->env->wheel, &handover->call);
    hm_timer_cancel(&handovers->env->wheel, &handover->fetch_end);
    hm_stored_remove(&handover->stored);
    hm_slab_give(&handovers->slab, handover);
}

struct hm_handover *hm_handover_add(struct hm_handovers *handovers, uint64_t id, uint32_t epoch,
                                    enum hm_handover_role role)
{
    struct hm_handover *handover = hm_slab_take(&handovers->slab);
    if (handover == NULL) {
        make_room(handovers);
        handover = hm_slab_take(&handovers->slab);
    }
    if (handover == NULL)
        return NULL;
    handover->owner = handovers;
    handover->id = id;
    handover->epoch = epoch;
    handover->role = role;
    handover->started_ntp = handovers->env->now.ntp;
    hm_stored_init(&handover->stored, HM_RECORD_HANDOVER);
    hm_timer_init(&handover->lifetime, fire_lifetime, handover);
    hm_table_add(&handovers->by_id, &handover->by_id, hm_hash_u64(handovers->env->hash_seed, id));
    handover->older = handovers->newest;
    *(handover->older != NULL ? &handover->older->newer : &handovers->oldest) = handover;
    handovers->newest = handover;
    hm_handover_stamp(handover, HM_STEP_IMMINENT);
    return handover;
}

struct hm_handover *hm_handover_load(struct hm_handovers *handovers, const struct hm_handover_record *record,
                                     uint64_t left_ms)
{
    static const enum hm_handover_state states[HM_RECORD_STAGE_COUNT] = {
        HM_HANDOVER_PREPARING, HM_HANDOVER_PREPARED, HM_HANDOVER_STOPPED};
    struct hm_handover *handover =
        hm_handover_add(handovers, record->id, record->epoch, (enum hm_handover_role)record->role);
    if (handover == NULL)
        return NULL;
    handover->state = states[record->stage];
    handover->is_staged = record->stage != HM_RECORD_PREPARING;
    handover->is_stopped = record->stage == HM_RECORD_STOPPED;
    handover->has_stop_notice = record->has_stop_notice;
    handover->started_ntp = record->started_ntp;
    handover->other = record->other;
    memcpy(handover->vm, record->vm, sizeof(handover->vm));
    memcpy(handover->host, record->host, sizeof(handover->host));
    memcpy(handover->nodes, record->nodes, sizeof(handover->nodes));
    handover->node_count = record->node_count;
    snprintf(handover->reason, sizeof(handover->reason), "kept by the store");
    hm_timer_arm(&handovers->env->wheel, &handover->lifetime, left_ms);
    return handover;
}

struct hm_handover *hm_handover_lookup(const struct hm_handovers *handovers, uint64_t id,
                                       enum hm_handover_role role)
{
    uint64_t hash = hm_hash_u64(handovers->env->hash_seed, id);
    uint32_t tag; /* the id's first bytes in memory, whichever these are */
    memcpy(&tag, &id, sizeof(tag));
    struct hm_table_node *node = hm_table_first(&handovers->by_id, hash, tag);
    for (; node != NULL; node = hm_table_next(&handovers->by_id, node, hash)) {
        struct hm_handover *handover = HM_CONTAINER_OF(node, struct hm_handover, by_id);
        if (handover->id == id && handover->role == role)
            return handover;
    }
    return NULL;
}

static bool has_named_mac(const struct hm_handover *handover, const struct hm_control_message *message)
{
    for (unsigned n = 0; n < handover->node_count; n++)
        for (unsigned i = 0; i < message->mac_count; i++)
            if (hm_mac_equal(&handover->nodes[n].mac, &message->macs[i]))
                return true;
    return false;
}

static bool has_named_addr(const struct hm_handover *handover, const struct hm_control_message *message)
{
    for (unsigned n = 0; n < handover->node_count; n++)
        for (unsigned i = 0; i < message->addr_count; i++)
            if (handover->nodes[n].home_addr == message->addrs[i])
                return true;
    return false;
}

/* Two homes may have the same addresses, and the same names: where a MAC is given, it decides. */
bool hm_handover_is_named(const struct hm_handover *handover, const struct hm_control_message *message)
{
    if (message->mac_count > 0)
        return has_named_mac(handover, message);
    return (message->vm[0] != '\0' && strcmp(handover->vm, message->vm) == 0) ||
           has_named_addr(handover, message);
}

bool hm_handover_shares_node(const struct hm_handover *handover, const struct hm_handover *other)
{
    for (unsigned n = 0; n < handover->node_count; n++)
        for (unsigned i = 0; i < other->node_count; i++)
            if (handover->nodes[n].home_addr == other->nodes[i].home_addr &&
                handover->nodes[n].home_agent == other->nodes[i].home_agent)
                return true;
    return false;
}

struct hm_handover *hm_handover_named(const struct hm_handovers *handovers,
                                      const struct hm_control_message *message)
{
    for (struct hm_handover *handover = handovers->newest; handover != NULL; handover = handover->older)
        if (hm_handover_is_named(handover, message))
            return handover;
    return NULL;
}

bool hm_handover_is_nic(const struct hm_handover *handover, unsigned node)
{
    unsigned first = 0;
    while (!hm_mac_equal(&handover->nodes[first].mac, &handover->nodes[node].mac))
        first++;
    return first == node;
}

const struct hm_mac *hm_handover_mac_of(const struct hm_handover *handover, uint32_t addr)
{
    for (unsigned i = 0; i < handover->node_count; i++)
        if (handover->nodes[i].home_addr == addr)
            return &handover->nodes[i].mac;
    return &handover->nodes[0].mac;
}

const struct hm_delivery_counts *hm_handover_counts(const struct hm_handover *handover)
{
    return handover->delivery != NULL ? &handover->delivery->counts : &handover->counts;
}

void hm_handover_stamp(struct hm_handover *handover, enum hm_handover_step step)
{
    if (handover->step_us[step] == 0)
        handover->step_us[step] = handover->owner->env->now.mono_us;
}

static void stamp_state(struct hm_handover *handover)
{
    struct hm_env *env = handover->owner->env;
    switch (handover->state) {
    case HM_HANDOVER_PREPARED:
        hm_handover_stamp(handover, HM_STEP_STAGED);
        hm_env_count(env, HM_COUNT_HANDOVERS_STAGED);
        break;
    case HM_HANDOVER_STOPPED:
        hm_handover_stamp(handover, HM_STEP_STOPPED);
        break;
    case HM_HANDOVER_FORWARDING:
        hm_handover_stamp(handover, HM_STEP_LANDED);
        break;
    case HM_HANDOVER_DONE:
        hm_env_count(env, HM_COUNT_HANDOVERS_DONE);
        break;
    case HM_HANDOVER_CANCELLED:
    case HM_HANDOVER_FAILED:
        hm_env_count(env, HM_COUNT_HANDOVERS_ENDED);
        break;
    case HM_HANDOVER_PREPARING:
    case HM_HANDOVER_STATE_COUNT:
        break;
    }
    if (!hm_handover_is_ahead(handover))
        hm_timer_cancel(&env->wheel, &handover->lifetime);
    if (!hm_handover_has_ended(handover))
        return;
    hm_handover_stamp(handover, HM_STEP_ENDED);
    if (handover->recent.pool != NULL)
        hm_buffer_clear(&handover->recent);
}

void hm_handover_apply(struct hm_handover *handover, enum hm_handover_event event, const char *reason)
{
    enum hm_handover_state before = handover->state;
    handover->state = hm_handover_next(before, event);
    if (handover->state == before)
        return;
    hm_stored_mark(&handover->stored);
    snprintf(handover->reason, sizeof(handover->reason), "%s", reason);
    stamp_state(handover);
    hm_env_log(handover->owner->env, HM_LOG_INFO, "handover %016llx %s (%s): %s -> %s (%s)",
               (unsigned long long)handover->id, handover->vm, hm_handover_role_name(handover->role),
               hm_handover_state_name(before), hm_handover_state_name(handover->state), reason);
}

void hm_handover_log(const struct hm_handover *handover)
{
    const struct hm_delivery_counts *counts = hm_handover_counts(handover);
    const uint64_t *step_us = handover->step_us;
    bool has_pause = step_us[HM_STEP_STOPPED] != 0 && step_us[HM_STEP_LANDED] != 0;
    hm_env_log(
        handover->owner->env, HM_LOG_INFO,
        "handover %016llx %s (%s): %s after %llu ms from stop to landing; waited: %llu salvaged, %llu by the "
        "old path, %llu by the new; sent after it: %llu; replayed: %llu; dropped: %llu; waits timed out: %u; "
        "cut: %s",
        (unsigned long long)handover->id, handover->vm, hm_handover_role_name(handover->role),
        hm_handover_state_name(handover->state),
        (unsigned long long)(has_pause ? (step_us[HM_STEP_LANDED] - step_us[HM_STEP_STOPPED]) / 1000 : 0),
        (unsigned long long)counts->waited[HM_WAY_SALVAGE], (unsigned long long)counts->waited[HM_WAY_OLD],
        (unsigned long long)counts->waited[HM_WAY_NEW], (unsigned long long)handover->redirected,
        (unsigned long long)handover->replayed, (unsigned long long)counts->dropped, counts->timeouts,
        hm_cut_name(handover->cut));
}
