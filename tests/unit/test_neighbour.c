/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of link/neighbour: what is learnt, asked for, kept, and sent. */
#include "firmware/link/neighbour.h"

#include "tests/unit/rig/rig.h"

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_neighbours neighbours;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    f->rig.config.max_neighbours = 8;
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_neighbours_init(&f->neighbours, &f->env), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_neighbours_fini(&f->neighbours);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void pass_ms(struct fixture *f, uint64_t ms)
{
    for (; ms > 0; ms--) {
        rig_pass_us(&f->rig, 1000);
        f->env.now = f->rig.now;
        while (hm_wheel_advance(&f->env.wheel, f->rig.now.mono_us / 1000, 64))
            ;
    }
}

static void learn(struct fixture *f, uint32_t addr, struct hm_mac mac)
{
    hm_neighbour_learn(&f->neighbours, 0, addr, &mac);
}

static bool knows(struct fixture *f, uint32_t addr)
{
    return hm_neighbour_lookup(&f->neighbours, 0, addr) != NULL;
}

/* Sends a packet whose payload is this byte, again and again. */
static void send_packet(struct fixture *f, uint32_t next_hop, uint8_t byte, size_t len)
{
    uint8_t *memory = malloc(HM_FRAME_HEADROOM + len);
    struct hm_frame frame;

    hm_frame_init(&frame, memory, HM_FRAME_HEADROOM + len, len);
    memset(frame.data, byte, len);
    hm_neighbour_send(&f->neighbours, 0, next_hop, &frame);
    free(memory);
}

static bool is_packet(const struct rig_frame *frame, const struct hm_mac *dst, uint8_t byte, size_t len)
{
    if (frame->len != HM_ETHERNET_LEN + len || memcmp(frame->bytes, dst, 6) != 0 || frame->bytes[12] != 8)
        return false;
    for (size_t i = 0; i < len; i++)
        if (frame->bytes[HM_ETHERNET_LEN + i] != byte)
            return false;
    return true;
}

static unsigned questions(const struct fixture *f)
{
    unsigned count = 0;
    struct hm_arp arp;

    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++)
        count += rig_arp(&f->rig.frames[i], &arp) && arp.op == HM_ARP_REQUEST;
    return count;
}

static void test_impossible_pairs_are_not_learnt(void **state)
{
    struct fixture *f = *state;
    const struct hm_mac group = {{0x01, 0x00, 0x5e, 0, 0, 1}};

    learn(f, RIG_FAR, RIG_VM_MAC); /* not of this LAN */
    learn(f, 0, RIG_VM_MAC);
    learn(f, RIG_VM, group);
    learn(f, RIG_VM, HM_MAC_BROADCAST);
    learn(f, RIG_VM, HM_MAC_ZERO);
    learn(f, 0x0a0100ffu,
          RIG_VM_MAC); /* the LAN's broadcast address: who believed it would get all of them */
    learn(f, 0x0a010000u, RIG_VM_MAC);
    learn(f, RIG_AGENT, RIG_VM_MAC); /* our own */
    assert_int_equal(f->neighbours.entries.used, 0);
}

static void test_l8_packets_wait_for_the_answer_and_leave_in_order(void **state)
{
    struct fixture *f = *state;

    for (uint8_t i = 0; i < HM_NEIGHBOUR_QUEUE; i++)
        send_packet(f, RIG_VM, i, 1500);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(questions(f), 1);
    send_packet(f, RIG_VM, 99, 100);
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_QUEUE], 1);
    learn(f, RIG_VM, RIG_VM_MAC);
    assert_int_equal(f->rig.frame_count, 1 + HM_NEIGHBOUR_QUEUE);
    for (uint8_t i = 0; i < HM_NEIGHBOUR_QUEUE; i++)
        assert_true(is_packet(&f->rig.frames[1 + i], &RIG_VM_MAC, i, 1500));
    assert_int_equal(f->neighbours.waiting.used, 0);
    send_packet(f, RIG_VM, 7, 100);
    assert_true(is_packet(&f->rig.frames[1 + HM_NEIGHBOUR_QUEUE], &RIG_VM_MAC, 7, 100));
}

