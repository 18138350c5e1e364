/* SPDX-License-Identifier: BSD-3-Clause */
/* Mobility bindings at a home agent: the table and the state machine. */
#include "firmware/agent/binding.h"

static const char *const STATE_NAMES[] = {"home", "staged", "switching", "diverted", "away"};
_Static_assert(sizeof(STATE_NAMES) / sizeof(STATE_NAMES[0]) == HM_BINDING_STATE_COUNT,
               "a name for each state");

/* clang-format off */
#define HOME HM_BINDING_HOME
#define STAGED HM_BINDING_STAGED
#define SWITCHING HM_BINDING_SWITCHING
#define DIVERTED HM_BINDING_DIVERTED
#define AWAY HM_BINDING_AWAY
static const enum hm_binding_state NEXT[HM_BINDING_STATE_COUNT][HM_BINDING_EVENT_COUNT] = {
    /*              STAGE      UNSTAGE   ACTIVATE  RETURN  EXPIRE    DIVERT    STAY_HOME  STAY_AWAY */
    [HOME]      = {STAGED,    HOME,     AWAY,     HOME,   HOME,     DIVERTED, HOME,      HOME},
    [STAGED]    = {STAGED,    HOME,     AWAY,     HOME,   STAGED,   DIVERTED, STAGED,    STAGED},
    [SWITCHING] = {SWITCHING, AWAY,     AWAY,     HOME,   STAGED,   DIVERTED, SWITCHING, SWITCHING},
    [DIVERTED]  = {DIVERTED,  DIVERTED, AWAY,     HOME,   DIVERTED, DIVERTED, HOME,      AWAY},
    [AWAY]      = {SWITCHING, AWAY,     AWAY,     HOME,   HOME,     AWAY,     AWAY,      AWAY},
};
/* clang-format on */

const char *hm_binding_state_name(enum hm_binding_state state)
{
    return STATE_NAMES[state];
}

enum hm_binding_state hm_binding_next(enum hm_binding_state state, enum hm_binding_event event)
{
    return NEXT[state][event];
}

static uint64_t addr_hash(const struct hm_bindings *bindings, uint32_t addr)
{
    return hm_hash_u64(bindings->env->hash_seed, addr);
}

static uint64_t mac_hash(const struct hm_bindings *bindings, const struct hm_mac *mac)
{
    return hm_hash_u64(bindings->env->hash_seed, hm_mac_u64(mac));
}

int hm_bindings_init(struct hm_bindings *bindings, struct hm_env *env)
{
    *bindings = (struct hm_bindings){.env = env};
    int err = hm_slab_init(&bindings->slab, sizeof(struct hm_binding), env->config->max_bindings);
    if (err == HM_OK)
        err = hm_table_init(&bindings->by_addr, env->config->max_bindings);
    if (err == HM_OK)
        err = hm_table_init(&bindings->by_mac, env->config->max_bindings);
    if (err != HM_OK)
        hm_bindings_fini(bindings);
    return err;
}

void hm_bindings_fini(struct hm_bindings *bindings)
{
    hm_table_fini(&bindings->by_addr);
    hm_table_fini(&bindings->by_mac);
    hm_slab_fini(&bindings->slab);
}

struct hm_binding *hm_binding_lookup(const struct hm_bindings *bindings, uint32_t home_addr)
{
    struct hm_table_node *node = hm_table_first(&bindings->by_addr, addr_hash(bindings, home_addr));
    for (; node != NULL; node = hm_table_next(node)) {
        struct hm_binding *binding = HM_CONTAINER_OF(node, struct hm_binding, by_addr);
        if (binding->home_addr == home_addr)
            return binding;
    }
    return NULL;
}

struct hm_binding *hm_binding_of_mac(const struct hm_bindings *bindings, const struct hm_mac *mac,
                                     const struct hm_binding *after)
{
    struct hm_table_node *node = after != NULL ? hm_table_next(&after->by_mac)
                                               : hm_table_first(&bindings->by_mac, mac_hash(bindings, mac));
    for (; node != NULL; node = hm_table_next(node)) {
        struct hm_binding *binding = HM_CONTAINER_OF(node, struct hm_binding, by_mac);
        if (hm_mac_equal(&binding->mac, mac))
            return binding;
    }
    return NULL;
}

static void fire_lifetime(void *arg)
{
    struct hm_binding *binding = arg;
    binding->owner->on_lifetime(binding->owner->arg, binding);
}

