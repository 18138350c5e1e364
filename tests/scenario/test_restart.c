/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: agents that are killed and start anew get back what they had lost, without any hypervisor. */
#include "tests/scenario/scenario.h"

#include <stdio.h>

static const struct hm_sim_knobs CUT = {.loss_ppm = HM_SIM_MILLION};

static void kill_agent(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    hm_sim_agent_kill(&world->sites[site].agent);
}

static void start_agent(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    hm_sim_agent_start(&world->sites[site].agent);
}

static void restart(struct hm_sim_world *world, enum hm_sim_site_number site, uint64_t down_us)
{
    kill_agent(world, site);
    hm_sim_run_for(&world->sim, down_us);
    start_agent(world, site);
}

/* Probes all the time; a second after the restart everything arrives again. */
static void restart_under_way(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    hm_sim_run_for(&world->sim, 3 * HM_SIM_S);
    restart(world, site, 2 * HM_SIM_S);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_forget(&probes, world);
    hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    probes_check(&probes, world, 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.2.0.2");
    probes_stop(&probes);
}

static void test_home_agent_restarts_while_a_vm_is_away(void **state)
{
    restart_under_way(*state, HM_SIM_A);
}

static void test_foreign_agent_restarts_while_a_vm_visits(void **state)
{
    restart_under_way(*state, HM_SIM_B);
}

/* A VM that says nothing by itself is asked. */
static void restart_with_a_silent_vm(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 20 * HM_SIM_S);
    restart(world, site, HM_SIM_S);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->correspondent));
}

static void test_home_agent_restarts_and_the_vm_is_silent(void **state)
{
    restart_with_a_silent_vm(*state, HM_SIM_A);
}

static void test_foreign_agent_restarts_and_the_vm_is_silent(void **state)
{
    restart_with_a_silent_vm(*state, HM_SIM_B);
}

static void test_gateways_restart(void **state)
{
    const struct hm_sim_world_options options = {.gateways = true};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    restart_with_a_silent_vm(world, HM_SIM_A);
    restart(world, HM_SIM_B, HM_SIM_S);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_world_destroy(world);
}

/* The messages of the first half second are lost. */
static void test_restart_is_told_until_it_is_heard(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct meddler meddler;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&meddler, lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_RESTARTED), MEDDLE_DROP, 3);
    restart(world, HM_SIM_A, HM_SIM_S);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_int_equal(meddler.seen, 4);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    meddler_stop(&meddler, lan);
}

/* Staged to B, not landed; then the named agent restarts; then the VM lands. */
static void restart_while_staged(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    restart(world, site, HM_SIM_S);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    probes_check(&probes, world, 0);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_stop(&probes);
}

static void test_home_agent_restarts_while_a_move_is_staged(void **state)
{
    restart_while_staged(*state, HM_SIM_A);
}

static void test_destination_restarts_while_a_move_is_staged(void **state)
{
    restart_while_staged(*state, HM_SIM_B);
}

/* The second move is staged from B to C when the agent restarts. */
static void restart_before_the_second_move(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_C);
    restart(world, site, HM_SIM_S);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_forget(&probes, world);
    assert_states(world, HM_SIM_VM_ADDR, "switching", HM_SIM_B, "present");
    assert_states(world, HM_SIM_VM_ADDR, "switching", HM_SIM_C, "expected");
    move_vm(world, &world->vm, HM_SIM_C);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 0);
    hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

static void test_home_agent_restarts_before_the_second_move(void **state)
{
    restart_before_the_second_move(*state, HM_SIM_A);
}

static void test_source_restarts_before_the_second_move(void **state)
{
    restart_before_the_second_move(*state, HM_SIM_B);
}

static void test_destination_restarts_before_the_second_move(void **state)
{
    restart_before_the_second_move(*state, HM_SIM_C);
}

