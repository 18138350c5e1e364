/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: the place that a VM left is revoked by its home agent (RFC 3543). */
#include "tests/scenario/scenario.h"

#include <limits.h>

#include "firmware/wire/revocation.h"

#define PAYLOAD_AT 42 /* Ethernet, IPv4 and UDP headers */
#define NEW_SPI 5000

static const struct hm_sim_knobs CUT = {.loss_ppm = HM_SIM_MILLION};

static unsigned visitors(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    return hm_sim_agent_rows(&world->sites[site].agent, "visitors");
}

/* From B to C while B and C do not hear each other: ARRIVED is lost. Ends before a second is over. */
static void move_on_unheard(struct hm_sim_world *world)
{
    stage(world, &world->vm, HM_SIM_B, HM_SIM_C);
    hm_sim_gate_set_path(&world->gate, 2, 3, &CUT);
    move_vm(world, &world->vm, HM_SIM_C);
    hm_sim_run_for(&world->sim, 800 * HM_SIM_MS);
}

static void test_v9_x17_the_old_place_is_revoked_after_a_move(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    move_on_unheard(world);
    assert_int_equal(visitors(world, HM_SIM_B), 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    assert_int_equal(counter(world, HM_SIM_A, "revocations-sent"), 1);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-acked"), 1);
    assert_int_equal(counter(world, HM_SIM_B, "revocations-received"), 1);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-sent"), 1);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

/* Nobody but the home agent can tell B that its visitor has gone, and that was not heard before it died. */
static void test_v6_v9_a_revocation_under_way_goes_on_although_the_home_agent_was_killed(void **state)
{
    const struct hm_sim_world_options options = {.stores = true};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_gate_set_path(&world->gate, 1, 2, &CUT);
    move_on_unheard(world);
    assert_int_equal(visitors(world, HM_SIM_B), 1);
    assert_true(counter(world, HM_SIM_A, "revocations-sent") > 0);
    hm_sim_agent_kill(&world->sites[HM_SIM_A].agent);
    hm_sim_run_for(&world->sim, 40 * HM_SIM_S); /* C gives up telling B */
    hm_sim_agent_start(&world->sites[HM_SIM_A].agent);
    hm_sim_gate_set_path(&world->gate, 1, 2, &(struct hm_sim_knobs){0});
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_int_equal(visitors(world, HM_SIM_B), 0);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-acked"), 1);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    /* It is not repeated by the next start. */
    hm_sim_agent_kill(&world->sites[HM_SIM_A].agent);
    hm_sim_agent_start(&world->sites[HM_SIM_A].agent);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-sent"), 0);
    hm_sim_world_destroy(world);
}

/* A's and B's agents have a new key for each other, A in the first place already, B beside the old one yet.
 */
static void roll_keys(struct hm_sim_world *world)
{
    struct hm_peer_config *at_a = &world->sites[HM_SIM_A].peers[0];
    struct hm_peer_config *at_b = &world->sites[HM_SIM_B].peers[0];
    const struct hm_association_config old = {
        .spi = at_a->spi, .algorithm = at_a->algorithm, .key = at_a->key};

    at_a->spi = NEW_SPI;
    at_a->key.bytes[0] ^= 0xff;
    at_b->more[0] =
        (struct hm_association_config){.spi = NEW_SPI, .algorithm = at_a->algorithm, .key = at_a->key};
    at_a->more[0] = old;
    at_a->more_count = at_b->more_count = 1;
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++) {
        hm_sim_agent_kill(&world->sites[site].agent);
        hm_sim_agent_start(&world->sites[site].agent);
    }
    hm_sim_run_for(&world->sim, HM_SIM_S);
}

static void test_a5_v7_a_revocation_counts_while_keys_are_rolled(void **state)
{
    struct hm_sim_world *world = *state;

    roll_keys(world);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    move_on_unheard(world);
    assert_int_equal(visitors(world, HM_SIM_B), 0);
    assert_int_equal(counter(world, HM_SIM_B, "revocations-received"), 1);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-acked"), 1);
    assert_int_equal(counter(world, HM_SIM_B, "drop-mip-no-sa"), 0);
}

static void test_v7_the_visitor_is_gone_before_the_source_hears_of_the_return(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler meddler;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_A);
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_ARRIVED),
                  MEDDLE_DROP, UINT_MAX);
    move_vm(world, &world->vm, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_true(meddler.seen > 0);
    assert_tables_empty(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
}

static void test_v6_a_lost_revocation_is_repeated_with_a_new_time(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler meddler;
    struct hm_revocation first, second;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REVOCATION), MEDDLE_DROP,
                  1);
    move_on_unheard(world);
    assert_int_equal(hm_revocation_decode(meddler.frame + PAYLOAD_AT, meddler.frame_len - PAYLOAD_AT, &first),
                     0);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_int_equal(
        hm_revocation_decode(meddler.frame + PAYLOAD_AT, meddler.frame_len - PAYLOAD_AT, &second), 0);
    assert_true(hm_revocation_is_after(second.id, first.id));
    assert_int_equal(second.flags, HM_REVOCATION_A);
    assert_int_equal(meddler.seen, 2);
    assert_int_equal(visitors(world, HM_SIM_B), 0);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-acked"), 1);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
}