static void fire_staged(void *arg)
{
    struct hm_binding *binding = arg;
    binding->owner->on_staged(binding->owner->arg, binding);
}

struct hm_binding *hm_binding_add(struct hm_bindings *bindings, uint32_t home_addr, const struct hm_mac *mac)
{
    struct hm_binding *binding = hm_slab_take(&bindings->slab);
    if (binding == NULL)
        return NULL;
    binding->owner = bindings;
    binding->home_addr = home_addr;
    binding->mac = *mac;
    hm_timer_init(&binding->lifetime, fire_lifetime, binding);
    hm_timer_init(&binding->staged, fire_staged, binding);
    hm_binding_init_copies(binding);
    hm_takeover_init(&binding->takeover, bindings->env);
    hm_stored_init(&binding->stored, bindings->env, HM_RECORD_BINDING);
    hm_table_add(&bindings->by_addr, &binding->by_addr, addr_hash(bindings, home_addr));
    hm_table_add(&bindings->by_mac, &binding->by_mac, mac_hash(bindings, mac));
    return binding;
}

void hm_binding_remove(struct hm_binding *binding)
{
    struct hm_bindings *bindings = binding->owner;
    hm_timer_cancel(&bindings->env->wheel, &binding->lifetime);
    hm_timer_cancel(&bindings->env->wheel, &binding->staged);
    hm_binding_drop_copies(binding);
    if (binding->upward != NULL)
        hm_delivery_remove(binding->upward);
    hm_stored_remove(&binding->stored);
    hm_takeover_fini(&binding->takeover);
    hm_table_remove(&bindings->by_addr, &binding->by_addr);
    hm_table_remove(&bindings->by_mac, &binding->by_mac);
    hm_slab_give(&bindings->slab, binding);
}

void hm_binding_set_mac(struct hm_binding *binding, const struct hm_mac *mac)
{
    struct hm_bindings *bindings = binding->owner;
    if (hm_mac_equal(&binding->mac, mac))
        return;
    hm_table_remove(&bindings->by_mac, &binding->by_mac);
    binding->mac = *mac;
    hm_stored_mark(&binding->stored);
    hm_table_add(&bindings->by_mac, &binding->by_mac, mac_hash(bindings, mac));
}

void hm_binding_apply(struct hm_binding *binding, enum hm_binding_event event, const char *reason)
{
    char text[HM_IP_TEXT_LEN];
    enum hm_binding_state before = binding->state;
    binding->state = hm_binding_next(before, event);
    hm_stored_mark(&binding->stored);
    hm_env_log(binding->owner->env, HM_LOG_INFO, "binding %s %s: %s -> %s (%s)", binding->vm,
               hm_ip_text(binding->home_addr, text), hm_binding_state_name(before),
               hm_binding_state_name(binding->state), reason);
}

void hm_binding_set_staged(struct hm_binding *binding, uint32_t care_of_addr, uint64_t handover_id,
                           uint32_t epoch)
{
    binding->staged_care_of_addr = care_of_addr;
    binding->staged_handover_id = handover_id;
    binding->staged_epoch = epoch;
    binding->copies_to_staged = false;
    hm_stored_mark(&binding->stored);
}

bool hm_binding_is_older(const struct hm_binding *binding, uint32_t epoch)
{
    return binding->handover_id != 0 && (int32_t)(epoch - binding->epoch) < 0;
}

bool hm_binding_is_overtaken(const struct hm_binding *binding, uint32_t epoch)
{
    if (binding->staged_handover_id != 0 && (int32_t)(epoch - binding->staged_epoch) < 0)
        return true;
    return hm_binding_is_older(binding, epoch);
}

bool hm_binding_is_under_way(const struct hm_binding *binding, uint64_t handover_id)
{
    return binding->state == HM_BINDING_DIVERTED && binding->staged_handover_id != 0 &&
           binding->staged_handover_id != handover_id;
}

uint32_t hm_binding_target(const struct hm_binding *binding)
{
    if (binding->delivery != NULL)
        return 0;
    return binding->state == HM_BINDING_DIVERTED ? binding->staged_care_of_addr : binding->care_of_addr;
}

bool hm_binding_is_at(const struct hm_binding *binding, uint32_t care_of_addr)
{
    if (hm_binding_has_care_of(binding, care_of_addr))
        return true;
    if (binding->previous_addr == care_of_addr && hm_env_ms(binding->owner->env) < binding->previous_end_ms)
        return true;
    return binding->staged_care_of_addr == care_of_addr && binding->staged_handover_id != 0;
}
