/* SPDX-License-Identifier: BSD-3-Clause */
/* The cut's arithmetic, on a TAP and a guest that are played here frame by frame. */
#include "platform/linux/cut.h"
#include "tests/unit/unit.h"

/* A TAP with its queue, a QEMU that reads ahead, and a guest's device. */
struct world {
    struct hm_cut_counter cut;
    enum hm_cut_kind kinds[300000]; /* of the frames captured */
    uint64_t before;                /* frames that QEMU had read when the capture began */
    uint64_t captured, read, delivered;
    uint64_t dropped;
    uint16_t used;
    enum hm_cut_room room;
};

static struct world world;

static void start(uint64_t read_before, uint16_t used_before)
{
    memset(&world, 0, sizeof(world));
    hm_cut_init(&world.cut);
    world.before = read_before;
    world.used = used_before;
    world.room = HM_CUT_ROOM_SOME;
}

static void hand_over(enum hm_cut_kind kind, unsigned count)
{
    for (; count > 0; count--) {
        world.kinds[world.captured++] = kind;
        hm_cut_add_frame(&world.cut, kind);
    }
}

/* QEMU reads so many frames, and delivers all that it has but the last `ahead`. */
static void read_frames(unsigned count, unsigned ahead)
{
    world.read += count;
    assert_true(world.read <= world.captured);
    for (; world.delivered + ahead < world.read; world.delivered++)
        world.used = (uint16_t)(world.used + (world.kinds[world.delivered] == HM_CUT_COUNTS));
}

static struct hm_cut_sample sample(void)
{
    return (struct hm_cut_sample){.captured_before = world.captured,
                                  .read = world.before + world.read,
                                  .read_end = world.before + world.read,
                                  .has_used = true,
                                  .used = world.used,
                                  .room = world.room,
                                  .dropped = world.dropped,
                                  .captured = world.captured};
}

/* As often as the base has to be seen. */
static void take_sample(void)
{
    const struct hm_cut_sample now = sample();

    for (unsigned i = 0; i < 3; i++)
        hm_cut_add_sample(&world.cut, &now);
}

static void pass(enum hm_cut_kind kind, unsigned count)
{
    hand_over(kind, count);
    read_frames(count, 0);
}

static struct hm_cut_finding find(void)
{
    const struct hm_cut_sample last = sample();
    struct hm_cut_finding finding;

    hm_cut_find(&world.cut, &last, false, &finding);
    return finding;
}

static void expect(enum hm_cut how, uint64_t index)
{
    const struct hm_cut_finding finding = find();

    assert_int_equal(finding.how, how);
    assert_int_equal(finding.index, index);
    assert_int_equal(finding.reason == NULL, how == HM_CUT_EXACT);
}

static void test_cut_is_behind_the_last_frame_delivered(void **state)
{
    (void)state;
    for (unsigned ahead = 0; ahead <= 2; ahead++) {
        start(872, 41);
        pass(HM_CUT_COUNTS, 100);
        take_sample();
        hand_over(HM_CUT_COUNTS, 30);
        read_frames(20, ahead);
        expect(HM_CUT_EXACT, 120 - ahead);
        assert_int_equal(find().ahead, ahead);
    }
}

static void test_cut_survives_the_counters_wrap(void **state)
{
    (void)state;
    start(5, 65500);
    take_sample();
    for (unsigned i = 0; i < 1000; i++) {
        pass(HM_CUT_COUNTS, 200);
        take_sample();
    }
    hand_over(HM_CUT_COUNTS, 50);
    read_frames(40, 1);
    expect(HM_CUT_EXACT, 200039);
}

static void test_frames_for_others_are_passed_over(void **state)
{
    (void)state;
    start(0, 0);
    take_sample();
    for (unsigned i = 0; i < 50; i++) {
        pass(HM_CUT_COUNTS, 3);
        pass(HM_CUT_FOREIGN, 7);
    }
    take_sample();
    hand_over(HM_CUT_COUNTS, 1);
    hand_over(HM_CUT_FOREIGN, 2);
    hand_over(HM_CUT_COUNTS, 1);
    hand_over(HM_CUT_FOREIGN, 5);
    read_frames(9, 6); /* the last that is delivered is the second foreign one */
    expect(HM_CUT_EXACT, 503);
}

