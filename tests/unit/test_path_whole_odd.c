/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of odd super-frames: whatever is asked of a packet is asked of them. What is handed in as one
 * frame leaves, and is dropped and counted, as are the packets that it stands for. */
#include "firmware/path/path.h"

#include "tests/unit/rig/super_rig.h"

#define LOOPBACK 0x7f000001u

static struct kernel_rig twin;

static struct segment_rig segment_of(uint32_t src, uint32_t dst, size_t payload_len)
{
    return (struct segment_rig){.src = src,
                                .dst = dst,
                                .seq = UINT32_MAX - 5000,
                                .flags = HM_TCP_ACK | HM_TCP_PSH,
                                .header_len = 40,
                                .payload_len = payload_len,
                                .fragment = HM_IPV4_DF};
}

/* Puts four bytes of options behind the IP header, which is the one before TCP. */
static void insert_options(struct hm_frame *frame, size_t ip_at, uint8_t kind)
{
    uint8_t *ip = frame->data + ip_at;

    memmove(ip + 24, ip + 20, frame->len - ip_at - 20);
    memcpy(ip + 20, (uint8_t[]){kind, 3, 4, 0}, 4); /* no operation: each byte of its own */
    if (kind == 1)
        memset(ip + 20, 1, 4);
    ip[0]++;
    frame->len += 4;
    kernel_fix_ip(ip, frame->len - ip_at, 0);
    frame->offload.csum_start = (uint16_t)(frame->offload.csum_start + 4);
    frame->offload.hdr_len = (uint16_t)(frame->offload.hdr_len + 4);
    if (ip_at > HM_ETHERNET_LEN) {
        uint8_t *outer = frame->data + HM_ETHERNET_LEN;
        kernel_fix_ip(outer, frame->len - HM_ETHERNET_LEN, 0);
        kernel_set_u16(outer + 24, frame->len - 34);
        kernel_set_u16(outer + 26, kernel_pseudo(outer, 17, frame->len - 34));
    }
}

/* --- in ----------------------------------------------------------------------------------------------- */

static struct hm_frame down(const struct segment_rig *segment, uint16_t gso_size)
{
    return super_rig_frame(segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, gso_size, 0);
}

static void make_narrow(struct path_rig *f)
{
    hm_tunnel_state_lower(&f->path.tunnels, hm_tunnel_state_use(&f->path.tunnels, RIG_PEER_B), 1, 1500);
}

static struct hm_frame from_the_care_of_address(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_PEER_B, RIG_VM, 5000);

    (void)f;
    return down(&segment, 1400);
}

static struct hm_frame from_a_node_that_is_away(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_VM2, RIG_VM, 5000);

    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_B);
    return down(&segment, 1400);
}

static struct hm_frame with_options(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);
    struct hm_frame frame = down(&segment, 1400);

    (void)f;
    insert_options(&frame, HM_ETHERNET_LEN, 1);
    return frame;
}

static struct hm_frame with_a_source_route(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);
    struct hm_frame frame = down(&segment, 1400);

    (void)f;
    insert_options(&frame, HM_ETHERNET_LEN, 131);
    return frame;
}

/* With the outer headers it is longer than any frame. */
static struct hm_frame as_long_as_possible(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, UINT16_MAX - HM_IPV4_LEN - 40);

    (void)f;
    return down(&segment, 1400);
}

static struct hm_frame with_headers_that_do_not_fit(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);

    make_narrow(f); /* to just these headers */
    segment.header_len = 48;
    return down(&segment, 1400);
}

static struct hm_frame for_very_many_pieces(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 60000);

    make_narrow(f);
    return down(&segment, 1400);
}

static struct hm_frame too_long_without_df(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);

    (void)f;
    segment.fragment = 0;
    return down(&segment, 1440);
}

static struct hm_frame too_long_and_urgent(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);

    (void)f;
    segment.flags |= HM_TCP_URG;
    return down(&segment, 1440);
}

static struct hm_frame too_long_and_signed(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);

    (void)f;
    segment.option = 29; /* TCP-AO */
    return down(&segment, 1440);
}

