/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios of what an agent has not heard, or hears late: that a VM has left, that a peer began anew, that a
 * VM which was seen where it was has landed elsewhere. The VM is reachable all the same. */
#include <limits.h>

#include "tests/scenario/scenario.h"

/* --- a VM comes back where nobody has heard that it left ------------------------------------------------ */

/* It was at B, and B has not heard that it went home; on its way back it lands `after_ms` after `imminent`.
 */
static void check_that_it_comes_back(unsigned after_ms)
{
    struct hm_sim_world *world = scenario_create(NULL);
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);
    struct meddler arrived, revoked;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&arrived, lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_ARRIVED), MEDDLE_DROP, UINT_MAX);
    meddler_start(&revoked, lan, pattern_registration(7), MEDDLE_DROP, UINT_MAX);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "state", "present");
    hm_sim_hypervisor_ask(&world->sites[HM_SIM_A].hypervisor, &request);
    hm_sim_run_for(&world->sim, after_ms * HM_SIM_MS);
    move_vm(world, &world->vm, HM_SIM_B);
    meddler_stop(&arrived, lan);
    meddler_stop(&revoked, lan);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->correspondent));
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_world_destroy(world);
}

static void test_a_vm_comes_back_where_its_leaving_was_not_heard_of(void **state)
{
    static const unsigned AFTER_MS[] = {10, 160, 460, 860};

    (void)state;
    for (unsigned i = 0; i < sizeof(AFTER_MS) / sizeof(AFTER_MS[0]); i++)
        check_that_it_comes_back(AFTER_MS[i]);
}

/* --- a peer begins anew, and has agreed on no tunnel ------------------------------------------------------
 */

static struct hm_peer_config *peer_of(struct hm_sim_world *world, enum hm_sim_site_number at,
                                      enum hm_sim_site_number other)
{
    unsigned i = 0;

    while (world->sites[at].peers[i].addr != world->sites[other].agent_peer_addr)
        i++;
    return &world->sites[at].peers[i];
}

/* A VM of B has visited A and is home again, A's VM is at B, and B begins anew with `after` for A. Lost: A
 * does not hear that for longer than it is told. */
static void check_restart(enum hm_encapsulation at_a, enum hm_encapsulation before,
                          enum hm_encapsulation after, bool is_lost)
{
    struct hm_sim_world *world =
        scenario_create(&(struct hm_sim_world_options){.tunnel = before, .stores = true});
    struct hm_sim_lan *lan = &world->sites[HM_SIM_A].lan;
    struct hm_sim_host guest;
    struct meddler silence;

    hm_sim_agent_kill(&world->sites[HM_SIM_A].agent);
    peer_of(world, HM_SIM_A, HM_SIM_B)->tunnel = at_a;
    hm_sim_agent_start(&world->sites[HM_SIM_A].agent);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_world_add_vm(world, &guest, "guest", HM_SIM_B, 5);
    handover(world, &guest, HM_SIM_B, HM_SIM_A);
    handover(world, &guest, HM_SIM_A, HM_SIM_B);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_agent_kill(&world->sites[HM_SIM_B].agent);
    peer_of(world, HM_SIM_B, HM_SIM_A)->tunnel = after;
    if (is_lost)
        meddler_start(&silence, lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_RESTARTED), MEDDLE_DROP,
                      UINT_MAX);
    hm_sim_agent_start(&world->sites[HM_SIM_B].agent);
    if (is_lost) {
        hm_sim_run_for(&world->sim, 70 * HM_SIM_S);
        meddler_stop(&silence, lan);
    }
    for (unsigned i = 0; i < 20; i++) { /* its packets tell B that A does not know */
        hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 56);
        hm_sim_host_ping(&world->vm, hm_sim_host_addr(&world->correspondent), 56);
        hm_sim_run_for(&world->sim, HM_SIM_S);
    }
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_world_destroy(world);
}

static void test_r8_a_peer_that_began_with_another_tunnel_is_reached(void **state)
{
    (void)state;
    check_restart(HM_ENCAPSULATION_UDP, HM_ENCAPSULATION_UDP, HM_ENCAPSULATION_IPIP, false);
    check_restart(HM_ENCAPSULATION_GRE, HM_ENCAPSULATION_UDP, HM_ENCAPSULATION_UDP, false);
    check_restart(HM_ENCAPSULATION_GRE, HM_ENCAPSULATION_IPIP, HM_ENCAPSULATION_IPIP, false);
}

