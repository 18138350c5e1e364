/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of what was salvaged for a VM that has gone on: it goes after it as packets, and what is none,
 * or a broken one, ends here and is counted. */
#include "firmware/path/path.h"

#include "tests/unit/rig/path_rig.h"

#define FRAME_LEN (HM_ETHERNET_LEN + HM_IPV4_LEN + RIG_PAYLOAD)

static int setup(void **state)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    f->rig.config.buffer_len = f->rig.config.buffers_len = 1 << 20;
    f->rig.config.drain_burst = f->rig.config.drain_per_s = 1000;
    f->rig.config.max_handovers = 2;
    path_rig_start(f);
    f->agent.deliveries.send_arg = &f->path;
    f->agent.deliveries.send = hm_path_send_waiting;
    *state = f;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, path_rig_teardown)

/* A packet for the VM as its TAP was given it, in the first FRAME_LEN bytes. */
static void write_frame(uint8_t bytes[FRAME_LEN])
{
    const struct hm_ethernet ethernet = {
        .dst = RIG_GUEST_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    const struct rig_packet packet = {.src = RIG_FAR, .dst = RIG_GUEST};

    hm_ethernet_encode(bytes, &ethernet);
    assert_int_equal(rig_write_packet(&packet, bytes + HM_ETHERNET_LEN), FRAME_LEN - HM_ETHERNET_LEN);
}

/* The frame is salvaged, and its VM is at peer C. */
static void send_after(struct path_rig *f, const uint8_t *bytes, size_t len)
{
    struct hm_delivery *delivery = hm_delivery_add(&f->agent.deliveries, NULL);
    const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};

    assert_non_null(delivery);
    delivery->target = HM_TARGET_AGENT;
    delivery->remote_addr = RIG_PEER_C;
    rig_forget_frames(&f->rig);
    hm_delivery_append(delivery, HM_WAY_SALVAGE, head, sizeof(head));
    hm_delivery_append(delivery, HM_WAY_SALVAGE, bytes, len);
    hm_delivery_drain(delivery);
    hm_delivery_remove(delivery);
}

static void test_a_salvaged_packet_goes_after_its_vm_without_its_frame(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[FRAME_LEN + 6] = {0}; /* padded */
    struct hm_ethernet ethernet;

    write_frame(bytes);
    send_after(f, bytes, sizeof(bytes));
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_PEER_C);
    assert_int_equal(f->rig.frames[0].len, FRAME_LEN + HM_IPV4_LEN);
    assert_memory_equal(f->rig.frames[0].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN, bytes + HM_ETHERNET_LEN,
                        FRAME_LEN - HM_ETHERNET_LEN);
}

static void test_a_broken_one_ends_here(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[FRAME_LEN];

    write_frame(bytes);
    for (size_t len = HM_ETHERNET_LEN; len < FRAME_LEN; len++) {
        send_after(f, bytes, len);
        assert_int_equal(f->rig.frame_count, 0);
    }
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_HEADER), FRAME_LEN - HM_ETHERNET_LEN);
    bytes[HM_ETHERNET_LEN + 8] ^= 1;
    send_after(f, bytes, FRAME_LEN);
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_CHECKSUM), 1);
}

static void test_what_is_no_packet_stays_on_the_lan_that_the_vm_has_left(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[FRAME_LEN];

    write_frame(bytes);
    bytes[13] = 6; /* ARP */
    send_after(f, bytes, FRAME_LEN);
    send_after(f, bytes, HM_ETHERNET_LEN - 1);
    assert_int_equal(f->rig.frame_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_salvaged_packet_goes_after_its_vm_without_its_frame),
        TEST(test_a_broken_one_ends_here),
        TEST(test_what_is_no_packet_stays_on_the_lan_that_the_vm_has_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
