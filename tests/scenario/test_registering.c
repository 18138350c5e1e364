/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: registrations that are lost, doubled, replayed or made by a wrong clock. */
#include "tests/scenario/scenario.h"

#include <limits.h>
#include <stdlib.h>

#define HOUR_US (3600 * (int64_t)HM_SIM_S)

static unsigned lifetime_at_home(struct hm_sim_world *world)
{
    char text[HM_SIM_VALUE_LEN], ip[HM_IP_TEXT_LEN];

    assert_true(hm_sim_agent_field(&world->sites[HM_SIM_A].agent, "bindings", "home_address",
                                   hm_ip_text(HM_SIM_VM_ADDR, ip), "lifetime_s", text));
    return (unsigned)strtoul(text, NULL, 10);
}

/* A handover in which the first `limit` registration messages of a type are dropped or doubled while it is
 * staged, and again when the VM lands. */
static void handover_with(struct hm_sim_world *world, uint8_t type, enum meddling meddling, unsigned limit,
                          uint64_t extra_pause_us)
{
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct meddler meddler;
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    meddler_start(&meddler, lan, pattern_registration(type), meddling, limit);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_true(meddler.seen > limit || meddling == MEDDLE_DOUBLE);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    probes_check(&probes, world, 0);
    meddler_stop(&meddler, lan);

    meddler_start(&meddler, lan, pattern_registration(type), meddling, limit);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S + extra_pause_us);
    assert_true(meddler.seen > limit || meddling == MEDDLE_DOUBLE);
    meddler_stop(&meddler, lan);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_check(&probes, world, SCENARIO_PAUSE_US + extra_pause_us);
    probes_stop(&probes);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "bindings"), 1);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 1);
}

static void test_lost_request_is_repeated(void **state)
{
    handover_with(*state, HM_MIP_REQUEST, MEDDLE_DROP, 1, 2 * HM_SIM_S);
}

static void test_lost_reply_is_repeated(void **state)
{
    handover_with(*state, HM_MIP_REPLY, MEDDLE_DROP, 1, 0);
}

static void test_two_lost_requests(void **state)
{
    handover_with(*state, HM_MIP_REQUEST, MEDDLE_DROP, 2, 4 * HM_SIM_S);
}

static void test_duplicated_request_does_nothing_twice(void **state)
{
    struct hm_sim_world *world = *state;

    handover_with(world, HM_MIP_REQUEST, MEDDLE_DOUBLE, 100, 0);
    assert_int_equal(hm_sim_lan_moves(&world->sites[HM_SIM_A].lan, &world->vm.iface.mac), 1);
}

static void test_duplicated_reply_is_ignored(void **state)
{
    struct hm_sim_world *world = *state;

    handover_with(world, HM_MIP_REPLY, MEDDLE_DOUBLE, 100, 0);
    assert_true(counter(world, HM_SIM_B, "drop-mip-unexpected") > 0);
}

static void test_duplicate_of_the_last_request_does_not_extend_the_lifetime(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    unsigned before_s;

    meddler_start(&watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_WATCH,
                  0);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 4 * HM_SIM_S);
    before_s = lifetime_at_home(world);
    assert_in_range(before_s, 280, 298);
    inject(world, watcher.frame, watcher.frame_len);
    assert_true(lifetime_at_home(world) <= before_s);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
}

static void test_replayed_request_is_counted_and_changes_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    struct tables before;
    struct probes probes;

    meddler_start(&watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_WATCH,
                  0);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    tables_read(&before, world);
    /* Within the tolerance of the clocks, but older than the last accepted one. */
    inject(world, watcher.frame, watcher.frame_len);
    assert_int_equal(counter(world, HM_SIM_A, "drop-mip-replay"), 1);
    /* And long out of it. */
    hm_sim_run_for(&world->sim, 20 * HM_SIM_S);
    inject(world, watcher.frame, watcher.frame_len);
    assert_int_equal(counter(world, HM_SIM_A, "drop-mip-replay"), 2);
    assert_tables_unchanged(world, &before);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

