/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of trains: whatever is sent, once the kernel has taken the trains apart, is what was to be sent,
 * and nothing has overtaken what it must not. */
#include "firmware/link/train.h"

#include "firmware/link/merge.h"
#include "firmware/link/output.h"
#include "firmware/wire/encapsulation.h"
#include "firmware/wire/udp.h"
#include "tests/unit/rig/kernel_rig.h"
#include "tests/unit/rig/rig.h"
#include "tests/unit/rig/segment_rig.h"

#define UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)
#define WRAPPING_LEN 32u /* IP, UDP, data message */
#define PEERS 12u
#define STEPS 3000

/* A datagram into a tunnel; 0: as usual. */
struct datagram {
    unsigned link, peer;
    size_t len; /* of the packet in it */
    uint16_t id, fragment;
    uint8_t tos, ttl, fill;
    struct hm_mac dst;
    bool is_summed; /* not begun only */
};

struct world {
    struct rig rig;
    struct hm_env env;
    struct kernel_rig sent, wanted;
};

static int send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    struct world *world = ctx;

    kernel_take(&world->sent, link, frame);
    memset(frame->data, 0xdd, frame->len);
    return 0;
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    rig_init_gateway(&world->rig);
    world->rig.port.ctx = world;
    world->rig.port.random = rig_fill_random;
    world->rig.port.send_frame = send_frame;
    world->rig.port.takes_super_frames = true;
    world->rig.port.tunnel_way = HM_TUNNEL_WAY_TRAIN;
    world->rig.config.tunnel_way = HM_TUNNEL_WAY_WHOLE;
    hm_env_init(&world->env, &world->rig.config, &world->rig.port, &world->rig.now);
    hm_output_init(&world->env);
    *state = world;
    return world->env.trains == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    hm_output_fini(&world->env);
    free(world);
    return 0;
}

static struct hm_frame make(const struct world *world, const struct datagram *datagram)
{
    static uint8_t memory[HM_FRAME_HEADROOM + 2048];
    struct hm_ethernet ethernet = {.dst = RIG_ROUTER_MAC, .src = RIG_AGENT_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {.tos = datagram->tos,
                         .total_len = (uint16_t)(WRAPPING_LEN + datagram->len),
                         .id = datagram->id,
                         .fragment = datagram->fragment,
                         .ttl = datagram->ttl != 0 ? datagram->ttl : 64,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = world->env.agent_addr,
                         .dst = RIG_PEER_B + datagram->peer};
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), HM_ETHERNET_LEN + ip.total_len);
    memset(frame.data, datagram->fill, frame.len);
    if (!hm_mac_is_zero(&datagram->dst))
        ethernet.dst = datagram->dst;
    hm_ethernet_encode(frame.data, &ethernet);
    hm_ipv4_encode(frame.data + HM_ETHERNET_LEN, &ip);
    hm_encapsulation_encode(frame.data + UDP_AT, HM_ENCAPSULATION_UDP, &ip);
    if (datagram->is_summed)
        hm_encapsulation_finish_sum(frame.data + UDP_AT, frame.len - UDP_AT, HM_ENCAPSULATION_UDP);
    else
        frame.offload = (struct hm_offload){
            .flags = HM_OFFLOAD_NEEDS_CSUM, .csum_start = UDP_AT, .csum_offset = HM_UDP_CHECKSUM_AT};
    return frame;
}

/* Notes what is wanted, and sends it. */
static void send(struct world *world, unsigned link, struct hm_frame *frame)
{
    kernel_take(&world->wanted, link, frame);
    hm_output_frame(&world->env, link, frame);
}

static void send_datagram(struct world *world, const struct datagram *datagram)
{
    struct hm_frame frame = make(world, datagram);

    send(world, datagram->link, &frame);
}

static void send_many(struct world *world, const struct datagram *datagram, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        send_datagram(world, datagram);
}

