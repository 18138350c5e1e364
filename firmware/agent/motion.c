/* SPDX-License-Identifier: BSD-3-Clause */
/* Motions: when one begins and ends, and what is prepared. */
#include "firmware/agent/binding.h"

const struct hm_motion HM_MOTION_NONE = {0};

static struct hm_motion *motion_of(const struct hm_binding *binding)
{
    return binding->motion == 0 ? NULL : hm_slab_at(&binding->owner->motions, binding->motion - 1);
}

static void fire_staged(void *arg)
{
    struct hm_binding *binding = ((struct hm_motion *)arg)->binding;
    binding->owner->on_staged(binding->owner->arg, binding);
}

struct hm_motion *hm_motion_begin(struct hm_binding *binding)
{
    struct hm_slab *motions = &binding->owner->motions;
    struct hm_motion *motion = motion_of(binding);
    if (motion != NULL)
        return motion;
    motion = hm_slab_take(motions);
    assert(motion != NULL); /* there are as many as bindings */
    motion->binding = binding;
    hm_timer_init(&motion->staged, fire_staged, motion);
    hm_motion_init_copies(motion);
    binding->motion = (uint32_t)hm_slab_number(motions, motion) + 1;
    return motion;
}

static bool is_over(const struct hm_motion *motion)
{
    return motion->staged_handover_id == 0 && motion->staged_care_of_addr == 0 && motion->staged_epoch == 0 &&
           !motion->copies_to_staged && !hm_timer_is_armed(&motion->staged) && motion->copy_count == 0 &&
           motion->delivery == NULL && motion->upward == NULL;
}

void hm_motion_settle(struct hm_binding *binding)
{
    const struct hm_motion *motion = motion_of(binding);
    if (motion != NULL && is_over(motion))
        hm_motion_end(binding);
}

void hm_motion_end(struct hm_binding *binding)
{
    struct hm_motion *motion = motion_of(binding);
    if (motion == NULL)
        return;
    struct hm_wheel *wheel = &binding->owner->env->wheel;
    hm_timer_cancel(wheel, &motion->staged);
    for (unsigned i = 0; i < HM_MAX_COPIES; i++)
        hm_timer_cancel(wheel, &motion->copies[i].lifetime);
    binding->motion = 0;
    hm_slab_give(&binding->owner->motions, motion);
}

void hm_binding_set_staged(struct hm_binding *binding, uint32_t care_of_addr, uint64_t handover_id,
                           uint32_t epoch)
{
    struct hm_motion *motion = hm_motion_begin(binding);
    motion->staged_care_of_addr = care_of_addr;
    motion->staged_handover_id = handover_id;
    motion->staged_epoch = epoch;
    motion->copies_to_staged = false;
    hm_motion_settle(binding);
    hm_stored_mark(&binding->stored);
}

void hm_binding_copy_to_staged(struct hm_binding *binding, bool copies)
{
    hm_motion_begin(binding)->copies_to_staged = copies;
    hm_motion_settle(binding);
}

void hm_binding_arm_staged(struct hm_binding *binding, uint64_t in_ms)
{
    hm_timer_arm(&binding->owner->env->wheel, &hm_motion_begin(binding)->staged, in_ms);
}

void hm_binding_cancel_staged(struct hm_binding *binding)
{
    struct hm_motion *motion = motion_of(binding);
    if (motion == NULL)
        return;
    hm_timer_cancel(&binding->owner->env->wheel, &motion->staged);
    hm_motion_settle(binding);
}

void hm_binding_set_delivery(struct hm_binding *binding, struct hm_delivery *delivery)
{
    hm_motion_begin(binding)->delivery = delivery;
    hm_motion_settle(binding);
}

void hm_binding_set_upward(struct hm_binding *binding, struct hm_delivery *delivery)
{
    hm_motion_begin(binding)->upward = delivery;
    hm_motion_settle(binding);
}
