/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: agents with a store are killed, and what they had acknowledged is there again. */
#include "tests/scenario/forge.h"

#define STAGED_S 20
#define DOWN_US (300u * HM_SIM_MS)

static int setup(void **state)
{
    const struct hm_sim_world_options options = {.stores = true, .staged_lifetime_s = STAGED_S};

    *state = scenario_create(&options);
    return 0;
}

#define STORE_SCENARIO(name) cmocka_unit_test_setup_teardown(name, setup, scenario_teardown)

static void kill_agent(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    hm_sim_agent_kill(&world->sites[site].agent);
}

static void start_agent(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    hm_sim_agent_start(&world->sites[site].agent);
}

/* Nobody hears that the agent of site A began: what it does, it does by what it had stored. */
static void test_home_agent_forwards_again_without_its_peers(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_A].lan;
    struct probes probes;
    struct meddler silence;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&silence, lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_RESTARTED), MEDDLE_DROP, 1000);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    kill_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    start_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, 20 * HM_SIM_MS);
    probes_forget(&probes, world);
    hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    probes_check(&probes, world, 0);
    assert_true(silence.seen > 0);
    assert_int_equal(counter(world, HM_SIM_A, "rrq-received"), 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_stop(&probes);
    meddler_stop(&silence, lan);
}

static void test_a_visit_survives_both_its_agents(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    kill_agent(world, HM_SIM_A);
    kill_agent(world, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    start_agent(world, HM_SIM_A);
    start_agent(world, HM_SIM_B);
    hm_sim_run_for(&world->sim, 500 * HM_SIM_MS);
    probes_forget(&probes, world);
    hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    probes_check(&probes, world, 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    probes_stop(&probes);
    assert_tables_empty(world);
    assert_all_forgotten(world);
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        const struct hm_sim_store *store = &world->sites[i].agent.store;

        assert_int_equal(hm_sim_store_count(store, HM_RECORD_BINDING), 0);
        assert_int_equal(hm_sim_store_count(store, HM_RECORD_VISITOR), 0);
        assert_int_equal(hm_sim_store_count(store, HM_RECORD_HANDOVER), 0);
    }
}

/* All agents are killed in the moment in which the hypervisor has its answer. */
static void test_what_was_acknowledged_is_durable(void **state)
{
    struct hm_sim_world *world = *state;

    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        kill_agent(world, (enum hm_sim_site_number)i);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        start_agent(world, (enum hm_sim_site_number)i);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "handovers"), 1);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* The VM lands while its home agent and its foreign agent are down, and is silent afterwards. */
static void test_a_landing_in_the_dark(void **state)
{
    struct hm_sim_world *world = *state;

    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    kill_agent(world, HM_SIM_A);
    kill_agent(world, HM_SIM_B);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    start_agent(world, HM_SIM_B);
    start_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* The home agent dies with the return staged, the VM comes home, and the agent must not take its place. */
static void test_a_return_in_the_dark(void **state)
{
    struct hm_sim_world *world = *state;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_A);
    kill_agent(world, HM_SIM_A);
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    start_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, 500 * HM_SIM_MS);
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_tables_empty(world);
}

/* The disk of the home agent takes half a second; its answer is not sooner, and frames do not wait. */
static void test_an_answer_waits_for_the_disk(void **state)
{
    struct hm_sim_world *world = *state;
    uint64_t begun_us = world->sim.now_us;
    struct probes probes;

    world->sites[HM_SIM_A].agent.store.commit_us = 500 * HM_SIM_MS;
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_true(world->sim.now_us - begun_us >= 500 * HM_SIM_MS);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, 200 * HM_SIM_MS);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    probes_stop(&probes);
}

/* What is not durable when the agent is killed was not acknowledged either. */
static void test_what_was_lost_was_not_acknowledged(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message imminent = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);
    struct meddler replies;

    world->sites[HM_SIM_A].agent.store.commit_us = 10 * HM_SIM_S;
    meddler_start(&replies, &world->sites[HM_SIM_A].lan, pattern_registration(HM_MIP_REPLY), MEDDLE_WATCH, 0);
    hm_sim_hypervisor_ask(&world->sites[HM_SIM_A].hypervisor, &imminent);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "state", "staged");
    kill_agent(world, HM_SIM_A);
    assert_int_equal(replies.seen, 0);
    assert_int_equal(hm_sim_store_count(&world->sites[HM_SIM_A].agent.store, HM_RECORD_BINDING), 0);
    world->sites[HM_SIM_A].agent.store.commit_us = 2 * HM_SIM_MS;
    start_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, (STAGED_S + 15) * (uint64_t)HM_SIM_S);
    meddler_stop(&replies, &world->sites[HM_SIM_A].lan);
    assert_tables_empty(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* A move that is refused leaves nothing to be written, and its answer does not wait for ever. */
static void test_a_refused_move_is_answered(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_host vm2;
    struct hm_control_message imminent;

    kill_agent(world, HM_SIM_B);
    world->sites[HM_SIM_B].agent.config.max_visitors = 1;
    start_agent(world, HM_SIM_B);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    hm_sim_world_add_vm(world, &vm2, "vm2", HM_SIM_A, 6);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    imminent = hm_sim_imminent(&vm2, &world->sites[HM_SIM_B]);
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &imminent),
                     HM_CONTROL_REFUSED);
}

