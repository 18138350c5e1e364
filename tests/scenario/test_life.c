/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: the life of a handover, one test for each row and each rule of the design, named after it. */
#include "tests/scenario/life.h"

/* --- rows --------------------------------------------------------------------------------------------- */

static void test_row_imminent_makes_a_handover_and_finds_the_destination(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_check_row(life, HM_SIM_A, "role", "source");
    life_check_row(life, HM_SIM_A, "other_agent", "10.2.0.2");
    life_check_row(life, HM_SIM_B, "role", "destination");
    life_check_row(life, HM_SIM_B, "state", "prepared");
}

static void test_row_stage_expects_the_visitor_and_holds_the_binding(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    assert_states(life->world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    assert_row(life->world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "staged_care_of", "10.2.0.2");
}

static void test_row_pre_copy_leaves_traffic_where_it_is(void **state)
{
    struct life *life = *state;
    uint64_t tunnelled = counter(life->world, HM_SIM_A, "tunnel-out");

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_pass(life, 2000);
    probes_check(&life->probes, life->world, 0);
    assert_int_equal(counter(life->world, HM_SIM_A, "tunnel-out"), tunnelled);
    assert_int_equal(life_number(life, HM_SIM_B, "buffered"), 0);
}

static void test_row_stop_sends_all_to_the_destination_where_it_waits(void **state)
{
    struct life *life = *state;
    uint64_t received = life->probes.down.received;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 200);
    assert_states(life->world, HM_SIM_VM_ADDR, "diverted", HM_SIM_B, "buffering");
    life_check_row(life, HM_SIM_A, "state", "stopped");
    life_check_row(life, HM_SIM_B, "state", "stopped");
    assert_true(life_number(life, HM_SIM_B, "buffered") > 350);
    assert_int_equal(counter(life->world, HM_SIM_B, "delivered"), 0);
    assert_true(life->tap.has_marker); /* the takeover's broadcast, on its old TAP */
    assert_true(life->probes.down.received >= received);
    life_land(life, HM_SIM_B);
    life_pass(life, 1000);
}

static void test_row_salvage_is_delivered_first(void **state)
{
    struct life *life = *state;

    life_move(life, HM_SIM_A, HM_SIM_B);
    probes_check(&life->probes, life->world, 0); /* in order, without a gap */
    life_check_row(life, HM_SIM_B, "cut", "exact");
    life_move(life, HM_SIM_B, HM_SIM_C);
    probes_check(&life->probes, life->world, 0);
    life_check_row(life, HM_SIM_C, "cut", "exact");
}

static void test_row_landing_delivers_what_waited_and_registers(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 100);
    uint64_t waited = life_number(life, HM_SIM_B, "buffered");
    life_land(life, HM_SIM_B);
    life_pass(life, 1000);
    life_check_row(life, HM_SIM_B, "state", "done");
    assert_true(life_number(life, HM_SIM_B, "buffered") >= waited && waited > 150);
    assert_int_equal(life_number(life, HM_SIM_B, "dropped"), 0);
    assert_states(life->world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_row_done_revokes_the_old_place_which_forgets(void **state)
{
    struct life *life = *state;

    life_move(life, HM_SIM_A, HM_SIM_B);
    life_move(life, HM_SIM_B, HM_SIM_C);
    assert_true(counter(life->world, HM_SIM_A, "revocations-acked") > 0);
    life_pass(life, 4000); /* its forwarding period */
    assert_int_equal(hm_sim_agent_rows(&life->world->sites[HM_SIM_B].agent, "visitors"), 0);
    life_check_row(life, HM_SIM_B, "state", "done");
    probes_check(&life->probes, life->world, 0);
}

static void test_row_cancel_undoes_all_and_what_waits_comes_back(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 100);
    assert_true(life_number(life, HM_SIM_B, "buffered") > 0);
    life_resume_here(life);
    assert_int_equal(life_call(life, HM_SIM_A, HM_OP_CANCEL), HM_CONTROL_OK);
    life_pass(life, 1000);
    probes_check(&life->probes, life->world, 0);
    assert_tables_empty(life->world);
    life_check_row(life, HM_SIM_A, "state", "cancelled");
}

/* --- rules -------------------------------------------------------------------------------------------- */

