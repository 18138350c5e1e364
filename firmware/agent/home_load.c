/* SPDX-License-Identifier: BSD-3-Clause */
/* The home agent's bindings as the store has kept them: what still runs comes back and forwards at once. */
#include "firmware/agent/home_parts.h"

/* Seconds until a time of the wall clock, rounded up, at most `max_s`; 0: it is over. */
static uint16_t left_s(const struct hm_env *env, uint64_t end_ntp, uint16_t max_s)
{
    int64_t left_ms = hm_ntp_diff_ms(end_ntp, env->now.ntp);
    if (left_ms <= 0)
        return 0;
    return left_ms < (int64_t)max_s * 1000 ? (uint16_t)(left_ms / 1000 + 1) : max_s;
}

static void load_care_of(struct hm_binding *binding, const struct hm_care_of_record *record)
{
    struct hm_env *env = binding->owner->env;
    uint16_t left = left_s(env, record->end_ntp, record->lifetime_s);
    if (left == 0)
        return;
    if (hm_binding_is_absent(binding)) {
        hm_binding_add_copy(binding, record->addr, left);
        return;
    }
    binding->care_of_addr = record->addr;
    binding->lifetime_s = record->lifetime_s;
    hm_timer_arm(&env->wheel, &binding->lifetime, (uint64_t)left * 1000);
    hm_binding_apply(binding, HM_BINDING_ACTIVATE, "kept by the store");
}

static void load_staged(struct hm_binding *binding, const struct hm_binding_record *record)
{
    struct hm_env *env = binding->owner->env;
    uint16_t left = left_s(env, record->staged.end_ntp, env->config->staged_lifetime_s);
    if (record->staged.addr == 0 || left == 0)
        return;
    hm_binding_set_staged(binding, record->staged.addr, record->staged_handover_id, record->staged_epoch);
    hm_binding_arm_staged(binding, (uint64_t)left * 1000);
    hm_binding_apply(binding, HM_BINDING_STAGE, "kept by the store");
}

/* A node whose return was announced may have come home meanwhile: it is asked, by the agent's own MAC, before
 * its place is taken again. */
static void resume_takeover(struct hm_home *home, struct hm_binding *binding)
{
    unsigned link = home->env->home_link;
    bool may_be_back = hm_env_is_own_addr(home->env, hm_binding_motion(binding)->staged_care_of_addr);
    hm_takeover_restore(&binding->takeover, link, binding->home_addr, &binding->mac, may_be_back);
    if (may_be_back)
        hm_neighbour_ask(home->neighbours, link, binding->home_addr);
}

bool hm_home_load(struct hm_home *home, const struct hm_binding_record *record)
{
    if (!hm_home_serves(home, record->home_addr) ||
        hm_binding_lookup(&home->bindings, record->home_addr) != NULL)
        return false;
    struct hm_binding *binding = hm_binding_add(&home->bindings, record->home_addr, &record->mac);
    if (binding == NULL)
        return false;
    hm_binding_set_vm(binding, record->vm);
    binding->handover_id = record->handover_id;
    binding->epoch = record->epoch;
    binding->identification = record->identification;
    binding->agent_mac = record->agent_mac;
    binding->is_revocable = record->is_revocable;
    binding->registered_time = record->registered_time;
    for (unsigned i = 0; i < record->care_of_count; i++)
        load_care_of(binding, &record->care_of[i]);
    load_staged(binding, record);
    if (hm_binding_is_absent(binding))
        resume_takeover(home, binding);
    else if (binding->state == HM_BINDING_HOME)
        hm_home_remember(home, binding);
    return true;
}
