/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: notices and messages of a handover that cross each other, come at a bad moment, or are as long
 * as they can be. */
#include <stdio.h>

#include "tests/scenario/life.h"

/* Makes the request as long as the wire allows. */
static void fill(struct hm_control_message *request)
{
    static const struct hm_key key = {.len = 32};
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_control_message message = *request;

    message.kind = HM_CONTROL_REQUEST;
    memset(message.text, 'x', HM_CONTROL_TEXT_LEN - 1);
    for (size_t len = HM_CONTROL_TEXT_LEN - 1; hm_control_encode(&message, &key, bytes) == 0; len--)
        message.text[len - 1] = '\0';
    memcpy(request->text, message.text, sizeof(message.text));
}

static void test_a_cancel_that_crosses_the_landing_leaves_it_reachable(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 100);
    life_land(life, HM_SIM_B);
    life_call(life, HM_SIM_A, HM_OP_CANCEL);
    life_pass(life, 3000);
    probes_forget(&life->probes, life->world);
    life_pass(life, 20000);
    probes_check(&life->probes, life->world, 0);
}

/* The VM has stopped at A, and B's hypervisor attached before: gives its first FETCH. */
static struct hm_control_message stop_attached(struct life *life)
{
    struct hm_control_message request = hm_sim_about(HM_OP_ATTACH, &life->world->vm);
    struct hm_sim_hypervisor *there = &life->world->sites[HM_SIM_B].hypervisor;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    assert_int_equal(hm_sim_hypervisor_call(there, &request), HM_CONTROL_OK);
    request = hm_sim_about(HM_OP_FETCH, &life->world->vm);
    request.handover_id = there->reply.handover_id;
    life_stop(life, HM_SIM_A);
    return request;
}

static void test_what_was_fetched_before_a_cancel_comes_back(void **state)
{
    struct life *life = *state;
    struct hm_sim_hypervisor *there = &life->world->sites[HM_SIM_B].hypervisor;
    struct hm_control_message request = stop_attached(life);

    life_pass(life, 100);
    assert_int_equal(hm_sim_hypervisor_call(there, &request), HM_CONTROL_OK);
    assert_true(there->reply.data_len > 0);
    life_resume_here(life);
    assert_int_equal(life_call(life, HM_SIM_A, HM_OP_CANCEL), HM_CONTROL_OK);
    life_pass(life, 1000);
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
}

/* The home agent hears of a rollback before the destination does, and closes the way to it. */
static void test_a_home_agents_marker_before_the_cancel_is_not_waited_for_again(void **state)
{
    struct life *life = *state;
    struct meddler meddler;

    life_move(life, HM_SIM_A, HM_SIM_B);
    probes_check(&life->probes, life->world, 0);
    life_announce(life, HM_SIM_B, HM_SIM_C);
    life_stop(life, HM_SIM_B);
    life_pass(life, 100);
    meddler_start(&meddler, &life->world->sites[HM_SIM_C].lan,
                  pattern_control(HM_CONTROL_REQUEST, HM_OP_ABORT), MEDDLE_DROP, 1);
    life_resume_here(life);
    assert_int_equal(life_call(life, HM_SIM_B, HM_OP_CANCEL), HM_CONTROL_OK);
    life_pass(life, 2000);
    meddler_stop(&meddler, &life->world->sites[HM_SIM_C].lan);
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.reordered, 0);
    assert_int_equal(life_number(life, HM_SIM_B, "timeouts"), 0);
    assert_int_equal(life_number(life, HM_SIM_C, "timeouts"), 0);
}

/* The destination's hypervisor has confirmed all before the VM lands, and asks once more: that answer ends
 * the fetching, since nobody will ask again. */
static void test_what_comes_behind_a_stream_that_was_confirmed_goes_on_at_once(void **state)
{
    struct life *life = *state;
    struct hm_sim_hypervisor *there = &life->world->sites[HM_SIM_B].hypervisor;
    struct hm_control_message request = stop_attached(life);
    struct hm_sim_counts before;

    life_pass(life, 20);
    hm_sim_stream_stop(&life->probes.down);
    life_pass(life, 20);
    do {
        assert_int_equal(hm_sim_hypervisor_call(there, &request), HM_CONTROL_OK);
        request.offset += there->reply.data_len;
        request.confirmed = request.offset;
    } while (request.offset < there->reply.limit);
    assert_true(there->reply.is_ready);
    life_land(life, HM_SIM_B);
    life_pass(life, 5);
    assert_int_equal(hm_sim_hypervisor_call(there, &request), HM_CONTROL_OK);
    assert_true(there->reply.is_last && there->reply.limit == request.confirmed);
    assert_in_range(life_number(life, HM_SIM_B, "restoration_ms"), 1, 10 * HM_SIM_MS); /* in us here */
    before = hm_sim_stream_counts(&life->probes.down);
    hm_sim_stream_start(&life->probes.down, RATE, 64);
    life_pass(life, 30);
    assert_true(hm_sim_stream_since(&life->probes.down, &before).received > 10);
}

