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

/* What each packet looks at, of any binding. */
static void use_large_pages(struct hm_bindings *bindings)
{
    const struct hm_port *port = bindings->env->port;
    if (port->use_large_pages == NULL)
        return;
    port->use_large_pages(port->ctx, bindings->slab.memory, hm_slab_len(&bindings->slab));
    port->use_large_pages(port->ctx, bindings->by_addr.buckets, hm_table_len(&bindings->by_addr));
    port->use_large_pages(port->ctx, bindings->by_mac.buckets, hm_table_len(&bindings->by_mac));
}

int hm_bindings_init(struct hm_bindings *bindings, struct hm_env *env)
{
    *bindings = (struct hm_bindings){.env = env};
    size_t count = env->config->max_bindings;
    int err = hm_slab_init(&bindings->slab, sizeof(struct hm_binding), count);
    if (err == HM_OK)
        err = hm_slab_init(&bindings->motions, sizeof(struct hm_motion), count);
    if (err == HM_OK)
        err = hm_texts_init(&bindings->vms, count, HM_NAME_LEN);
    if (err == HM_OK)
        err = hm_table_init(&bindings->by_addr, &bindings->slab, offsetof(struct hm_binding, by_addr),
                            offsetof(struct hm_binding, home_addr));
    if (err == HM_OK)
        err = hm_table_init(&bindings->by_mac, &bindings->slab, offsetof(struct hm_binding, by_mac),
                            offsetof(struct hm_binding, mac) + HM_MAC_TAIL_AT);
    if (err != HM_OK)
        hm_bindings_fini(bindings);
    else
        use_large_pages(bindings);
    return err;
}

void hm_bindings_fini(struct hm_bindings *bindings)
{
    hm_table_fini(&bindings->by_addr);
    hm_table_fini(&bindings->by_mac);
    hm_texts_fini(&bindings->vms);
    hm_slab_fini(&bindings->motions);
    hm_slab_fini(&bindings->slab);
}

struct hm_binding *hm_binding_lookup(const struct hm_bindings *bindings, uint32_t home_addr)
{
    /* The address is the tag: what is found has it. */
    struct hm_table_node *node =
        hm_table_first(&bindings->by_addr, addr_hash(bindings, home_addr), home_addr);
    return node == NULL ? NULL : HM_CONTAINER_OF(node, struct hm_binding, by_addr);
}

void hm_binding_foresee(const struct hm_bindings *bindings, uint32_t addr, enum hm_table_step step)
{
    hm_table_foresee(&bindings->by_addr, addr_hash(bindings, addr), addr, step);
}

void hm_binding_foresee_mac(const struct hm_bindings *bindings, const struct hm_mac *mac,
                            enum hm_table_step step)
{
    hm_table_foresee(&bindings->by_mac, mac_hash(bindings, mac), hm_mac_tail(mac), step);
}

