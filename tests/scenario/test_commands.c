/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: what a hypervisor may ask its agent, and what it is told. */
#include "tests/scenario/scenario.h"

#define HOUR_US (3600 * (int64_t)HM_SIM_S)

static struct hm_sim_hypervisor *hypervisor_of(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    return &world->sites[site].hypervisor;
}

/* Asks the agent of the VM's home; the code of its answer. */
static int ask(struct hm_sim_world *world, const struct hm_control_message *request)
{
    return hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_A), request);
}

static void test_unknown_vm(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    request.addrs[0] = 0x0a0100c8u; /* 10.1.0.200 */
    assert_int_equal(ask(world, &request), HM_CONTROL_UNKNOWN_VM);
    assert_true(strlen(hypervisor_of(world, HM_SIM_A)->reply.text) > 0);
    request.addr_count = 0;
    request.mac_count = 1;
    request.macs[0] = (struct hm_mac){{0x52, 0x54, 0, 9, 9, 9}};
    assert_int_equal(ask(world, &request), HM_CONTROL_UNKNOWN_VM);
    request.mac_count = 0;
    strcpy(request.vm, "a-name-only");
    assert_int_equal(ask(world, &request), HM_CONTROL_UNKNOWN_VM);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_empty(world);
}

/* A VM that no agent has heard of yet. */
static void place_silent_vm(struct hm_sim_world *world, struct hm_sim_host *vm)
{
    const struct hm_mac mac = {{0x52, 0x54, 0, 0, 1, 77}};

    hm_sim_host_init(vm, &world->sim, "silent", &mac, 0x0a01004du, HM_SIM_PREFIX_LEN, 0x0a010001u);
    hm_sim_host_move(vm, &world->sites[HM_SIM_A].lan);
}

static void test_a_vm_never_heard_of_is_found_by_its_address(void **state)
{
    struct hm_sim_world *world = *state;
    static struct hm_sim_host vm; /* the world, torn down later, knows it */

    place_silent_vm(world, &vm);
    handover(world, &vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, hm_sim_host_addr(&vm), "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, hm_sim_host_addr(&vm));
}

static void test_a_vm_never_heard_of_is_found_by_its_mac(void **state)
{
    struct hm_sim_world *world = *state;
    static struct hm_sim_host vm; /* the world, torn down later, knows it */
    struct hm_control_message request;

    place_silent_vm(world, &vm);
    request = hm_sim_imminent(&vm, &world->sites[HM_SIM_B]);
    request.addr_count = 0;
    request.mac_count = 1;
    request.macs[0] = vm.iface.mac;
    strcpy(request.vm, "web1");
    assert_int_equal(ask(world, &request), HM_CONTROL_OK);
    assert_states(world, hm_sim_host_addr(&vm), "staged", HM_SIM_B, "expected");
}

static void test_unknown_host(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    strcpy(request.host, "hv-x9");
    assert_int_equal(ask(world, &request), HM_CONTROL_UNKNOWN_HOST);
    assert_tables_empty(world);
}

static void test_move_within_the_subnet_needs_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_A]);

    assert_int_equal(ask(world, &request), HM_CONTROL_OK);
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_tables_empty(world);
}

static void test_move_given_at_the_destination(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_control_message to_b = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);
    const struct hm_control_message to_c = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_C]);
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    assert_int_equal(hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_B), &to_b), HM_CONTROL_OK);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    /* From a visit, too. */
    assert_int_equal(hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_C), &to_c), HM_CONTROL_OK);
    move_vm(world, &world->vm, HM_SIM_C);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    probes_stop(&probes);
}

static void test_move_given_at_the_destination_by_mac(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    request.addr_count = 0;
    request.mac_count = 1;
    request.macs[0] = world->vm.iface.mac;
    strcpy(request.vm, "web1");
    assert_int_equal(hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_B), &request), HM_CONTROL_OK);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_return_given_at_home(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_A]);
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    assert_int_equal(ask(world, &request), HM_CONTROL_OK);
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_tables_empty(world);
    probes_stop(&probes);
}

static void test_landed_by_command_without_any_frame(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_control_message landed = hm_sim_about(HM_OP_LANDED, &world->vm);

    world->vm.is_silent = true;
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    assert_int_equal(hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_B), &landed), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

static void test_landed_told_to_the_source(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_control_message landed = hm_sim_about(HM_OP_LANDED, &world->vm);

    world->vm.is_silent = true;
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    move_vm(world, &world->vm, HM_SIM_B);
    assert_int_equal(ask(world, &landed), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

static void test_landed_at_home_by_command_without_any_frame(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_control_message landed = hm_sim_about(HM_OP_LANDED, &world->vm);

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    world->vm.is_silent = true;
    stage(world, &world->vm, HM_SIM_B, HM_SIM_A);
    move_vm(world, &world->vm, HM_SIM_A);
    assert_int_equal(ask(world, &landed), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_tables_empty(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* A hook that says so of a VM that did not leave its subnet must not fail. */
static void test_landed_and_cancel_without_a_move_change_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_control_message landed = hm_sim_about(HM_OP_LANDED, &world->vm);
    const struct hm_control_message cancel = hm_sim_about(HM_OP_CANCEL, &world->vm);

    assert_int_equal(ask(world, &landed), HM_CONTROL_OK);
    assert_int_equal(ask(world, &cancel), HM_CONTROL_OK);
    assert_tables_empty(world);
}

static void test_status_tells_where_the_vm_is(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_control_message status = hm_sim_about(HM_OP_STATUS, &world->vm);

    assert_int_equal(ask(world, &status), HM_CONTROL_OK);
    assert_int_equal(hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_B), &status), HM_CONTROL_UNKNOWN_VM);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_int_equal(ask(world, &status), HM_CONTROL_OK);
    assert_string_not_equal(hypervisor_of(world, HM_SIM_A)->reply.state, "");
    assert_int_equal(hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_B), &status), HM_CONTROL_OK);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_dry_run_changes_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    request.dry_run = true;
    assert_int_equal(ask(world, &request), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_empty(world);
    strcpy(request.host, "hv-x9");
    assert_int_equal(ask(world, &request), HM_CONTROL_UNKNOWN_HOST);
}

static void test_by_a_kernel_address(void **state)
{
    struct hm_sim_world *world = *state;

    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        world->sites[i].hypervisor.by_kernel = true;
    hypervisor_of(world, HM_SIM_A)->clock_offset_us = HOUR_US;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_int_equal(hypervisor_of(world, HM_SIM_A)->resyncs, 1);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_empty(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_unknown_vm),
        SCENARIO(test_a_vm_never_heard_of_is_found_by_its_address),
        SCENARIO(test_a_vm_never_heard_of_is_found_by_its_mac),
        SCENARIO(test_unknown_host),
        SCENARIO(test_move_within_the_subnet_needs_nothing),
        SCENARIO(test_move_given_at_the_destination),
        SCENARIO(test_move_given_at_the_destination_by_mac),
        SCENARIO(test_return_given_at_home),
        SCENARIO(test_landed_by_command_without_any_frame),
        SCENARIO(test_landed_told_to_the_source),
        SCENARIO(test_landed_at_home_by_command_without_any_frame),
        SCENARIO(test_landed_and_cancel_without_a_move_change_nothing),
        SCENARIO(test_status_tells_where_the_vm_is),
        SCENARIO(test_dry_run_changes_nothing),
        SCENARIO(test_by_a_kernel_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