static struct hm_frame of_datagrams(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);
    struct hm_frame frame;

    (void)f;
    segment.header_len = 8;
    segment.protocol = HM_IP_PROTO_UDP;
    frame = down(&segment, 1400);
    frame.offload.gso_type = 5;
    frame.offload.csum_offset = 6;
    return frame;
}

static struct hm_frame of_a_visitors_own_tunnel(struct path_rig *f)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);
    struct hm_frame frame = super_rig_tunnelled(&segment, 1300);
    uint8_t *outer = frame.data + HM_ETHERNET_LEN;

    (void)f;
    memcpy(frame.data + 6, RIG_GUEST_MAC.b, 6);
    memcpy(outer + 12, (uint8_t[]){10, 2, 0, 5, 10, 9, 0, 5}, 8); /* RIG_GUEST, RIG_FAR */
    kernel_fix_ip(outer, frame.len - HM_ETHERNET_LEN, 0);
    kernel_set_u16(outer + 26, kernel_pseudo(outer, 17, frame.len - 34));
    return frame;
}

static void take_in(enum hm_tunnel_way way, struct hm_frame (*make)(struct path_rig *f), uint64_t *drops)
{
    void *state;

    super_rig_setup(&state, way);
    struct path_rig *f = state;
    struct hm_frame frame = make(f);
    super_rig_sent.count = 0;
    super_rig_input(f, &frame);
    super_rig_finish(f);
    super_rig_hide_ids(&super_rig_sent);
    memcpy(drops, f->env.counters.drops, sizeof(f->env.counters.drops));
    assert_int_equal(f->env.counters.events[HM_COUNT_WHOLE],
                     way == HM_TUNNEL_WAY_TRAIN && make == as_long_as_possible);
    super_rig_teardown(&state);
}

static void test_an_odd_one_goes_in_as_its_packets_do(void **state)
{
    static struct hm_frame (*const MAKE[])(struct path_rig * f) = {
        from_the_care_of_address,
        from_a_node_that_is_away,
        with_options,
        with_a_source_route,
        as_long_as_possible,
        with_headers_that_do_not_fit,
        for_very_many_pieces,
        too_long_without_df,
        too_long_and_urgent,
        too_long_and_signed,
        of_datagrams,
        of_a_visitors_own_tunnel,
    };
    uint64_t wanted[HM_DROP_COUNT], drops[HM_DROP_COUNT];

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(MAKE); i++) {
        take_in(HM_TUNNEL_WAY_SINGLE, MAKE[i], wanted);
        twin = super_rig_sent;
        for (enum hm_tunnel_way way = HM_TUNNEL_WAY_TRAIN; way <= HM_TUNNEL_WAY_WHOLE; way++) {
            take_in(way, MAKE[i], drops);
            super_rig_expect_same(&super_rig_sent, &twin);
            assert_memory_equal(drops, wanted, sizeof(drops));
        }
    }
}

/* With the outer headers it may have 65,535 bytes. */
static void test_what_would_be_too_long_in_the_tunnel_goes_in_trains(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        void *own;
        super_rig_setup(&own, HM_TUNNEL_WAY_WHOLE);
        struct path_rig *f = own;
        struct segment_rig segment =
            segment_of(RIG_FAR, RIG_VM, HM_FRAME_MAX - OVERHEAD - HM_ETHERNET_LEN - 60 + more);
        struct hm_frame frame = down(&segment, 1400);
        super_rig_sent.writes = 0;
        super_rig_input(f, &frame);
        super_rig_finish(f);
        assert_int_equal(f->env.counters.events[HM_COUNT_WHOLE], more == 0);
        assert_int_equal(super_rig_sent.writes, more == 0 ? 1 : 2);
        super_rig_teardown(&own);
    }
}

/* --- a plain one that does not fit -------------------------------------------------------------------- */

/* The frames that it makes by this way, but for the identifications of atomic packets. */
static struct path_rig *take_long(enum hm_tunnel_way way, const struct segment_rig *segment)
{
    uint8_t *bytes = super_rig_memory;
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    void *state;

