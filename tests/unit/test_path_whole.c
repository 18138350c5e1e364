/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of super-frames that pass whole: on each way into a tunnel and out of it the same frames go in,
 * and what leaves is, once the kernel has cut it, the same frames; and what is not on the usual way is not
 * taken. */
#include "firmware/path/path.h"
#include "tests/unit/rig/super_rig.h"

#define OUTER_ID_AT 18

static struct kernel_rig twin;

static struct segment_rig random_segment(uint64_t *chance, uint32_t src, uint32_t dst)
{
    return (struct segment_rig){
        .src = src,
        .dst = dst,
        .seq = (uint32_t)unit_random(chance),
        .flags = (uint8_t)(HM_TCP_ACK |
                           (unit_random(chance) & (HM_TCP_FIN | HM_TCP_PSH | HM_TCP_ECE | HM_TCP_CWR))),
        .header_len = HM_TCP_LEN + 4 * (size_t)unit_below(chance, 11),
        .payload_len = 1 + (size_t)unit_below(chance, 65000),
        .fragment = unit_below(chance, 4) == 0 ? 0 : HM_IPV4_DF};
}

static uint16_t fitting(uint64_t *chance, const struct segment_rig *segment)
{
    size_t most = 1500 - OVERHEAD - HM_IPV4_LEN - segment->header_len;
    return (uint16_t)(unit_below(chance, 3) == 0 ? 200 + unit_below(chance, most - 200) : most);
}

/* --- in ----------------------------------------------------------------------------------------------- */

static size_t longest_packet(const struct kernel_rig *rig)
{
    size_t len = 0;

    for (unsigned i = 0; i < rig->count; i++)
        len = rig->frames[i].len > len ? rig->frames[i].len : len;
    return len - HM_ETHERNET_LEN;
}

/* A super-frame of random form goes in by each way; what comes out must be what the slowest makes of it. */
static void check_in(uint32_t src, uint32_t dst, const struct hm_mac *to, const struct hm_mac *from)
{
    uint64_t chance = unit_seed(11);

    for (unsigned i = 0; i < 150; i++) {
        struct segment_rig segment = random_segment(&chance, src, dst);
        uint16_t gso_size = i % 3 != 0 ? fitting(&chance, &segment) : (uint16_t)(1480 - segment.header_len);
        bool is_cut_twice = i % 3 == 0 && segment.fragment == 0; /* its pieces are fragmented */
        for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way <= HM_TUNNEL_WAY_WHOLE; way++) {
            void *state;
            super_rig_setup(&state, way);
            struct path_rig *f = state;
            struct hm_frame frame = super_rig_frame(&segment, to, from, gso_size, 0);
            super_rig_sent.writes = 0;
            super_rig_input(f, &frame);
            super_rig_finish(f);
            super_rig_hide_ids(&super_rig_sent);
            if (way == HM_TUNNEL_WAY_SINGLE)
                twin = super_rig_sent;
            else
                super_rig_expect_same(&super_rig_sent, &twin);
            assert_true(way != HM_TUNNEL_WAY_WHOLE || is_cut_twice || segment.payload_len <= gso_size ||
                        super_rig_sent.writes == 1);
            assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_OUT], super_rig_sent.count);
            assert_int_equal(hm_tunnel_state_find(&f->path.tunnels, RIG_PEER_B)->largest_len,
                             longest_packet(&super_rig_sent));
            assert_int_equal(f->env.counters.events[HM_COUNT_WHOLE],
                             way != HM_TUNNEL_WAY_SINGLE && segment.payload_len > gso_size && !is_cut_twice);
            super_rig_teardown(&state);
        }
    }
}

static void test_into_the_tunnel_each_way_gives_the_same_frames(void **state)
{
    (void)state;
    check_in(RIG_FAR, RIG_VM, &RIG_VM_MAC, &RIG_ROUTER_MAC);
}

static void test_up_the_reverse_tunnel_each_way_gives_the_same_frames(void **state)
{
    (void)state;
    check_in(RIG_GUEST, RIG_FAR, &RIG_AGENT_MAC, &RIG_GUEST_MAC);
}

/* --- out ---------------------------------------------------------------------------------------------- */

/* However it arrives, and whichever way this agent itself sends, the same segments leave, but that some may
 * be longer: made of those that follow each other. */
