/* SPDX-License-Identifier: BSD-3-Clause */
/* The further care-of addresses of a binding (RFC 5944 section 3.8.2.2, simultaneous bindings).
 *
 * The first one is the binding's care_of_addr with its lifetime; the others live in slots of its
 * motion, each with its own lifetime. When the first ends and others are left, one of them takes its place,
 * so a binding that is absent has always a first. */
#include "firmware/agent/binding.h"

unsigned hm_binding_count(const struct hm_binding *binding)
{
    return hm_binding_is_absent(binding) ? 1 + hm_binding_motion(binding)->copy_count : 0;
}

static const struct hm_care_of *find(const struct hm_motion *motion, uint32_t addr)
{
    for (unsigned i = 0; i < HM_MAX_COPIES; i++)
        if (motion->copies[i].addr == addr)
            return &motion->copies[i];
    return NULL;
}

bool hm_binding_has_care_of(const struct hm_binding *binding, uint32_t addr)
{
    if (!hm_binding_is_absent(binding) || addr == 0)
        return false;
    return binding->care_of_addr == addr || find(hm_binding_motion(binding), addr) != NULL;
}

/* The motion may be over then. */
static void drop(struct hm_care_of *copy)
{
    struct hm_binding *binding = copy->motion->binding;
    hm_timer_cancel(&binding->owner->env->wheel, &copy->lifetime);
    copy->addr = 0;
    copy->motion->copy_count--;
    hm_motion_settle(binding);
    hm_stored_mark(&binding->stored);
}

static void on_copy_lifetime(void *arg)
{
    struct hm_care_of *copy = arg;
    const struct hm_binding *binding = copy->motion->binding;
    char text[HM_IP_TEXT_LEN], vm[HM_NAME_LEN];
    hm_env_log(binding->owner->env, HM_LOG_INFO, "binding %s: copies to %s end: lifetime over",
               hm_binding_vm(binding, vm), hm_ip_text(copy->addr, text));
    drop(copy);
}

void hm_motion_init_copies(struct hm_motion *motion)
{
    for (unsigned i = 0; i < HM_MAX_COPIES; i++) {
        motion->copies[i].motion = motion;
        hm_timer_init(&motion->copies[i].lifetime, on_copy_lifetime, &motion->copies[i]);
    }
}

/* The slot of this address, or, for 0, one that is free; NULL when there is none. */
static struct hm_care_of *slot_of(struct hm_binding *binding, uint32_t addr)
{
    const struct hm_motion *motion = hm_binding_motion(binding);
    const struct hm_care_of *copy = find(motion, addr);
    return copy == NULL ? NULL : &hm_motion_begin(binding)->copies[copy - motion->copies];
}

bool hm_binding_add_copy(struct hm_binding *binding, uint32_t addr, uint16_t lifetime_s)
{
    struct hm_care_of *copy = slot_of(binding, addr);
    if (copy == NULL)
        copy = slot_of(binding, 0);
    if (copy == NULL)
        return false;
    if (copy->addr == 0)
        copy->motion->copy_count++;
    copy->addr = addr;
    copy->lifetime_s = lifetime_s;
    hm_stored_mark(&binding->stored);
    hm_timer_arm(&binding->owner->env->wheel, &copy->lifetime, (uint64_t)lifetime_s * 1000);
    return true;
}

void hm_binding_drop_copy(struct hm_binding *binding, uint32_t addr)
{
    struct hm_care_of *copy = addr != 0 ? slot_of(binding, addr) : NULL;
    if (copy != NULL)
        drop(copy);
}

/* One of them; NULL: there is none. */
static struct hm_care_of *any_copy(struct hm_binding *binding)
{
    const struct hm_motion *motion = hm_binding_motion(binding);
    for (unsigned i = 0; i < HM_MAX_COPIES; i++)
        if (motion->copies[i].addr != 0)
            return slot_of(binding, motion->copies[i].addr);
    return NULL;
}

void hm_binding_drop_copies(struct hm_binding *binding)
{
    while (hm_binding_motion(binding)->copy_count > 0)
        drop(any_copy(binding));
}

bool hm_binding_promote_copy(struct hm_binding *binding)
{
    struct hm_env *env = binding->owner->env;
    struct hm_care_of *copy = any_copy(binding);
    if (copy == NULL)
        return false;
    uint64_t now_ms = hm_env_ms(env);
    uint64_t left_ms = copy->lifetime.due_ms > now_ms ? copy->lifetime.due_ms - now_ms : 0;
    binding->care_of_addr = copy->addr;
    binding->lifetime_s = copy->lifetime_s;
    binding->is_revocable = false; /* what was agreed was about the other */
    hm_timer_arm(&env->wheel, &binding->lifetime, left_ms);
    drop(copy);
    return true;
}
