/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the outbox: which bytes come to a device, when, and in which order. */
#include "platform/linux/outbox.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define HEADER_LEN 12
#define MANY (HM_OUTBOX_FRAMES + 3)
#define LINK_GONE 5

/* Two devices whose frames arrive at one end, and one that is gone. */
struct world {
    struct hm_outbox outbox;
    struct hm_tap one, other, gone;
    int end;
    unsigned unsent, unsent_link;
    size_t unsent_len;
};

static void note_unsent(void *ctx, unsigned link, size_t len)
{
    struct world *world = ctx;

    world->unsent++;
    world->unsent_link = link;
    world->unsent_len = len;
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    int pair[2];

    if (world == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    world->outbox.ctx = world;
    world->outbox.on_unsent = note_unsent;
    world->end = pair[0];
    world->one = world->other = (struct hm_tap){.fd = pair[1], .header_len = HEADER_LEN};
    world->other.header_len = HM_TAP_HEADER_MAX;
    world->gone = (struct hm_tap){.fd = -1, .header_len = HEADER_LEN};
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    close(world->end);
    close(world->one.fd);
    free(world);
    return 0;
}

/* A frame whose bytes are all `fill`. Its memory is overwritten once it was put. */
static void put(struct world *world, const struct hm_tap *tap, unsigned link, uint8_t fill, size_t len)
{
    static uint8_t memory[HM_FRAME_HEADROOM + HM_OUTBOX_FRAME_MAX];
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), len);
    memset(frame.data, fill, len);
    frame.offload.gso_size = fill;
    hm_outbox_put(&world->outbox, tap, link, &frame);
    memset(memory, 0xee, sizeof(memory));
}

static void expect_nothing(const struct world *world)
{
    uint8_t byte;

    assert_int_equal(recv(world->end, &byte, 1, 0), -1);
}

static void expect(const struct world *world, const struct hm_tap *tap, uint8_t fill, size_t len)
{
    static uint8_t bytes[HM_TAP_HEADER_MAX + HM_OUTBOX_FRAME_MAX + 1];

    assert_int_equal(recv(world->end, bytes, sizeof(bytes), 0), tap->header_len + len);
    assert_int_equal(bytes[4], fill); /* gso_size, in the machine's order */
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[tap->header_len + i], fill);
}

static void test_frames_leave_together_in_their_order_whichever_their_devices(void **state)
{
    struct world *world = *state;

    put(world, &world->one, 0, 1, 60);
    put(world, &world->other, 1, 2, HM_OUTBOX_FRAME_MAX);
    put(world, &world->one, 0, 3, 14);
    expect_nothing(world);
    hm_outbox_send(&world->outbox);
    expect(world, &world->one, 1, 60);
    expect(world, &world->other, 2, HM_OUTBOX_FRAME_MAX);
    expect(world, &world->one, 3, 14);
    hm_outbox_send(&world->outbox);
    expect_nothing(world);
    assert_int_equal(world->unsent, 0);
}

static void test_a_full_one_is_sent_before_it_takes_more(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < MANY; i++)
        put(world, &world->other, 0, (uint8_t)i, 200);
    for (unsigned i = 0; i < HM_OUTBOX_FRAMES; i++)
        expect(world, &world->other, (uint8_t)i, 200);
    expect_nothing(world);
    hm_outbox_send(&world->outbox);
    for (unsigned i = HM_OUTBOX_FRAMES; i < MANY; i++)
        expect(world, &world->other, (uint8_t)i, 200);
}

static void test_its_memory_is_used_again(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < 10 * MANY; i++) {
        put(world, &world->other, 0, (uint8_t)i, HM_OUTBOX_FRAME_MAX);
        hm_outbox_send(&world->outbox);
        expect(world, &world->other, (uint8_t)i, HM_OUTBOX_FRAME_MAX);
    }
    assert_ptr_equal(world->outbox.ctx, world);
}

static void test_a_frame_that_a_device_does_not_take_is_told_and_the_others_leave(void **state)
{
    struct world *world = *state;

    put(world, &world->one, 0, 1, 60);
    put(world, &world->gone, LINK_GONE, 2, 77);
    put(world, &world->one, 0, 3, 60);
    hm_outbox_send(&world->outbox);
    assert_int_equal(world->unsent, 1);
    assert_int_equal(world->unsent_link, LINK_GONE);
    assert_int_equal(world->unsent_len, 77);
    expect(world, &world->one, 1, 60);
    expect(world, &world->one, 3, 60);
    hm_outbox_send(&world->outbox);
    assert_int_equal(world->unsent, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_leave_together_in_their_order_whichever_their_devices,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_one_is_sent_before_it_takes_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_frame_that_a_device_does_not_take_is_told_and_the_others_leave,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_its_memory_is_used_again, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
