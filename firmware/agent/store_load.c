/* SPDX-License-Identifier: BSD-3-Clause */
/* The store at the start: records become what they tell of, as far as that still holds.
 *
 * Each object is marked while it is made, so the first commit writes all of them anew, and what is not taken
 * over is removed with it. An expected visitor goes with its handover: without one that was staged, nobody
 * was told that it may come. */
#include "firmware/agent/agent.h"
#include "firmware/agent/source.h"
#include "firmware/agent/stop.h"
#include "firmware/agent/waiting.h"

/* Milliseconds until a time of the wall clock; 0: it is over. */
static uint64_t left_ms(const struct hm_env *env, uint64_t end_ntp)
{
    int64_t left = hm_ntp_diff_ms(end_ntp, env->now.ntp);
    return left > 0 ? (uint64_t)left : 0;
}

static bool load_visitor(struct hm_agent *agent, const struct hm_visitor_record *record)
{
    uint64_t left = left_ms(agent->env, record->end_ntp);
    return left > 0 && hm_foreign_load(&agent->foreign, record, (uint32_t)(left / 1000 + 1));
}

static bool load_handover(struct hm_agent *agent, const struct hm_handover_record *record)
{
    uint64_t left = left_ms(agent->env, record->end_ntp);
    if (record->role >= HM_ROLE_COUNT || record->node_count == 0)
        return false;
    /* A destination that had not answered is asked again, and begins anew. */
    if (record->stage == HM_RECORD_PREPARING && record->role == HM_ROLE_DESTINATION)
        return false;
    if (left == 0 && record->stage != HM_RECORD_PREPARING)
        return false;
    return hm_handover_load(&agent->handovers, record, left) != NULL;
}

static bool load_mobile(struct hm_agent *agent, const struct hm_mobile_record *record)
{
    struct hm_mobile *mobile = hm_security_mobile(&agent->security, record->home_addr, "");
    if (mobile == NULL)
        return false;
    mobile->identification = record->identification;
    return true;
}

/* Unless the node has come back there. */
static bool load_revocation(struct hm_agent *agent, const struct hm_revocation_record *record)
{
    const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, record->home_addr);
    uint64_t left = left_ms(agent->env, record->end_ntp);
    return left > 0 && (binding == NULL || !hm_binding_has_care_of(binding, record->care_of_addr)) &&
           hm_revocations_load(&agent->revocations, record, left);
}

static bool load_agent(struct hm_agent *agent, const struct hm_agent_record *record)
{
    agent->last_epoch = record->last_epoch;
    agent->home.forgotten = record->forgotten;
    return true;
}

/* False: of no use any more. */
static bool load(struct hm_agent *agent, const struct hm_record *record)
{
    switch (record->kind) {
    case HM_RECORD_AGENT:
        return load_agent(agent, &record->agent);
    case HM_RECORD_BINDING:
        return hm_home_load(&agent->home, &record->binding);
    case HM_RECORD_HANDOVER:
        return load_handover(agent, &record->handover);
    case HM_RECORD_MOBILE:
        return load_mobile(agent, &record->mobile);
    case HM_RECORD_REVOCATION:
        return load_revocation(agent, &record->revocation);
    case HM_RECORD_SHIELD:
        return hm_shield_add(&agent->foreign.shields, &record->shield) == HM_OK;
    case HM_RECORD_VISITOR:
        return load_visitor(agent, &record->visitor);
    }
    return false;
}

int hm_store_load(struct hm_store *store, const void *key, size_t key_len, const void *value,
                  size_t value_len)
{
    struct hm_record record;
    const struct hm_port *port = store->env->port;
    int err = hm_record_decode(key, key_len, value, value_len, &record);
    if (err != HM_OK)
        return err;
    store->is_loading = true;
    bool is_of_use = load(store->agent, &record);
    store->is_loading = false;
    if (!is_of_use) {
        port->store(port->ctx, key, key_len, NULL, 0);
        store->is_changed = true;
    }
    return HM_OK;
}

/* --- when all is loaded ------------------------------------------------------------------------------- */

static void call_off_handovers(struct hm_agent *agent)
{
    for (struct hm_handover *at = agent->handovers.newest; at != NULL; at = at->older)
        if (at->role == HM_ROLE_SOURCE && at->state == HM_HANDOVER_PREPARING)
            hm_source_cancel(agent, at, NULL, "this agent restarted before it was staged");
}

static void call_off_visitors(struct hm_agent *agent)
{
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(&agent->foreign.visitors.by_home, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&agent->foreign.visitors.by_home, &bucket, at)) {
        struct hm_visitor *visitor = HM_CONTAINER_OF(at, struct hm_visitor, by_home);
        if (visitor->state == HM_VISITOR_EXPECTED && !visitor->awaits_sign &&
            hm_handover_lookup(&agent->handovers, visitor->handover_id, HM_ROLE_DESTINATION) == NULL)
            hm_foreign_withdraw(&agent->foreign, visitor, "this agent restarted before it was staged");
    }
}

/* What waited is lost with the agent that held it; what comes from now on waits again. */
static void wait_again(struct hm_agent *agent, struct hm_handover *handover)
{
    if (!hm_waiting_begin(agent, handover))
        return;
    hm_waiting_connect(agent, handover);
    if (!handover->is_stopped)
        return;
    hm_delivery_close(handover->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(handover->delivery, HM_WAY_OLD);
}

static void go_on_with_handovers(struct hm_agent *agent)
{
    for (struct hm_handover *at = agent->handovers.newest; at != NULL; at = at->older)
        if (at->role == HM_ROLE_DESTINATION && hm_handover_is_ahead(at))
            wait_again(agent, at);
        else if (at->role == HM_ROLE_SOURCE && at->state == HM_HANDOVER_STOPPED)
            hm_stop_divert(agent, at);
}

void hm_store_begin(struct hm_agent *agent)
{
    call_off_handovers(agent);
    go_on_with_handovers(agent);
    call_off_visitors(agent);
}