/* The hypervisor has closed a port, and says so once. */
static void test_a_shield_survives(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    struct hm_control_message shield = hm_sim_about(HM_OP_SHIELD, &world->vm);

    shield.macs[shield.mac_count++] = world->vm.iface.mac;
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &shield), HM_CONTROL_OK);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    kill_agent(world, HM_SIM_B);
    start_agent(world, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    strcpy(shield.state, "remove");
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &shield), HM_CONTROL_OK);
    assert_int_equal(hm_sim_store_count(&site->agent.store, HM_RECORD_SHIELD), 0);
}

/* An earlier version wrote no hypervisor down: it counts, and whoever may move the VM takes it away. */
static void test_a_shield_of_an_earlier_version_survives(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    const struct hm_record record = {.kind = HM_RECORD_SHIELD, .shield = {.mac = world->vm.iface.mac}};
    struct hm_control_message shield = hm_sim_about(HM_OP_SHIELD, &world->vm);
    uint8_t key[HM_RECORD_KEY_LEN], value[HM_RECORD_MAX_LEN];

    hm_sim_store_change(&site->agent.store, key, hm_record_encode_key(&record, key), value,
                        hm_record_encode(&record, value));
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B); /* it is committed with what the agent writes */
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "no");
    for (unsigned i = 0; i < 2; i++) {
        kill_agent(world, HM_SIM_B);
        start_agent(world, HM_SIM_B);
        hm_sim_run_for(&world->sim, HM_SIM_S);
        assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
        assert_int_equal(hm_sim_store_count(&site->agent.store, HM_RECORD_SHIELD), 1);
        shield.mac_count = 1;
        shield.macs[0] = world->vm.iface.mac; /* takes its place, with a hypervisor */
        assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &shield), HM_CONTROL_OK);
        hm_sim_run_for(&world->sim, HM_SIM_S);
    }
    strcpy(shield.state, "remove");
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &shield), HM_CONTROL_OK);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "no");
    assert_int_equal(hm_sim_store_count(&site->agent.store, HM_RECORD_SHIELD), 0);
}

/* The hypervisor is not configured any more: the shield counts, until one that may move the VM takes it away.
 */
static void test_a_shield_of_a_hypervisor_that_is_gone_is_everybodys(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    struct hm_control_message shield = hm_sim_about(HM_OP_SHIELD, &world->vm);

    shield.macs[shield.mac_count++] = world->vm.iface.mac;
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &shield), HM_CONTROL_OK);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    kill_agent(world, HM_SIM_B);
    site->hypervisors[0].key_id += 100;
    site->hypervisor.key_id += 100;
    start_agent(world, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    strcpy(shield.state, "remove");
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &shield), HM_CONTROL_OK);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "no");
    assert_int_equal(hm_sim_store_count(&site->agent.store, HM_RECORD_SHIELD), 0);
}

/* Identifications run ahead of the clock by up to the tolerance: the agent's start alone does not tell which
 * are old. */
static void test_a23_an_old_registration_is_refused_after_a_restart(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_agent *agent = &world->sites[HM_SIM_A].agent;
    struct forged_request request = {.lifetime_s = 60,
                                     .identification = hm_ntp_add_ms(hm_sim_agent_time(agent).ntp, 5000)};

    assert_int_equal(forge_request(world, &request, NULL), HM_CODE_ACCEPTED);
    kill_agent(world, HM_SIM_A);
    start_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_int_equal(forge_request(world, &request, NULL), HM_CODE_HA_IDENTIFICATION);
    request.identification = hm_ntp_add_ms(request.identification, 1);
    assert_int_equal(forge_request(world, &request, NULL), HM_CODE_ACCEPTED);
}

static void test_a_binding_that_expired_meanwhile_is_gone(void **state)
{
    struct hm_sim_world *world = *state;
    struct forged_request request = {.lifetime_s = 2};

    assert_int_equal(forge_request(world, &request, NULL), HM_CODE_ACCEPTED);
    kill_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, 3 * HM_SIM_S);
    start_agent(world, HM_SIM_A);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "state", "home");
    assert_all_forgotten(world);
    assert_int_equal(hm_sim_store_count(&world->sites[HM_SIM_A].agent.store, HM_RECORD_BINDING), 0);
}

/* --- killed at every step ----------------------------------------------------------------------------- */

#define NOT_KILLED UINT64_MAX

static uint64_t killed_at_us = NOT_KILLED; /* for whoever reads of a failure */

struct outage {
    struct hm_sim_world *world;
    unsigned sites; /* bits */
    struct hm_sim_event down, up;
};