static void check_out(uint32_t src, uint32_t dst)
{
    uint64_t chance = unit_seed(12);

    for (unsigned i = 0; i < 100; i++) {
        struct segment_rig segment = random_segment(&chance, src, dst);
        uint16_t gso_size = fitting(&chance, &segment);
        if (segment.payload_len <= gso_size) /* it would be none */
            segment.payload_len += gso_size;
        for (enum super_rig_arrival arrival = 0; arrival < ARRIVAL_COUNT; arrival++) {
            void *state;
            super_rig_setup(&state, (enum hm_tunnel_way)(i % HM_TUNNEL_WAY_COUNT));
            struct path_rig *f = state;
            super_rig_sent.writes = 0;
            super_rig_hand_in_as(f, arrival, &segment, gso_size);
            super_rig_finish(f);
            if (arrival == AS_SUPER_FRAME)
                twin = super_rig_sent;
            else
                for (unsigned k = 0; segment.fragment == HM_IPV4_DF && k < super_rig_sent.count; k++) {
                    /* of atomic packets the identification means nothing (RFC 6864), and merging makes its
                     * own */
                    kernel_set_u16(super_rig_sent.frames[k].bytes + OUTER_ID_AT,
                                   kernel_u16(twin.frames[k].bytes + OUTER_ID_AT));
                    kernel_fix_ip(super_rig_sent.frames[k].bytes + 14, super_rig_sent.frames[k].len - 14, 0);
                }
            super_rig_expect_same(&super_rig_sent, &twin);
            assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_IN], twin.count);
            assert_true(arrival != AS_SUPER_FRAME || super_rig_sent.writes == 1);
            super_rig_teardown(&state);
        }
    }
}

static void test_out_of_the_tunnel_each_arrival_gives_the_same_frames(void **state)
{
    (void)state;
    check_out(RIG_FAR, RIG_GUEST);
}

static void test_out_of_the_reverse_tunnel_each_arrival_gives_the_same_frames(void **state)
{
    (void)state;
    check_out(RIG_VM, RIG_FAR);
}

/* --- what is not on the usual way --------------------------------------------------------------------- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_whole, super_rig_teardown)

static int setup_whole(void **state)
{
    return super_rig_setup(state, HM_TUNNEL_WAY_WHOLE);
}

static void test_r8_nothing_comes_out_of_a_tunnel_that_was_not_agreed(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = {.src = RIG_FAR,
                                  .dst = RIG_GUEST,
                                  .flags = HM_TCP_ACK,
                                  .header_len = HM_TCP_LEN,
                                  .payload_len = 4200,
                                  .fragment = HM_IPV4_DF};

    struct hm_peer *peer = hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B);
    hm_security_grant_tunnel(&f->agent.security, peer, HM_ENCAPSULATION_IPIP);
    peer->reminded_ms = hm_env_ms(&f->env); /* so it is not told again that this agent began */
    for (enum super_rig_arrival arrival = 0; arrival < ARRIVAL_COUNT; arrival++) {
        uint64_t before = path_rig_dropped(f, HM_DROP_TUNNEL_PEER);
        super_rig_hand_in_as(f, arrival, &segment, 1400);
        super_rig_finish(f);
        assert_int_equal(super_rig_sent.count, 0);
        assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_PEER), before + 3);
    }
}

static struct segment_rig long_segment(uint32_t src, uint32_t dst)
{
    return (struct segment_rig){.src = src,
                                .dst = dst,
                                .seq = 7,
                                .flags = HM_TCP_ACK,
                                .header_len = 32,
                                .payload_len = 10000,
                                .fragment = HM_IPV4_DF};
}

static void go_down(struct path_rig *f)
{
    struct segment_rig segment = long_segment(RIG_FAR, RIG_VM);
    struct hm_frame frame = super_rig_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1448, 0);

    super_rig_sent.count = 0;
    super_rig_input(f, &frame);
    super_rig_finish(f);
}

static void arrive(struct path_rig *f, uint32_t src, uint32_t dst)
{
    struct segment_rig segment = long_segment(src, dst);
    struct hm_frame frame = super_rig_tunnelled(&segment, 1400);

    super_rig_sent.count = 0;
    super_rig_input(f, &frame);
    super_rig_finish(f);
}

static uint64_t whole(const struct path_rig *f)
{
    return f->env.counters.events[HM_COUNT_WHOLE];
}