    super_rig_setup(&state, way);
    struct path_rig *f = state;
    hm_ethernet_encode(bytes, &ethernet);
    size_t len = segment_rig_write(segment, bytes + HM_ETHERNET_LEN);
    super_rig_sent.count = super_rig_sent.writes = 0;
    super_rig_hand_in(f, bytes, HM_ETHERNET_LEN + len, NULL);
    super_rig_finish(f);
    for (unsigned i = 0; i < super_rig_sent.count && segment->fragment == HM_IPV4_DF; i++) {
        struct kernel_frame *frame = &super_rig_sent.frames[i];
        kernel_set_u16(frame->bytes + 14 + OVERHEAD + 4, 0);
        kernel_fix_ip(frame->bytes + 14 + OVERHEAD, frame->len - 14 - OVERHEAD, 0);
    }
    super_rig_hide_ids(&super_rig_sent);
    return f;
}

/* Each way gives the same frames; the better ones by one write. */
static void check_long(const struct segment_rig *segment, unsigned frames)
{
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way <= HM_TUNNEL_WAY_WHOLE; way++) {
        void *state = take_long(way, segment);
        struct path_rig *f = state;
        assert_int_equal(super_rig_sent.count, frames);
        assert_int_equal(super_rig_sent.writes, way == HM_TUNNEL_WAY_SINGLE ? frames : 1);
        assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_OUT], frames);
        assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], segment->fragment != 0);
        if (way == HM_TUNNEL_WAY_SINGLE)
            twin = super_rig_sent;
        else
            super_rig_expect_same(&super_rig_sent, &twin);
        super_rig_teardown(&state);
    }
}

static void test_a_segment_that_is_too_long_goes_in_two_by_one_write(void **state)
{
    uint64_t chance = unit_seed(13);

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 0);
        segment.header_len = HM_TCP_LEN + 4 * (size_t)unit_below(&chance, 11);
        segment.payload_len = 1480 - segment.header_len - (size_t)unit_below(&chance, 32);
        segment.flags =
            (uint8_t)(HM_TCP_ACK | (unit_random(&chance) & (HM_TCP_FIN | HM_TCP_PSH | HM_TCP_ECE)));
        check_long(&segment, 2);
    }
}

static void test_a_long_segment_that_is_odd_goes_in_two_or_not(void **state)
{
    const struct segment_rig good = segment_of(RIG_FAR, RIG_VM, 1440);
    struct segment_rig segment = good;

    (void)state;
    segment.flags |= HM_TCP_CWR; /* it stays on both */
    check_long(&segment, 2);
    segment = good;
    segment.fragment = 0; /* fragments */
    check_long(&segment, 2);
    segment = good;
    segment.is_spoilt = true;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way <= HM_TUNNEL_WAY_WHOLE; way++) {
        void *own = take_long(way, &segment);
        assert_int_equal(super_rig_sent.count, 0);
        assert_int_equal(path_rig_dropped(own, HM_DROP_TCP_CHECKSUM), 1);
        super_rig_teardown(&own);
    }
    segment = good;
    segment.flags |= HM_TCP_URG; /* it is told */
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way <= HM_TUNNEL_WAY_WHOLE; way++) {
        void *own = take_long(way, &segment);
        assert_int_equal(super_rig_sent.count, 1);
        assert_int_equal(super_rig_sent.frames[0].bytes[HM_ETHERNET_LEN + 9], HM_IP_PROTO_ICMP);
        super_rig_teardown(&own);
    }
}

/* --- out ---------------------------------------------------------------------------------------------- */

static struct hm_frame out(uint32_t src, size_t before)
{
    struct segment_rig segment = segment_of(src, RIG_GUEST, 5000);

    return super_rig_tunnelled_behind(&segment, 1300, before);
}

static struct hm_frame by_ourselves(void)
{
    return out(RIG_AGENT, OVERHEAD);
}

static struct hm_frame at_the_end_of_its_way(void)
{
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);

    frame.data[HM_ETHERNET_LEN + OVERHEAD + 8] = 1;
    kernel_fix_ip(frame.data + HM_ETHERNET_LEN + OVERHEAD, frame.len - HM_ETHERNET_LEN - OVERHEAD, 0);
    return frame;
}

