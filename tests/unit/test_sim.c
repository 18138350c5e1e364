/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of the simulator itself: virtual time, events, frames, clocks. */
#include "platform/sim/sim.h"
#include "tests/unit/unit.h"

struct notes {
    struct hm_sim *sim;
    char text[16];
};

struct note {
    struct hm_sim_event event;
    struct notes *notes;
    char letter;
};

static int setup(void **state)
{
    static struct hm_sim sim;

    hm_sim_init(&sim, 1);
    *state = &sim;
    return 0;
}

static int teardown(void **state)
{
    hm_sim_fini(*state);
    return 0;
}

static void take_note(void *arg)
{
    struct note *note = arg;

    strncat(note->notes->text, &note->letter, 1);
}

static void test_events_fire_in_order_of_time_then_of_arming(void **state)
{
    struct hm_sim *sim = *state;
    struct notes notes = {sim, ""};
    struct note note[5];
    static const uint64_t AT[5] = {30, 10, 20, 10, 15};

    for (unsigned i = 0; i < 5; i++) {
        note[i] = (struct note){.notes = &notes, .letter = (char)('a' + i)};
        hm_sim_event_init(&note[i].event, take_note, &note[i]);
        hm_sim_arm(sim, &note[i].event, HM_SIM_START_US + AT[i]);
    }
    hm_sim_cancel(sim, &note[4].event);
    assert_false(hm_sim_is_armed(&note[4].event));
    hm_sim_arm(sim, &note[2].event, HM_SIM_START_US + 5);
    assert_int_equal(hm_sim_due_us(sim, &note[2].event), HM_SIM_START_US + 5);
    hm_sim_run_until(sim, HM_SIM_START_US + 29);
    assert_string_equal(notes.text, "cbd");
    assert_int_equal(sim->now_us, HM_SIM_START_US + 29);
    hm_sim_run_for(sim, 1);
    assert_string_equal(notes.text, "cbda");
}

static void test_many_events_come_out_sorted(void **state)
{
    enum {
        COUNT = 2000
    };
    static struct note note[COUNT];
    struct hm_sim *sim = *state;
    struct notes notes = {sim, ""};
    uint64_t last_us = 0;

    for (unsigned i = 0; i < COUNT; i++) {
        note[i] = (struct note){.notes = &notes, .letter = '\0'};
        hm_sim_event_init(&note[i].event, take_note, &note[i]);
        hm_sim_arm(sim, &note[i].event, HM_SIM_START_US + hm_sim_random_below(&sim->random, 5000));
    }
    for (unsigned i = 0; i < COUNT; i += 3)
        hm_sim_cancel(sim, &note[i].event);
    for (unsigned i = 0; i < COUNT; i += 7)
        hm_sim_arm(sim, &note[i].event, HM_SIM_START_US + hm_sim_random_below(&sim->random, 5000));
    while (hm_sim_step(sim)) {
        assert_true(sim->now_us >= last_us);
        last_us = sim->now_us;
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_false(hm_sim_is_armed(&note[i].event));
}

static void test_clocks_run_apart_by_their_offset(void **state)
{
    struct hm_sim *sim = *state;
    struct hm_time right = hm_sim_time(sim, 0, 0);
    struct hm_time late = hm_sim_time(sim, -3600 * (int64_t)HM_SIM_S, 77);

    assert_int_equal(hm_ntp_diff_ms(right.ntp, late.ntp), 3600 * 1000);
    assert_int_equal(late.mono_us, right.mono_us + 77);
    hm_sim_run_for(sim, 1500 * HM_SIM_MS);
    assert_int_equal(hm_ntp_diff_ms(hm_sim_time(sim, 0, 0).ntp, right.ntp), 1500);
}

static void test_frames_come_from_the_pool_and_go_back(void **state)
{
    enum {
        COUNT = 200
    };
    struct hm_sim *sim = *state;
    struct hm_sim_frame *frames[COUNT];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            frames[i] = hm_sim_frame_take(sim);
            assert_int_equal(frames[i]->len, 0);
            frames[i]->len = 60;
            hm_sim_frame_bytes(frames[i])[59] = (uint8_t)i;
        }
        assert_int_equal(sim->frames_out, COUNT);
        for (unsigned i = 0; i < COUNT; i++) {
            struct hm_sim_frame *copy = hm_sim_frame_copy(sim, frames[i]);

            assert_int_equal(copy->len, 60);
            assert_int_equal(hm_sim_frame_bytes(copy)[59], (uint8_t)i);
            hm_sim_frame_give(sim, copy);
            hm_sim_frame_give(sim, frames[i]);
        }
        assert_int_equal(sim->frames_out, 0);
    }
}

static bool is_late(void *ctx)
{
    const struct hm_sim *sim = ctx;

    return sim->fired >= 3;
}

static void test_runs_until_a_condition_or_the_limit(void **state)
{
    struct hm_sim *sim = *state;
    struct notes notes = {sim, ""};
    struct note note[4];

    for (unsigned i = 0; i < 4; i++) {
        note[i] = (struct note){.notes = &notes, .letter = (char)('a' + i)};
        hm_sim_event_init(&note[i].event, take_note, &note[i]);
        hm_sim_arm(sim, &note[i].event, sim->now_us + 100 * (i + 1));
    }
    assert_false(hm_sim_run_while_not(sim, is_late, sim, 150));
    assert_int_equal(sim->now_us, HM_SIM_START_US + 150);
    assert_true(hm_sim_run_while_not(sim, is_late, sim, 1000));
    assert_int_equal(sim->now_us, HM_SIM_START_US + 300);
    assert_string_equal(notes.text, "abc");
    assert_true(hm_sim_step(sim));
    assert_false(hm_sim_step(sim));
}

static void test_randomness_is_the_seeds_alone(void **state)
{
    struct hm_sim_random a = hm_sim_random_fork(1, 2), b = hm_sim_random_fork(1, 2),
                         c = hm_sim_random_fork(1, 3);
    unsigned hits = 0;

    (void)state;
    assert_int_equal(hm_sim_random_u64(&a), hm_sim_random_u64(&b));
    assert_int_not_equal(hm_sim_random_u64(&a), hm_sim_random_u64(&c));
    for (unsigned i = 0; i < 10000; i++)
        hits += hm_sim_random_chance(&a, 250000);
    assert_in_range(hits, 2300, 2700);
    b = a;
    assert_false(hm_sim_random_chance(&a, 0));
    assert_int_equal(a.state, b.state);
    assert_int_equal(hm_sim_random_below(&a, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events_fire_in_order_of_time_then_of_arming), TEST(test_many_events_come_out_sorted),
        TEST(test_runs_until_a_condition_or_the_limit),         TEST(test_clocks_run_apart_by_their_offset),
        TEST(test_frames_come_from_the_pool_and_go_back),       TEST(test_randomness_is_the_seeds_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
