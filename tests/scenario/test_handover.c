/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: whole handovers, with probes both ways all the time. */
#include "tests/scenario/scenario.h"

#define GATEWAY_OF(addr) (((addr)&0xffffff00u) + 1)

static void test_home_to_foreign_loses_only_what_the_pause_explains(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    probes_check(&probes, world, 0);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.2.0.2");
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    probes_check(&probes, world, 0);
    assert_int_equal(world->vm.corrupt + world->correspondent.corrupt, 0);
    probes_stop(&probes);
}

static void test_return_home_leaves_no_trace(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *home = &world->sites[HM_SIM_A];
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_A);
    probes_check(&probes, world, 0);
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    probes_check(&probes, world, 0);
    /* Nobody stands in for it any more, and it talks to its real router. */
    assert_ptr_equal(hm_sim_lan_lookup(&home->lan, &world->vm.iface.mac), &world->vm.iface.port);
    assert_memory_equal(hm_sim_iface_lookup(&world->vm.iface, GATEWAY_OF(HM_SIM_VM_ADDR)),
                        &world->gate.ifaces[1].mac, 6);
    assert_ping(world, &home->neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, hm_sim_host_addr(&home->neighbour));
    probes_stop(&probes);
}

static void test_third_subnet(void **state)
{
    static const enum hm_sim_site_number WAY[] = {HM_SIM_A, HM_SIM_B, HM_SIM_C, HM_SIM_A};
    struct hm_sim_world *world = *state;
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    for (unsigned i = 0; i < 3; i++) {
        handover(world, &world->vm, WAY[i], WAY[i + 1]);
        probes_check(&probes, world, SCENARIO_PAUSE_US);
    }
    assert_tables_empty(world);
    probes_stop(&probes);
}

static void test_the_left_agent_forgets_the_visitor(void **state)
{
    struct hm_sim_world *world = *state;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_C);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.3.0.2");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 0);
}

static void test_ten_moves_in_a_row_end_with_empty_tables(void **state)
{
    static const enum hm_sim_site_number WAY[] = {HM_SIM_A, HM_SIM_B, HM_SIM_A, HM_SIM_C, HM_SIM_B, HM_SIM_C,
                                                  HM_SIM_A, HM_SIM_B, HM_SIM_C, HM_SIM_B, HM_SIM_A};
    struct hm_sim_world *world = *state;
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    for (unsigned i = 0; i < 10; i++) {
        handover(world, &world->vm, WAY[i], WAY[i + 1]);
        probes_check(&probes, world, SCENARIO_PAUSE_US);
    }
    assert_tables_empty(world);
    assert_all_forgotten(world);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

static void test_ping_reaches_the_visitor_and_comes_from_it(void **state)
{
    struct hm_sim_world *world = *state;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->sites[HM_SIM_B].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->sites[HM_SIM_C].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, GATEWAY_OF(HM_SIM_VM_ADDR));
    assert_ping(world, &world->vm, world->sites[HM_SIM_A].agent_addr);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->sites[HM_SIM_B].neighbour));
    assert_int_equal(world->vm.ping_doubles + world->correspondent.ping_doubles, 0);
}

static void test_full_size_packets_get_through_or_are_answered(void **state)
{
    struct hm_sim_world *world = *state;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 1452);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_int_equal(world->correspondent.pings_answered, world->correspondent.pings_sent);
    world->correspondent.must_not_fragment = true;
    hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 1472);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_int_equal(world->correspondent.icmp_errors, 1);
    assert_int_equal(world->correspondent.icmp_type, 3);
    assert_int_equal(world->correspondent.icmp_code, 4);
    assert_int_equal(world->correspondent.icmp_mtu, 1480);
    /* And what may be cut is cut. */
    world->correspondent.must_not_fragment = false;
    hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 1472);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_int_equal(world->vm.fragments, 2);
    assert_int_equal(world->vm.corrupt, 0);
}

static void test_a_long_visit_is_renewed(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct hm_sim_world *world = scenario_create(&options);
    struct probes probes;

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, 100);
    hm_sim_run_for(&world->sim, 200 * HM_SIM_S);
    probes_check(&probes, world, 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_stop(&probes);
    hm_sim_world_destroy(world);
}

/* Agents that need their time, beside a router that needs none: no packet overtakes another. */
static void test_slow_agents_reorder_nothing(void **state)
{
    static const enum hm_sim_site_number WAY[] = {HM_SIM_A, HM_SIM_B, HM_SIM_C, HM_SIM_A};
    struct hm_sim_world *world = *state;
    struct probes far, near;

    /* Let the home agent hear its router. */
    assert_ping(world, &world->correspondent, world->sites[HM_SIM_A].agent_addr);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        world->sites[i].agent.links[0].knobs.delay_us = 5 * HM_SIM_MS;
    probes_start(&far, &world->correspondent, &world->vm, SCENARIO_RATE);
    probes_start_at(&near, &world->sites[HM_SIM_A].neighbour, &world->vm, HM_SIM_VM_ADDR, 6000,
                    SCENARIO_RATE);
    for (unsigned i = 0; i < 3; i++) {
        handover(world, &world->vm, WAY[i], WAY[i + 1]);
        hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
        probes_check(&far, world, SCENARIO_PAUSE_US + 20 * HM_SIM_MS);
        probes_check(&near, world, SCENARIO_PAUSE_US + 20 * HM_SIM_MS);
    }
    probes_stop(&far);
    probes_stop(&near);
}

static void test_wide_area(void **state)
{
    const struct hm_sim_knobs knobs = {.delay_us = 75 * HM_SIM_MS};
    struct hm_sim_world *world = *state;
    struct probes probes;

    hm_sim_gate_set_path(&world->gate, 1, 2, &knobs);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_check(&probes, world, SCENARIO_PAUSE_US + 4 * knobs.delay_us);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US + 4 * knobs.delay_us);
    assert_tables_empty(world);
    probes_stop(&probes);
}

/* There and back, in another set-up of the agents. */
static void there_and_back(const struct hm_sim_world_options *options)
{
    struct hm_sim_world *world = scenario_create(options);
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->sites[HM_SIM_A].neighbour));
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    probes_stop(&probes);
    hm_sim_world_destroy(world);
}

static void test_gateway_mode(void **state)
{
    const struct hm_sim_world_options options = {.gateways = true};

    (void)state;
    there_and_back(&options);
}

static void test_takeover_by_the_agents_own_mac(void **state)
{
    const struct hm_sim_world_options options = {.takeover = HM_TAKEOVER_OWN};

    (void)state;
    there_and_back(&options);
}

static void test_hmac_md5(void **state)
{
    const struct hm_sim_world_options options = {.algorithm = HM_ALGORITHM_HMAC_MD5};

    (void)state;
    there_and_back(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_home_to_foreign_loses_only_what_the_pause_explains),
        SCENARIO(test_return_home_leaves_no_trace),
        SCENARIO(test_third_subnet),
        SCENARIO(test_the_left_agent_forgets_the_visitor),
        SCENARIO(test_ten_moves_in_a_row_end_with_empty_tables),
        SCENARIO(test_ping_reaches_the_visitor_and_comes_from_it),
        SCENARIO(test_full_size_packets_get_through_or_are_answered),
        SCENARIO(test_slow_agents_reorder_nothing),
        SCENARIO(test_wide_area),
        cmocka_unit_test(test_a_long_visit_is_renewed),
        cmocka_unit_test(test_gateway_mode),
        cmocka_unit_test(test_takeover_by_the_agents_own_mac),
        cmocka_unit_test(test_hmac_md5),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
