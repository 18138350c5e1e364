/* SPDX-License-Identifier: BSD-3-Clause */
/* Deliveries: which packet goes when, and what is counted. */
#include "firmware/agent/delivery.h"
#include "tests/unit/rig/rig.h"

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_deliveries deliveries;
    struct hm_delivery *delivery;
    char sent[4096]; /* a letter for each packet: its first byte */
    size_t sent_len;
    unsigned done, changed;
};

static void on_send(void *arg, struct hm_delivery *delivery, enum hm_delivery_way way, struct hm_frame *frame)
{
    struct fixture *f = arg;

    (void)delivery;
    (void)way;
    assert_true(f->sent_len + 1 < sizeof(f->sent));
    f->sent[f->sent_len++] = (char)frame->data[0];
    f->sent[f->sent_len] = '\0';
}

static const struct hm_mac *mac_for(const struct hm_delivery *delivery, const struct hm_frame *packet)
{
    static const struct hm_mac mac = {{0x52, 0x54, 0, 0, 0, 5}};

    (void)delivery;
    (void)packet;
    return &mac;
}

static void on_done(void *arg, struct hm_delivery *delivery)
{
    struct fixture *f = arg;

    f->done++;
    hm_delivery_remove(delivery);
    f->delivery = NULL;
}

static void on_changed(void *arg, struct hm_delivery *delivery)
{
    (void)delivery;
    ((struct fixture *)arg)->changed++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    f->rig.config.max_handovers = 2;
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_deliveries_init(&f->deliveries, &f->env), 0);
    f->deliveries.arg = f->deliveries.send_arg = f;
    f->deliveries.send = on_send;
    f->deliveries.mac_for = mac_for;
    f->deliveries.done = on_done;
    f->deliveries.changed = on_changed;
    f->delivery = hm_delivery_add(&f->deliveries, NULL);
    assert_non_null(f->delivery);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->delivery != NULL)
        hm_delivery_remove(f->delivery);
    assert_int_equal(f->deliveries.pool.used, 0);
    hm_deliveries_fini(&f->deliveries);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void put(struct fixture *f, enum hm_delivery_way way, char letter)
{
    uint8_t memory[HM_FRAME_HEADROOM + 60] = {0};
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), 60);
    frame.data[0] = (uint8_t)letter;
    hm_delivery_put(f->delivery, way, &frame);
}

static void pass(struct fixture *f, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        f->rig.now.mono_us += 1000;
        hm_env_set_time(&f->env, &f->rig.now);
        hm_wheel_advance(&f->env.wheel, f->rig.now.mono_us / 1000, 1000);
    }
}

static void test_nothing_goes_out_before_there_is_somebody(void **state)
{
    struct fixture *f = *state;

    put(f, HM_WAY_NEW, 'n');
    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    pass(f, 5000);
    assert_string_equal(f->sent, "");
    hm_delivery_drain(f->delivery);
    assert_string_equal(f->sent, "n");
    assert_int_equal(f->done, 1);
}

static void test_each_way_waits_for_the_end_of_the_one_before(void **state)
{
    struct fixture *f = *state;

    put(f, HM_WAY_NEW, '5');
    put(f, HM_WAY_OLD, '3');
    put(f, HM_WAY_SALVAGE, '1');
    hm_delivery_drain(f->delivery);
    assert_string_equal(f->sent, "1"); /* of the way that is open first, what there is */
    put(f, HM_WAY_SALVAGE, '2');
    assert_string_equal(f->sent, "12");
    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    assert_string_equal(f->sent, "123");
    put(f, HM_WAY_OLD, '4');
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    assert_string_equal(f->sent, "12345");
    assert_int_equal(f->done, 1);
}

static void test_a_way_whose_marker_does_not_come_is_closed_in_time_and_counted(void **state)
{
    struct fixture *f = *state;

    put(f, HM_WAY_NEW, 'n');
    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_drain(f->delivery);
    hm_delivery_be_patient(f->delivery);
    pass(f, f->rig.config.marker_wait_ms - 1);
    assert_string_equal(f->sent, "");
    assert_int_equal(f->delivery->counts.timeouts, 0);
    pass(f, 2);
    assert_string_equal(f->sent, "n");
    assert_int_equal(f->done, 1);
}