/* The guest gives no buffer, and QEMU holds one of the frames that come: the TAP has more of them. */
static void fill_up(void)
{
    hand_over(HM_CUT_COUNTS, 50);
    read_frames(20, 1);
    world.room = HM_CUT_ROOM_NONE;
}

static void test_frame_that_qemu_holds_does_not_move_the_cut(void **state)
{
    (void)state;
    start(10, 10);
    pass(HM_CUT_COUNTS, 50);
    take_sample();
    hm_cut_forget(&world.cut); /* of the device: the base stays */
    fill_up();
    take_sample();
    read_frames(1, 2); /* at the stop, when the one held is thrown away */
    expect(HM_CUT_EXACT, 69);
    assert_int_equal(find().ahead, 2);
}

static void test_guest_without_room_and_a_tap_without_frames_leave_it_open(void **state)
{
    (void)state;
    for (unsigned held = 0; held <= 1; held++) {
        start(10, 10);
        pass(HM_CUT_COUNTS, 50);
        hand_over(HM_CUT_COUNTS, 20);
        read_frames(20, held);
        world.room = HM_CUT_ROOM_NONE;
        take_sample();
        expect(HM_CUT_COUNTED, 69);
        world.room = HM_CUT_ROOM_SOME;
        read_frames(0, 0);
        take_sample();
        expect(HM_CUT_EXACT, 70);
    }
}

static void test_samples_in_motion_narrow_the_constant(void **state)
{
    struct hm_cut_sample moving;

    (void)state;
    start(0, 7);
    take_sample();
    hm_cut_forget(&world.cut);
    pass(HM_CUT_COUNTS, 10);
    moving = sample();
    moving.read -= 4; /* what was read before the answer is unknown up to here, */
    hm_cut_add_sample(&world.cut, &moving);
    expect(HM_CUT_COUNTED, 8);
    moving = sample();
    pass(HM_CUT_COUNTS, 2);
    moving.read_end = sample().read_end; /* and here what was read after it */
    moving.captured = sample().captured;
    hm_cut_add_sample(&world.cut, &moving);
    expect(HM_CUT_EXACT, 12);
}

static void test_low_limit_on_which_samples_agree_is_the_constant(void **state)
{
    struct hm_cut_sample moving;

    (void)state;
    start(0, 7);
    take_sample();
    hm_cut_forget(&world.cut);
    for (unsigned i = 0; i < 6; i++) {
        expect(HM_CUT_COUNTED, i == 0 ? 0 : i * 10 - 2);
        pass(HM_CUT_COUNTS, 10);
        moving = sample();
        moving.read -= 4;
        hm_cut_add_sample(&world.cut, &moving);
    }
    expect(HM_CUT_EXACT, 60);
}

static void test_frames_held_back_need_no_device(void **state)
{
    struct hm_cut_sample last;
    struct hm_cut_finding finding;

    (void)state;
    start(7, 7);
    pass(HM_CUT_COUNTS, 10);
    take_sample();
    last = sample();
    last.has_used = false;
    assert_true(hm_cut_is_drained(&world.cut, &last));
    hm_cut_find(&world.cut, &last, true, &finding);
    assert_int_equal(finding.how, HM_CUT_EXACT);
    assert_int_equal(finding.index, 10);
    hand_over(HM_CUT_COUNTS, 1); /* it has slipped in */
    last.captured = world.captured;
    assert_false(hm_cut_is_drained(&world.cut, &last));
    hm_cut_find(&world.cut, &last, true, &finding);
    assert_int_equal(finding.how, HM_CUT_COUNTED);
    world.room = HM_CUT_ROOM_NONE; /* one may be held */
    last = sample();
    assert_false(hm_cut_is_drained(&world.cut, &last));
}

