/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of agent/binding: the state machine, the tables, and which handover is newer. */
#include "firmware/agent/binding.h"

#include "tests/unit/rig/rig.h"

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_bindings bindings;
    unsigned fired, fired_staged;
};

static void on_lifetime(void *arg, struct hm_binding *binding)
{
    (void)binding;
    ((struct fixture *)arg)->fired++;
}

static void on_staged(void *arg, struct hm_binding *binding)
{
    hm_binding_remove(binding); /* its own timer's object: allowed */
    ((struct fixture *)arg)->fired_staged++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_bindings_init(&f->bindings, &f->env), 0);
    f->bindings.arg = f;
    f->bindings.on_lifetime = on_lifetime;
    f->bindings.on_staged = on_staged;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_bindings_fini(&f->bindings);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_every_state_and_event_leads_where_the_table_says(void **state)
{
#define S(x) HM_BINDING_##x
    static const enum hm_binding_state TABLE[HM_BINDING_STATE_COUNT][HM_BINDING_EVENT_COUNT] = {
        /* STAGE, UNSTAGE, ACTIVATE, RETURN, EXPIRE, DIVERT, STAY_HOME, STAY_AWAY */
        [S(HOME)] = {S(STAGED), S(HOME), S(AWAY), S(HOME), S(HOME), S(DIVERTED), S(HOME), S(HOME)},
        [S(STAGED)] = {S(STAGED), S(HOME), S(AWAY), S(HOME), S(STAGED), S(DIVERTED), S(STAGED), S(STAGED)},
        [S(SWITCHING)] = {S(SWITCHING), S(AWAY), S(AWAY), S(HOME), S(STAGED), S(DIVERTED), S(SWITCHING),
                          S(SWITCHING)},
        [S(DIVERTED)] = {S(DIVERTED), S(DIVERTED), S(AWAY), S(HOME), S(DIVERTED), S(DIVERTED), S(HOME),
                         S(AWAY)},
        [S(AWAY)] = {S(SWITCHING), S(AWAY), S(AWAY), S(HOME), S(HOME), S(AWAY), S(AWAY), S(AWAY)},
    };
#undef S
    (void)state;
    for (unsigned from = 0; from < HM_BINDING_STATE_COUNT; from++)
        for (unsigned event = 0; event < HM_BINDING_EVENT_COUNT; event++)
            assert_int_equal(hm_binding_next(from, event), TABLE[from][event]);
}

static void test_only_what_is_elsewhere_is_intercepted(void **state)
{
    struct fixture *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->bindings, RIG_VM, &RIG_VM_MAC);

    assert_int_equal(binding->state, HM_BINDING_HOME);
    assert_false(hm_binding_is_absent(binding));
    hm_binding_apply(binding, HM_BINDING_STAGE, "test");
    assert_false(hm_binding_is_absent(binding));
    hm_binding_apply(binding, HM_BINDING_ACTIVATE, "test");
    assert_true(hm_binding_is_absent(binding));
    hm_binding_apply(binding, HM_BINDING_STAGE, "test");
    assert_true(hm_binding_is_absent(binding));
    hm_binding_apply(binding, HM_BINDING_RETURN, "test");
    assert_false(hm_binding_is_absent(binding));
}

static void test_bindings_are_found_by_address_and_by_mac(void **state)
{
    struct fixture *f = *state;
    struct hm_binding *first = hm_binding_add(&f->bindings, RIG_VM, &RIG_VM_MAC);
    struct hm_binding *second = hm_binding_add(&f->bindings, RIG_VM2, &RIG_VM_MAC);
    const struct hm_mac other = RIG_MAC(0x77);
    unsigned count = 0;

    assert_ptr_equal(hm_binding_lookup(&f->bindings, RIG_VM), first);
    assert_ptr_equal(hm_binding_lookup(&f->bindings, RIG_VM2), second);
    assert_null(hm_binding_lookup(&f->bindings, RIG_FAR));
    for (struct hm_binding *at = hm_binding_of_mac(&f->bindings, &RIG_VM_MAC, NULL); at != NULL;
         at = hm_binding_of_mac(&f->bindings, &RIG_VM_MAC, at))
        count++;
    assert_int_equal(count, 2);
    hm_binding_set_mac(second, &other);
    assert_ptr_equal(hm_binding_of_mac(&f->bindings, &RIG_VM_MAC, NULL), first);
    assert_null(hm_binding_of_mac(&f->bindings, &RIG_VM_MAC, first));
    assert_ptr_equal(hm_binding_of_mac(&f->bindings, &other, NULL), second);
    hm_binding_remove(first);
    assert_null(hm_binding_lookup(&f->bindings, RIG_VM));
    assert_null(hm_binding_of_mac(&f->bindings, &RIG_VM_MAC, NULL));
}

static void test_a_full_table_gives_null_and_room_again(void **state)
{
    struct fixture *f = *state;
    struct hm_binding *last = NULL;

    for (unsigned i = 0; i < f->rig.config.max_bindings; i++) {
        last = hm_binding_add(&f->bindings, RIG_VM + i, &RIG_VM_MAC);
        assert_non_null(last);
    }
    assert_null(hm_binding_add(&f->bindings, RIG_FAR, &RIG_VM_MAC));
    hm_binding_remove(last);
    assert_non_null(hm_binding_add(&f->bindings, RIG_FAR, &RIG_VM_MAC));
}