static void test_rule_every_step_is_idempotent(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(life_call(life, HM_SIM_A, HM_OP_STOPPED), HM_CONTROL_OK);
    life_pass(life, 40);
    life_land(life, HM_SIM_B);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(life_call(life, HM_SIM_B, HM_OP_LANDED), HM_CONTROL_OK);
    life_pass(life, 1000);
    life_check_row(life, HM_SIM_B, "state", "done");
    assert_int_equal(hm_sim_stream_counts(&life->probes.down).doubled, 0);
    assert_int_equal(life_call(life, HM_SIM_A, HM_OP_CANCEL),
                     HM_CONTROL_REFUSED); /* after the landing there is none */
}

static void test_rule_a_frame_before_the_stop_is_counted_and_changes_nothing(void **state)
{
    struct life *life = *state;
    struct hm_sim_host impostor;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    hm_sim_host_init(&impostor, &life->world->sim, "impostor", &life->world->vm.iface.mac, HM_SIM_VM_ADDR,
                     HM_SIM_PREFIX_LEN, 0);
    hm_sim_host_move(&impostor, &life->world->sites[HM_SIM_B].lan);
    hm_sim_iface_ask(&impostor.iface, HM_SIM_VM_ADDR, HM_SIM_VM_ADDR);
    life_pass(life, 100);
    assert_states(life->world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    assert_true(life_number(life, HM_SIM_B, "early_frames") > 0);
    hm_sim_host_move(&impostor, NULL);
    probes_check(&life->probes, life->world, 0);
}

static void
test_rule_when_its_stop_was_never_told_it_is_served_at_the_end_of_the_staged_lifetime(void **state)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = 5};
    struct life *life = life_create(&options);

    (void)state;
    life_announce(life, HM_SIM_A, HM_SIM_B);
    hm_sim_host_pause(&life->world->vm);
    life_pass(life, 40);
    life_land(life, HM_SIM_B);
    life_pass(life, 1000);
    assert_states(life->world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
    life_pass(life, 5000);
    assert_states(life->world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(life->world, &life->world->correspondent, HM_SIM_VM_ADDR);
    life_destroy(life);
}

static void test_rule_a_stop_before_it_is_staged_waits_at_the_source(void **state)
{
    struct life *life = *state;
    struct hm_control_message request = hm_sim_imminent(&life->world->vm, &life->world->sites[HM_SIM_B]);
    struct meddler meddler;

    request.has_stop_notice = true;
    meddler_start(&meddler, &life->world->sites[HM_SIM_A].lan,
                  pattern_control(HM_CONTROL_REQUEST, HM_OP_PREPARE), MEDDLE_DROP, 2);
    hm_sim_hypervisor_ask(&life->world->sites[HM_SIM_A].hypervisor, &request);
    life_pass(life, 10);
    hm_sim_guest_tap_hold(&life->tap);
    hm_sim_host_pause(&life->world->vm);
    assert_int_equal(life_call(life, HM_SIM_A, HM_OP_STOPPED), HM_CONTROL_OK);
    life_pass(life, 50);
    life_check_row(life, HM_SIM_A, "state", "stopped");
    assert_true(life_number(life, HM_SIM_A, "buffered") > 0); /* here: the destination knows nothing yet */
    assert_int_equal(hm_sim_agent_rows(&life->world->sites[HM_SIM_B].agent, "handovers"), 0);
    life_pass(life, 1000);
    meddler_stop(&meddler, &life->world->sites[HM_SIM_A].lan);
    assert_true(life_number(life, HM_SIM_B, "buffered") > 1900); /* all of it */
    life_land(life, HM_SIM_B);
    life_pass(life, 1000);
    life_check_row(life, HM_SIM_B, "state", "done");
    assert_int_equal(life_number(life, HM_SIM_A, "dropped") + life_number(life, HM_SIM_B, "dropped"), 0);
}

/* Both directions of the path that closes: from H to S, and from S to D. */
static void test_rule_end_markers_are_repeated_until_answered(void **state)
{
    struct life *life = *state;
    struct meddler first, second;

    life_move(life, HM_SIM_A, HM_SIM_B);
    probes_check(&life->probes, life->world, 0);
    meddler_start(&first, &life->world->sites[HM_SIM_A].lan, pattern_control(HM_CONTROL_REPLY, HM_OP_END),
                  MEDDLE_DROP, 1);
    meddler_start(&second, &life->world->sites[HM_SIM_B].lan, pattern_control(HM_CONTROL_REPLY, HM_OP_END),
                  MEDDLE_DROP, 1);
    life_move(life, HM_SIM_B, HM_SIM_C);
    probes_check(&life->probes, life->world, 0);
    assert_int_equal(life_number(life, HM_SIM_C, "timeouts"), 0);
    meddler_stop(&first, &life->world->sites[HM_SIM_A].lan);
    meddler_stop(&second, &life->world->sites[HM_SIM_B].lan);
}

/* The source says that salvage will come, and it never does. */
static void test_rule_what_does_not_come_times_out_into_the_record(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop_with_salvage(life, HM_SIM_A);
    life_pass(life, 40);
    life_land(life, HM_SIM_B);
    life_pass(life, 900);
    assert_int_equal(counter(life->world, HM_SIM_B, "delivered"), 0);
    life_pass(life, 300);
    assert_true(counter(life->world, HM_SIM_B, "delivered") > 0);
    assert_int_equal(life_number(life, HM_SIM_B, "timeouts"), 1);
    assert_true(
        hm_sim_agent_logged(&life->world->sites[HM_SIM_B].agent, "no marker ended the salvage in time") == 1);
}

/* The way from B to the home agent is slow: what V has sent there last is still under way when it runs at C.
 */
static uint64_t reordered_upward(uint32_t reorder_wait_ms)
{
    struct life *life = life_create(NULL);

    life->world->sites[HM_SIM_A].agent.config.reorder_wait_ms = reorder_wait_ms;
    life_move(life, HM_SIM_A, HM_SIM_B);
    life_announce(life, HM_SIM_B, HM_SIM_C);
    life->world->gate.ifaces[1 + HM_SIM_B].port.knobs.delay_us = 30 * HM_SIM_MS;
    life_pass(life, 100);
    life_stop(life, HM_SIM_B);
    life_land(life, HM_SIM_C);
    assert_int_equal(life_call(life, HM_SIM_C, HM_OP_LANDED),
                     HM_CONTROL_OK); /* that it has stopped is not known there yet */
    life_pass(life, 1000);
    hm_sim_stream_stop(&life->probes.up);
    life_pass(life, 500);
    struct hm_sim_counts counts = hm_sim_stream_counts(&life->probes.up);
    assert_int_equal(counts.doubled + counts.lost, 0);
    assert_states(life->world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    life_destroy(life);
    return counts.reordered;
}

static void test_rule_first_packets_upward_wait_for_the_end_of_the_old_way(void **state)
{
    (void)state;
    assert_int_equal(reordered_upward(250), 0);
    assert_true(reordered_upward(0) > 0); /* it is the waiting that does it */
}

/* It runs at C before C has heard of its stop: what it sends waits. */
static void test_rule_what_a_vm_sends_before_its_stop_is_known_waits(void **state)
{
    struct life *life = *state;

    life_move(life, HM_SIM_A, HM_SIM_B);
    life_announce(life, HM_SIM_B, HM_SIM_C);
    life->world->gate.ifaces[1 + HM_SIM_B].port.knobs.delay_us = 30 * HM_SIM_MS;
    life_pass(life, 100);
    life_stop(life, HM_SIM_B);
    life_land(life, HM_SIM_C);
    life_pass(life, 1000);
    assert_true(life_number(life, HM_SIM_C, "early_frames") > 0);
    hm_sim_stream_stop(&life->probes.up);
    life_pass(life, 500);
    struct hm_sim_counts counts = hm_sim_stream_counts(&life->probes.up);
    assert_int_equal(counts.lost + counts.doubled + counts.reordered, 0);
}

static void test_rule_without_a_stop_notice_the_first_frame_lands_it(void **state)
{
    struct life *life = *state;

    stage(life->world, &life->world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_host_pause(&life->world->vm);
    life_pass(life, 40);
    life_land(life, HM_SIM_B);
    life_pass(life, 100);
    life_check_row(life, HM_SIM_B, "state", "done");
    assert_int_equal(life_number(life, HM_SIM_B, "early_frames"), 0);
}

static void test_rule_the_staged_lifetime_ends_a_stop_and_brings_back_what_waits(void **state)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = 3};
    struct life *life = life_create(&options);

    (void)state;
    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 100);
    life_resume_here(life); /* and nobody says so */
    life->world->vm.is_silent = true;
    life_pass(life, 5000);
    life_check_row(life, HM_SIM_A, "state", "cancelled");
    assert_int_equal(life_number(life, HM_SIM_A, "dropped") + life_number(life, HM_SIM_B, "dropped"), 0);
    assert_tables_empty(life->world);
    assert_ping(life->world, &life->world->correspondent, HM_SIM_VM_ADDR);
    life_destroy(life);
}

