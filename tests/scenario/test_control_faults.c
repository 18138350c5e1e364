/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: the control channel with wrong keys, wrong clocks, lost and repeated messages. */
#include "tests/scenario/scenario.h"

#include <limits.h>

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

static void test_wrong_key(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_hypervisor *hypervisor = hypervisor_of(world, HM_SIM_A);
    const struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    hypervisor->key.bytes[0] ^= 1;
    assert_int_equal(ask(world, &request), -HM_SIM_BAD_KEY);
    assert_true(counter(world, HM_SIM_A, "drop-control-auth") > 0);
    hypervisor->key.bytes[0] ^= 1;
    hypervisor->key_id = 4711;
    assert_int_equal(ask(world, &request), -HM_SIM_BAD_KEY);
    assert_true(counter(world, HM_SIM_A, "drop-control-key") > 0);
    assert_tables_empty(world);
}

static void test_hypervisor_outside_its_allow_list(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_hypervisor *hypervisor = hypervisor_of(world, HM_SIM_A);
    const struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    hypervisor->key_id = HM_SIM_NARROW_KEY_ID;
    hypervisor->key = world->sites[HM_SIM_A].hypervisors[1].key;
    assert_int_equal(ask(world, &request), HM_CONTROL_REFUSED);
    assert_tables_empty(world);
}

static void test_hypervisors_clock_an_hour_off(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_hypervisor *hypervisor = hypervisor_of(world, HM_SIM_A);
    const struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    hypervisor->clock_offset_us = HOUR_US;
    assert_int_equal(ask(world, &request), HM_CONTROL_OK);
    assert_int_equal(hypervisor->resyncs, 1);
    hypervisor->clock_offset_us = -HOUR_US;
    assert_int_equal(ask(world, &request), HM_CONTROL_OK);
    assert_int_equal(hypervisor->resyncs, 1);
    assert_true(counter(world, HM_SIM_A, "control-resyncs") >= 2);
    assert_true(counter(world, HM_SIM_A, "drop-control-clock") >= 2);
}

static void test_a_question_is_repeated_and_not_redone(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_A].lan;
    struct meddler request, reply;
    uint64_t staged;

    meddler_start(&request, lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_IMMINENT), MEDDLE_DROP, 1);
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_int_equal(hypervisor_of(world, HM_SIM_A)->attempts, 2);
    meddler_stop(&request, lan);
    meddler_start(&reply, lan, pattern_control(HM_CONTROL_REPLY, HM_OP_IMMINENT), MEDDLE_DROP, 2);
    staged = counter(world, HM_SIM_A, "handovers-staged");
    stage(world, &world->vm, HM_SIM_A, HM_SIM_C);
    assert_int_equal(hypervisor_of(world, HM_SIM_A)->attempts, 3);
    meddler_stop(&reply, lan);
    assert_int_equal(counter(world, HM_SIM_A, "handovers-staged"), staged + 1);
    assert_true(counter(world, HM_SIM_A, "control-repeats") >= 2);
}

static void test_doubled_control_messages_are_not_redone(void **state)
{
    static const enum hm_control_op OPS[] = {HM_OP_IMMINENT, HM_OP_PREPARE, HM_OP_ARRIVED};
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_A].lan;
    struct meddler meddlers[2 * 3];
    struct probes probes;

    for (unsigned i = 0; i < 3; i++) {
        meddler_start(&meddlers[2 * i], lan, pattern_control(HM_CONTROL_REQUEST, OPS[i]), MEDDLE_DOUBLE, 100);
        meddler_start(&meddlers[2 * i + 1], lan, pattern_control(HM_CONTROL_REPLY, OPS[i]), MEDDLE_DOUBLE,
                      100);
    }
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_int_equal(counter(world, HM_SIM_A, "handovers-staged"), 1);
    probes_stop(&probes);
    for (unsigned i = 0; i < 6; i++)
        meddler_stop(&meddlers[i], lan);
}