static struct hm_frame with_options_inside(void)
{
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);

    insert_options(&frame, HM_ETHERNET_LEN + OVERHEAD, 1);
    return frame;
}

static struct hm_frame with_a_source_route_inside(void)
{
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);

    insert_options(&frame, HM_ETHERNET_LEN + OVERHEAD, 131);
    return frame;
}

static struct hm_frame behind_a_longer_header(void)
{
    return out(RIG_FAR, OVERHEAD + 4);
}

/* Minimal encapsulation, which we do not ask for. */
static struct hm_frame of_another_next_header(void)
{
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);

    frame.data[HM_ETHERNET_LEN + 29] = 55;
    return frame;
}

static struct hm_frame for_another_mac(void)
{
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);

    frame.data[5] ^= 0x40;
    return frame;
}

static struct hm_frame for_another_address(void)
{
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);
    uint8_t *outer = frame.data + HM_ETHERNET_LEN;

    outer[19] = 6; /* RIG_VM2 */
    kernel_fix_ip(outer, frame.len - HM_ETHERNET_LEN, 0);
    kernel_set_u16(outer + 26, kernel_pseudo(outer, 17, frame.len - 34));
    return frame;
}

static void take_out(const struct hm_frame *frame, bool is_whole, uint64_t *drops)
{
    static struct kernel_rig datagrams;
    void *state;

    super_rig_setup(&state, HM_TUNNEL_WAY_WHOLE);
    struct path_rig *f = state;
    datagrams.count = 0;
    kernel_take(&datagrams, 0, frame);
    if (is_whole)
        super_rig_hand_in(f, frame->data, frame->len, &frame->offload);
    for (unsigned i = 0; !is_whole && i < datagrams.count; i++)
        super_rig_hand_in(f, datagrams.frames[i].bytes, datagrams.frames[i].len, NULL);
    super_rig_finish(f);
    super_rig_hide_ids(&super_rig_sent);
    memcpy(drops, f->env.counters.drops, sizeof(f->env.counters.drops));
    assert_int_equal(f->env.counters.events[HM_COUNT_WHOLE], 0);
    super_rig_teardown(&state);
}

static void test_an_odd_one_comes_out_as_its_packets_do(void **state)
{
    static struct hm_frame (*const MAKE[])(void) = {
        by_ourselves,           at_the_end_of_its_way,  with_options_inside, with_a_source_route_inside,
        behind_a_longer_header, of_another_next_header, for_another_mac,     for_another_address,
    };
    uint64_t wanted[HM_DROP_COUNT], drops[HM_DROP_COUNT];

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(MAKE); i++) {
        struct hm_frame frame = MAKE[i]();
        take_out(&frame, false, wanted);
        twin = super_rig_sent;
        take_out(&frame, true, drops);
        super_rig_expect_same(&super_rig_sent, &twin);
        assert_memory_equal(drops, wanted, sizeof(drops));
    }
}

/* --- for itself --------------------------------------------------------------------------------------- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, super_rig_teardown)

static int setup(void **state)
{
    return super_rig_setup(state, HM_TUNNEL_WAY_WHOLE);
}

static void expect_nothing(struct path_rig *f, enum hm_drop reason)
{
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 0);
    assert_int_equal(path_rig_dropped(f, reason), 1);
}

static void hand_in_long(struct path_rig *f, bool with_header_options)
{
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, with_header_options ? 1436 : 1440);
    struct hm_frame frame = down(&segment, 1440);

    kernel_fix_transport(frame.data + 14, frame.data + 34, frame.len - 34, HM_IP_PROTO_TCP);
    if (with_header_options)
        insert_options(&frame, HM_ETHERNET_LEN, 1);
    super_rig_sent.count = 0;
    super_rig_hand_in(f, frame.data, frame.len, NULL);
}

static void test_a_long_segment_goes_in_two_by_other_tunnels(void **state)
{
    static const enum hm_encapsulation KINDS[] = {HM_ENCAPSULATION_IPIP, HM_ENCAPSULATION_GRE};
    struct path_rig *f = *state;
    struct hm_peer *peer = hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B);

    for (unsigned i = 0; i < UNIT_COUNT(KINDS); i++) {
        peer->tunnel = KINDS[i];
        hand_in_long(f, false);
        assert_int_equal(super_rig_sent.count, 2);
        assert_int_equal(super_rig_sent.frames[0].bytes[14 + 9], hm_encapsulation_protocol(KINDS[i]));
    }
    peer->tunnel = HM_ENCAPSULATION_UDP;
    hand_in_long(f, true);
    assert_int_equal(super_rig_sent.count, 1);
    assert_int_equal(super_rig_sent.frames[0].bytes[14 + 9], HM_IP_PROTO_ICMP);
}

/* What waits for it are plain packets. */
static void test_a_long_segment_without_a_known_next_hop_waits_in_two(void **state)
{
    struct path_rig *f = *state;
    const uint32_t gateway = RIG_ROUTER + 200;

    f->rig.config.routes[0].gateway = gateway;
    hand_in_long(f, false);
    assert_int_equal(super_rig_sent.count, 1); /* who has it? */
    hm_neighbour_learn(&f->neighbours, 0, gateway, &RIG_ROUTER_MAC);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 3);
}

