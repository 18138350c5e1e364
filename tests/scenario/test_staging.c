/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: staging and its undoing, one VM and several, one address and several. */
#include "tests/scenario/scenario.h"

static int call(struct hm_sim_world *world, enum hm_sim_site_number site, enum hm_control_op op,
                const struct hm_sim_host *vm)
{
    const struct hm_control_message request = hm_sim_about(op, vm);

    return hm_sim_hypervisor_call(&world->sites[site].hypervisor, &request);
}

/* A second address of the VM, which it announces as a guest does (RFC 5227 section 2.3). */
static void add_second_address(struct hm_sim_world *world)
{
    hm_sim_iface_add_addr(&world->vm.iface, HM_SIM_VM2_ADDR);
    hm_sim_iface_ask(&world->vm.iface, HM_SIM_VM2_ADDR, HM_SIM_VM2_ADDR);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM2_ADDR);
}

static void test_cancel_undoes_everything(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_int_equal(call(world, HM_SIM_A, HM_OP_CANCEL, &world->vm), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_tables_empty(world);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    /* And it can be staged again, elsewhere. */
    handover(world, &world->vm, HM_SIM_A, HM_SIM_C);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
}

static void test_cancel_of_a_move_between_visits_keeps_the_visit(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_C);
    assert_int_equal(call(world, HM_SIM_B, HM_OP_CANCEL, &world->vm), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_C].agent, "visitors"), 0);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

static void test_cancel_of_a_return_keeps_the_visit(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_A);
    assert_int_equal(call(world, HM_SIM_B, HM_OP_CANCEL, &world->vm), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    assert_tables_empty(world);
}

static void test_staged_move_that_never_lands_expires(void **state)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = 10};
    struct hm_sim_world *world = scenario_create(&options);
    struct probes probes;

    (void)state;
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 8 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_tables_empty(world);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    assert_true(counter(world, HM_SIM_A, "handovers-ended") > 0);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    hm_sim_world_destroy(world);
}

static void test_staged_move_expires_although_the_agents_lost_each_other(void **state)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = 10};
    const struct hm_sim_knobs cut = {.loss_ppm = HM_SIM_MILLION};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_gate_set_path(&world->gate, 1, 2, &cut);
    hm_sim_run_for(&world->sim, 12 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "home", HM_SIM_B, "leaving");
    /* The destination tries for a while to say so, and then forgets. */
    hm_sim_run_for(&world->sim, 30 * HM_SIM_S);
    assert_tables_empty(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_world_destroy(world);
}

static void test_expiry_of_a_move_between_visits_keeps_the_visit(void **state)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = 10};
    struct hm_sim_world *world = scenario_create(&options);
    struct probes probes;

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_C);
    hm_sim_run_for(&world->sim, 15 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_C].agent, "visitors"), 0);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    hm_sim_world_destroy(world);
}

static void test_staging_again_for_another_host_replaces_the_first(void **state)
{
    struct hm_sim_world *world = *state;

    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_C);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 0);
    move_vm(world, &world->vm, HM_SIM_C);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.3.0.2");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