/* Who sends to many that do not answer leaves memory for others. */
static void test_when_memory_is_scarce_a_few_wait_for_each(void **state)
{
    struct fixture *f = *state;
    uint64_t dropped;

    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < HM_NEIGHBOUR_QUEUE; k++)
            send_packet(f, RIG_VM + i, 1, 100);
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_QUEUE], 0);
    for (unsigned i = 0; i < HM_NEIGHBOUR_FEW + 1; i++)
        send_packet(f, RIG_VM + 100, 2, 100);
    dropped = f->env.counters.drops[HM_DROP_NEIGHBOUR_QUEUE];
    assert_int_equal(dropped, 1);
    rig_forget_frames(&f->rig);
    learn(f, RIG_VM, RIG_VM_MAC);
    assert_int_equal(f->rig.frame_count, HM_NEIGHBOUR_QUEUE);
    for (unsigned i = 0; i < HM_NEIGHBOUR_QUEUE - HM_NEIGHBOUR_FEW; i++)
        send_packet(f, RIG_VM + 100, 3, 100);
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_QUEUE], dropped);
}

/* And all of it comes back. */
static void test_all_the_memory_may_wait(void **state)
{
    struct fixture *f = *state;
    size_t all = f->neighbours.waiting.capacity;

    hm_neighbours_fini(&f->neighbours);
    f->rig.config.max_neighbours = 128;
    assert_int_equal(hm_neighbours_init(&f->neighbours, &f->env), 0);
    for (unsigned i = 0; f->env.counters.drops[HM_DROP_NEIGHBOUR_QUEUE] == 0; i++)
        for (unsigned k = 0; k < HM_NEIGHBOUR_FEW; k++)
            send_packet(f, RIG_VM + i, 1, 100);
    assert_int_equal(f->neighbours.waiting.used, all);
    pass_ms(f, 10000);
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_SILENT], all);
    assert_int_equal(f->neighbours.waiting.used, 0);
}

static void test_one_who_never_answers_is_asked_thrice_and_forgotten(void **state)
{
    struct fixture *f = *state;

    send_packet(f, RIG_VM, 1, 100);
    pass_ms(f, 10000);
    assert_int_equal(questions(f), 3);
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_SILENT], 1);
    assert_int_equal(f->neighbours.entries.used, 0);
    assert_int_equal(f->neighbours.waiting.used, 0);
}

static void test_broadcast_and_multicast_need_no_question(void **state)
{
    struct fixture *f = *state;
    const struct hm_mac group = {{0x01, 0x00, 0x5e, 0x7f, 0x01, 0x02}};

    send_packet(f, 0x0a0100ffu, 1, 100);
    assert_true(is_packet(&f->rig.frames[0], &HM_MAC_BROADCAST, 1, 100));
    send_packet(f, UINT32_MAX, 2, 100);
    assert_true(is_packet(&f->rig.frames[1], &HM_MAC_BROADCAST, 2, 100));
    send_packet(f, 0xe0ff0102u, 3, 100);
    assert_true(is_packet(&f->rig.frames[2], &group, 3, 100));
    assert_int_equal(questions(f), 0);
}

static void test_a_full_table_forgets_whom_it_heard_longest_ago(void **state)
{
    struct fixture *f = *state;

    for (uint8_t i = 0; i < 8; i++)
        learn(f, RIG_VM + i, RIG_MAC((uint8_t)(0x30 + i)));
    learn(f, RIG_VM, RIG_MAC(0x30)); /* heard again */
    assert_int_equal(f->env.counters.events[HM_COUNT_NEIGHBOURS_DISPLACED], 0);
    learn(f, RIG_VM + 8, RIG_MAC(0x38));
    assert_true(knows(f, RIG_VM));
    assert_false(knows(f, RIG_VM + 1));
    assert_true(knows(f, RIG_VM + 8));
    assert_int_equal(f->neighbours.entries.used, 8);
    assert_int_equal(f->env.counters.events[HM_COUNT_NEIGHBOURS_DISPLACED], 1);
}