/* A lost acknowledgment: the repetition finds nothing, and is acknowledged. */
static void test_v3_a_lost_acknowledgment_is_given_again(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler meddler;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&meddler, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REVOCATION_ACK),
                  MEDDLE_DROP, 1);
    move_on_unheard(world);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_int_equal(meddler.seen, 2);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-acked"), 1);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-sent"), 2);
    meddler_stop(&meddler, &world->sites[HM_SIM_B].lan);
}

/* 1, 2, 4, ... seconds apart, and none after the binding's 30 s. */
static void test_v4_v6_revocations_back_off_and_end_with_the_lifetime(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    stage(world, &world->vm, HM_SIM_B, HM_SIM_C);
    hm_sim_agent_kill(&world->sites[HM_SIM_B].agent);
    move_vm(world, &world->vm, HM_SIM_C);
    hm_sim_run_for(&world->sim, 500 * HM_SIM_MS);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-sent"), 1);
    hm_sim_run_for(&world->sim, 30 * HM_SIM_S);
    assert_in_range(counter(world, HM_SIM_A, "revocations-sent"), 4, 5);
    hm_sim_run_for(&world->sim, 300 * HM_SIM_S);
    assert_in_range(counter(world, HM_SIM_A, "revocations-sent"), 4, 5);
    assert_int_equal(counter(world, HM_SIM_A, "revocations-acked"), 0);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
    hm_sim_world_destroy(world);
}

static void test_v4_an_expired_binding_is_not_revoked(void **state)
{
    const struct hm_sim_world_options options = {.lifetime_s = 30};
    struct hm_sim_world *world = scenario_create(&options);

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_agent_kill(&world->sites[HM_SIM_B].agent);
    hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "state", "home");
    assert_int_equal(counter(world, HM_SIM_A, "revocations-sent"), 0);
    hm_sim_world_destroy(world);
}

/* The VM is back at B when the revocation of its first visit comes, late: it stays. */
static void test_v5_a_late_revocation_does_not_end_a_newer_visit(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct meddler meddler;
    struct probes probes;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&meddler, lan, pattern_registration(HM_MIP_REVOCATION), MEDDLE_DROP, UINT_MAX);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_C);
    assert_true(meddler.seen > 0);
    handover(world, &world->vm, HM_SIM_C, HM_SIM_B);
    meddler_stop(&meddler, lan);
    probes_start(&probes, &world->correspondent, &world->vm, SCENARIO_RATE);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    inject(world, meddler.frame, meddler.frame_len);
    assert_int_equal(counter(world, HM_SIM_B, "drop-mip-replay"), 1);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    probes_check(&probes, world, 0);
    probes_stop(&probes);
}

/* B's agent has been started again, and has not seen the VM yet. */
static void test_v5_a_late_revocation_does_not_end_a_newer_visit_that_was_restored(void **state)
{
    struct hm_sim_world *world = scenario_create(&(struct hm_sim_world_options){.stores = true});
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct meddler meddler;

    (void)state;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&meddler, lan, pattern_registration(HM_MIP_REVOCATION), MEDDLE_DROP, UINT_MAX);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_C);
    handover(world, &world->vm, HM_SIM_C, HM_SIM_B);
    meddler_stop(&meddler, lan);
    assert_true(meddler.seen > 0);
    hm_sim_host_pause(&world->vm);
    hm_sim_agent_kill(&world->sites[HM_SIM_B].agent);
    hm_sim_agent_start(&world->sites[HM_SIM_B].agent);
    hm_sim_run_for(&world->sim, 50 * HM_SIM_MS);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "state", "expected");
    inject(world, meddler.frame, meddler.frame_len);
    assert_int_equal(counter(world, HM_SIM_B, "drop-mip-replay"), 1);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "state", "expected");
    hm_sim_host_resume(&world->vm);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    hm_sim_world_destroy(world);
}

