/* SPDX-License-Identifier: BSD-3-Clause */
/* The further care-of addresses of a binding (RFC 5944 section 3.8.2.2, simultaneous bindings).
 *
 * The first one is the binding's care_of_addr with its lifetime; the others live in slots beside it, each
 * with its own lifetime. When the first ends and others are left, one of them takes its place, so a binding
 * that is absent has always a first. */
#include "firmware/agent/binding.h"

unsigned hm_binding_count(const struct hm_binding *binding)
{
    return hm_binding_is_absent(binding) ? 1 + binding->copy_count : 0;
}

static struct hm_care_of *find(struct hm_binding *binding, uint32_t addr)
{
    for (unsigned i = 0; i < HM_MAX_SIMULTANEOUS - 1; i++)
        if (binding->copies[i].addr == addr)
            return &binding->copies[i];
    return NULL;
}

bool hm_binding_has_care_of(const struct hm_binding *binding, uint32_t addr)
{
    if (!hm_binding_is_absent(binding) || addr == 0)
        return false;
    if (binding->care_of_addr == addr)
        return true;
    for (unsigned i = 0; i < HM_MAX_SIMULTANEOUS - 1; i++)
        if (binding->copies[i].addr == addr)
            return true;
    return false;
}

static void drop(struct hm_care_of *copy)
{
    struct hm_binding *binding = copy->binding;
    hm_timer_cancel(&binding->owner->env->wheel, &copy->lifetime);
    copy->addr = 0;
    binding->copy_count--;
    hm_stored_mark(&binding->stored);
}

static void on_copy_lifetime(void *arg)
{
    struct hm_care_of *copy = arg;
    const struct hm_binding *binding = copy->binding;
    char text[HM_IP_TEXT_LEN];
    hm_env_log(binding->owner->env, HM_LOG_INFO, "binding %s: copies to %s end: lifetime over", binding->vm,
               hm_ip_text(copy->addr, text));
    drop(copy);
}

void hm_binding_init_copies(struct hm_binding *binding)
{
    for (unsigned i = 0; i < HM_MAX_SIMULTANEOUS - 1; i++) {
        binding->copies[i].binding = binding;
        hm_timer_init(&binding->copies[i].lifetime, on_copy_lifetime, &binding->copies[i]);
    }
}

bool hm_binding_add_copy(struct hm_binding *binding, uint32_t addr, uint16_t lifetime_s)
{
    struct hm_care_of *copy = find(binding, addr);
    if (copy == NULL)
        copy = find(binding, 0);
    if (copy == NULL)
        return false;
    if (copy->addr == 0)
        binding->copy_count++;
    copy->addr = addr;
    copy->lifetime_s = lifetime_s;
    hm_stored_mark(&binding->stored);
    hm_timer_arm(&binding->owner->env->wheel, &copy->lifetime, (uint64_t)lifetime_s * 1000);
    return true;
}

void hm_binding_drop_copy(struct hm_binding *binding, uint32_t addr)
{
    struct hm_care_of *copy = addr != 0 ? find(binding, addr) : NULL;
    if (copy != NULL)
        drop(copy);
}

void hm_binding_drop_copies(struct hm_binding *binding)
{
    for (unsigned i = 0; i < HM_MAX_SIMULTANEOUS - 1; i++)
        if (binding->copies[i].addr != 0)
            drop(&binding->copies[i]);
}

bool hm_binding_promote_copy(struct hm_binding *binding)
{
    struct hm_env *env = binding->owner->env;
    for (unsigned i = 0; i < HM_MAX_SIMULTANEOUS - 1; i++) {
        struct hm_care_of *copy = &binding->copies[i];
        if (copy->addr == 0)
            continue;
        uint64_t now_ms = hm_env_ms(env);
        uint64_t left_ms = copy->lifetime.due_ms > now_ms ? copy->lifetime.due_ms - now_ms : 0;
        binding->care_of_addr = copy->addr;
        binding->lifetime_s = copy->lifetime_s;
        binding->is_revocable = false; /* what was agreed was about the other */
        hm_timer_arm(&env->wheel, &binding->lifetime, left_ms);
        drop(copy);
        return true;
    }
    return false;
}