static void test_return_home_after_the_home_agent_restarted(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    restart(world, HM_SIM_A, HM_SIM_S);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

static void test_home_agent_restarts_while_a_return_is_staged(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_A);
    restart(world, HM_SIM_A, HM_SIM_S);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_forget(&probes, world);
    assert_states(world, HM_SIM_VM_ADDR, "switching", HM_SIM_B, "present");
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    probes_stop(&probes);
}

/* B never heard that the VM went on to C, and believes to have seen it just now, when the home agent
 * restarts: only C has it, and only C registers it. */
static void test_x5_the_left_agent_does_not_register_after_a_restart(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_C);
    hm_sim_gate_set_path(&world->gate, 2, 3, &CUT);
    hm_sim_gate_set_path(&world->gate, 1, 2, &CUT);
    move_vm(world, &world->vm, HM_SIM_C);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    kill_agent(world, HM_SIM_A);
    hm_sim_gate_set_path(&world->gate, 1, 2, &(struct hm_sim_knobs){0});
    hm_sim_run_for(&world->sim, 500 * HM_SIM_MS);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "state", "present");
    start_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_forget(&probes, world);
    hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    probes_check(&probes, world, 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.3.0.2");
    probes_stop(&probes);
}

/* The home agent's idea of where the VM is was right when it spoke; the VM has left since. */
static void test_a_restored_visitor_that_is_not_here_is_never_served(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct hm_sim_world *world = scenario_create(&options);
    struct hm_sim_host *vm = &world->vm;

    (void)state;
    handover(world, vm, HM_SIM_A, HM_SIM_B);
    kill_agent(world, HM_SIM_B);
    move_vm(world, vm, HM_SIM_C); /* and nobody was told */
    start_agent(world, HM_SIM_B);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "state", "expected");
    hm_sim_run_for(&world->sim, 30 * HM_SIM_S);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 0);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "state", "home");
    hm_sim_world_destroy(world);
}

/* More visitors than are told at once. */
static void test_many_visitors_are_restored(void **state)
{
    enum {
        COUNT = 20
    };
    struct hm_sim_world *world = *state;
    static struct hm_sim_host vms[COUNT];
    char name[16];

    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "vm%u", i);
        hm_sim_world_add_vm(world, &vms[i], name, HM_SIM_A, (uint8_t)(100 + i));
        handover(world, &vms[i], HM_SIM_A, HM_SIM_B);
    }
    restart(world, HM_SIM_B, HM_SIM_S);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_row(world, HM_SIM_B, "visitors", hm_sim_host_addr(&vms[i]), "state", "present");
        assert_ping(world, &world->correspondent, hm_sim_host_addr(&vms[i]));
    }
    restart(world, HM_SIM_A, HM_SIM_S);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    for (unsigned i = 0; i < COUNT; i++)
        assert_ping(world, &world->correspondent, hm_sim_host_addr(&vms[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_home_agent_restarts_while_a_vm_is_away),
        SCENARIO(test_foreign_agent_restarts_while_a_vm_visits),
        SCENARIO(test_home_agent_restarts_and_the_vm_is_silent),
        SCENARIO(test_foreign_agent_restarts_and_the_vm_is_silent),
        cmocka_unit_test(test_gateways_restart),
        SCENARIO(test_restart_is_told_until_it_is_heard),
        SCENARIO(test_home_agent_restarts_while_a_move_is_staged),
        SCENARIO(test_destination_restarts_while_a_move_is_staged),
        SCENARIO(test_home_agent_restarts_before_the_second_move),
        SCENARIO(test_source_restarts_before_the_second_move),
        SCENARIO(test_destination_restarts_before_the_second_move),
        SCENARIO(test_return_home_after_the_home_agent_restarted),
        SCENARIO(test_home_agent_restarts_while_a_return_is_staged),
        SCENARIO(test_x5_the_left_agent_does_not_register_after_a_restart),
        cmocka_unit_test(test_a_restored_visitor_that_is_not_here_is_never_served),
        SCENARIO(test_many_visitors_are_restored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