/* Of atomic packets the identification means nothing. */
static void hide_ids(struct kernel_rig *rig)
{
    for (unsigned i = 0; i < rig->count; i++) {
        uint8_t *ip = rig->frames[i].bytes + HM_ETHERNET_LEN;
        if (rig->frames[i].bytes[12] == 8 && rig->frames[i].bytes[13] == 0 && (ip[6] & 0x40) != 0) {
            kernel_set_u16(ip + 4, 0);
            kernel_fix_ip(ip, rig->frames[i].len - HM_ETHERNET_LEN, 0);
        }
    }
}

static void expect(const struct kernel_frame *got, const struct kernel_frame *wanted)
{
    assert_int_equal(got->link, wanted->link);
    assert_int_equal(got->len, wanted->len);
    assert_memory_equal(got->bytes, wanted->bytes, got->len);
}

/* The same, in the same order, by so many writes; and it begins anew. */
static void check(struct world *world, unsigned writes)
{
    hm_output_flush(&world->env);
    hide_ids(&world->sent);
    hide_ids(&world->wanted);
    assert_int_equal(world->sent.count, world->wanted.count);
    for (unsigned i = 0; i < world->sent.count; i++)
        expect(&world->sent.frames[i], &world->wanted.frames[i]);
    assert_int_equal(world->sent.writes, writes);
    world->sent.count = world->wanted.count = world->sent.writes = 0;
}

static void test_datagrams_of_one_length_leave_by_one_write(void **state)
{
    struct world *world = *state;
    const struct datagram small = {.len = 40, .fragment = HM_IPV4_DF}, large = {.len = 1400};

    send_many(world, &small, 1);
    check(world, 1);
    assert_int_equal(world->env.counters.events[HM_COUNT_TRAINS], 0);
    send_many(world, &small, HM_BUNDLE_FRAMES_MAX);
    assert_int_equal(world->sent.writes, 0);
    check(world, 1);
    assert_int_equal(world->env.counters.events[HM_COUNT_TRAINS], 1);
    assert_int_equal(world->env.counters.events[HM_COUNT_FRAMES_OUT], 2);
    send_many(world, &small, HM_BUNDLE_FRAMES_MAX + 1);
    check(world, 2);
    for (unsigned i = 0; i < 60; i++) { /* more than a frame can have */
        struct datagram next = large;
        next.id = (uint16_t)(65530 + i);
        send_datagram(world, &next);
    }
    check(world, 2);
}

static void test_a_shorter_one_is_the_last(void **state)
{
    struct world *world = *state;
    const struct datagram usual = {.len = 100, .fragment = HM_IPV4_DF, .fill = 1};
    struct datagram other = usual;

    other.fill = 2;
    other.len = 99;
    for (unsigned i = 0; i < 2 * HM_BUNDLES_PER_LANE; i++) {
        send_many(world, &usual, 2);
        send_datagram(world, &other);
        check(world, 1);
    }
    send_datagram(world, &usual);
    send_datagram(world, &other);
    send_datagram(world, &other);
    send_datagram(world, &usual);
    check(world, 3); /* 2, 1, 1: the third ends where one is longer */
    other.len = 101;
    send_datagram(world, &usual);
    send_datagram(world, &other);
    check(world, 2);
}

static void test_what_the_kernel_would_not_make_out_of_one_goes_alone(void **state)
{
    struct world *world = *state;
    const struct datagram usual = {.len = 100, .id = 7, .fill = 1};
    const struct datagram OTHERS[] = {
        {.len = 100, .id = 8, .fill = 2, .tos = 4},
        {.len = 100, .id = 8, .fill = 2, .ttl = 63},
        {.len = 100, .id = 8, .fill = 2, .fragment = HM_IPV4_DF},
        {.len = 100, .id = 8, .fill = 2, .dst = RIG_MAC(0x77)},
        {.len = 100, .id = 8, .fill = 2, .is_summed = true},
        {.len = 100, .id = 9, .fill = 2},
        {.len = 100, .id = 7, .fill = 2},
    };

    for (unsigned i = 0; i < UNIT_COUNT(OTHERS); i++) {
        send_datagram(world, &usual);
        send_datagram(world, &OTHERS[i]);
        check(world, 2);
    }
    struct datagram next = usual;
    next.id++;
    send_datagram(world, &usual);
    send_datagram(world, &next);
    check(world, 1);
}