static struct hm_cut_sample sample_without_device(void)
{
    struct hm_cut_sample one = sample();

    one.has_used = false;
    one.room = HM_CUT_ROOM_UNKNOWN;
    return one;
}

static void test_fillers_show_that_a_quiet_tap_is_empty(void **state)
{
    struct hm_cut_sample now;
    struct hm_cut_finding finding;

    (void)state;
    start(7, 7);
    pass(HM_CUT_COUNTS, 10);
    for (unsigned i = 0; i < 6; i++) { /* nothing moves: nobody knows whether all was read */
        now = sample_without_device();
        hm_cut_add_sample(&world.cut, &now);
        assert_false(hm_cut_is_drained(&world.cut, &now));
    }
    for (unsigned i = 0; i < 3; i++) {
        hm_cut_add_filler(&world.cut);
        now = sample_without_device();
        hm_cut_add_sample(&world.cut, &now);
        assert_false(hm_cut_is_drained(&world.cut, &now)); /* it is not read yet */
        world.before++;
        now = sample_without_device();
        hm_cut_add_sample(&world.cut, &now);
    }
    assert_true(hm_cut_is_drained(&world.cut, &now));
    hm_cut_find(&world.cut, &now, true, &finding);
    assert_int_equal(finding.how, HM_CUT_EXACT);
    assert_int_equal(finding.index, 10);
}

static void test_base_that_was_seen_once_is_not_believed(void **state)
{
    const struct hm_cut_sample once = (start(4, 4), sample());

    (void)state;
    hm_cut_add_sample(&world.cut, &once);
    hand_over(HM_CUT_COUNTS, 5);
    read_frames(5, 0);
    expect(HM_CUT_COUNTED, 5);
}

static void test_base_that_rises_moves_all_samples(void **state)
{
    struct hm_cut_sample late;

    (void)state;
    start(100, 3);
    pass(HM_CUT_FOREIGN, 2);
    pass(HM_CUT_COUNTS, 10);
    late = sample();
    hand_over(HM_CUT_COUNTS, 3); /* captured before we looked, and not read yet */
    late.captured = world.captured;
    hm_cut_add_sample(&world.cut, &late);
    read_frames(3, 0);
    take_sample();
    hand_over(HM_CUT_COUNTS, 4);
    read_frames(2, 1);
    expect(HM_CUT_EXACT, 16);
}

static void test_unclear_frame_makes_earlier_samples_useless(void **state)
{
    (void)state;
    start(0, 0);
    pass(HM_CUT_COUNTS, 100);
    take_sample();
    pass(HM_CUT_UNCLEAR, 1);
    world.used += 3;
    expect(HM_CUT_COUNTED, 99);
    take_sample();
    hand_over(HM_CUT_COUNTS, 20);
    read_frames(10, 1);
    expect(HM_CUT_EXACT, 110);
}

static void test_unclear_frame_that_was_not_read_does_not_matter(void **state)
{
    (void)state;
    start(0, 0);
    pass(HM_CUT_COUNTS, 100);
    take_sample();
    hand_over(HM_CUT_COUNTS, 2);
    hand_over(HM_CUT_UNCLEAR, 1);
    read_frames(1, 0);
    expect(HM_CUT_EXACT, 101);
}

static void test_without_the_device_it_is_counted(void **state)
{
    struct hm_cut_sample last;
    struct hm_cut_finding finding;

    (void)state;
    start(500, 0);
    pass(HM_CUT_COUNTS, 100);
    last = sample();
    last.has_used = false;
    hm_cut_add_sample(&world.cut, &last);
    hm_cut_find(&world.cut, &last, false, &finding);
    assert_int_equal(finding.how, HM_CUT_COUNTED);
    assert_int_equal(finding.index, 98);
}

