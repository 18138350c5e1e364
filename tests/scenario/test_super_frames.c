/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: handovers of agents whose devices take super-frames, and which send together what comes within a
 * batch. Several streams of each kind go both ways, in bursts. Nothing is lost, doubled or reordered. */
#include "platform/sim/migration.h"
#include "tests/scenario/scenario.h"

#define STREAMS 4u /* two of segments, two of datagrams */
#define RATE 2000u
#define BURST 9u
#define BATCH_US 300u

static void start(struct probes *probes, struct hm_sim_host *from, struct hm_sim_host *vm)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        struct hm_sim_stream *down = &probes[i].down, *up = &probes[i].up;
        uint16_t port = (uint16_t)(SCENARIO_PROBES_DOWN + 2 * i);
        size_t len = i % 2 == 0 ? 64 : 1000;
        hm_sim_stream_init(down, from, hm_sim_host_addr(from), vm, HM_SIM_VM_ADDR, port);
        hm_sim_stream_init(up, vm, HM_SIM_VM_ADDR, from, hm_sim_host_addr(from), (uint16_t)(port + 1));
        down->is_tcp = up->is_tcp = i < STREAMS / 2;
        down->burst = up->burst = BURST - i;
        hm_sim_stream_start(down, RATE, len);
        hm_sim_stream_start(up, RATE, len);
        probes[i].down_before = probes[i].up_before = (struct hm_sim_counts){0};
    }
}

static void move(struct hm_sim_world *world, enum hm_sim_site_number from, enum hm_sim_site_number to)
{
    static const struct hm_sim_migration_options OPTIONS = {
        .copy_us = 50 * HM_SIM_MS, .pause_us = 40 * HM_SIM_MS, .has_watch_there = true};
    struct hm_sim_migration migration;
    struct hm_sim_site *here = &world->sites[from], *there = &world->sites[to];

    print_message("from %u to %u\n", from, to);
    hm_sim_migration_start(&migration, &world->vm, &here->hypervisor, &there->hypervisor, &there->lan,
                           there->host_name, &OPTIONS);
    hm_sim_migration_wait(&migration);
    assert_true(hm_sim_migration_is_done(&migration));
    hm_sim_run_for(&world->sim, HM_SIM_S);
    hm_sim_migration_fini(&migration);
}

static void round_trip(struct hm_sim_world *world, struct hm_sim_host *from)
{
    static const enum hm_sim_site_number WAY[] = {HM_SIM_A, HM_SIM_B, HM_SIM_C, HM_SIM_A};
    struct probes probes[STREAMS];

    start(probes, from, &world->vm);
    for (unsigned i = 0; i < 3; i++) {
        move(world, WAY[i], WAY[i + 1]);
        for (unsigned k = 0; k < STREAMS; k++)
            probes_check(&probes[k], world, 0);
    }
    for (unsigned k = 0; k < STREAMS; k++)
        probes_stop(&probes[k]);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS); /* what is under way is none of the next ones' */
    assert_int_equal(world->vm.corrupt + world->correspondent.corrupt, 0);
}

/* Have they done what this is about? */
static void expect_together(struct hm_sim_world *world, enum hm_tunnel_way way)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        assert_true(counter(world, i, "merged") > 0);
        assert_int_equal(counter(world, i, "trains") > 0, way != HM_TUNNEL_WAY_SINGLE);
        assert_int_equal(counter(world, i, "gathered") > 0, way == HM_TUNNEL_WAY_WHOLE);
    }
}

static void check(enum hm_tunnel_way way, bool gateways)
{
    const struct hm_sim_world_options options = {.gateways = gateways,
                                                 .tunnel = HM_ENCAPSULATION_UDP,
                                                 .super_frames = true,
                                                 .tunnel_way = way,
                                                 .batch_us = BATCH_US};
    struct hm_sim_world *world = scenario_create(&options);

    round_trip(world, &world->correspondent);
    expect_together(world, way);
    round_trip(world, &world->sites[HM_SIM_A].neighbour);
    round_trip(world, &world->sites[HM_SIM_B].neighbour);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        assert_int_equal(world->sites[i].agent.refused, 0);
    hm_sim_world_destroy(world);
}

static void test_nothing_is_lost_by_any_way(void **state)
{
    (void)state;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++)
        check(way, false);
}

static void test_nothing_is_lost_in_gateway_mode(void **state)
{
    (void)state;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++)
        check(way, true);
}

static bool is_collecting(void *ctx)
{
    const struct hm_sim_agent *agent = ctx;

    return hm_sim_is_armed(&agent->batch_end) && hm_sim_agent_is_running(agent);
}

/* And its memory is whole still when it does. */
static void test_an_agent_that_ends_sends_what_waits(void **state)
{
    const struct hm_sim_world_options options = {.tunnel = HM_ENCAPSULATION_UDP,
                                                 .super_frames = true,
                                                 .tunnel_way = HM_TUNNEL_WAY_WHOLE,
                                                 .batch_us = 20 * HM_SIM_MS};
    struct hm_sim_world *world = scenario_create(&options);
    struct hm_sim_agent *home = &world->sites[HM_SIM_A].agent;
    struct hm_sim_stream down;

    (void)state;
    move(world, HM_SIM_A, HM_SIM_B);
    hm_sim_stream_init(&down, &world->correspondent, hm_sim_host_addr(&world->correspondent), &world->vm,
                       HM_SIM_VM_ADDR, SCENARIO_PROBES_DOWN);
    down.is_tcp = true;
    down.burst = BURST;
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS); /* what was under way is over */
    hm_sim_stream_start(&down, RATE, 1000);
    assert_true(hm_sim_run_while_not(&world->sim, is_collecting, home, HM_SIM_S));
    hm_sim_stream_stop(&down);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_MS); /* all of the burst has come */
    assert_int_equal(counter(world, HM_SIM_A, "gathered"), 0);
    hm_sim_agent_stop(home);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_int_equal(hm_sim_stream_counts(&down).sent, BURST);
    assert_int_equal(hm_sim_stream_counts(&down).lost, 0);
    hm_sim_stream_fini(&down);
    hm_sim_world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost_by_any_way),
        cmocka_unit_test(test_nothing_is_lost_in_gateway_mode),
        cmocka_unit_test(test_an_agent_that_ends_sends_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
