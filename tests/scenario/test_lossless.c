/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: handovers whose stop is told. Nothing is lost, doubled or reordered, wherever the probes come
 * from. */
#include "platform/sim/migration.h"
#include "tests/scenario/scenario.h"

#define RATE 2000u

static const struct hm_sim_migration_options USUAL = {
    .copy_us = 50 * HM_SIM_MS, .pause_us = 40 * HM_SIM_MS, .has_watch_there = true};

/* Moves the VM, and lets things settle. */
static void move(struct hm_sim_world *world, enum hm_sim_site_number from, enum hm_sim_site_number to,
                 const struct hm_sim_migration_options *options)
{
    struct hm_sim_migration migration;
    struct hm_sim_site *here = &world->sites[from], *there = &world->sites[to];

    hm_sim_migration_start(&migration, &world->vm, &here->hypervisor, &there->hypervisor, &there->lan,
                           there->host_name, options);
    hm_sim_migration_wait(&migration);
    assert_true(hm_sim_migration_is_done(&migration));
    hm_sim_run_for(&world->sim, HM_SIM_S);
    hm_sim_migration_fini(&migration);
}

/* A whole round, A to B to C and home, with probes from one host. */
static void round_trip(struct hm_sim_world *world, struct hm_sim_host *from,
                       const struct hm_sim_migration_options *options)
{
    static const enum hm_sim_site_number WAY[] = {HM_SIM_A, HM_SIM_B, HM_SIM_C, HM_SIM_A};
    struct probes probes;

    probes_start(&probes, from, &world->vm, RATE);
    for (unsigned i = 0; i < 3; i++) {
        print_message("from %u to %u\n", WAY[i], WAY[i + 1]);
        move(world, WAY[i], WAY[i + 1], options);
        probes_check(&probes, world, 0);
    }
    hm_sim_run_for(&world->sim,
                   5 * HM_SIM_S); /* what is under way to a place that it left is sent after it until then */
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    assert_tables_empty(world);
}

static void test_nothing_is_lost_from_beyond_the_router(void **state)
{
    struct hm_sim_world *world = *state;

    round_trip(world, &world->correspondent, &USUAL);
}

static void test_nothing_is_lost_from_the_home_lan(void **state)
{
    struct hm_sim_world *world = *state;

    round_trip(world, &world->sites[HM_SIM_A].neighbour, &USUAL);
}

static void test_nothing_is_lost_from_a_foreign_lan(void **state)
{
    struct hm_sim_world *world = *state;

    round_trip(world, &world->sites[HM_SIM_B].neighbour, &USUAL);
}

static void test_nothing_is_lost_in_gateway_mode(void **state)
{
    const struct hm_sim_world_options options = {.gateways = true};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    round_trip(world, &world->correspondent, &USUAL);
    round_trip(world, &world->sites[HM_SIM_A].neighbour, &USUAL);
    hm_sim_world_destroy(world);
}

static void test_nothing_is_lost_when_the_stop_comes_before_it_is_staged(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_migration_options options = USUAL;

    options.is_unstaged = true;
    round_trip(world, &world->correspondent, &options);
}

/* Over the LAN, what waits is only ahead of what comes by the agent itself: not on its home LAN. */
static void test_nothing_is_lost_without_a_watch_at_the_destination(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_migration_options options = USUAL;
    struct probes probes;

    options.has_watch_there = false;
    probes_start(&probes, &world->correspondent, &world->vm, RATE);
    move(world, HM_SIM_A, HM_SIM_B, &options);
    probes_check(&probes, world, 0);
    move(world, HM_SIM_B, HM_SIM_C, &options);
    probes_check(&probes, world, 0);
    move(world, HM_SIM_C, HM_SIM_A, &options);
    struct hm_sim_counts counts = hm_sim_stream_counts(&probes.down);
    hm_sim_stream_stop(&probes.down);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    counts = hm_sim_stream_counts(&probes.down);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.doubled, 0);
    probes_stop(&probes);
}

/* A rolled-back move, at each step and from each place. */
static void test_nothing_is_lost_when_the_move_fails(void **state)
{
    static const enum hm_sim_migration_step STEPS[] = {HM_SIM_STEP_COPYING, HM_SIM_STEP_STOPPING,
                                                       HM_SIM_STEP_SALVAGING, HM_SIM_STEP_MOVING};
    struct hm_sim_world *world = *state;
    struct hm_sim_migration_options options = USUAL;
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, RATE);
    for (unsigned i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
        print_message("fails at step %u\n", STEPS[i]);
        options.fails_at = STEPS[i];
        move(world, HM_SIM_A, HM_SIM_B, &options); /* at home */
        probes_check(&probes, world, 0);
        assert_states(world, HM_SIM_VM_ADDR, "home", HM_SIM_B, NULL);
        move(world, HM_SIM_A, HM_SIM_B, &USUAL);
        probes_check(&probes, world, 0);
        move(world, HM_SIM_B, HM_SIM_C, &options); /* between two foreign places */
        probes_check(&probes, world, 0);
        assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
        move(world, HM_SIM_B, HM_SIM_A, &options); /* on its way home */
        probes_check(&probes, world, 0);
        assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
        move(world, HM_SIM_B, HM_SIM_A, &USUAL);
        probes_check(&probes, world, 0);
    }
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    assert_tables_empty(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_nothing_is_lost_from_beyond_the_router),
        SCENARIO(test_nothing_is_lost_from_the_home_lan),
        SCENARIO(test_nothing_is_lost_from_a_foreign_lan),
        cmocka_unit_test(test_nothing_is_lost_in_gateway_mode),
        SCENARIO(test_nothing_is_lost_when_the_stop_comes_before_it_is_staged),
        SCENARIO(test_nothing_is_lost_without_a_watch_at_the_destination),
        SCENARIO(test_nothing_is_lost_when_the_move_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