static void test_the_first_burst_and_then_the_pace_are_as_configured(void **state)
{
    struct fixture *f = *state;

    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    for (unsigned i = 0; i < 20; i++)
        put(f, HM_WAY_NEW, (char)('a' + i));
    hm_delivery_drain(f->delivery); /* 8 at once, then 4 each millisecond */
    assert_int_equal(f->sent_len, 8);
    pass(f, 1);
    assert_int_equal(f->sent_len, 12);
    put(f, HM_WAY_NEW, 'z'); /* what comes meanwhile waits behind */
    assert_int_equal(f->sent_len, 12);
    pass(f, 3);
    assert_string_equal(f->sent, "abcdefghijklmnopqrstz");
    assert_int_equal(f->done, 1);
}

static void test_what_has_no_room_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    unsigned fit = (unsigned)(f->rig.config.buffer_len / 62);

    for (unsigned i = 0; i < fit + 5; i++)
        put(f, HM_WAY_NEW, 'n');
    assert_int_equal(f->delivery->counts.waited[HM_WAY_NEW], fit);
    assert_int_equal(f->delivery->counts.dropped, 5);
    assert_int_equal(f->env.counters.drops[HM_DROP_BUFFER_FULL], 5);
}

static void test_what_is_given_up_is_counted(void **state)
{
    struct fixture *f = *state;

    put(f, HM_WAY_OLD, 'o');
    put(f, HM_WAY_NEW, 'n');
    assert_int_equal(hm_delivery_remove(f->delivery).dropped, 2);
    f->delivery = NULL;
    assert_int_equal(f->env.counters.drops[HM_DROP_BUFFER_ABANDONED], 2);
}

static void test_a_fetched_stream_is_the_frames_in_their_order(void **state)
{
    struct fixture *f = *state;
    uint8_t record[2 + 14 + 60];

    f->delivery->is_fetched = true;
    put(f, HM_WAY_NEW, 'n');
    put(f, HM_WAY_OLD, 'o');
    hm_delivery_fill_stream(f->delivery);
    assert_true(hm_buffer_len(&f->delivery->stream) == 0); /* the salvage may still come */
    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    hm_delivery_fill_stream(f->delivery);
    assert_true(hm_buffer_len(&f->delivery->stream) == 2 * sizeof(record));
    hm_buffer_read(&f->delivery->stream, 0, record, sizeof(record));
    assert_int_equal(record[1], 74);
    assert_int_equal(record[16], 'o');
    hm_buffer_read(&f->delivery->stream, sizeof(record), record, sizeof(record));
    assert_int_equal(record[16], 'n');
    assert_true(f->changed > 0);
    hm_delivery_drain(f->delivery);
    pass(f, 10);
    assert_string_equal(f->sent, ""); /* it is the hypervisor's to deliver */
}

static void test_what_a_silent_hypervisor_leaves_is_delivered_over_the_lan(void **state)
{
    struct fixture *f = *state;

    f->delivery->is_fetched = true;
    put(f, HM_WAY_NEW, 'a');
    put(f, HM_WAY_NEW, 'b');
    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    hm_delivery_be_fetched(f->delivery);
    hm_delivery_fill_stream(f->delivery);
    put(f, HM_WAY_NEW, 'c');
    hm_buffer_release(&f->delivery->stream, 76); /* the first was written */
    hm_delivery_drain(f->delivery);
    pass(f, 1000);
    assert_int_equal(f->sent_len, 2);
    assert_int_equal(f->sent[1], 'c'); /* the one before is a frame with its header */
    assert_int_equal(f->done, 1);
}

/* One for each handover, and as many for what comes up by a new way. */
static void test_there_are_no_more_than_twice_the_handovers(void **state)
{
    struct fixture *f = *state;
    struct hm_delivery *more[3];

    for (unsigned i = 0; i < 3; i++) {
        more[i] = hm_delivery_add(&f->deliveries, NULL);
        assert_non_null(more[i]);
    }
    assert_null(hm_delivery_add(&f->deliveries, NULL));
    for (unsigned i = 0; i < 3; i++)
        hm_delivery_remove(more[i]);
}