static void test_a_node_that_is_about_to_move_gets_plain_packets(void **state)
{
    struct path_rig *f = *state;
    struct hm_binding *binding = hm_binding_lookup(&f->agent.home.bindings, RIG_VM);

    go_down(f);
    assert_int_equal(whole(f), 1);
    hm_binding_set_staged(binding, RIG_PEER_C, 5, 5);
    hm_binding_apply(binding, HM_BINDING_STAGE, "test");
    go_down(f);
    assert_int_equal(whole(f), 1);
    assert_int_equal(super_rig_sent.count, 8);
}

static void test_a_tunnel_of_another_kind_carries_plain_packets(void **state)
{
    struct path_rig *f = *state;
    struct hm_peer *peer = hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B);

    peer->tunnel = HM_ENCAPSULATION_IPIP;
    go_down(f);
    assert_int_equal(whole(f), 0);
    assert_int_equal(super_rig_sent.count, 8);
    assert_int_equal(super_rig_sent.frames[0].bytes[14 + 9], HM_IP_PROTO_IPIP);
    peer->tunnel = HM_ENCAPSULATION_GRE;
    go_down(f);
    assert_int_equal(super_rig_sent.frames[0].bytes[14 + 9], HM_IP_PROTO_GRE);
}

static void test_what_comes_for_a_visitor_that_has_stopped_is_sent_after_it(void **state)
{
    struct path_rig *f = *state;
    struct hm_visitor *visitor = hm_visitor_by_home(&f->agent.foreign.visitors, RIG_PEER_B, RIG_GUEST);

    hm_visitor_apply(visitor, HM_VISITOR_STOP, "test");
    visitor->next_addr = RIG_PEER_C;
    arrive(f, RIG_FAR, RIG_GUEST);
    assert_int_equal(whole(f), 0);
    assert_true(super_rig_sent.count >= 8);
    assert_int_equal(f->env.counters.events[HM_COUNT_REDIRECTED], 8);
}

static void test_a_stranger_gets_nothing_through(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = long_segment(RIG_FAR, RIG_GUEST);
    struct hm_frame frame = super_rig_tunnelled(&segment, 1400);
    uint8_t *outer = frame.data + HM_ETHERNET_LEN;

    outer[15] = 99; /* the source */
    kernel_fix_ip(outer, frame.len - HM_ETHERNET_LEN, 0);
    kernel_set_u16(outer + 26, kernel_pseudo(outer, 17, frame.len - 34));
    super_rig_sent.count = 0;
    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_PEER), 8);
}

static void test_a_broken_outer_checksum_is_counted_and_nothing_leaves(void **state)
{
    struct path_rig *f = *state;
    static struct kernel_rig datagrams;
    struct segment_rig segment = long_segment(RIG_FAR, RIG_GUEST);
    struct hm_frame frame = super_rig_tunnelled(&segment, 1400);

    datagrams.count = 0;
    kernel_take(&datagrams, 0, &frame);
    super_rig_sent.count = 0;
    for (unsigned i = 0; i < datagrams.count; i++) {
        datagrams.frames[i].bytes[200] ^= 1;
        super_rig_hand_in(f, datagrams.frames[i].bytes, datagrams.frames[i].len, NULL);
    }
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_CHECKSUM), 8);
}

static void test_a_visitor_cannot_speak_as_another_agent(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = long_segment(RIG_FAR, RIG_GUEST);
    const struct hm_offload begun = {.flags = 1, .csum_start = 34, .csum_offset = 6};
    uint8_t bytes[2048];

    struct hm_frame frame = super_rig_tunnelled(&segment, 1400); /* a super-frame */
    memcpy(frame.data + 6, RIG_GUEST_MAC.b, 6);
    super_rig_sent.count = 0;
    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 0);
    segment.payload_len = 100; /* one datagram, begun */
    frame = super_rig_tunnelled(&segment, 1400);
    memcpy(frame.data + 6, RIG_GUEST_MAC.b, 6);
    memcpy(bytes, frame.data, frame.len);
    kernel_fix_transport(bytes + 46, bytes + 66, frame.len - 66, 6);
    super_rig_hand_in(f, bytes, frame.len, &begun);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 0);
}