static void go_down(void *arg)
{
    struct outage *outage = arg;

    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        if (outage->sites >> i & 1)
            kill_agent(outage->world, (enum hm_sim_site_number)i);
}

static void come_up(void *arg)
{
    struct outage *outage = arg;

    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        if (outage->sites >> i & 1)
            start_agent(outage->world, (enum hm_sim_site_number)i);
}

/* The agents of `sites` are killed `at_us` after the move was announced, and start again. */
static void move_through_an_outage(struct hm_sim_world *world, unsigned sites, enum hm_sim_site_number from,
                                   enum hm_sim_site_number to, uint64_t at_us)
{
    struct outage outage = {.world = world, .sites = sites};

    hm_sim_event_init(&outage.down, go_down, &outage);
    hm_sim_event_init(&outage.up, come_up, &outage);
    hm_sim_arm(&world->sim, &outage.down, world->sim.now_us + at_us);
    hm_sim_arm(&world->sim, &outage.up, world->sim.now_us + at_us + DOWN_US);
    if (hm_sim_world_handover(world, &world->vm, from, to, SCENARIO_PAUSE_US) != HM_CONTROL_OK)
        to = from;
    hm_sim_run_for(&world->sim, (STAGED_S + 10) * (uint64_t)HM_SIM_S);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->sites[HM_SIM_A].neighbour));
    if (to == HM_SIM_A)
        assert_tables_empty(world);
    else
        assert_states(world, HM_SIM_VM_ADDR, "away", to, "present");
}

/* A staging takes some 25 ms, the pause 40 ms, the registration 10 ms. */
static void kill_at_every_step(unsigned sites, enum hm_sim_site_number from, enum hm_sim_site_number to)
{
    const struct hm_sim_world_options options = {.stores = true, .staged_lifetime_s = STAGED_S};

    for (uint64_t at_us = 0; at_us < 120 * HM_SIM_MS; at_us += 1700) {
        struct hm_sim_world *world = scenario_create(&options);
        if (from != HM_SIM_A)
            handover(world, &world->vm, HM_SIM_A, from);
        move_through_an_outage(world, sites, from, to, at_us);
        hm_sim_world_destroy(world);
    }
    killed_at_us = NOT_KILLED;
}

static int tell_when(void **state)
{
    (void)state;
    if (killed_at_us != NOT_KILLED)
        print_message("that was a kill %u us after the announcement\n", (unsigned)killed_at_us);
    killed_at_us = NOT_KILLED;
    return 0;
}

static void test_home_agent_killed_at_every_step(void **state)
{
    (void)state;
    kill_at_every_step(1, HM_SIM_A, HM_SIM_B);
}

static void test_destination_killed_at_every_step(void **state)
{
    (void)state;
    kill_at_every_step(2, HM_SIM_A, HM_SIM_B);
}

static void test_all_killed_at_every_step(void **state)
{
    (void)state;
    kill_at_every_step(7, HM_SIM_A, HM_SIM_B);
}

static void test_all_killed_at_every_step_of_a_second_move(void **state)
{
    (void)state;
    kill_at_every_step(7, HM_SIM_B, HM_SIM_C);
}

static void test_source_killed_at_every_step_of_a_second_move(void **state)
{
    (void)state;
    kill_at_every_step(2, HM_SIM_B, HM_SIM_C);
}

static void test_all_killed_at_every_step_of_a_return(void **state)
{
    (void)state;
    kill_at_every_step(7, HM_SIM_B, HM_SIM_A);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_SCENARIO(test_home_agent_forwards_again_without_its_peers),
        STORE_SCENARIO(test_a_visit_survives_both_its_agents),
        STORE_SCENARIO(test_what_was_acknowledged_is_durable),
        STORE_SCENARIO(test_a_landing_in_the_dark),
        STORE_SCENARIO(test_a_return_in_the_dark),
        STORE_SCENARIO(test_an_answer_waits_for_the_disk),
        STORE_SCENARIO(test_what_was_lost_was_not_acknowledged),
        STORE_SCENARIO(test_a_refused_move_is_answered),
        STORE_SCENARIO(test_a_shield_survives),
        STORE_SCENARIO(test_a_shield_of_an_earlier_version_survives),
        STORE_SCENARIO(test_a_shield_of_a_hypervisor_that_is_gone_is_everybodys),
        STORE_SCENARIO(test_a23_an_old_registration_is_refused_after_a_restart),
        STORE_SCENARIO(test_a_binding_that_expired_meanwhile_is_gone),
        cmocka_unit_test_teardown(test_home_agent_killed_at_every_step, tell_when),
        cmocka_unit_test_teardown(test_destination_killed_at_every_step, tell_when),
        cmocka_unit_test_teardown(test_all_killed_at_every_step, tell_when),
        cmocka_unit_test_teardown(test_all_killed_at_every_step_of_a_second_move, tell_when),
        cmocka_unit_test_teardown(test_source_killed_at_every_step_of_a_second_move, tell_when),
        cmocka_unit_test_teardown(test_all_killed_at_every_step_of_a_return, tell_when),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