/* Half a record of a stream whose sender has died never becomes whole. */
static void test_half_a_record_keeps_nothing_open(void **state)
{
    static const uint8_t half[] = {0, 60, 1, 2, 3};
    struct fixture *f = *state;

    assert_true(hm_delivery_append(f->delivery, HM_WAY_SALVAGE, half, sizeof(half)));
    put(f, HM_WAY_NEW, 'n');
    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    hm_delivery_drain(f->delivery);
    assert_string_equal(f->sent, "n");
    assert_int_equal(f->done, 1);
}

/* More comes than the pace lets out: it must end some time. */
static void test_the_pace_grows_until_nothing_waits(void **state)
{
    struct fixture *f = *state;

    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    for (unsigned i = 0; i < 20; i++)
        put(f, HM_WAY_NEW, 'a');
    hm_delivery_drain(f->delivery);
    for (unsigned ms = 0; f->done == 0 && ms < 2000; ms++) {
        for (unsigned i = 0; i < 5 && f->done == 0; i++) /* the pace is 4 a millisecond */
            put(f, HM_WAY_NEW, 'a');
        f->sent_len = 0;
        pass(f, 1);
    }
    assert_int_equal(f->done, 1);
    assert_int_equal(f->env.counters.drops[HM_DROP_BUFFER_FULL], 0);
}

/* A move that fails after its frames were fetched: what was no salvage waits again, in order. */
static void test_what_was_fetched_is_taken_back(void **state)
{
    struct fixture *f = *state;
    static const uint8_t salvaged[] = {0, 15, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 's'};

    assert_true(hm_delivery_append(f->delivery, HM_WAY_SALVAGE, salvaged, sizeof(salvaged)));
    put(f, HM_WAY_OLD, 'a');
    put(f, HM_WAY_NEW, 'b');
    f->delivery->is_fetched = true;
    hm_delivery_close(f->delivery, HM_WAY_SALVAGE);
    hm_delivery_close(f->delivery, HM_WAY_OLD);
    hm_delivery_fill_stream(f->delivery);
    put(f, HM_WAY_NEW, 'c');
    f->delivery->is_fetched = false;
    hm_delivery_take_back(f->delivery);
    assert_true(hm_buffer_len(&f->delivery->stream) == 0);
    hm_delivery_drain(f->delivery);
    assert_string_equal(f->sent, "abc");
}

static void test_what_a_vm_sends_early_has_a_limit_of_its_own(void **state)
{
    struct fixture *f = *state;
    uint8_t memory[HM_FRAME_HEADROOM + 1000] = {0};
    struct hm_frame frame;

    for (unsigned i = 0; i < 400; i++) {
        hm_frame_init(&frame, memory, sizeof(memory), 1000);
        hm_delivery_put_up(f->delivery, &frame);
    }
    assert_true(f->env.counters.drops[HM_DROP_EARLY_FRAME] > 0);
    put(f, HM_WAY_NEW, 'n'); /* and takes no room from what comes for it */
    assert_int_equal(f->env.counters.drops[HM_DROP_BUFFER_FULL], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_goes_out_before_there_is_somebody),
        TEST(test_each_way_waits_for_the_end_of_the_one_before),
        TEST(test_a_way_whose_marker_does_not_come_is_closed_in_time_and_counted),
        TEST(test_the_first_burst_and_then_the_pace_are_as_configured),
        TEST(test_what_has_no_room_is_dropped_and_counted),
        TEST(test_what_is_given_up_is_counted),
        TEST(test_a_fetched_stream_is_the_frames_in_their_order),
        TEST(test_what_a_silent_hypervisor_leaves_is_delivered_over_the_lan),
        TEST(test_there_are_no_more_than_twice_the_handovers),
        TEST(test_half_a_record_keeps_nothing_open),
        TEST(test_the_pace_grows_until_nothing_waits),
        TEST(test_what_was_fetched_is_taken_back),
        TEST(test_what_a_vm_sends_early_has_a_limit_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