static void test_outer_identifications_are_not_used_twice(void **state)
{
    static unsigned seen[65536];

    (void)state;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way <= HM_TUNNEL_WAY_WHOLE; way++) {
        void *own;
        super_rig_setup(&own, way);
        memset(seen, 0, sizeof(seen));
        for (unsigned i = 0; i < 4; i++) {
            struct segment_rig segment = long_segment(RIG_FAR, RIG_VM);
            segment.fragment = 0;
            segment.payload_len = i % 2 ? 3000 : 40000;
            struct hm_frame frame = super_rig_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1400, 0);
            super_rig_input(own, &frame);
        }
        super_rig_finish(own);
        for (unsigned i = 0; i < super_rig_sent.count; i++)
            assert_int_equal(seen[kernel_u16(super_rig_sent.frames[i].bytes + 18)]++, 0);
        super_rig_teardown(&own);
    }
}

static int take_none(void *ctx, unsigned link, struct hm_frame *frame)
{
    (void)ctx;
    (void)link;
    fail_msg("%zu bytes were sent", frame->len);
    return 0;
}

/* A guest's choice of gso_size: it shall not make work of one frame for everybody behind it. */
static void test_segments_of_one_byte_go_no_way(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig up = long_segment(RIG_GUEST, RIG_FAR), out = long_segment(RIG_FAR, RIG_GUEST);

    f->rig.port.send_frame = take_none;
    up.payload_len = out.payload_len = 64000;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way <= HM_TUNNEL_WAY_WHOLE; way++) {
        f->env.tunnel_way = way;
        struct hm_frame frame = super_rig_frame(&up, &RIG_AGENT_MAC, &RIG_GUEST_MAC, 1, 0);
        super_rig_input(f, &frame);
    }
    struct hm_frame frame = super_rig_tunnelled(&out, 1);
    super_rig_input(f, &frame);
}

/* A visitor's own tunnel, with a train of datagrams within: what its kernel would have cut. */
static void test_a_train_within_a_visitors_own_tunnel_is_cut_in_both_its_layers(void **state)
{
    struct path_rig *f = *state;
    static struct kernel_rig expected;
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_GUEST_MAC, .type = HM_ETHERTYPE_IPV4};
    const size_t inner_at = 14 + 20 + 8 + 8 + 14, payload_len = 5000, len = inner_at + 28 + payload_len;
    struct hm_ipv4 inner = {
        .total_len = (uint16_t)(len - inner_at), .ttl = 64, .protocol = 17, .src = 1, .dst = 2};
    struct hm_ipv4 outer = {
        .total_len = (uint16_t)(len - 14), .ttl = 64, .protocol = 17, .src = RIG_GUEST, .dst = RIG_FAR};
    struct hm_frame frame;

    hm_frame_init(&frame, super_rig_memory, sizeof(super_rig_memory), len);
    memset(frame.data, 0x3c, len);
    hm_ethernet_encode(frame.data, &ethernet);
    hm_ipv4_encode(frame.data + 14, &outer);
    hm_ipv4_encode(frame.data + inner_at, &inner);
    kernel_set_u16(frame.data + 38, len - 34);
    kernel_set_u16(frame.data + 40, kernel_pseudo(frame.data + 14, 17, len - 34));
    kernel_set_u16(frame.data + inner_at + 24, len - inner_at - 20);
    kernel_set_u16(frame.data + inner_at + 26, kernel_pseudo(frame.data + inner_at, 17, len - inner_at - 20));
    frame.offload = (struct hm_offload){.flags = 9,
                                        .gso_type = 0x25,
                                        .hdr_len = (uint16_t)(inner_at + 28),
                                        .gso_size = 1300,
                                        .csum_start = (uint16_t)(inner_at + 20),
                                        .csum_offset = 6,
                                        .outer_transport_at = 34,
                                        .inner_network_at = (uint16_t)inner_at};
    expected.count = super_rig_sent.count = 0;
    kernel_take(&expected, 0, &frame);
    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, expected.count);
    for (unsigned i = 0; i < super_rig_sent.count; i++) {
        struct kernel_frame *want = &expected.frames[i], *got = &super_rig_sent.frames[i];
        want->bytes[14 + 8]--; /* the tunnel is a hop */
        kernel_fix_ip(want->bytes + 14, want->len - 14, 0);
        assert_int_equal(got->len, want->len + OVERHEAD);
        assert_memory_equal(got->bytes + 14 + OVERHEAD, want->bytes + 14, want->len - 14);
    }
}