/* The VM stops before its destination is ready, and what waits at the source is more than one round trip's
 * worth. */
static void test_an_end_marker_does_not_overtake_what_is_held(void **state)
{
    struct life *life = *state;
    struct hm_sim_world *world = life->world;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_C]);
    struct meddler meddler;

    life_move(life, HM_SIM_A, HM_SIM_B);
    probes_forget(&life->probes, world);
    meddler_start(&meddler, &world->sites[HM_SIM_C].lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_PREPARE),
                  MEDDLE_DROP, 4);
    request.has_stop_notice = true;
    hm_sim_hypervisor_ask(&world->sites[HM_SIM_B].hypervisor, &request);
    life_pass(life, 50);
    hm_sim_hypervisor_abandon(&world->sites[HM_SIM_B].hypervisor);
    life_stop(life, HM_SIM_B);
    life_pass(life, 5000);
    meddler_stop(&meddler, &world->sites[HM_SIM_C].lan);
    life_land(life, HM_SIM_C);
    life_pass(life, 2000);
    life_check_row(life, HM_SIM_C, "state", "done");
    probes_check(&life->probes, world, 0);
}

/* B's registration of the landing is lost, and the VM is on its way again: what is diverted waits at B, so
 * the home agent lets C ask again until B has its answer. */
static void test_the_next_move_is_prepared_once_the_landing_before_it_is_registered(void **state)
{
    struct life *life = *state;
    struct hm_sim_world *world = life->world;
    struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_C]);
    struct meddler meddler;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 50);
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_DROP,
                  2);
    meddler.from = &world->sites[HM_SIM_B].agent.links[0];
    life_land(life, HM_SIM_B);
    life_pass(life, 50);
    request.has_stop_notice = true;
    hm_sim_hypervisor_ask(&world->sites[HM_SIM_B].hypervisor, &request);
    life_pass(life, 200);
    assert_true(counter(world, HM_SIM_A, "drop-mip-early") > 0);
    assert_states(world, HM_SIM_VM_ADDR, "diverted", HM_SIM_C, "expected");
    life_pass(life, 6000);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
    hm_sim_hypervisor_abandon(&world->sites[HM_SIM_B].hypervisor);
    assert_states(world, HM_SIM_VM_ADDR, "switching", HM_SIM_C, "expected");
    life_stop(life, HM_SIM_B);
    life_pass(life, 40);
    life_land(life, HM_SIM_C);
    life_pass(life, 2000);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.doubled, 0);
    assert_int_equal(counts.reordered, 0);
}

static void test_the_longest_salvage_and_notice_are_relayed(void **state)
{
    struct life *life = *state;
    struct hm_control_message request = {
        .op = HM_OP_IMMINENT, .mac_count = 1, .macs = {{{2, 9, 9, 9, 9, 9}}}};

    snprintf(request.host, sizeof(request.host), "%s", life->world->sites[HM_SIM_B].host_name);
    request.data_len = HM_CONTROL_DATA_LEN;
    fill(&request);
    assert_int_equal(hm_sim_hypervisor_call(&life->world->sites[HM_SIM_B].hypervisor, &request),
                     HM_CONTROL_UNKNOWN_VM);
    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    request = hm_sim_about(HM_OP_SALVAGE, &life->world->vm);
    request.data_len = HM_CONTROL_DATA_LEN;
    fill(&request);
    assert_int_equal(hm_sim_hypervisor_call(&life->world->sites[HM_SIM_A].hypervisor, &request),
                     HM_CONTROL_OK);
}

static void test_half_a_salvaged_frame_keeps_nothing_open(void **state)
{
    struct life *life = *state;
    struct hm_control_message request = hm_sim_about(HM_OP_SALVAGE, &life->world->vm);

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop_with_salvage(life, HM_SIM_A);
    request.data[0] = 5; /* of 1,280 bytes, 98 come, and then its sender is gone */
    request.data_len = 100;
    assert_int_equal(hm_sim_hypervisor_call(&life->world->sites[HM_SIM_A].hypervisor, &request),
                     HM_CONTROL_OK);
    life_land(life, HM_SIM_B);
    life_pass(life, 5000);
    uint64_t before = life_number(life, HM_SIM_B, "buffered");
    life_pass(life, 5000);
    assert_int_equal(before, life_number(life, HM_SIM_B, "buffered"));
}