struct hm_binding *hm_binding_of_mac(const struct hm_bindings *bindings, const struct hm_mac *mac,
                                     const struct hm_binding *after)
{
    const struct hm_table *table = &bindings->by_mac;
    uint64_t hash = mac_hash(bindings, mac);
    struct hm_table_node *node = after != NULL ? hm_table_next(table, &after->by_mac, hash)
                                               : hm_table_first(table, hash, hm_mac_tail(mac));
    for (; node != NULL; node = hm_table_next(table, node, hash)) {
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

struct hm_binding *hm_binding_add(struct hm_bindings *bindings, uint32_t home_addr, const struct hm_mac *mac)
{
    struct hm_binding *binding = hm_slab_take(&bindings->slab);
    if (binding == NULL)
        return NULL;
    binding->owner = bindings;
    binding->home_addr = home_addr;
    binding->mac = *mac;
    hm_timer_init(&binding->lifetime, fire_lifetime, binding);
    hm_takeover_init(&binding->takeover, bindings->env);
    hm_stored_init(&binding->stored, HM_RECORD_BINDING);
    hm_table_add(&bindings->by_addr, &binding->by_addr, addr_hash(bindings, home_addr));
    hm_table_add(&bindings->by_mac, &binding->by_mac, mac_hash(bindings, mac));
    return binding;
}

void hm_binding_remove(struct hm_binding *binding)
{
    struct hm_bindings *bindings = binding->owner;
    hm_timer_cancel(&bindings->env->wheel, &binding->lifetime);
    if (hm_binding_motion(binding)->upward != NULL)
        hm_delivery_remove(hm_binding_motion(binding)->upward);
    hm_stored_remove(&binding->stored);
    hm_motion_end(binding);
    hm_binding_set_vm(binding, "");
    hm_takeover_fini(&binding->takeover);
    hm_table_remove(&bindings->by_addr, &binding->by_addr, addr_hash(bindings, binding->home_addr));
    hm_table_remove(&bindings->by_mac, &binding->by_mac, mac_hash(bindings, &binding->mac));
    hm_slab_give(&bindings->slab, binding);
}

void hm_binding_set_mac(struct hm_binding *binding, const struct hm_mac *mac)
{
    struct hm_bindings *bindings = binding->owner;
    if (hm_mac_equal(&binding->mac, mac))
        return;
    hm_table_remove(&bindings->by_mac, &binding->by_mac, mac_hash(bindings, &binding->mac));
    binding->mac = *mac;
    hm_stored_mark(&binding->stored);
    hm_table_add(&bindings->by_mac, &binding->by_mac, mac_hash(bindings, mac));
}

void hm_binding_set_vm(struct hm_binding *binding, const char *vm)
{
    hm_texts_set(&binding->owner->vms, &binding->vm, vm);
}

const char *hm_binding_vm(const struct hm_binding *binding, char text[HM_NAME_LEN])
{
    return hm_texts_get(&binding->owner->vms, binding->vm, text, HM_NAME_LEN);
}

void hm_binding_apply(struct hm_binding *binding, enum hm_binding_event event, const char *reason)
{
    char text[HM_IP_TEXT_LEN], vm[HM_NAME_LEN];
    enum hm_binding_state before = binding->state;
    binding->state = hm_binding_next(before, event);
    hm_stored_mark(&binding->stored);
    hm_env_log(binding->owner->env, HM_LOG_INFO, "binding %s %s: %s -> %s (%s)", hm_binding_vm(binding, vm),
               hm_ip_text(binding->home_addr, text), hm_binding_state_name(before),
               hm_binding_state_name(binding->state), reason);
}

bool hm_binding_is_older(const struct hm_binding *binding, uint32_t epoch)
{
    return binding->handover_id != 0 && (int32_t)(epoch - binding->epoch) < 0;
}

bool hm_binding_is_overtaken(const struct hm_binding *binding, uint32_t epoch)
{
    const struct hm_motion *motion = hm_binding_motion(binding);
    if (motion->staged_handover_id != 0 && (int32_t)(epoch - motion->staged_epoch) < 0)
        return true;
    return hm_binding_is_older(binding, epoch);
}

bool hm_binding_is_under_way(const struct hm_binding *binding, uint64_t handover_id)
{
    uint64_t staged_id = hm_binding_motion(binding)->staged_handover_id;
    return binding->state == HM_BINDING_DIVERTED && staged_id != 0 && staged_id != handover_id;
}

uint32_t hm_binding_target(const struct hm_binding *binding)
{
    const struct hm_motion *motion = hm_binding_motion(binding);
    if (motion->delivery != NULL)
        return 0;
    return binding->state == HM_BINDING_DIVERTED ? motion->staged_care_of_addr : binding->care_of_addr;
}

bool hm_binding_is_at(const struct hm_binding *binding, uint32_t care_of_addr)
{
    if (hm_binding_has_care_of(binding, care_of_addr))
        return true;
    if (binding->previous_addr == care_of_addr &&
        hm_env_ms(binding->owner->env) < hm_short_ms_get(binding->previous_end))
        return true;
    const struct hm_motion *motion = hm_binding_motion(binding);
    return motion->staged_care_of_addr == care_of_addr && motion->staged_handover_id != 0;
}