static void test_r8_a_peer_that_began_unheard_is_reached(void **state)
{
    (void)state;
    check_restart(HM_ENCAPSULATION_UDP, HM_ENCAPSULATION_UDP, HM_ENCAPSULATION_IPIP, true);
    check_restart(HM_ENCAPSULATION_GRE, HM_ENCAPSULATION_IPIP, HM_ENCAPSULATION_IPIP, true);
}

/* --- one NIC was seen at home, and then the destination says that the VM has landed ----------------------
 */

/* Nothing that is tunnelled arrives: the cancel of the move does not. */
static void lose_tunnelled(void *ctx, struct hm_sim_passing *passing)
{
    (void)ctx;
    if (passing->len > 34 && passing->bytes[12] == 8 && passing->bytes[13] == 0 && passing->bytes[23] == 4)
        passing->copies = 0;
}

static void stage_and_stop(struct hm_sim_world *world, struct hm_sim_host *second)
{
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]), stopped;

    request.addr_count = 0;
    request.mac_count = 2;
    request.macs[0] = world->vm.iface.mac;
    request.macs[1] = second->iface.mac;
    request.has_stop_notice = true;
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &request), HM_CONTROL_OK);
    hm_sim_host_pause(&world->vm);
    hm_sim_host_pause(second);
    stopped = hm_sim_about(HM_OP_STOPPED, &world->vm);
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &stopped), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
}

/* Cancelled; one NIC is seen at home, whoever sent that frame; and both run at B after all. */
static void be_seen_and_land(struct hm_sim_world *world, struct hm_sim_host *second)
{
    struct hm_control_message cancel = hm_sim_about(HM_OP_CANCEL, &world->vm);
    struct hm_sim_host *const nics[] = {&world->vm, second};

    hm_sim_hypervisor_ask(&world->sites[HM_SIM_A].hypervisor, &cancel);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_MS);
    hm_sim_host_resume(&world->vm);
    hm_sim_run_for(&world->sim, 8 * HM_SIM_MS);
    hm_sim_host_pause(&world->vm);
    for (unsigned i = 0; i < 2; i++) {
        hm_sim_host_move(nics[i], &world->sites[HM_SIM_B].lan);
        hm_sim_host_resume(nics[i]);
    }
}

static void test_a_landing_that_is_heard_of_while_a_nic_is_waited_for_at_home_stands(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    static struct hm_sim_host second; /* the world, torn down later, knows it */
    struct hm_sim_tap loss = {.see = lose_tunnelled};
    struct meddler registered;

    hm_sim_world_add_vm(world, &second, "second-nic", HM_SIM_A, HM_SIM_VM2_ADDR & 0xff);
    stage_and_stop(world, &second);
    hm_sim_lan_add_tap(lan, &loss);
    meddler_start(&registered, lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_DROP, 2);
    be_seen_and_land(world, &second);
    for (unsigned i = 0; i < 12; i++) {
        if (i == 2)
            hm_sim_lan_remove_tap(lan, &loss);
        hm_sim_run_for(&world->sim, 10 * HM_SIM_MS);
        hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 56);
    }
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    meddler_stop(&registered, lan);
    assert_true(world->correspondent.pings_answered >= 11); /* the first was lost in the tunnel */
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

/* --- a VM that says nothing --------------------------------------------------------------------------------
 */

static void test_a_vm_that_was_paused_for_long_can_be_announced(void **state)
{
    struct hm_sim_world *world = *state;

    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_host_pause(&world->vm);
    hm_sim_run_for(&world->sim, 1800 * HM_SIM_S);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vm_comes_back_where_its_leaving_was_not_heard_of),
        cmocka_unit_test(test_r8_a_peer_that_began_with_another_tunnel_is_reached),
        cmocka_unit_test(test_r8_a_peer_that_began_unheard_is_reached),
        SCENARIO(test_a_landing_that_is_heard_of_while_a_nic_is_waited_for_at_home_stands),
        SCENARIO(test_a_vm_that_was_paused_for_long_can_be_announced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
