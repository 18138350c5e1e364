/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: handovers over bad networks, one for each seed, with agents that stay and with agents that are
 * killed and have stores; and the same seed twice.
 *
 * HM_SIM_SEEDS sets how many; a seed that fails is printed, and HM_SIM_SEED=N runs it alone. */
#include "tests/scenario/scenario.h"
#include "tests/scenario/sent.h"

#include <stdlib.h>

#define SEEDS 60
#define STAGED_S 20
#define KILL_EVERY_US (1500u * HM_SIM_MS)
#define DOWN_US (500u * HM_SIM_MS)

static uint64_t running; /* the seed, for whoever reads of a failure */

struct run {
    uint64_t fired; /* events */
    uint64_t done;  /* handovers */
};

/* An agent is killed, a little later it starts again, then another one's turn comes. */
struct killer {
    struct hm_sim_world *world;
    struct hm_sim_event event;
    struct hm_sim_agent *down; /* NULL: all run */
};

static void arm_killer(struct killer *killer, uint32_t max_us)
{
    struct hm_sim *sim = &killer->world->sim;

    hm_sim_arm(sim, &killer->event, sim->now_us + hm_sim_random_below(&sim->random, max_us));
}

static void on_killer(void *arg)
{
    struct killer *killer = arg;

    if (killer->down != NULL) {
        hm_sim_agent_start(killer->down);
        killer->down = NULL;
        arm_killer(killer, KILL_EVERY_US);
        return;
    }
    killer->down = &killer->world->sites[hm_sim_random_below(&killer->world->sim.random, HM_SIM_SITES)].agent;
    hm_sim_agent_kill(killer->down);
    arm_killer(killer, DOWN_US);
}

static void killer_start(struct killer *killer, struct hm_sim_world *world)
{
    *killer = (struct killer){.world = world};
    hm_sim_event_init(&killer->event, on_killer, killer);
    arm_killer(killer, KILL_EVERY_US);
}

static void killer_stop(struct killer *killer)
{
    hm_sim_cancel(&killer->world->sim, &killer->event);
    if (killer->down != NULL)
        hm_sim_agent_start(killer->down);
}

/* A world whose paths delay, lose, reorder and, if so wanted, double. */
static struct hm_sim_world *bad_world(uint64_t seed, bool doubles, bool kills)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = STAGED_S,
                                                 .stores = kills,
                                                 .on_sent = sent_begin_world(),
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
static struct run run_seed(uint64_t seed, bool kills)
{
    bool doubles = seed % 2 == 0;
    struct hm_sim_world *world = bad_world(seed, doubles, kills);
    struct killer killer;
    struct probes probes;
    enum hm_sim_site_number at;
    struct run run;

    probes_start(&probes, &world->correspondent, &world->vm, 50);
    if (kills)
        killer_start(&killer, world);
    at = wander(world, HM_SIM_A, 4);
    if (kills)
        killer_stop(&killer);
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

static void heal_every_seed(bool kills)
{
    const char *only = getenv("HM_SIM_SEED"), *many = getenv("HM_SIM_SEEDS");
    uint64_t count = many != NULL ? strtoull(many, NULL, 0) : SEEDS, done = 0;

    if (only != NULL) {
        run_seed(strtoull(only, NULL, 0), kills);
        return;
    }
    for (uint64_t seed = 1; seed <= count; seed++) {
        running = seed;
        done += run_seed(seed, kills).done;
    }
    running = 0;
    assert_true(kills || done > count); /* a killed agent has forgotten what it counted */
}

static void test_every_seed_heals(void **state)
{
    (void)state;
    heal_every_seed(false);
}

static void test_every_seed_heals_though_agents_are_killed(void **state)
{
    (void)state;
    heal_every_seed(true);
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
    assert_int_equal(run_seed(5, false).fired, run_seed(5, false).fired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_seed_heals, tell_seed),
        cmocka_unit_test_teardown(test_every_seed_heals_though_agents_are_killed, tell_seed),
        cmocka_unit_test(test_a_seed_replays_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