static void test_tunnels_and_links_do_not_wait_for_each_other(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < 40; i++) {
        const struct datagram one = {.link = i & 1, .peer = i / 2 % 4, .len = 60, .fragment = HM_IPV4_DF};
        send_datagram(world, &one);
    }
    hm_output_flush(&world->env);
    assert_int_equal(world->sent.writes, 8);
    assert_int_equal(world->sent.count, 40);
}

/* More than are kept at a time. */
static void test_many_tunnels_push_each_other_out(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < 4 * PEERS; i++) {
        const struct datagram one = {.peer = i % PEERS, .len = 60, .fragment = HM_IPV4_DF};
        send_datagram(world, &one);
    }
    hm_output_flush(&world->env);
    assert_int_equal(world->sent.count, 4 * PEERS);
}

static struct hm_frame make_barrier(const struct world *world, unsigned kind)
{
    static uint8_t memory[HM_FRAME_HEADROOM + 128];
    struct hm_ethernet ethernet = {.dst = RIG_ROUTER_MAC, .src = RIG_AGENT_MAC, .type = HM_ETHERTYPE_ARP};
    struct hm_ipv4 ip = {.total_len = 60,
                         .ttl = 64,
                         .protocol = HM_IP_PROTO_IPIP,
                         .src = kind == 2 ? RIG_FAR : world->env.agent_addr,
                         .dst = RIG_PEER_B};
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), 74);
    memset(frame.data, (int)kind, frame.len);
    ethernet.type = kind == 0 ? HM_ETHERTYPE_ARP : HM_ETHERTYPE_IPV4;
    hm_ethernet_encode(frame.data, &ethernet);
    if (kind != 0)
        hm_ipv4_encode(frame.data + HM_ETHERNET_LEN, &ip);
    return frame;
}

static void test_what_is_no_datagram_overtakes_none_of_ours(void **state)
{
    struct world *world = *state;
    const struct datagram usual = {.len = 60, .fragment = HM_IPV4_DF, .fill = 9};

    for (unsigned i = 0; i < 3; i++) { /* no IP, on either link; the same tunnel, IP-in-IP */
        struct hm_frame frame = make_barrier(world, i / 2);
        send_many(world, &usual, 3);
        send(world, i % 2, &frame);
        assert_int_equal(world->sent.writes, 2);
        check(world, 2);
    }
    struct hm_frame frame = make_barrier(world, 2); /* somebody else's */
    send_datagram(world, &usual);
    hm_output_frame(&world->env, 0, &frame);
    assert_int_equal(world->sent.count, 1);
    assert_memory_equal(world->sent.frames[0].bytes + HM_ETHERNET_LEN + 12, "\x0a\x09", 2); /* RIG_FAR */
}

static void test_a_super_frame_waits_for_its_tunnel_alone(void **state)
{
    struct world *world = *state;
    struct datagram usual = {.len = 60, .fragment = HM_IPV4_DF, .fill = 9};
    static uint8_t memory[HM_FRAME_HEADROOM + 4096];
    struct hm_frame large, frame = make(world, &usual);

    hm_frame_init(&large, memory, sizeof(memory), frame.len + 2 * 64);
    memcpy(large.data, frame.data, frame.len);
    for (unsigned i = 0; i < 2; i++)
        memcpy(large.data + frame.len + 64 * i, frame.data + UDP_AT + HM_UDP_LEN, 64);
    kernel_fix_ip(large.data + 14, large.len - 14, 0);
    kernel_set_u16(large.data + 38, large.len - 34);
    kernel_set_u16(large.data + 40, kernel_pseudo(large.data + 14, 17, large.len - 34));
    large.offload = (struct hm_offload){
        .flags = 1, .gso_type = 5, .hdr_len = 42, .gso_size = 64, .csum_start = 34, .csum_offset = 6};
    usual.peer = 1;
    send_datagram(world, &usual);
    world->wanted.count = 0;
    usual.peer = 0;
    send_many(world, &usual, 2);
    send(world, 0, &large);
    assert_int_equal(world->sent.writes, 2);
    assert_int_equal(world->sent.count, 5); /* that of the other one still waits */
    hm_output_flush(&world->env);
    assert_int_equal(world->sent.count, 6);
}