static void test_removing_stops_all_timers(void **state)
{
    struct fixture *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->bindings, RIG_VM, &RIG_VM_MAC);

    hm_timer_arm(&f->env.wheel, &binding->lifetime, 10);
    hm_binding_arm_staged(binding, 20);
    hm_takeover_start(&binding->takeover, 0, RIG_VM, &RIG_VM_MAC);
    hm_binding_remove(binding);
    rig_forget_frames(&f->rig);
    while (hm_wheel_advance(&f->env.wheel, RIG_BEGIN_MS + 100000, 64))
        ;
    assert_int_equal(f->fired + f->fired_staged + f->rig.frame_count, 0);
}

static void test_a_binding_may_be_removed_by_its_own_timer(void **state)
{
    struct fixture *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->bindings, RIG_VM, &RIG_VM_MAC);

    hm_timer_arm(&f->env.wheel, &binding->lifetime, 10);
    hm_binding_arm_staged(binding, 10);
    while (hm_wheel_advance(&f->env.wheel, RIG_BEGIN_MS + 100, 64))
        ;
    assert_int_equal(f->fired_staged, 1);
    assert_int_equal(f->bindings.slab.used, 0);
    assert_int_equal(f->bindings.motions.used, 0);
}

static void test_a_motion_ends_when_nothing_is_left_of_it(void **state)
{
    struct fixture *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->bindings, RIG_VM, &RIG_VM_MAC);
    struct hm_delivery delivery = {0};

    hm_binding_apply(binding, HM_BINDING_ACTIVATE, "test");
    binding->care_of_addr = RIG_PEER_B;
    assert_ptr_equal(hm_binding_motion(binding), &HM_MOTION_NONE);
    hm_binding_set_staged(binding, RIG_PEER_C, 2, 5);
    hm_binding_arm_staged(binding, 1000);
    hm_binding_set_delivery(binding, &delivery);
    assert_true(hm_binding_add_copy(binding, RIG_PEER_C, 10));
    assert_true(hm_binding_add_copy(binding, RIG_FAR, 20));
    assert_false(hm_binding_add_copy(binding, RIG_VM2, 20));
    assert_int_equal(hm_binding_count(binding), 3);
    assert_int_equal(f->bindings.motions.used, 1);
    hm_binding_set_staged(binding, 0, 0, 0);
    hm_binding_cancel_staged(binding);
    hm_binding_set_delivery(binding, NULL);
    hm_binding_drop_copy(binding, RIG_PEER_C);
    assert_int_equal(f->bindings.motions.used, 1);
    while (hm_wheel_advance(&f->env.wheel, RIG_BEGIN_MS + 20000, 64))
        ;
    assert_int_equal(hm_binding_count(binding), 1);
    assert_int_equal(f->bindings.motions.used, 0);
    assert_ptr_equal(hm_binding_motion(binding), &HM_MOTION_NONE);
}

static void test_every_binding_may_be_in_motion_with_the_longest_name(void **state)
{
    struct fixture *f = *state;
    char longest[HM_NAME_LEN], vm[HM_NAME_LEN];

    memset(longest, 'v', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (unsigned i = 0; i < f->rig.config.max_bindings; i++) {
        struct hm_binding *binding = hm_binding_add(&f->bindings, RIG_VM + i, &RIG_VM_MAC);
        hm_binding_set_staged(binding, RIG_PEER_C, i + 1, 5);
        hm_binding_set_vm(binding, "vm");
        hm_binding_set_vm(binding, longest);
    }
    for (unsigned i = 0; i < f->rig.config.max_bindings; i++) {
        const struct hm_binding *binding = hm_binding_lookup(&f->bindings, RIG_VM + i);
        assert_int_equal(hm_binding_motion(binding)->staged_handover_id, i + 1);
        assert_string_equal(hm_binding_vm(binding, vm), longest);
    }
}

static void test_older_handovers_are_told_across_the_end_of_the_numbers(void **state)
{
    struct fixture *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->bindings, RIG_VM, &RIG_VM_MAC);

    assert_false(hm_binding_is_older(binding, 0));
    binding->handover_id = 1;
    binding->epoch = 0xfffffffeu;
    assert_true(hm_binding_is_older(binding, 0xfffffffdu));
    assert_false(hm_binding_is_older(binding, 0xfffffffeu));
    assert_false(hm_binding_is_older(binding, 3));
    hm_binding_set_staged(binding, RIG_PEER_C, 2, 5);
    assert_true(hm_binding_is_overtaken(binding, 3));
    assert_false(hm_binding_is_overtaken(binding, 5));
    hm_binding_set_staged(binding, 0, 0, 0);
    assert_false(hm_binding_is_overtaken(binding, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_and_event_leads_where_the_table_says),
        TEST(test_only_what_is_elsewhere_is_intercepted),
        TEST(test_bindings_are_found_by_address_and_by_mac),
        TEST(test_a_full_table_gives_null_and_room_again),
        TEST(test_removing_stops_all_timers),
        TEST(test_a_binding_may_be_removed_by_its_own_timer),
        TEST(test_a_motion_ends_when_nothing_is_left_of_it),
        TEST(test_every_binding_may_be_in_motion_with_the_longest_name),
        TEST(test_older_handovers_are_told_across_the_end_of_the_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