/* Strangers' pairs (one host may claim a whole prefix) must not push out the next hop that is in use. */
static void test_a_flood_of_pairs_leaves_the_router_known(void **state)
{
    struct fixture *f = *state;

    learn(f, RIG_ROUTER, RIG_ROUTER_MAC);
    for (uint32_t i = 0; i < 200; i++) {
        learn(f, 0x0a010014u + i % 200, RIG_MAC(0x66));
        send_packet(f, RIG_ROUTER, 1, 60);
    }
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_QUEUE], 0);
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_SILENT], 0);
    assert_true(knows(f, RIG_ROUTER));
}

static void test_a_mac_in_use_is_confirmed_and_forgotten_when_silent(void **state)
{
    struct fixture *f = *state;

    learn(f, RIG_ROUTER, RIG_ROUTER_MAC);
    pass_ms(f, 29000);
    send_packet(f, RIG_ROUTER, 1, 60);
    assert_int_equal(questions(f), 0);
    pass_ms(f, 2000);
    send_packet(f, RIG_ROUTER, 1, 60);
    send_packet(f, RIG_ROUTER, 1, 60);
    assert_int_equal(questions(f), 1);
    learn(f, RIG_ROUTER, RIG_ROUTER_MAC);
    pass_ms(f, 5000);
    send_packet(f, RIG_ROUTER, 1, 60);
    assert_int_equal(questions(f), 1);
    for (unsigned i = 0; i < 40; i++) {
        pass_ms(f, 1000);
        send_packet(f, RIG_ROUTER, 1, 60);
    }
    assert_false(knows(f, RIG_ROUTER));
}

/* Nothing is sent to it. One that is there answers when it is asked, and stays. */
static void test_l2_cached_entries_time_out(void **state)
{
    struct fixture *f = *state;

    learn(f, RIG_VM, RIG_VM_MAC);
    learn(f, RIG_VM2, RIG_VM2_MAC);
    pass_ms(f, 3599000);
    assert_int_equal(questions(f), 0);
    pass_ms(f, 1500);
    assert_int_equal(questions(f), 2);
    learn(f, RIG_VM2, RIG_VM2_MAC); /* the answer */
    pass_ms(f, 3000);
    assert_false(knows(f, RIG_VM));
    assert_null(hm_neighbour_of_mac(&f->neighbours, 0, &RIG_VM_MAC, NULL));
    assert_true(knows(f, RIG_VM2));
    assert_int_equal(questions(f), 4);
    pass_ms(f, 3610000);
    assert_int_equal(f->neighbours.entries.used, 0);
    assert_int_equal(f->env.counters.drops[HM_DROP_NEIGHBOUR_SILENT], 0);
}

static void test_one_that_is_used_and_falls_silent_is_asked_for_again_by_the_next_packet(void **state)
{
    struct fixture *f = *state;

    learn(f, RIG_ROUTER, RIG_ROUTER_MAC);
    for (unsigned i = 0; i < 40 && knows(f, RIG_ROUTER); i++) {
        pass_ms(f, 1000);
        send_packet(f, RIG_ROUTER, 1, 60);
    }
    assert_false(knows(f, RIG_ROUTER));
    rig_forget_frames(&f->rig);
    send_packet(f, RIG_ROUTER, 1, 60);
    pass_ms(f, 300);
    assert_int_equal(questions(f), 1); /* another, that is: it waits for this one's answer */
    learn(f, RIG_ROUTER, RIG_ROUTER_MAC);
    assert_true(is_packet(&f->rig.frames[f->rig.frame_count - 1], &RIG_ROUTER_MAC, 1, 60));
}

