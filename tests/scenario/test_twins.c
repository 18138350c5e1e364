/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: two homes have the same range, and a VM of each, with the same address, visits the same subnet.
 * Both ports are shielded there: neither is heard by anybody but the agent. */
#include "tests/scenario/scenario.h"

#define VISIT_US (20u * HM_SIM_S)

static int setup(void **state)
{
    *state = scenario_create(&(struct hm_sim_world_options){.gateways = true, .twin_homes = true});
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scenario_teardown)

static void shield(struct hm_sim_world *world, const struct hm_sim_host *vm)
{
    struct hm_control_message message = hm_sim_about(HM_OP_SHIELD, vm);

    message.macs[message.mac_count++] = vm->iface.mac;
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_B].hypervisor, &message), HM_CONTROL_OK);
}

/* Stages and moves it to a port at B that is shielded. */
static void visit(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number from)
{
    struct hm_sim_site *site = &world->sites[HM_SIM_B];

    shield(world, vm);
    stage(world, vm, from, HM_SIM_B);
    hm_sim_host_pause(vm);
    hm_sim_run_for(&world->sim, SCENARIO_PAUSE_US);
    vm->iface.port.shield = &site->agent.config.links[0].mac;
    hm_sim_host_move(vm, &site->lan);
    hm_sim_host_resume(vm);
    hm_sim_run_for(&world->sim, HM_SIM_S);
}

/* An address alone does not tell which of the two is meant; its MAC does. */
static int announce(struct hm_sim_world *world, const struct hm_sim_host *vm, enum hm_sim_site_number to,
                    bool by_mac)
{
    struct hm_control_message message = hm_sim_imminent(vm, &world->sites[to]);

    if (by_mac)
        message.macs[message.mac_count++] = vm->iface.mac;
    return hm_sim_hypervisor_call(&world->sites[HM_SIM_B].hypervisor, &message);
}

static unsigned prepared_moves(const struct hm_sim_site *site)
{
    struct hm_sim_report report;
    unsigned count = 0;

    hm_sim_report_init(&report, &site->agent, "handovers");
    for (unsigned row = 0; row < report.rows; row++)
        count += strcmp(hm_sim_report_text(&report, row, "state"), "prepared") == 0;
    hm_sim_report_fini(&report);
    return count;
}

static void land_at_home(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number home)
{
    hm_sim_host_pause(vm);
    hm_sim_run_for(&world->sim, SCENARIO_PAUSE_US);
    vm->iface.port.shield = NULL;
    hm_sim_host_move(vm, &world->sites[home].lan);
    hm_sim_host_resume(vm);
    hm_sim_run_for(&world->sim, HM_SIM_S);
}

static void return_home(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number home)
{
    assert_int_equal(announce(world, vm, home, true), HM_CONTROL_OK);
    land_at_home(world, vm, home);
}

/* Both at once: the same two addresses and the same ports, once between A's VM and A's neighbour, once
 * between C's and C's. */
static void test_two_visitors_with_one_address_keep_their_traffic_apart(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *a = &world->sites[HM_SIM_A], *b = &world->sites[HM_SIM_B],
                       *c = &world->sites[HM_SIM_C];
    struct probes of_vm, of_twin;
    static struct hm_sim_host twin;

    hm_sim_world_add_vm(world, &twin, "twin", HM_SIM_C, HM_SIM_VM_ADDR & 0xff);
    assert_int_equal(hm_sim_host_addr(&twin), HM_SIM_VM_ADDR);
    assert_int_equal(hm_sim_host_addr(&c->neighbour), hm_sim_host_addr(&a->neighbour));
    probes_start(&of_vm, &a->neighbour, &world->vm, SCENARIO_RATE);
    probes_start(&of_twin, &c->neighbour, &twin, SCENARIO_RATE);
    visit(world, &world->vm, HM_SIM_A);
    probes_check(&of_vm, world, SCENARIO_PAUSE_US);
    probes_check(&of_twin, world, 0);
    visit(world, &twin, HM_SIM_C);
    probes_check(&of_vm, world, 0);
    probes_check(&of_twin, world, SCENARIO_PAUSE_US);
    assert_int_equal(hm_sim_agent_rows(&b->agent, "visitors"), 2);
    hm_sim_run_for(&world->sim, VISIT_US);
    probes_check(&of_vm, world, 0);
    probes_check(&of_twin, world, 0);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR); /* A's: it is the one that is known outside */

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(announce(world, i == 0 ? &world->vm : &twin, HM_SIM_A, false), HM_CONTROL_REFUSED);
        assert_non_null(strstr(b->hypervisor.reply.text, "give the MAC"));
    }
    return_home(world, &world->vm, HM_SIM_A);
    probes_check(&of_vm, world, SCENARIO_PAUSE_US);
    probes_check(&of_twin, world, 0);
    assert_int_equal(hm_sim_agent_rows(&b->agent, "visitors"), 1);
    return_home(world, &twin, HM_SIM_C);
    probes_check(&of_vm, world, 0);
    probes_check(&of_twin, world, SCENARIO_PAUSE_US);
    assert_int_equal(hm_sim_agent_rows(&b->agent, "visitors"), 0);
    assert_int_equal(world->vm.iface.conflicts + twin.iface.conflicts, 0);
    probes_stop(&of_vm);
    probes_stop(&of_twin);
}