static struct datagram random_datagram(uint64_t *chance, uint16_t *ids)
{
    static const size_t LENS[] = {60, 60, 60, 60, 59, 61, 1400, 1};
    struct datagram one = {.link = (unsigned)unit_below(chance, 2),
                           .peer = (unsigned)unit_below(chance, 3),
                           .len = LENS[unit_below(chance, UNIT_COUNT(LENS))],
                           .fragment = unit_below(chance, 4) == 0 ? 0 : HM_IPV4_DF,
                           .tos = unit_below(chance, 10) == 0 ? 0xb8 : 0,
                           .fill = (uint8_t)unit_random(chance)};

    one.id = one.fragment == 0 ? ids[one.peer]++ : (uint16_t)unit_random(chance);
    return one;
}

#define BARRIER 3u

/* To which peer it goes. */
static unsigned class_of(const struct kernel_frame *frame)
{
    return frame->bytes[13] == 0 ? (frame->bytes[33] - RIG_PEER_B) & 3u : BARRIER;
}

static bool is_of(const struct kernel_frame *frame, unsigned link, unsigned class)
{
    return frame->link == link && class_of(frame) == class;
}

/* Of one tunnel, or a barrier: in order; and no barrier overtakes what came before it on its link. */
static void check_order(struct world *world)
{
    unsigned next[2][BARRIER + 1] = {{0}};

    hide_ids(&world->sent);
    hide_ids(&world->wanted);
    assert_int_equal(world->sent.count, world->wanted.count);
    for (unsigned i = 0; i < world->sent.count; i++) {
        const struct kernel_frame *got = &world->sent.frames[i];
        unsigned class = class_of(got), at = next[got->link][class];
        while (at < world->wanted.count && !is_of(&world->wanted.frames[at], got->link, class))
            at++;
        assert_true(at < world->wanted.count);
        expect(got, &world->wanted.frames[at]);
        next[got->link][class] = at + 1;
        for (unsigned k = 0; class == BARRIER && k < BARRIER; k++)
            for (unsigned j = next[got->link][k]; j < at; j++)
                assert_false(is_of(&world->wanted.frames[j], got->link, k));
    }
    world->sent.count = world->wanted.count = world->sent.writes = 0;
}

static void test_any_stream_leaves_in_order(void **state)
{
    struct world *world = *state;
    uint64_t chance = unit_seed(1);
    uint16_t ids[3] = {65500, 1, 2};
    unsigned frames = 0, writes = 0;

    for (unsigned i = 1; i <= STEPS; i++) {
        if (unit_below(&chance, 40) == 0) {
            struct hm_frame barrier = make_barrier(world, 0);
            send(world, (unsigned)unit_below(&chance, 2), &barrier);
        } else {
            struct datagram one = random_datagram(&chance, ids);
            send_datagram(world, &one);
        }
        if (unit_below(&chance, 64) == 0 || i == STEPS) {
            hm_output_flush(&world->env);
            frames += world->sent.count;
            writes += world->sent.writes;
            check_order(world);
        }
    }
    assert_int_equal(frames, STEPS);
    assert_true(writes < frames);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_datagrams_of_one_length_leave_by_one_write),
        TEST(test_a_shorter_one_is_the_last),
        TEST(test_what_the_kernel_would_not_make_out_of_one_goes_alone),
        TEST(test_tunnels_and_links_do_not_wait_for_each_other),
        TEST(test_many_tunnels_push_each_other_out),
        TEST(test_what_is_no_datagram_overtakes_none_of_ours),
        TEST(test_a_super_frame_waits_for_its_tunnel_alone),
        TEST(test_any_stream_leaves_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
