/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: what the adversary (tests/adversary) has found, each fault by itself. */
#include "platform/sim/migration.h"
#include "tests/scenario/scenario.h"

#define RATE 500u
#define STAGED_S 5

static const struct hm_sim_migration_options USUAL = {
    .copy_us = 50 * HM_SIM_MS, .pause_us = 40 * HM_SIM_MS, .has_watch_there = true};

static void set_paths(struct hm_sim_world *world, uint32_t delay_us)
{
    const struct hm_sim_knobs knobs = {.delay_us = delay_us};

    for (unsigned a = 0; a < world->gate.iface_count; a++) {
        for (unsigned b = 0; b < a; b++)
            hm_sim_gate_set_path(&world->gate, a, b, &knobs);
    }
}

/* A world with a short staged lifetime, and with paths that take their time. */
static int setup(void **state)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = STAGED_S};
    struct hm_sim_world *world = scenario_create(&options);

    set_paths(world, 4 * HM_SIM_MS);
    *state = world;
    return 0;
}

static void begin(struct hm_sim_migration *migration, struct hm_sim_world *world,
                  enum hm_sim_site_number from, enum hm_sim_site_number to,
                  const struct hm_sim_migration_options *options)
{
    struct hm_sim_site *here = &world->sites[from], *there = &world->sites[to];

    hm_sim_migration_start(migration, &world->vm, &here->hypervisor, &there->hypervisor, &there->lan,
                           there->host_name, options);
}

/* Moves the VM, and lets things settle for so long. Gives what its hypervisors have lost. */
static unsigned move(struct hm_sim_world *world, enum hm_sim_site_number from, enum hm_sim_site_number to,
                     const struct hm_sim_migration_options *options, uint64_t settle_us)
{
    struct hm_sim_migration migration;

    begin(&migration, world, from, to, options);
    hm_sim_migration_wait(&migration);
    assert_true(hm_sim_migration_is_done(&migration));
    hm_sim_run_for(&world->sim, settle_us);
    hm_sim_migration_fini(&migration);
    return migration.abandoned;
}

/* Stops the probes to the VM, and counts those that have vanished. */
static uint64_t vanished(struct probes *probes, struct hm_sim_world *world)
{
    hm_sim_stream_stop(&probes->down);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    struct hm_sim_counts counts = hm_sim_stream_counts(&probes->down);
    assert_int_equal(counts.doubled + counts.changed, 0);
    return counts.lost;
}

static bool is_copying(void *ctx)
{
    const struct hm_sim_migration *migration = ctx;

    return migration->step == HM_SIM_STEP_COPYING;
}

static void assert_handovers_over(struct hm_sim_world *world)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        struct hm_sim_report report;

        hm_sim_report_init(&report, &world->sites[i].agent, "handovers");
        assert_int_equal(hm_sim_report_find(&report, "state", "forwarding"), -1);
        assert_int_equal(hm_sim_report_find(&report, "state", "stopped"), -1);
        hm_sim_report_fini(&report);
    }
}

/* What waits goes back only when the source has heard that it is to come. */
static void test_what_waits_comes_back_when_the_hypervisors_fall_silent(void **state)
{
    static const enum hm_sim_site_number FROM[] = {HM_SIM_A, HM_SIM_B};
    struct hm_sim_world *world = *state;
    struct hm_sim_migration_options options = USUAL;

    options.fails_at = options.silent_from = HM_SIM_STEP_MOVING;
    for (unsigned i = 0; i < 2; i++) {
        struct probes probes;

        if (FROM[i] != HM_SIM_A)
            move(world, HM_SIM_A, FROM[i], &USUAL, HM_SIM_S);
        probes_start(&probes, &world->correspondent, &world->vm, RATE);
        move(world, FROM[i], HM_SIM_C, &options, (STAGED_S + 2) * (uint64_t)HM_SIM_S);
        assert_int_equal(vanished(&probes, world), 0);
        probes_stop(&probes);
    }
    assert_handovers_over(world);
}

/* What was under way to the place that it leaves comes back to the home, which is the destination. */
static void test_nothing_is_lost_on_the_way_there_and_back(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    move(world, HM_SIM_A, HM_SIM_C, &USUAL, HM_SIM_S);
    set_paths(world, 30 * HM_SIM_MS);
    probes_start(&probes, &world->correspondent, &world->vm, RATE);
    move(world, HM_SIM_C, HM_SIM_A, &USUAL, HM_SIM_S);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

static void test_what_waits_at_the_source_follows_a_vm_that_landed_before_it_was_staged(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_migration_options options = USUAL;
    struct meddler meddler;
    struct probes probes;

    options.is_unstaged = true;
    probes_start(&probes, &world->correspondent, &world->vm, RATE);
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_control(HM_CONTROL_REPLY, HM_OP_PREPARE),
                  MEDDLE_DROP, 6);
    move(world, HM_SIM_A, HM_SIM_B, &options, 3 * HM_SIM_S);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
    assert_true(meddler.seen > 0);
    assert_int_equal(vanished(&probes, world), 0);
    probes_stop(&probes);
}