/* Staged both, and then moved both: the second announcement does not put an end to the first one's move, and
 * a cancel is of the one that it names. */
static void test_two_visitors_with_one_address_leave_at_the_same_time(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *a = &world->sites[HM_SIM_A], *b = &world->sites[HM_SIM_B],
                       *c = &world->sites[HM_SIM_C];
    struct probes of_vm, of_twin;
    static struct hm_sim_host twin;

    hm_sim_world_add_vm(world, &twin, "twin", HM_SIM_C, HM_SIM_VM_ADDR & 0xff);
    visit(world, &world->vm, HM_SIM_A);
    visit(world, &twin, HM_SIM_C);
    probes_start(&of_vm, &a->neighbour, &world->vm, SCENARIO_RATE);
    probes_start(&of_twin, &c->neighbour, &twin, SCENARIO_RATE);
    assert_int_equal(announce(world, &world->vm, HM_SIM_A, true), HM_CONTROL_OK);
    assert_int_equal(announce(world, &twin, HM_SIM_C, true), HM_CONTROL_OK);
    assert_int_equal(prepared_moves(b), 2);
    struct hm_control_message cancel = hm_sim_about(HM_OP_CANCEL, &world->vm);
    cancel.macs[cancel.mac_count++] = world->vm.iface.mac;
    assert_int_equal(hm_sim_hypervisor_call(&b->hypervisor, &cancel), HM_CONTROL_OK);
    assert_int_equal(prepared_moves(b), 1);
    land_at_home(world, &twin, HM_SIM_C);
    probes_check(&of_vm, world, 0);
    probes_check(&of_twin, world, SCENARIO_PAUSE_US);
    assert_int_equal(announce(world, &world->vm, HM_SIM_A, true), HM_CONTROL_OK);
    land_at_home(world, &world->vm, HM_SIM_A);
    probes_check(&of_vm, world, SCENARIO_PAUSE_US);
    probes_check(&of_twin, world, 0);
    assert_int_equal(hm_sim_agent_rows(&b->agent, "visitors"), 0);
    probes_stop(&of_vm);
    probes_stop(&of_twin);
}

/* The second is told why, and the first does not feel it. */
static void test_the_second_visitor_with_an_address_is_refused_without_a_shield(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_hypervisor *hypervisor = &world->sites[HM_SIM_C].hypervisor;
    struct probes probes;
    static struct hm_sim_host twin;

    hm_sim_world_add_vm(world, &twin, "twin", HM_SIM_C, HM_SIM_VM_ADDR & 0xff);
    visit(world, &world->vm, HM_SIM_A);
    probes_start(&probes, &world->sites[HM_SIM_A].neighbour, &world->vm, SCENARIO_RATE);
    const struct hm_control_message request = hm_sim_imminent(&twin, &world->sites[HM_SIM_B]);
    assert_int_equal(hm_sim_hypervisor_call(hypervisor, &request), HM_CONTROL_REFUSED);
    assert_non_null(strstr(hypervisor->reply.text, "not both ports are shielded"));
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 1);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_visitors_with_one_address_keep_their_traffic_apart),
        TEST(test_two_visitors_with_one_address_leave_at_the_same_time),
        TEST(test_the_second_visitor_with_an_address_is_refused_without_a_shield),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