static void test_a_congestion_mark_on_a_flow_without_ecn_is_counted_for_each_packet(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = long_segment(RIG_FAR, RIG_GUEST);
    struct hm_frame frame = super_rig_tunnelled(&segment, 1400);

    frame.data[HM_ETHERNET_LEN + 1] = 0x2b;
    kernel_fix_ip(frame.data + HM_ETHERNET_LEN, frame.len - HM_ETHERNET_LEN, 0);
    super_rig_sent.count = 0;
    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MALFORMED), 8);
    assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_IN], 0);
}

static void test_a_next_hop_that_is_about_to_be_forgotten_gets_packets_that_can_wait(void **state)
{
    struct path_rig *f = *state;

    for (unsigned i = 0; i < 4; i++) { /* it is in use, and silent */
        rig_pass_us(&f->rig, 31000000);
        go_down(f);
    }
    uint64_t before = whole(f);
    assert_true(before > 0);
    rig_pass_us(&f->rig, 2000000);
    go_down(f);
    assert_int_equal(whole(f), before);
    hm_neighbour_learn(&f->neighbours, 0, RIG_ROUTER, &RIG_ROUTER_MAC);
    super_rig_finish(f);
    assert_true(super_rig_sent.count > 1); /* what waited is sent */
}

static void test_a_train_of_very_many_datagrams_is_refused(void **state)
{
    struct path_rig *f = *state;
    static uint8_t bytes[42 + 24 * 200];
    const struct hm_offload offload = {
        .flags = 1, .gso_type = 5, .hdr_len = 42, .gso_size = 24, .csum_start = 34, .csum_offset = 6};
    struct segment_rig segment = long_segment(RIG_FAR, RIG_GUEST);
    struct hm_frame frame = super_rig_tunnelled(&segment, 1400);

    for (unsigned count = 100; count <= 200; count += 100) {
        size_t len = 42 + 24 * (size_t)count;
        memcpy(bytes, frame.data, len);
        kernel_fix_ip(bytes + 14, len - 14, 0);
        super_rig_hand_in(f, bytes, len, &offload);
        assert_int_equal(path_rig_dropped(f, HM_DROP_OFFLOAD), count > 128);
        assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MALFORMED), 100); /* what is in them is nothing */
    }
}

static void test_without_a_known_next_hop_a_packet_of_each_waits(void **state)
{
    struct path_rig *f = *state;

    f->rig.config.routes[0].gateway = RIG_ROUTER + 200; /* nobody has told its MAC */
    go_down(f);
    assert_int_equal(whole(f), 0);
}

static void test_a_time_to_live_that_ends_here_goes_no_further(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = long_segment(RIG_FAR, RIG_VM);
    struct hm_frame frame = super_rig_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1448, 0);

    frame.data[HM_ETHERNET_LEN + 8] = 1;
    kernel_fix_ip(frame.data + HM_ETHERNET_LEN, frame.len - HM_ETHERNET_LEN, 0);
    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(whole(f), 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_TTL), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_into_the_tunnel_each_way_gives_the_same_frames),
        cmocka_unit_test(test_up_the_reverse_tunnel_each_way_gives_the_same_frames),
        cmocka_unit_test(test_out_of_the_tunnel_each_arrival_gives_the_same_frames),
        cmocka_unit_test(test_out_of_the_reverse_tunnel_each_arrival_gives_the_same_frames),
        TEST(test_r8_nothing_comes_out_of_a_tunnel_that_was_not_agreed),
        TEST(test_a_node_that_is_about_to_move_gets_plain_packets),
        TEST(test_a_tunnel_of_another_kind_carries_plain_packets),
        TEST(test_what_comes_for_a_visitor_that_has_stopped_is_sent_after_it),
        TEST(test_a_stranger_gets_nothing_through),
        TEST(test_a_broken_outer_checksum_is_counted_and_nothing_leaves),
        TEST(test_a_visitor_cannot_speak_as_another_agent),
        cmocka_unit_test(test_outer_identifications_are_not_used_twice),
        TEST(test_segments_of_one_byte_go_no_way),
        TEST(test_a_train_within_a_visitors_own_tunnel_is_cut_in_both_its_layers),
        TEST(test_a_congestion_mark_on_a_flow_without_ecn_is_counted_for_each_packet),
        TEST(test_a_next_hop_that_is_about_to_be_forgotten_gets_packets_that_can_wait),
        TEST(test_a_train_of_very_many_datagrams_is_refused),
        TEST(test_without_a_known_next_hop_a_packet_of_each_waits),
        TEST(test_a_time_to_live_that_ends_here_goes_no_further),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