/* Where it has landed, packets wait for a salvage that does not come; it moves on before they are delivered.
 */
static void test_what_waits_for_a_vm_follows_it_to_the_next_place(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_migration_options options = USUAL;
    struct probes probes;
    unsigned abandoned;

    options.silent_from = HM_SIM_STEP_SALVAGING;
    probes_start(&probes, &world->correspondent, &world->vm, RATE);
    abandoned = move(world, HM_SIM_A, HM_SIM_B, &options, 100 * HM_SIM_MS);
    abandoned += move(world, HM_SIM_B, HM_SIM_C, &USUAL, 3 * HM_SIM_S);
    assert_true(vanished(&probes, world) <= abandoned);
    probes_stop(&probes);
}

/* A place that was never told that its registration was granted does not ask again in the next one's name. */
static void test_the_place_that_it_left_does_not_take_it_back(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_migration migration;
    struct meddler meddler;

    begin(&migration, world, HM_SIM_A, HM_SIM_B, &USUAL);
    hm_sim_run_while_not(&world->sim, is_copying, &migration, HM_SIM_S);
    meddler_start(&meddler, &world->sites[HM_SIM_A].lan, pattern_registration(HM_MIP_REPLY), MEDDLE_DROP, 1);
    hm_sim_migration_wait(&migration);
    hm_sim_migration_fini(&migration);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_int_equal(meddler.seen, 1);
    move(world, HM_SIM_B, HM_SIM_C, &USUAL, 8 * HM_SIM_S);
    meddler_stop(&meddler, &world->sites[HM_SIM_A].lan);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    assert_handovers_over(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

static void test_a_vm_whose_stop_nobody_told_is_found_where_it_runs(void **state)
{
    static const enum hm_sim_site_number WAY[] = {HM_SIM_A, HM_SIM_B, HM_SIM_A};
    struct hm_sim_world *world = *state;
    struct hm_sim_migration_options options = USUAL;

    options.silent_from = HM_SIM_STEP_STOPPING;
    for (unsigned i = 0; i < 2; i++) {
        move(world, WAY[i], WAY[i + 1], &options, (STAGED_S - 1) * (uint64_t)HM_SIM_S);
        hm_sim_host_ping(&world->vm, hm_sim_host_addr(&world->correspondent), 56);
        hm_sim_run_for(&world->sim, 3 * HM_SIM_S);
        assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
        assert_states(world, HM_SIM_VM_ADDR, i == 0 ? "away" : "home", WAY[i + 1], i == 0 ? "present" : NULL);
    }
}

/* Its home knows where it was going, though the landing was never registered. */
static void test_a_destination_that_dies_at_the_landing_finds_it_again(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_migration migration;
    struct meddler meddler;

    begin(&migration, world, HM_SIM_A, HM_SIM_B, &USUAL);
    hm_sim_run_while_not(&world->sim, is_copying, &migration, HM_SIM_S);
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_DROP,
                  1);
    hm_sim_migration_wait(&migration);
    hm_sim_migration_fini(&migration);
    hm_sim_agent_kill(&world->sites[HM_SIM_B].agent);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
    hm_sim_run_for(&world->sim, 200 * HM_SIM_MS);
    hm_sim_agent_start(&world->sites[HM_SIM_B].agent);
    hm_sim_run_for(&world->sim, (STAGED_S + 3) * (uint64_t)HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

#define FAULT(name) cmocka_unit_test_setup_teardown(name, setup, scenario_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT(test_what_waits_comes_back_when_the_hypervisors_fall_silent),
        FAULT(test_nothing_is_lost_on_the_way_there_and_back),
        FAULT(test_what_waits_at_the_source_follows_a_vm_that_landed_before_it_was_staged),
        FAULT(test_what_waits_for_a_vm_follows_it_to_the_next_place),
        FAULT(test_the_place_that_it_left_does_not_take_it_back),
        FAULT(test_a_vm_whose_stop_nobody_told_is_found_where_it_runs),
        FAULT(test_a_destination_that_dies_at_the_landing_finds_it_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