static void test_request_of_an_earlier_visit_does_not_bring_it_back(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;

    meddler_start(&watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_WATCH,
                  0);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_empty(world);
    inject(world, watcher.frame, watcher.frame_len);
    assert_tables_empty(world);
    assert_true(counter(world, HM_SIM_A, "drop-mip-replay") > 0);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

static void restart_with_clock(struct hm_sim_world *world, enum hm_sim_site_number site, int64_t offset_us)
{
    struct hm_sim_agent *agent = &world->sites[site].agent;

    hm_sim_agent_kill(agent);
    agent->clock_offset_us = offset_us;
    hm_sim_agent_start(agent);
    hm_sim_run_for(&world->sim, HM_SIM_S);
}

/* Handovers with an agent's clock off: nobody feels it. The agents have told each other their clocks when
 * that one began, so that not even a registration is refused. */
static void with_clock_off(struct hm_sim_world *world, enum hm_sim_site_number site, int64_t offset_us)
{
    struct probes probes;

    restart_with_clock(world, site, offset_us);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    probes_stop(&probes);
    assert_true(counter(world, HM_SIM_A, "control-resyncs") + counter(world, HM_SIM_B, "control-resyncs") >
                0);
}

static void test_destinations_clock_an_hour_ahead(void **state)
{
    with_clock_off(*state, HM_SIM_B, HOUR_US);
}

static void test_destinations_clock_an_hour_behind(void **state)
{
    with_clock_off(*state, HM_SIM_B, -HOUR_US);
}

static void test_home_agents_clock_an_hour_behind(void **state)
{
    with_clock_off(*state, HM_SIM_A, -HOUR_US);
}

static void test_a_clock_that_is_set_during_a_visit(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct hm_sim_world *world = scenario_create(&options);
    struct probes probes;

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, 100);
    world->sites[HM_SIM_A].agent.clock_offset_us = -HOUR_US;
    hm_sim_run_for(&world->sim, 100 * HM_SIM_S);
    world->sites[HM_SIM_A].agent.clock_offset_us = HOUR_US;
    hm_sim_run_for(&world->sim, 100 * HM_SIM_S);
    world->sites[HM_SIM_B].agent.clock_offset_us = -HOUR_US;
    hm_sim_run_for(&world->sim, 100 * HM_SIM_S);
    assert_true(counter(world, HM_SIM_A, "rrp-denied") > 0);
    probes_check(&probes, world, 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_stop(&probes);
    hm_sim_world_destroy(world);
}

static void test_binding_ends_when_nobody_renews_it(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_agent_kill(&world->sites[HM_SIM_B].agent);
    hm_sim_run_for(&world->sim, 25 * HM_SIM_S);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "bindings"), 1);
    hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "state", "home");
    /* Back at home by itself, the VM is simply there. */
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    hm_sim_world_destroy(world);
}

static void test_visitor_ends_when_its_home_agent_is_gone(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_agent_kill(&world->sites[HM_SIM_A].agent);
    hm_sim_run_for(&world->sim, 120 * HM_SIM_S);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 0);
    hm_sim_world_destroy(world);
}

/* The agent that the VM left has not heard of it, by no way, and renews with a newer identification but an
 * older epoch.
 */
static void test_the_left_agents_renewal_does_not_win(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    const struct hm_sim_knobs cut = {.loss_ppm = HM_SIM_MILLION};
    struct hm_sim_world *world = scenario_create(&options);
    struct meddler meddler;
    struct probes probes;

    (void)state;
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REVOCATION), MEDDLE_DROP,
                  UINT_MAX);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    hm_sim_run_for(&world->sim, 17 * HM_SIM_S);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_C);
    hm_sim_gate_set_path(&world->gate, 2, 3, &cut);
    move_vm(world, &world->vm, HM_SIM_C);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_true(counter(world, HM_SIM_A, "rrp-denied") > 0);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.3.0.2");
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 0);
    assert_true(meddler.seen > 1);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    hm_sim_world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_lost_request_is_repeated),
        SCENARIO(test_lost_reply_is_repeated),
        SCENARIO(test_two_lost_requests),
        SCENARIO(test_duplicated_request_does_nothing_twice),
        SCENARIO(test_duplicated_reply_is_ignored),
        SCENARIO(test_duplicate_of_the_last_request_does_not_extend_the_lifetime),
        SCENARIO(test_replayed_request_is_counted_and_changes_nothing),
        SCENARIO(test_request_of_an_earlier_visit_does_not_bring_it_back),
        SCENARIO(test_destinations_clock_an_hour_ahead),
        SCENARIO(test_destinations_clock_an_hour_behind),
        SCENARIO(test_home_agents_clock_an_hour_behind),
        cmocka_unit_test(test_a_clock_that_is_set_during_a_visit),
        cmocka_unit_test(test_the_left_agents_renewal_does_not_win),
        cmocka_unit_test(test_binding_ends_when_nobody_renews_it),
        cmocka_unit_test(test_visitor_ends_when_its_home_agent_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