static void test_impossible_addresses_go_no_way(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = segment_of(LOOPBACK, RIG_VM, 5000);
    struct hm_frame frame = down(&segment, 1400);

    super_rig_input(f, &frame);
    expect_nothing(f, HM_DROP_IP_MARTIAN);
    f->env.counters.drops[HM_DROP_IP_MARTIAN] = 0;
    frame = out(LOOPBACK, OVERHEAD);
    super_rig_input(f, &frame);
    expect_nothing(f, HM_DROP_IP_MARTIAN);
}

static int setup_gateway(void **state)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init_gateway(&f->rig);
    super_rig_start(f, HM_TUNNEL_WAY_WHOLE);
    hm_neighbour_learn(&f->neighbours, 1, 0xc00002feu, &RIG_ROUTER_MAC);
    *state = f;
    return 0;
}

/* Somebody on the LAN says that it is a host behind the WAN. */
static void test_a_gateway_takes_no_false_source(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = segment_of(RIG_FAR, RIG_VM, 5000);
    struct hm_frame frame = down(&segment, 1400);

    super_rig_input(f, &frame);
    expect_nothing(f, HM_DROP_IP_SOURCE);
    segment.src = RIG_VM2; /* as itself it may speak */
    frame = down(&segment, 1400);
    super_rig_input(f, &frame);
    assert_int_equal(f->env.counters.events[HM_COUNT_WHOLE], 1);
    assert_int_equal(super_rig_sent.count, 4);
}

/* No link in between has asked for gso_size. */
static void test_pieces_that_do_not_fit_the_visitors_link_are_told(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = segment_of(RIG_FAR, RIG_GUEST, 5000);
    struct hm_frame frame = super_rig_tunnelled(&segment, 1441);

    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(f->env.counters.events[HM_COUNT_WHOLE], 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MTU), 3);
    assert_int_equal(f->env.counters.events[HM_COUNT_DELIVERED], 1); /* the last is shorter */
}

/* A datagram whose sum is begun, and that was changed in one place. */
static void hand_in_begun(struct path_rig *f, size_t at, uint8_t by, uint16_t csum_offset)
{
    static struct kernel_rig datagrams;
    const struct hm_offload begun = {.flags = 1, .csum_start = 34, .csum_offset = csum_offset};
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);

    datagrams.count = 0;
    kernel_take(&datagrams, 0, &frame);
    uint8_t *bytes = datagrams.frames[0].bytes;
    kernel_set_u16(bytes + 40, kernel_pseudo(bytes + 14, 17, datagrams.frames[0].len - 34));
    bytes[at] = (uint8_t)(bytes[at] + by);
    super_rig_hand_in(f, bytes, datagrams.frames[0].len, &begun);
}