static void test_a_cancel_told_before_it_runs_again_loses_nothing(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    assert_int_equal(life_call(life, HM_SIM_A, HM_OP_CANCEL), HM_CONTROL_OK);
    life_pass(life, 600);
    life_resume_here(life);
    life_pass(life, 1000);
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.doubled, 0);
}

static void test_a_renewal_that_falls_due_while_it_is_stopped_is_not_forgotten(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct life *life = life_create(&options);

    (void)state;
    life_move(life, HM_SIM_A, HM_SIM_B);
    life_pass(life, 17500);
    life_announce(life, HM_SIM_B, HM_SIM_C);
    life_stop(life, HM_SIM_B);
    life_pass(life, 3000);
    life_resume_here(life);
    assert_int_equal(life_call(life, HM_SIM_B, HM_OP_CANCEL), HM_CONTROL_OK);
    life_pass(life, 1000);
    probes_forget(&life->probes, life->world);
    life_pass(life, 20000);
    probes_check(&life->probes, life->world, 0);
    life_destroy(life);
}

static void test_a_flow_faster_than_the_drain_ends_waiting(void **state)
{
    struct life *life = *state;
    struct probes fast;

    life_move(life, HM_SIM_A, HM_SIM_B);
    probes_start_at(&fast, &life->world->sites[HM_SIM_A].neighbour, &life->world->vm, HM_SIM_VM_ADDR, 6000,
                    25000);
    life_pass(life, 500);
    life_announce(life, HM_SIM_B, HM_SIM_C);
    life_stop(life, HM_SIM_B);
    life_pass(life, 100);
    life_land(life, HM_SIM_C);
    life_pass(life, 2000);
    uint64_t dropped = life_number(life, HM_SIM_C, "dropped");
    life_pass(life, 3000);
    assert_int_equal(life_number(life, HM_SIM_C, "dropped"), dropped);
    probes_stop(&fast);
}

static void test_a_cancel_at_the_destination_brings_back_what_waits(void **state)
{
    struct life *life = *state;

    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_stop(life, HM_SIM_A);
    life_pass(life, 100);
    life_resume_here(life);
    assert_int_equal(life_call(life, HM_SIM_B, HM_OP_CANCEL), HM_CONTROL_OK);
    life_pass(life, 1000);
    struct hm_sim_counts counts = life_end_probes(life);
    assert_int_equal(counts.lost, 0);
    assert_int_equal(counts.doubled, 0);
}

static void test_a_vm_told_to_run_at_home_is_not_cancelled_by_its_lifetime(void **state)
{
    const struct hm_sim_world_options options = {.staged_lifetime_s = 3};
    struct life *life = life_create(&options);

    (void)state;
    life_move(life, HM_SIM_A, HM_SIM_B);
    life_announce(life, HM_SIM_B, HM_SIM_A);
    life_pass(life, 2000);
    life_stop(life, HM_SIM_B);
    hm_sim_guest_tap_drop(&life->tap);
    hm_sim_host_move(&life->world->vm, &life->world->sites[HM_SIM_A].lan);
    hm_sim_guest_tap_release(&life->tap);
    assert_int_equal(life_call(life, HM_SIM_A, HM_OP_LANDED), HM_CONTROL_OK);
    life_pass(life, 1500);
    hm_sim_host_resume(&life->world->vm);
    life_pass(life, 1000);
    life_check_row(life, HM_SIM_A, "state", "done");
    life_destroy(life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIFE(test_a_cancel_that_crosses_the_landing_leaves_it_reachable),
        LIFE(test_what_was_fetched_before_a_cancel_comes_back),
        LIFE(test_a_home_agents_marker_before_the_cancel_is_not_waited_for_again),
        LIFE(test_what_comes_behind_a_stream_that_was_confirmed_goes_on_at_once),
        LIFE(test_an_end_marker_does_not_overtake_what_is_held),
        LIFE(test_the_next_move_is_prepared_once_the_landing_before_it_is_registered),
        LIFE(test_the_longest_salvage_and_notice_are_relayed),
        LIFE(test_half_a_salvaged_frame_keeps_nothing_open),
        LIFE(test_a_cancel_told_before_it_runs_again_loses_nothing),
        cmocka_unit_test(test_a_renewal_that_falls_due_while_it_is_stopped_is_not_forgotten),
        LIFE(test_a_flow_faster_than_the_drain_ends_waiting),
        LIFE(test_a_cancel_at_the_destination_brings_back_what_waits),
        cmocka_unit_test(test_a_vm_told_to_run_at_home_is_not_cancelled_by_its_lifetime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