/* The guest says nothing when it goes on: the agent calls it before it delivers. */
static void test_rule_a_silent_guest_is_called_before_anything_is_delivered(void **state)
{
    struct life *life = *state;

    hm_sim_stream_stop(&life->probes.up);
    life->world->vm.is_silent = true;
    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 100);
    life_resume_here(life);
    assert_int_equal(life_call(life, HM_SIM_A, HM_OP_CANCEL), HM_CONTROL_OK);
    life_pass(life, 500);
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.reordered, 0);
    assert_int_equal(life->world->sites[HM_SIM_A].lan.hairpins, 0);
}

static void test_rule_overflow_is_counted_for_its_handover(void **state)
{
    struct life *life = *state;

    life->world->sites[HM_SIM_B].agent.config.buffer_len = 10000;
    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 500);
    life_land(life, HM_SIM_B);
    life_pass(life, 1000);
    assert_true(life_number(life, HM_SIM_B, "dropped") > 500);
    assert_true(counter(life->world, HM_SIM_B, "drop-buffer-full") == life_number(life, HM_SIM_B, "dropped"));
    assert_states(life->world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_rule_two_vms_with_one_mac_are_refused(void **state)
{
    struct life *life = *state;
    struct hm_sim_host twin;
    struct hm_control_message request = hm_sim_imminent(&life->world->vm, &life->world->sites[HM_SIM_B]);

    hm_sim_host_init(&twin, &life->world->sim, "twin", &life->world->vm.iface.mac, 0x0a020063u,
                     HM_SIM_PREFIX_LEN, 0);
    hm_sim_host_move(&twin, &life->world->sites[HM_SIM_B].lan);
    hm_sim_iface_ask(&twin.iface, 0x0a020063u, 0x0a020063u);
    life_pass(life, 100);
    assert_int_equal(hm_sim_hypervisor_call(&life->world->sites[HM_SIM_A].hypervisor, &request),
                     HM_CONTROL_REFUSED);
    assert_non_null(
        strstr(life->world->sites[HM_SIM_A].hypervisor.reply.text, "a machine of this subnet has its MAC"));
    hm_sim_host_move(&twin, NULL);
}

static void test_rule_the_record_tells_it_all(void **state)
{
    static const char *const FIELDS[] = {"staged_ms", "stopped_ms", "landed_ms", "registered_ms", "ended_ms",
                                         "pause_ms",  "salvaged",   "buffered",  "forwarded",     "dropped",
                                         "timeouts",  "cut",        "reason"};
    struct life *life = *state;
    char text[HM_SIM_VALUE_LEN], ip[HM_IP_TEXT_LEN];

    life_move(life, HM_SIM_A, HM_SIM_B);
    for (size_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++) {
        assert_true(hm_sim_agent_field(&life->world->sites[HM_SIM_B].agent, "handovers", "home_address",
                                       hm_ip_text(HM_SIM_VM_ADDR, ip), FIELDS[i], text));
        if (text[0] == '\0')
            fail_msg("%s is empty", FIELDS[i]);
    }
    assert_true(
        hm_sim_agent_logged(&life->world->sites[HM_SIM_B].agent, "ms from stop to landing; waited:") == 1);
    probes_check(&life->probes, life->world, 0);
}

/* Only imminent and a landing: the destination keeps copies, and delivers the newest. */
static void test_rule_without_a_stop_notice_the_replay_window_loses_nothing(void **state)
{
    struct life *life = life_create(NULL);

    (void)state;
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        life->world->sites[i].agent.config.replay_window_ms = 200;
    life->world->sites[HM_SIM_A].agent.config.max_simultaneous = 2;
    life_move(life, HM_SIM_A, HM_SIM_B);
    probes_check(&life->probes, life->world, 0);
    stage(life->world, &life->world->vm, HM_SIM_B, HM_SIM_C);
    life_pass(life, 300);
    assert_int_equal(hm_sim_stream_counts(&life->probes.down).doubled, 0);
    hm_sim_host_pause(&life->world->vm);
    life_pass(life, 100);
    life_land(life, HM_SIM_C);
    life_pass(life, 1000);
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
    assert_true(counts.doubled > 0 && counts.doubled <= life_number(life, HM_SIM_C, "replayed"));
    assert_true(life_number(life, HM_SIM_C, "replayed") <= 210 * RATE / 1000);
    life_destroy(life);
}

/* The stop is told, and nobody watches the TAP: what the source has delivered last is sent after the VM. */
static void test_rule_an_estimated_cut_loses_nothing(void **state)
{
    struct life *life = life_create(NULL);

    (void)state;
    life->world->sites[HM_SIM_B].agent.config.replay_window_ms = 50;
    life_move(life, HM_SIM_A, HM_SIM_B);
    probes_check(&life->probes, life->world, 0);
    life_announce(life, HM_SIM_B, HM_SIM_C);
    life_pass(life, 100);
    hm_sim_guest_tap_hold(&life->tap);
    hm_sim_host_pause(&life->world->vm);
    life_pass(life, 20); /* delivered, and never read */
    assert_int_equal(life_call(life, HM_SIM_B, HM_OP_STOPPED), HM_CONTROL_OK);
    life_pass(life, 50);
    life_land(life, HM_SIM_C);
    life_pass(life, 1000);
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
    assert_true(counts.doubled > 0 && counts.doubled <= 60 * RATE / 1000);
    life_check_row(life, HM_SIM_C, "cut", "estimated");
    life_destroy(life);
}

static void test_rule_a_vm_that_runs_at_the_source_again_is_found(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 1500);
    life_resume_here(life); /* and nobody says so */
    life_pass(life, 500);
    life_check_row(life, HM_SIM_A, "state", "cancelled");
    life_check_row(life, HM_SIM_A, "reason", "it runs here again");
    assert_ping(life->world, &life->world->correspondent, HM_SIM_VM_ADDR);
    assert_int_equal(life_number(life, HM_SIM_A, "dropped") + life_number(life, HM_SIM_B, "dropped"), 0);
    life_pass(life, 1000);
    assert_tables_empty(life->world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(test_row_imminent_makes_a_handover_and_finds_the_destination),
        LIFE(test_row_stage_expects_the_visitor_and_holds_the_binding),
        LIFE(test_row_pre_copy_leaves_traffic_where_it_is),
        LIFE(test_row_stop_sends_all_to_the_destination_where_it_waits),
        LIFE(test_row_salvage_is_delivered_first),
        LIFE(test_row_landing_delivers_what_waited_and_registers),
        LIFE(test_row_done_revokes_the_old_place_which_forgets),
        LIFE(test_row_cancel_undoes_all_and_what_waits_comes_back),
        LIFE(test_rule_every_step_is_idempotent),
        LIFE(test_rule_a_frame_before_the_stop_is_counted_and_changes_nothing),
        cmocka_unit_test(
            test_rule_when_its_stop_was_never_told_it_is_served_at_the_end_of_the_staged_lifetime),
        LIFE(test_rule_a_stop_before_it_is_staged_waits_at_the_source),
        LIFE(test_rule_end_markers_are_repeated_until_answered),
        LIFE(test_rule_what_does_not_come_times_out_into_the_record),
        cmocka_unit_test(test_rule_first_packets_upward_wait_for_the_end_of_the_old_way),
        LIFE(test_rule_what_a_vm_sends_before_its_stop_is_known_waits),
        LIFE(test_rule_without_a_stop_notice_the_first_frame_lands_it),
        cmocka_unit_test(test_rule_the_staged_lifetime_ends_a_stop_and_brings_back_what_waits),
        LIFE(test_rule_a_silent_guest_is_called_before_anything_is_delivered),
        LIFE(test_rule_overflow_is_counted_for_its_handover),
        LIFE(test_rule_two_vms_with_one_mac_are_refused),
        cmocka_unit_test(test_rule_without_a_stop_notice_the_replay_window_loses_nothing),
        cmocka_unit_test(test_rule_an_estimated_cut_loses_nothing),
        LIFE(test_rule_a_vm_that_runs_at_the_source_again_is_found),
        LIFE(test_rule_the_record_tells_it_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
