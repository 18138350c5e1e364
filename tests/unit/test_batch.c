/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of a batch: a router between two ends of a socket that stands for its device. */
#include "platform/linux/batch.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "firmware/wire/arp.h"
#include "tests/unit/rig/rig.h"

#define HEADER_LEN 12
#define LARGE_LEN (HM_OUTBOX_FRAME_MAX + 1)
#define GONE ((struct hm_tap){.fd = -1, .header_len = HEADER_LEN})

struct world {
    struct rig rig;
    struct hm_router *router;
    struct hm_batch batch;
    struct hm_tap tap, out; /* the same, until a test says otherwise */
    int lan;                /* the other end */
    unsigned flush_at;      /* the frame sent as this one, from 1, is preceded by a flush, */
    unsigned large_at;      /* or by a large one; 0: none */
    unsigned sent, arrived_at_flush;
};

static unsigned count_arrived(const struct world *world)
{
    uint8_t bytes[HEADER_LEN + HM_OUTBOX_FRAME_MAX];
    unsigned count = 0;

    while (recv(world->lan, bytes, sizeof(bytes), 0) >= 0)
        count++;
    return count;
}

static void send_large(struct world *world)
{
    static uint8_t memory[HM_FRAME_HEADROOM + LARGE_LEN];
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), LARGE_LEN);
    assert_int_equal(hm_batch_send(&world->batch, &world->out, 0, &frame), HM_OK);
}

static int send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    struct world *world = ctx;

    if (++world->sent == world->flush_at) {
        hm_batch_flush(&world->batch);
        world->arrived_at_flush = count_arrived(world);
    }
    if (world->sent == world->large_at)
        send_large(world);
    return hm_batch_send(&world->batch, &world->out, link, frame);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    int pair[2];

    if (world == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    rig_init(&world->rig);
    world->rig.config.peer_count = 0; /* nobody is told that it began */
    world->rig.port.ctx = world;
    world->rig.port.send_frame = send_frame;
    world->rig.port.random = rig_fill_random;
    world->lan = pair[0];
    world->tap = world->out = (struct hm_tap){.fd = pair[1], .header_len = HEADER_LEN};
    if (hm_router_create(&world->rig.config, &world->rig.port, &world->rig.now, &world->router) != 0)
        return -1;
    hm_batch_init(&world->batch, world->router);
    count_arrived(world);
    world->sent = 0;
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    hm_router_destroy(world->router);
    close(world->lan);
    close(world->tap.fd);
    free(world);
    return 0;
}

/* Host number so-and-so asks for the agent's MAC, in a frame padded to that length. */
static void ask(const struct world *world, unsigned number, size_t len)
{
    static uint8_t bytes[HEADER_LEN + LARGE_LEN];
    struct hm_arp arp = {.op = HM_ARP_REQUEST,
                         .sender_mac = {{2, 9, 0, 0, 0, (uint8_t)number}},
                         .sender_addr = world->rig.config.home.addr + 100 + number,
                         .target_addr = RIG_AGENT};

    hm_arp_encode_frame(bytes + HEADER_LEN, &HM_MAC_BROADCAST, &arp.sender_mac, HM_ETHERTYPE_ARP, &arp);
    assert_int_equal(send(world->lan, bytes, HEADER_LEN + len, 0), HEADER_LEN + len);
}

static void expect_answer(const struct world *world, unsigned number)
{
    uint8_t bytes[HEADER_LEN + HM_OUTBOX_FRAME_MAX];

    assert_true(recv(world->lan, bytes, sizeof(bytes), 0) >= HEADER_LEN + HM_ARP_FRAME_LEN);
    assert_int_equal(bytes[HEADER_LEN + 5], number); /* the end of the destination */
}

static void run(struct world *world)
{
    assert_int_equal(hm_batch_run(&world->batch, &world->tap, 0, &world->rig.now), HM_OK);
}

static void test_frames_leave_in_the_order_in_which_they_came(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < 10; i++)
        ask(world, i, i == 4 ? LARGE_LEN : 60);
    run(world);
    for (unsigned i = 0; i < 10; i++)
        expect_answer(world, i);
    assert_int_equal(count_arrived(world), 0);
}