/* A recorded revocation of this visit's end, sent again after it, and later still. */
static void test_v5_a_replayed_revocation_changes_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    struct tables before;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REVOCATION),
                  MEDDLE_WATCH, 0);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_C);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    hm_sim_run_for(&world->sim, 20 * HM_SIM_S);
    tables_read(&before, world);
    inject(world, watcher.frame, watcher.frame_len);
    assert_int_equal(counter(world, HM_SIM_B, "drop-mip-replay"), 1);
    assert_tables_unchanged(world, &before);
}

/* Our own message sent back to us. */
static void test_v5_a_reflected_revocation_is_dropped(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    uint8_t addr[4];

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REVOCATION), MEDDLE_DROP,
                  UINT_MAX);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_C);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    memcpy(addr, watcher.frame + 26, 4); /* source and destination change places: the checksums stay right */
    memcpy(watcher.frame + 26, watcher.frame + 30, 4);
    memcpy(watcher.frame + 30, addr, 4);
    inject(world, watcher.frame, watcher.frame_len);
    assert_int_equal(counter(world, HM_SIM_A, "drop-mip-role"), 1);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_C, "present");
}

static void test_v4_a_forged_revocation_is_ignored(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    struct tables before;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_start(&watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REVOCATION), MEDDLE_DROP,
                  UINT_MAX);
    move_on_unheard(world);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    tables_read(&before, world);
    watcher.frame[watcher.frame_len - 1] ^= 1;
    memset(watcher.frame + 40, 0, 2); /* no UDP checksum */
    inject(world, watcher.frame, watcher.frame_len);
    assert_int_equal(counter(world, HM_SIM_B, "drop-mip-auth"), 1);
    assert_int_equal(counter(world, HM_SIM_B, "revocations-received"), 0);
    assert_tables_unchanged(world, &before);
}

/* What the extension 137 of the last registration message of a type says; false: none. */
static bool supports_revocation(const struct meddler *watcher, uint8_t type)
{
    const uint8_t *bytes = watcher->frame + PAYLOAD_AT;
    size_t len = watcher->frame_len - PAYLOAD_AT;
    struct hm_registration_request request;
    struct hm_registration_reply reply;

    if (type == HM_MIP_REQUEST)
        return hm_registration_decode_request(bytes, len, &request) == 0 && request.ext.has_revocation &&
               request.ext.revocation_flags == 0;
    return hm_registration_decode_reply(bytes, len, &reply) == 0 && reply.ext.has_revocation &&
           reply.ext.revocation_flags == 0;
}

static void test_v1_v11_support_is_told_and_answered(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct meddler requests, replies;

    meddler_start(&requests, lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_WATCH, 0);
    meddler_start(&replies, lan, pattern_registration(HM_MIP_REPLY), MEDDLE_WATCH, 0);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_true(supports_revocation(&requests, HM_MIP_REQUEST));
    assert_true(supports_revocation(&replies, HM_MIP_REPLY));
    meddler_stop(&requests, lan);
    meddler_stop(&replies, lan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v6_v9_a_revocation_under_way_goes_on_although_the_home_agent_was_killed),
        SCENARIO(test_v9_x17_the_old_place_is_revoked_after_a_move),
        SCENARIO(test_a5_v7_a_revocation_counts_while_keys_are_rolled),
        SCENARIO(test_v7_the_visitor_is_gone_before_the_source_hears_of_the_return),
        SCENARIO(test_v6_a_lost_revocation_is_repeated_with_a_new_time),
        SCENARIO(test_v3_a_lost_acknowledgment_is_given_again),
        cmocka_unit_test(test_v4_v6_revocations_back_off_and_end_with_the_lifetime),
        cmocka_unit_test(test_v4_an_expired_binding_is_not_revoked),
        SCENARIO(test_v5_a_late_revocation_does_not_end_a_newer_visit),
        cmocka_unit_test(test_v5_a_late_revocation_does_not_end_a_newer_visit_that_was_restored),
        SCENARIO(test_v5_a_replayed_revocation_changes_nothing),
        SCENARIO(test_v5_a_reflected_revocation_is_dropped),
        SCENARIO(test_v4_a_forged_revocation_is_ignored),
        SCENARIO(test_v1_v11_support_is_told_and_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