static void test_migration_that_fails_and_resumes_at_the_source(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    world->vm.is_silent = true;
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_int_equal(call(world, HM_SIM_A, HM_OP_CANCEL, &world->vm), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    probes_stop(&probes);
}

static void test_two_vms_move_apart_and_together(void **state)
{
    struct hm_sim_world *world = *state;
    static struct hm_sim_host second; /* the world, torn down later, knows it */
    struct probes first_probes, second_probes;

    hm_sim_world_add_vm(world, &second, "second", HM_SIM_A, HM_SIM_VM2_ADDR & 0xff);
    probes_start(&first_probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    probes_start_at(&second_probes, &world->vm, &second, HM_SIM_VM2_ADDR, 6000, SCENARIO_RATE);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_check(&first_probes, world, SCENARIO_PAUSE_US);
    probes_check(&second_probes, world, SCENARIO_PAUSE_US);
    handover(world, &second, HM_SIM_A, HM_SIM_C);
    probes_check(&first_probes, world, 0);
    probes_check(&second_probes, world, SCENARIO_PAUSE_US);
    handover(world, &second, HM_SIM_C, HM_SIM_B);
    probes_check(&second_probes, world, SCENARIO_PAUSE_US);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    handover(world, &second, HM_SIM_B, HM_SIM_A);
    probes_check(&first_probes, world, SCENARIO_PAUSE_US);
    probes_check(&second_probes, world, 2 * SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    probes_stop(&first_probes);
    probes_stop(&second_probes);
}

static void test_two_visitors_on_one_lan_reach_each_other(void **state)
{
    struct hm_sim_world *world = *state;
    static struct hm_sim_host second; /* the world, torn down later, knows it */

    hm_sim_world_add_vm(world, &second, "second", HM_SIM_A, HM_SIM_VM2_ADDR & 0xff);
    assert_ping(world, &second, HM_SIM_VM_ADDR);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    handover(world, &second, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_ping(world, &second, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, HM_SIM_VM2_ADDR);
    hm_sim_iface_flush(&second.iface);
    assert_ping(world, &second, HM_SIM_VM_ADDR);
    assert_int_equal(second.ping_doubles + world->vm.ping_doubles, 0);
}

static void test_vm_with_two_addresses_moves_as_one(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes first, second;

    add_second_address(world);
    probes_start(&first, &world->correspondent, &world->vm, SCENARIO_RATE);
    probes_start_at(&second, &world->correspondent, &world->vm, HM_SIM_VM2_ADDR, 6000, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    assert_states(world, HM_SIM_VM2_ADDR, "staged", HM_SIM_B, "expected");
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&first, world, SCENARIO_PAUSE_US);
    probes_check(&second, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_states(world, HM_SIM_VM2_ADDR, "away", HM_SIM_B, "present");
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    probes_check(&first, world, SCENARIO_PAUSE_US);
    probes_check(&second, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    probes_stop(&first);
    probes_stop(&second);
}

static void test_a_mac_alone_means_all_its_addresses(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request;

    add_second_address(world);
    request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);
    request.addr_count = 0;
    request.mac_count = 1;
    request.macs[0] = world->vm.iface.mac;
    strcpy(request.vm, "web1");
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &request), HM_CONTROL_OK);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    assert_states(world, HM_SIM_VM2_ADDR, "staged", HM_SIM_B, "expected");
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "vm", "web1");
}

static void test_vm_with_two_nics_is_staged_as_one(void **state)
{
    struct hm_sim_world *world = *state;
    static struct hm_sim_host second; /* the world, torn down later, knows it */
    struct hm_sim_host *const nics[] = {&world->vm, &second};
    struct hm_control_message request;

    hm_sim_world_add_vm(world, &second, "second-nic", HM_SIM_A, HM_SIM_VM2_ADDR & 0xff);
    request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);
    request.addr_count = 0;
    request.mac_count = 2;
    request.macs[0] = world->vm.iface.mac;
    request.macs[1] = second.iface.mac;
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &request), HM_CONTROL_OK);
    hm_sim_migrate(nics, 2, &world->sites[HM_SIM_B].lan, SCENARIO_PAUSE_US);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_states(world, HM_SIM_VM2_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_ping(world, &world->correspondent, HM_SIM_VM2_ADDR);
}

/* A VM with two NICs, each of which its neighbours know. */
static struct hm_sim_host second_nic;

static void add_second_nic(struct hm_sim_world *world)
{
    hm_sim_world_add_vm(world, &second_nic, "second-nic", HM_SIM_A, HM_SIM_VM2_ADDR & 0xff);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM2_ADDR);
}

static void stage_both_nics(struct hm_sim_world *world, enum hm_sim_site_number from,
                            enum hm_sim_site_number to, bool has_stop_notice)
{
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[to]);

    request.addr_count = 0;
    request.mac_count = 2;
    request.macs[0] = world->vm.iface.mac;
    request.macs[1] = second_nic.iface.mac;
    request.has_stop_notice = has_stop_notice;
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[from].hypervisor, &request), HM_CONTROL_OK);
}

static void be_silent(struct hm_sim_world *world)
{
    world->vm.is_silent = second_nic.is_silent = true; /* neither announces itself where it resumes */
}

/* Each NIC's own bridges have learnt where it is. */
static void assert_both_at_home(struct hm_sim_world *world)
{
    const struct hm_sim_lan *lan = &world->sites[HM_SIM_A].lan;

    assert_ptr_equal(hm_sim_lan_lookup(lan, &world->vm.iface.mac), &world->vm.iface.port);
    assert_ptr_equal(hm_sim_lan_lookup(lan, &second_nic.iface.mac), &second_nic.iface.port);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM2_ADDR);
}