/* Loses the first two of every control message between the agents in turn: the handover goes on. */
static void test_lost_messages_between_agents_are_repeated(void **state)
{
    static const struct {
        enum hm_control_kind kind;
        enum hm_control_op op;
    } LOST[] = {
        {HM_CONTROL_REQUEST, HM_OP_PREPARE},
        {HM_CONTROL_REPLY, HM_OP_PREPARE},
        {HM_CONTROL_REQUEST, HM_OP_ARRIVED},
        {HM_CONTROL_REPLY, HM_OP_ARRIVED},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(LOST) / sizeof(LOST[0]); i++) {
        struct hm_sim_world *world = scenario_create(NULL);
        struct meddler meddler;
        struct probes probes;

        meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_control(LOST[i].kind, LOST[i].op),
                      MEDDLE_DROP, 2);
        probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
        handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
        hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
        if (meddler.seen <= 2)
            print_message("only %u of kind %d, operation %s\n", meddler.seen, (int)LOST[i].kind,
                          hm_control_op_name(LOST[i].op));
        assert_true(meddler.seen > 2);
        probes_check(&probes, world, SCENARIO_PAUSE_US);
        assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
        handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
        hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
        assert_tables_empty(world);
        probes_stop(&probes);
        meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
        hm_sim_world_destroy(world);
    }
}

/* B hears that the VM has landed at C only when it is at B again: that was about an earlier visit. */
static void test_a_late_word_of_the_landing_does_not_end_a_newer_visit(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct meddler late, heard;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&late, lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_ARRIVED), MEDDLE_DROP, UINT_MAX);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_C);
    handover(world, &world->vm, HM_SIM_C, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_true(late.seen > 0);
    meddler_stop(&late, lan);
    meddler_start(&heard, lan, pattern_control(HM_CONTROL_REPLY, HM_OP_ARRIVED), MEDDLE_WATCH, 0);
    heard.from = &world->sites[HM_SIM_B].agent.links[0];
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    hm_sim_run_for(&world->sim, 30 * HM_SIM_S);
    assert_true(heard.seen > 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    meddler_stop(&heard, lan);
}

static void test_destination_out_of_reach(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);

    hm_sim_agent_kill(&world->sites[HM_SIM_B].agent);
    request.wait_ms = 2000;
    assert_int_equal(ask(world, &request), HM_CONTROL_UNREACHABLE);
    hm_sim_agent_start(&world->sites[HM_SIM_B].agent);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_empty(world);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_home_agent_out_of_reach_of_the_destination(void **state)
{
    const struct hm_sim_knobs cut = {.loss_ppm = HM_SIM_MILLION};
    const struct hm_sim_knobs whole = {0};
    struct hm_sim_world *world = *state;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_C]);

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_gate_set_path(&world->gate, 1, 3, &cut);
    request.wait_ms = 2000;
    assert_int_equal(hm_sim_hypervisor_call(hypervisor_of(world, HM_SIM_B), &request),
                     HM_CONTROL_UNREACHABLE);
    hm_sim_gate_set_path(&world->gate, 1, 3, &whole);
    hm_sim_run_for(&world->sim, 3 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_C].agent, "visitors"), 0);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

static void test_replayed_control_message_is_not_redone(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    struct tables before;

    meddler_start(&watcher, &world->sites[HM_SIM_A].lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_IMMINENT),
                  MEDDLE_WATCH, 0);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    meddler_stop(&watcher, &world->sites[HM_SIM_A].lan);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    tables_read(&before, world);
    hm_sim_port_send_bytes(&world->sites[HM_SIM_A].machine.iface.port, watcher.frame, watcher.frame_len);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_unchanged(world, &before);
    hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    tables_read(&before, world);
    hm_sim_port_send_bytes(&world->sites[HM_SIM_A].machine.iface.port, watcher.frame, watcher.frame_len);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_tables_unchanged(world, &before);
    assert_true(counter(world, HM_SIM_A, "drop-control-clock") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_wrong_key),
        SCENARIO(test_hypervisor_outside_its_allow_list),
        SCENARIO(test_hypervisors_clock_an_hour_off),
        SCENARIO(test_a_question_is_repeated_and_not_redone),
        SCENARIO(test_doubled_control_messages_are_not_redone),
        cmocka_unit_test(test_lost_messages_between_agents_are_repeated),
        SCENARIO(test_a_late_word_of_the_landing_does_not_end_a_newer_visit),
        SCENARIO(test_destination_out_of_reach),
        SCENARIO(test_home_agent_out_of_reach_of_the_destination),
        SCENARIO(test_replayed_control_message_is_not_redone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