static void test_counter_that_makes_no_sense_is_not_believed(void **state)
{
    (void)state;
    start(0, 0);
    pass(HM_CUT_COUNTS, 100);
    take_sample();
    world.used -= 3; /* three ahead */
    expect(HM_CUT_COUNTED, 98);
    world.used += 4; /* more than was read */
    expect(HM_CUT_COUNTED, 98);
}

static void test_what_was_read_after_the_stop_has_not_reached_the_guest(void **state)
{
    struct hm_cut_finding finding;
    uint64_t read_at_stop;

    (void)state;
    start(700, 0);
    pass(HM_CUT_COUNTS, 100);
    take_sample();
    read_at_stop = world.before + world.read;
    hand_over(HM_CUT_COUNTS, 2);
    read_frames(1, 0); /* so says the device, wrongly */
    finding = find();
    assert_int_equal(finding.index, 101);
    hm_cut_bound(&world.cut, read_at_stop, &finding);
    assert_int_equal(finding.how, HM_CUT_EXACT);
    assert_int_equal(finding.index, 100);
    assert_int_equal(finding.ahead, 1);
    assert_int_equal(finding.after, 1);
    finding.after = 0;
    hm_cut_bound(&world.cut, read_at_stop, &finding); /* it agrees: nothing changes */
    hm_cut_bound(&world.cut, read_at_stop + 1, &finding);
    assert_int_equal(finding.index, 100);
    assert_int_equal(finding.after, 0);
    finding = (struct hm_cut_finding){.how = HM_CUT_NONE, .index = 7};
    hm_cut_bound(&world.cut, 1, &finding);
    assert_int_equal(finding.index, 7);
}

static void test_frames_dropped_by_the_tap_shift_the_base(void **state)
{
    (void)state;
    start(0, 0);
    pass(HM_CUT_COUNTS, 100);
    take_sample();
    hand_over(HM_CUT_COUNTS, 1000);
    world.dropped = 10; /* the newest ten were never in the queue */
    world.captured -= 10;
    read_frames(990, 0);
    world.captured += 10;
    for (unsigned i = 0; i < 10; i++)
        world.kinds[world.captured - 10 + i] = HM_CUT_FOREIGN;
    assert_int_equal(find().how, HM_CUT_NONE);
    take_sample();
    hand_over(HM_CUT_COUNTS, 5);
    world.read += 2;
    world.used += 2;
    expect(HM_CUT_EXACT, 1102);
}

static void test_nothing_is_known_before_the_first_sample(void **state)
{
    (void)state;
    start(0, 0);
    hand_over(HM_CUT_COUNTS, 3);
    expect(HM_CUT_NONE, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_is_behind_the_last_frame_delivered),
        cmocka_unit_test(test_cut_survives_the_counters_wrap),
        cmocka_unit_test(test_frames_for_others_are_passed_over),
        cmocka_unit_test(test_frame_that_qemu_holds_does_not_move_the_cut),
        cmocka_unit_test(test_guest_without_room_and_a_tap_without_frames_leave_it_open),
        cmocka_unit_test(test_samples_in_motion_narrow_the_constant),
        cmocka_unit_test(test_low_limit_on_which_samples_agree_is_the_constant),
        cmocka_unit_test(test_frames_held_back_need_no_device),
        cmocka_unit_test(test_fillers_show_that_a_quiet_tap_is_empty),
        cmocka_unit_test(test_base_that_was_seen_once_is_not_believed),
        cmocka_unit_test(test_base_that_rises_moves_all_samples),
        cmocka_unit_test(test_unclear_frame_makes_earlier_samples_useless),
        cmocka_unit_test(test_unclear_frame_that_was_not_read_does_not_matter),
        cmocka_unit_test(test_without_the_device_it_is_counted),
        cmocka_unit_test(test_counter_that_makes_no_sense_is_not_believed),
        cmocka_unit_test(test_what_was_read_after_the_stop_has_not_reached_the_guest),
        cmocka_unit_test(test_frames_dropped_by_the_tap_shift_the_base),
        cmocka_unit_test(test_nothing_is_known_before_the_first_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