/* A flood of claims is asked at the pace of a search. */
static void test_who_is_doubted_must_answer_within_seconds(void **state)
{
    struct fixture *f = *state;

    for (uint8_t i = 0; i < 3; i++)
        learn(f, RIG_VM + i, RIG_VM_MAC);
    learn(f, RIG_VM2 + 9, RIG_VM2_MAC);
    for (unsigned i = 0; i < 32; i++) { /* again and again: that keeps nobody */
        hm_neighbour_doubt(&f->neighbours, 0, &RIG_VM_MAC);
        if (i == 5)
            learn(f, RIG_VM + 1, RIG_VM_MAC);
        pass_ms(f, 100);
    }
    assert_false(knows(f, RIG_VM));
    assert_true(knows(f, RIG_VM + 1));
    assert_false(knows(f, RIG_VM + 2));
    assert_true(knows(f, RIG_VM2 + 9));
    assert_in_range(questions(f), 3 * 3, 3 * 3 + 2);
    hm_neighbour_doubt(&f->neighbours, 0, &RIG_MAC(0x77)); /* of nobody */
}

static void test_all_addresses_of_a_mac_are_found_on_its_link(void **state)
{
    struct fixture *f = *state;
    uint32_t addrs[4];

    learn(f, RIG_VM, RIG_VM_MAC);
    learn(f, RIG_VM2, RIG_VM_MAC);
    learn(f, RIG_ROUTER, RIG_ROUTER_MAC);
    assert_int_equal(hm_neighbour_addrs_of(&f->neighbours, 0, &RIG_VM_MAC, UINT64_MAX, addrs, 4), 2);
    assert_int_equal(hm_neighbour_addrs_of(&f->neighbours, 0, &RIG_VM_MAC, UINT64_MAX, addrs, 1), 1);
    learn(f, RIG_VM2, RIG_ROUTER_MAC); /* it has moved */
    assert_int_equal(hm_neighbour_addrs_of(&f->neighbours, 0, &RIG_VM_MAC, UINT64_MAX, addrs, 4), 1);
    assert_int_equal(addrs[0], RIG_VM);
    assert_int_equal(hm_neighbour_of_mac(&f->neighbours, 0, &RIG_VM_MAC, NULL)->addr, RIG_VM);
    assert_null(hm_neighbour_of_mac(&f->neighbours, 0, &RIG_GUEST_MAC, NULL));
}

static void test_a_search_asks_for_each_address_of_a_small_prefix_once(void **state)
{
    struct fixture *f = *state;

    hm_neighbour_ask_all(&f->neighbours, 0);
    assert_in_range(questions(f), 1, 64); /* not all at once: bridges and TAPs have short queues */
    pass_ms(f, 100);
    assert_int_equal(questions(f), 253); /* 254 hosts without the agent */
    assert_int_equal(f->neighbours.entries.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_impossible_pairs_are_not_learnt),
        TEST(test_l8_packets_wait_for_the_answer_and_leave_in_order),
        TEST(test_when_memory_is_scarce_a_few_wait_for_each),
        TEST(test_all_the_memory_may_wait),
        TEST(test_one_who_never_answers_is_asked_thrice_and_forgotten),
        TEST(test_broadcast_and_multicast_need_no_question),
        TEST(test_a_full_table_forgets_whom_it_heard_longest_ago),
        TEST(test_a_flood_of_pairs_leaves_the_router_known),
        TEST(test_a_mac_in_use_is_confirmed_and_forgotten_when_silent),
        TEST(test_l2_cached_entries_time_out),
        TEST(test_one_that_is_used_and_falls_silent_is_asked_for_again_by_the_next_packet),
        TEST(test_who_is_doubted_must_answer_within_seconds),
        TEST(test_all_addresses_of_a_mac_are_found_on_its_link),
        TEST(test_a_search_asks_for_each_address_of_a_small_prefix_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
