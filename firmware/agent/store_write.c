/* SPDX-License-Identifier: BSD-3-Clause */
/* The store: what a record tells of a binding, a visitor, a handover. */
#include "firmware/agent/store_parts.h"

#include <string.h>

#include "firmware/agent/agent.h"

/* The wall clock's time at which a timer fires. */
static uint64_t end_of(const struct hm_env *env, const struct hm_timer *timer)
{
    uint64_t now_ms = hm_env_ms(env);
    bool is_running = hm_timer_is_armed(timer) && timer->due_ms > now_ms;
    return hm_ntp_add_ms(env->now.ntp, is_running ? (int64_t)(timer->due_ms - now_ms) : 0);
}

static void add_care_of(struct hm_binding_record *record, const struct hm_env *env, uint32_t addr,
                        uint16_t lifetime_s, const struct hm_timer *lifetime)
{
    record->care_of[record->care_of_count++] =
        (struct hm_care_of_record){.addr = addr, .lifetime_s = lifetime_s, .end_ntp = end_of(env, lifetime)};
}

/* An entry of a node that is at home is kept too, for its identification. */
static bool describe_binding(const struct hm_binding *binding, struct hm_binding_record *record)
{
    const struct hm_env *env = binding->owner->env;
    const struct hm_motion *motion = hm_binding_motion(binding);
    *record = (struct hm_binding_record){.home_addr = binding->home_addr,
                                         .mac = binding->mac,
                                         .handover_id = binding->handover_id,
                                         .epoch = binding->epoch,
                                         .staged_handover_id = motion->staged_handover_id,
                                         .staged_epoch = motion->staged_epoch,
                                         .identification = binding->identification,
                                         .agent_mac = binding->agent_mac,
                                         .is_revocable = binding->is_revocable,
                                         .registered_time = binding->registered_time};
    hm_binding_vm(binding, record->vm);
    if (hm_binding_is_absent(binding) && binding->care_of_addr != 0)
        add_care_of(record, env, binding->care_of_addr, binding->lifetime_s, &binding->lifetime);
    for (unsigned i = 0; i < HM_MAX_COPIES && hm_binding_is_absent(binding); i++)
        if (motion->copies[i].addr != 0)
            add_care_of(record, env, motion->copies[i].addr, motion->copies[i].lifetime_s,
                        &motion->copies[i].lifetime);
    if (motion->staged_care_of_addr != 0)
        record->staged = (struct hm_care_of_record){.addr = motion->staged_care_of_addr,
                                                    .end_ntp = end_of(env, &motion->staged)};
    return true;
}

static bool describe_visitor(const struct hm_visitor *visitor, struct hm_visitor_record *record)
{
    *record =
        (struct hm_visitor_record){.node = visitor->node,
                                   .was_here = visitor->state == HM_VISITOR_PRESENT ||
                                               visitor->state == HM_VISITOR_STOPPED || visitor->awaits_sign,
                                   .handover_id = visitor->handover_id,
                                   .epoch = visitor->epoch,
                                   .end_ntp = end_of(visitor->owner->env, &visitor->lifetime),
                                   .neighbour_count = visitor->neighbour_count,
                                   .is_revocable = visitor->is_revocable,
                                   .registered_time = visitor->registered_time};
    memcpy(record->vm, visitor->vm, sizeof(record->vm));
    memcpy(record->neighbours, visitor->neighbours, sizeof(record->neighbours));
    return visitor->state != HM_VISITOR_LEAVING;
}

static enum hm_record_stage stage_of(const struct hm_handover *handover)
{
    switch (handover->state) {
    case HM_HANDOVER_PREPARED:
        return HM_RECORD_PREPARED;
    case HM_HANDOVER_STOPPED:
        return handover->is_staged ? HM_RECORD_STOPPED : HM_RECORD_PREPARING;
    default:
        return HM_RECORD_PREPARING;
    }
}

/* What has landed is told by its binding and its visitor. */
static bool describe_handover(const struct hm_handover *handover, struct hm_handover_record *record)
{
    *record = (struct hm_handover_record){.id = handover->id,
                                          .role = (uint8_t)handover->role,
                                          .epoch = handover->epoch,
                                          .stage = stage_of(handover),
                                          .other = handover->other,
                                          .has_stop_notice = handover->has_stop_notice,
                                          .started_ntp = handover->started_ntp,
                                          .end_ntp = end_of(handover->owner->env, &handover->lifetime),
                                          .node_count = handover->node_count};
    memcpy(record->vm, handover->vm, sizeof(record->vm));
    memcpy(record->host, handover->host, sizeof(record->host));
    memcpy(record->nodes, handover->nodes, sizeof(record->nodes));
    return hm_handover_is_ahead(handover);
}

struct hm_store *hm_store_of(const struct hm_stored *stored)
{
    switch ((enum hm_record_kind)stored->kind) {
    case HM_RECORD_BINDING:
        return HM_CONTAINER_OF(stored, struct hm_binding, stored)->owner->env->store;
    case HM_RECORD_VISITOR:
        return HM_CONTAINER_OF(stored, struct hm_visitor, stored)->owner->env->store;
    case HM_RECORD_HANDOVER:
        return HM_CONTAINER_OF(stored, struct hm_handover, stored)->owner->env->store;
    case HM_RECORD_AGENT:
    case HM_RECORD_MOBILE:
    case HM_RECORD_REVOCATION:
    case HM_RECORD_SHIELD:
        break;
    }
    assert(!"a record without an object");
    return NULL;
}

bool hm_store_describe(const struct hm_stored *stored, struct hm_record *record)
{
    *record = (struct hm_record){.kind = (enum hm_record_kind)stored->kind};
    switch (record->kind) {
    case HM_RECORD_BINDING:
        return describe_binding(HM_CONTAINER_OF(stored, struct hm_binding, stored), &record->binding);
    case HM_RECORD_VISITOR:
        return describe_visitor(HM_CONTAINER_OF(stored, struct hm_visitor, stored), &record->visitor);
    case HM_RECORD_HANDOVER:
        return describe_handover(HM_CONTAINER_OF(stored, struct hm_handover, stored), &record->handover);
    case HM_RECORD_AGENT:
    case HM_RECORD_MOBILE:
    case HM_RECORD_REVOCATION:
    case HM_RECORD_SHIELD:
        break;
    }
    assert(!"a record without an object");
    return false;
}