/* It was stopped, and resumes at home: what waited for each NIC must reach it. */
static unsigned roll_back_both(struct hm_sim_world *world)
{
    unsigned before = world->correspondent.pings_answered;

    stage_both_nics(world, HM_SIM_A, HM_SIM_B, true);
    hm_sim_host_pause(&world->vm);
    hm_sim_host_pause(&second_nic);
    assert_int_equal(call(world, HM_SIM_A, HM_OP_STOPPED, &world->vm), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 56);
    hm_sim_host_ping(&world->correspondent, HM_SIM_VM2_ADDR, 56);
    hm_sim_run_for(&world->sim, 50 * HM_SIM_MS);
    hm_sim_host_resume(&world->vm);
    assert_int_equal(call(world, HM_SIM_A, HM_OP_CANCEL, &world->vm), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 20 * HM_SIM_MS);
    hm_sim_host_resume(&second_nic); /* its driver takes a little longer */
    hm_sim_run_for(&world->sim, HM_SIM_S);
    return (unsigned)world->correspondent.pings_answered - before;
}

static void test_both_nics_of_a_silent_vm_get_what_waited_when_it_goes_on_at_home(void **state)
{
    struct hm_sim_world *world = *state;

    add_second_nic(world);
    be_silent(world);
    assert_int_equal(roll_back_both(world), 2);
    assert_both_at_home(world);
    assert_tables_empty(world);
}

static void test_a_nic_that_is_down_does_not_hold_up_the_other_one(void **state)
{
    struct hm_sim_world *world = *state;

    add_second_nic(world);
    be_silent(world);
    hm_sim_host_move(&second_nic, NULL);
    assert_int_equal(roll_back_both(world), 1);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    assert_true(hm_sim_agent_logged(&world->sites[HM_SIM_A].agent, "not all of its NICs answer") > 0);
}

static void test_both_nics_of_a_silent_vm_come_home_and_go_from_visit_to_visit(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_host *const nics[] = {&world->vm, &second_nic};
    static const enum hm_sim_site_number WAY[] = {HM_SIM_A, HM_SIM_B, HM_SIM_C, HM_SIM_A};

    add_second_nic(world);
    be_silent(world);
    for (unsigned i = 0; i + 1 < sizeof(WAY) / sizeof(WAY[0]); i++) {
        stage_both_nics(world, WAY[i], WAY[i + 1], false);
        hm_sim_migrate(nics, 2, &world->sites[WAY[i + 1]].lan, SCENARIO_PAUSE_US);
        assert_int_equal(call(world, WAY[i], HM_OP_LANDED, &world->vm), HM_CONTROL_OK);
        hm_sim_run_for(&world->sim, HM_SIM_S);
        assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
        assert_ping(world, &world->correspondent, HM_SIM_VM2_ADDR);
    }
    assert_both_at_home(world);
    assert_tables_empty(world);
}

static void test_one_bad_address_stages_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    request.addrs[request.addr_count++] = 0x0a0100c8u; /* 10.1.0.200: nobody */
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &request),
                     HM_CONTROL_UNKNOWN_VM);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_tables_empty(world);
}

static void test_an_early_frame_changes_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    static struct hm_sim_host twin; /* as above */
    struct probes probes;

    /* Something with the VM's MAC speaks on the foreign LAN although nothing was announced. */
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    hm_sim_host_init(&twin, &world->sim, "twin", &world->vm.iface.mac, HM_SIM_VM_ADDR, HM_SIM_PREFIX_LEN, 0);
    hm_sim_host_move(&twin, &world->sites[HM_SIM_B].lan);
    hm_sim_host_pause(&twin);
    hm_sim_host_resume(&twin);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_empty(world);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_cancel_undoes_everything),
        SCENARIO(test_cancel_of_a_move_between_visits_keeps_the_visit),
        SCENARIO(test_cancel_of_a_return_keeps_the_visit),
        cmocka_unit_test(test_staged_move_that_never_lands_expires),
        cmocka_unit_test(test_staged_move_expires_although_the_agents_lost_each_other),
        cmocka_unit_test(test_expiry_of_a_move_between_visits_keeps_the_visit),
        SCENARIO(test_staging_again_for_another_host_replaces_the_first),
        SCENARIO(test_migration_that_fails_and_resumes_at_the_source),
        SCENARIO(test_two_vms_move_apart_and_together),
        SCENARIO(test_two_visitors_on_one_lan_reach_each_other),
        SCENARIO(test_vm_with_two_addresses_moves_as_one),
        SCENARIO(test_a_mac_alone_means_all_its_addresses),
        SCENARIO(test_vm_with_two_nics_is_staged_as_one),
        SCENARIO(test_both_nics_of_a_silent_vm_get_what_waited_when_it_goes_on_at_home),
        SCENARIO(test_a_nic_that_is_down_does_not_hold_up_the_other_one),
        SCENARIO(test_both_nics_of_a_silent_vm_come_home_and_go_from_visit_to_visit),
        SCENARIO(test_one_bad_address_stages_nothing),
        SCENARIO(test_an_early_frame_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