static void test_a_batch_has_an_end(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < HM_ROUTER_AHEAD + 3; i++)
        ask(world, i, i == 1 ? LARGE_LEN : 60);
    run(world);
    assert_int_equal(count_arrived(world), HM_ROUTER_AHEAD);
    run(world);
    assert_int_equal(count_arrived(world), 3);
    run(world);
    assert_int_equal(count_arrived(world), 0);
}

static void test_what_waits_leaves_before_something_else(void **state)
{
    struct world *world = *state;

    world->flush_at = 4;
    for (unsigned i = 0; i < 6; i++)
        ask(world, i, 60);
    run(world);
    assert_int_equal(world->arrived_at_flush, 3);
    assert_int_equal(count_arrived(world), 3);
}

static void test_a_large_frame_does_not_overtake_those_that_wait(void **state)
{
    struct world *world = *state;
    static uint8_t bytes[HEADER_LEN + LARGE_LEN];

    world->large_at = 3;
    for (unsigned i = 0; i < 4; i++)
        ask(world, i, 60);
    run(world);
    expect_answer(world, 0);
    expect_answer(world, 1);
    assert_int_equal(recv(world->lan, bytes, sizeof(bytes), 0), sizeof(bytes));
    expect_answer(world, 2);
    expect_answer(world, 3);
}

static void test_outside_a_batch_a_frame_leaves_at_once(void **state)
{
    struct world *world = *state;
    uint8_t memory[HM_FRAME_HEADROOM + 60] = {0};
    struct hm_frame frame;

    run(world);
    hm_frame_init(&frame, memory, sizeof(memory), 60);
    assert_int_equal(hm_batch_send(&world->batch, &world->tap, 0, &frame), HM_OK);
    assert_int_equal(count_arrived(world), 1);
    assert_int_equal(hm_batch_send(&world->batch, &GONE, 0, &frame), HM_ERR_PLATFORM);
}

static void ignore_row(void *ctx)
{
    (void)ctx;
}

static void ignore_text(void *ctx, const char *field, const char *text)
{
    (void)ctx;
    (void)field;
    (void)text;
}

static void keep_number(void *ctx, const char *field, uint64_t value)
{
    uint64_t *numbers = ctx;

    if (strcmp(field, "frames_out") == 0)
        numbers[0] = value;
    if (strcmp(field, "dropped") == 0)
        numbers[1] = value;
}

/* How many frames the router believes to have sent, and how many it has dropped. */
static void read_status(struct world *world, uint64_t numbers[2])
{
    const struct hm_report_sink sink = {.ctx = numbers,
                                        .begin_row = ignore_row,
                                        .end_row = ignore_row,
                                        .text = ignore_text,
                                        .number = keep_number};

    assert_int_equal(hm_router_report(world->router, "status", &sink, &world->rig.now), HM_OK);
}

static void test_the_router_is_told_what_a_device_did_not_take(void **state)
{
    struct world *world = *state;
    uint64_t before[2], after[2];

    read_status(world, before);
    world->out = GONE;
    for (unsigned i = 0; i < 5; i++)
        ask(world, i, 60);
    run(world);
    read_status(world, after);
    assert_int_equal(world->sent, 5);
    assert_int_equal(after[0], before[0]);
    assert_int_equal(after[1], before[1] + 5);
}

static void test_a_device_that_is_gone_is_told(void **state)
{
    struct world *world = *state;

    assert_int_equal(hm_batch_run(&world->batch, &GONE, 0, &world->rig.now), HM_ERR_PLATFORM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_frames_leave_in_the_order_in_which_they_came),
        TEST(test_a_batch_has_an_end),
        TEST(test_what_waits_leaves_before_something_else),
        TEST(test_a_large_frame_does_not_overtake_those_that_wait),
        TEST(test_outside_a_batch_a_frame_leaves_at_once),
        TEST(test_the_router_is_told_what_a_device_did_not_take),
        TEST(test_a_device_that_is_gone_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