static void test_a_begun_datagram_that_is_odd_is_dropped_with_its_reason(void **state)
{
    struct path_rig *f = *state;

    hand_in_begun(f, HM_ETHERNET_LEN + 10, 1, 6); /* the sum of the IP header */
    expect_nothing(f, HM_DROP_IP_CHECKSUM);
    hand_in_begun(f, 39, 1, 6); /* the length of UDP */
    expect_nothing(f, HM_DROP_TUNNEL_CHECKSUM);
    f->env.counters.drops[HM_DROP_TUNNEL_CHECKSUM] = 0;
    hand_in_begun(f, 0, 0, 4); /* the place of its sum */
    expect_nothing(f, HM_DROP_TUNNEL_CHECKSUM);
}

/* What the kernel had yet to sum up is within: a sum outside that is complete says so. */
static void test_a_begun_sum_within_a_datagram_is_completed(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = segment_of(RIG_FAR, RIG_GUEST, 500);
    const size_t at = 34 + OVERHEAD;

    segment.header_len = 8;
    segment.protocol = HM_IP_PROTO_UDP;
    struct hm_frame frame = super_rig_tunnelled(&segment, 1400);
    uint8_t *inner = frame.data + 14 + OVERHEAD;
    kernel_fix_transport(inner, frame.data + at, frame.len - at, 17);
    kernel_fix_transport(frame.data + 14, frame.data + 34, frame.len - 34, 17);
    kernel_set_u16(frame.data + at + 6, kernel_pseudo(inner, 17, frame.len - at));
    frame.offload = (struct hm_offload){.flags = 1, .csum_start = (uint16_t)at, .csum_offset = 6};
    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 1);
    const uint8_t *ip = super_rig_sent.frames[0].bytes + 14;
    assert_int_equal(kernel_sum(kernel_pseudo(ip, 17, 508), ip + 20, 508), 0xffff);
}

/* Between others that are right. */
static void test_a_datagram_that_is_no_data_is_left_out_of_its_train(void **state)
{
    struct path_rig *f = *state;
    static struct kernel_rig datagrams;
    struct hm_frame frame = out(RIG_FAR, OVERHEAD);

    datagrams.count = 0;
    kernel_take(&datagrams, 0, &frame);
    datagrams.frames[1].bytes[42] = 3; /* its type */
    super_rig_hand_in_train(f, &datagrams);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, datagrams.count - 1);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MALFORMED), 1);
}

/* A guest may have left it out: it is said by the header as well. */
static void test_a_reduced_congestion_window_needs_no_word_of_the_guest(void **state)
{
    struct path_rig *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        struct segment_rig segment = segment_of(RIG_FAR, i == 0 ? RIG_VM : RIG_GUEST, 5000);
        segment.flags |= HM_TCP_CWR;
        struct hm_frame frame = i == 0 ? down(&segment, 1300) : super_rig_tunnelled(&segment, 1300);
        frame.offload.gso_type &= (uint8_t)~HM_OFFLOAD_GSO_ECN;
        super_rig_sent.count = 0;
        super_rig_input(f, &frame);
        super_rig_finish(f);
        assert_int_equal(super_rig_sent.count, 4);
        assert_int_equal(f->env.counters.events[HM_COUNT_WHOLE], i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_odd_one_goes_in_as_its_packets_do),
        cmocka_unit_test(test_what_would_be_too_long_in_the_tunnel_goes_in_trains),
        cmocka_unit_test(test_a_segment_that_is_too_long_goes_in_two_by_one_write),
        cmocka_unit_test(test_a_long_segment_that_is_odd_goes_in_two_or_not),
        cmocka_unit_test(test_an_odd_one_comes_out_as_its_packets_do),
        TEST(test_a_long_segment_goes_in_two_by_other_tunnels),
        TEST(test_a_long_segment_without_a_known_next_hop_waits_in_two),
        TEST(test_impossible_addresses_go_no_way),
        cmocka_unit_test_setup_teardown(test_a_gateway_takes_no_false_source, setup_gateway,
                                        super_rig_teardown),
        TEST(test_pieces_that_do_not_fit_the_visitors_link_are_told),
        TEST(test_a_begun_datagram_that_is_odd_is_dropped_with_its_reason),
        TEST(test_a_begun_sum_within_a_datagram_is_completed),
        TEST(test_a_datagram_that_is_no_data_is_left_out_of_its_train),
        TEST(test_a_reduced_congestion_window_needs_no_word_of_the_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
