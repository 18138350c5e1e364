/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: handovers over bad networks, one for each seed; and the same seed twice.
 *
 * HM_SIM_SEEDS sets how many; a seed that fails is printed, and HM_SIM_SEED=N runs it alone. */
#include "tests/scenario/scenario.h"

#include <stdlib.h>

#define SEEDS 60
#define STAGED_S 20

static uint64_t running; /* the seed, for whoever reads of a failure */

struct run {
    uint64_t fired; /* events */
    uint64_t done;  /* handovers */
};

/* A world whose paths delay, lose, reorder and, if so wanted, double. */
static struct hm_sim_world *bad_world(uint64_t seed, bool doubles)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = STAGED_S,
                                                 .log_to_stderr = getenv("HM_SIM_LOG") != NULL};
    struct hm_sim_world *world = hm_sim_world_create(seed, &options);

    for (unsigned a = 0; a < world->gate.iface_count; a++) {
        for (unsigned b = 0; b < a; b++) {
            const struct hm_sim_knobs knobs = {
                .delay_us = (uint32_t)hm_sim_random_below(&world->sim.random, 20 * HM_SIM_MS),
                .jitter_us = (uint32_t)hm_sim_random_below(&world->sim.random, 20 * HM_SIM_MS),
                .reorder = hm_sim_random_chance(&world->sim.random, 500000),
                .loss_ppm = (uint32_t)hm_sim_random_below(&world->sim.random, 200000),
                .dup_ppm = doubles ? (uint32_t)hm_sim_random_below(&world->sim.random, 200000) : 0,
            };

            hm_sim_gate_set_path(&world->gate, a, b, &knobs);
        }
    }
    return world;
}

/* The network is good again; whatever state things are in must heal within the staged lifetime. */
static void mend(struct hm_sim_world *world)
{
    const struct hm_sim_knobs good = {0};

    for (unsigned a = 0; a < world->gate.iface_count; a++) {
        for (unsigned b = 0; b < a; b++)
            hm_sim_gate_set_path(&world->gate, a, b, &good);
    }
    hm_sim_run_for(&world->sim, (STAGED_S + 10) * (uint64_t)HM_SIM_S);
}

/* Moves the VM if the agents agree; else it stays. Gives where it is. */
static enum hm_sim_site_number try_move(struct hm_sim_world *world, enum hm_sim_site_number from,
                                        enum hm_sim_site_number to)
{
    return hm_sim_world_handover(world, &world->vm, from, to, SCENARIO_PAUSE_US) == HM_CONTROL_OK ? to : from;
}

/* Somewhere, not always elsewhere. */
static enum hm_sim_site_number wander(struct hm_sim_world *world, enum hm_sim_site_number at, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        enum hm_sim_site_number to =
            (enum hm_sim_site_number)hm_sim_random_below(&world->sim.random, HM_SIM_SITES);

        if (to != at)
            at = try_move(world, at, to);
    }
    return at;
}

/* What the agents must not do to probes, whatever the network does. */
static void check_probes(struct probes *probes, bool doubles)
{
    struct hm_sim_counts down = hm_sim_stream_counts(&probes->down), up = hm_sim_stream_counts(&probes->up);

    assert_true(down.received > 0 && up.received > 0);
    assert_int_equal(down.changed + up.changed, 0);
    if (!doubles)
        assert_int_equal(down.doubled + up.doubled, 0);
    probes_stop(probes);
}

static uint64_t moves_done(struct hm_sim_world *world)
{
    uint64_t done = 0;

    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        done += counter(world, (enum hm_sim_site_number)i, "handovers-done");
    return done;
}

/* A VM that moves about on a bad network, and home on a good one. */
static struct run run_seed(uint64_t seed)
{
    bool doubles = seed % 2 == 0;
    struct hm_sim_world *world = bad_world(seed, doubles);
    struct probes probes;
    enum hm_sim_site_number at;
    struct run run;

    probes_start(&probes, &world->correspondent, &world->vm, 50);
    at = wander(world, HM_SIM_A, 4);
    mend(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->sites[HM_SIM_A].neighbour));
    if (at != HM_SIM_A)
        assert_int_equal(try_move(world, at, HM_SIM_A), HM_SIM_A);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    check_probes(&probes, doubles);
    assert_tables_empty(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    run = (struct run){.fired = world->sim.fired, .done = moves_done(world)};
    hm_sim_world_destroy(world);
    return run;
}

static void test_every_seed_heals(void **state)
{
    const char *only = getenv("HM_SIM_SEED"), *many = getenv("HM_SIM_SEEDS");
    uint64_t count = many != NULL ? strtoull(many, NULL, 0) : SEEDS, done = 0;

    (void)state;
    if (only != NULL) {
        run_seed(strtoull(only, NULL, 0));
        return;
    }
    for (uint64_t seed = 1; seed <= count; seed++) {
        running = seed;
        done += run_seed(seed).done;
    }
    running = 0;
    assert_true(done > count);
}

static int tell_seed(void **state)
{
    (void)state;
    if (running != 0)
        print_message("that was seed %llu\n", (unsigned long long)running);
    return 0;
}

static void test_a_seed_replays_exactly(void **state)
{
    (void)state;
    assert_int_equal(run_seed(5).fired, run_seed(5).fired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_seed_heals, tell_seed),
        cmocka_unit_test(test_a_seed_replays_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
