/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of gather: segments that are handed in one by one, and enter their tunnel together. They are
 * what a sender could have made, in order; where each fits the tunnel, they are the very frames that would go
 * in one by one. */
#include "firmware/path/path.h"

#include "tests/unit/rig/super_rig.h"

#define MTU 1500u
#define ROOM (MTU - OVERHEAD)
#define FLOWS 12u /* more than are gathered at a time */
#define INNER_AT (HM_ETHERNET_LEN + OVERHEAD)
#define UDP_SUM_AT (HM_ETHERNET_LEN + HM_IPV4_LEN + 6)
#define TCP_IN (INNER_AT + HM_IPV4_LEN)

static struct kernel_rig twin;

static struct segment_rig down(size_t payload_len)
{
    return (struct segment_rig){.src = RIG_FAR,
                                .dst = RIG_VM,
                                .seq = UINT32_MAX - 5000,
                                .flags = HM_TCP_ACK,
                                .header_len = 32,
                                .payload_len = payload_len,
                                .fragment = HM_IPV4_DF};
}

static struct path_rig *begin(enum hm_tunnel_way way)
{
    void *state;

    super_rig_setup(&state, way);
    super_rig_sent.count = super_rig_sent.writes = 0;
    return state;
}

static void end(struct path_rig *f)
{
    void *state = f;

    super_rig_teardown(&state);
}

static void hand_in_to(struct path_rig *f, const struct segment_rig *segment, const struct hm_mac *dst)
{
    struct hm_ethernet ethernet = {.dst = *dst,
                                   .src = segment->src == RIG_GUEST ? RIG_GUEST_MAC : RIG_ROUTER_MAC,
                                   .type = HM_ETHERTYPE_IPV4};
    uint8_t bytes[2048];

    hm_ethernet_encode(bytes, &ethernet);
    size_t len = HM_ETHERNET_LEN + segment_rig_write(segment, bytes + HM_ETHERNET_LEN);
    super_rig_hand_in(f, bytes, len, NULL);
}

static void hand_in(struct path_rig *f, const struct segment_rig *segment)
{
    hand_in_to(f, segment, segment->src == RIG_GUEST ? &RIG_AGENT_MAC : &RIG_VM_MAC);
}

/* Each goes on where the last one ends. */
static void hand_in_many(struct path_rig *f, struct segment_rig *segment, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        hand_in(f, segment);
        segment->seq += (uint32_t)segment->payload_len;
    }
}

/* Identifications of atomic packets, those of the tunnel and those within. */
static void hide_ids(struct kernel_rig *rig)
{
    super_rig_hide_ids(rig);
    for (unsigned i = 0; i < rig->count; i++) {
        struct kernel_frame *frame = &rig->frames[i];
        if (frame->len <= TCP_IN || frame->bytes[HM_ETHERNET_LEN + 9] != HM_IP_PROTO_UDP)
            continue;
        kernel_set_u16(frame->bytes + INNER_AT + 4, 0);
        kernel_fix_ip(frame->bytes + INNER_AT, frame->len - INNER_AT, 0);
        kernel_set_u16(frame->bytes + UDP_SUM_AT, 0); /* over these; as the kernel made it */
    }
}

/* Behind which the sent packets are, by the kind of their tunnel. */
static size_t wrapping_len(unsigned i)
{
    switch (super_rig_sent.frames[i].bytes[HM_ETHERNET_LEN + 9]) {
    case HM_IP_PROTO_IPIP:
        return HM_IPV4_LEN;
    case HM_IP_PROTO_GRE:
        return HM_IPV4_LEN + 4;
    default:
        return OVERHEAD;
    }
}

static const uint8_t *sent_packet(unsigned i)
{
    return super_rig_sent.frames[i].bytes + HM_ETHERNET_LEN + wrapping_len(i);
}

static const uint8_t *sent_tcp(unsigned i)
{
    return sent_packet(i) + HM_IPV4_LEN;
}

static uint32_t sent_seq(unsigned i)
{
    return (uint32_t)kernel_u16(sent_tcp(i) + 4) << 16 | kernel_u16(sent_tcp(i) + 6);
}

static bool has_right_sum(unsigned i)
{
    size_t len = (size_t)kernel_u16(sent_packet(i) + 2) - HM_IPV4_LEN;

    return kernel_sum(kernel_pseudo(sent_packet(i), HM_IP_PROTO_TCP, len), sent_tcp(i), len) == 0xffff;
}

/* Of the frames from `from` on: the stream's bytes, in order, each in a packet that fits. */
static void expect_stream(unsigned from, unsigned count, uint32_t seq, uint32_t end_seq, size_t mtu)
{
    for (unsigned i = from; i < from + count; i++) {
        const struct kernel_frame *frame = &super_rig_sent.frames[i];
        const uint8_t *payload = sent_tcp(i) + (sent_tcp(i)[12] >> 4) * 4, *end = frame->bytes + frame->len;
        assert_true(frame->len <= HM_ETHERNET_LEN + mtu);
        assert_int_equal(kernel_u16(sent_packet(i) + 2), end - sent_packet(i));
        assert_int_equal(sent_seq(i), seq);
        assert_true(has_right_sum(i));
        for (; payload < end; payload++)
            assert_int_equal(*payload, segment_rig_byte(seq++));
    }
    assert_int_equal(seq, end_seq);
}

/* --- into it ------------------------------------------------------------------------------------------ */

static unsigned largest_len(struct path_rig *f)
{
    return hm_tunnel_state_find(&f->path.tunnels, RIG_PEER_B)->largest_len;
}

static void check_together(struct segment_rig segment)
{
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++) {
        struct path_rig *f = begin(way);
        struct segment_rig next = segment;
        bool is_single = way == HM_TUNNEL_WAY_SINGLE;
        hand_in_many(f, &next, 10);
        assert_int_equal(super_rig_sent.writes, is_single ? 10 : 0);
        next.payload_len -= 7; /* a shorter one ends it */
        hand_in(f, &next);
        assert_int_equal(f->env.counters.events[HM_COUNT_GATHERED], way == HM_TUNNEL_WAY_WHOLE);
        super_rig_finish(f);
        assert_int_equal(super_rig_sent.writes, is_single ? 11 : 1);
        assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_OUT], 11);
        assert_int_equal(f->env.counters.events[HM_COUNT_TRAINS], way == HM_TUNNEL_WAY_TRAIN);
        assert_int_equal(largest_len(f), OVERHEAD + HM_IPV4_LEN + segment.header_len + segment.payload_len);
        hide_ids(&super_rig_sent);
        if (is_single)
            twin = super_rig_sent;
        else
            super_rig_expect_same(&super_rig_sent, &twin);
        end(f);
    }
}

static void test_segments_that_fit_enter_by_one_write_as_they_are(void **state)
{
    struct segment_rig up = down(1000);

    (void)state;
    up.src = RIG_GUEST;
    up.dst = RIG_FAR;
    check_together(down(1000));
    check_together(down(ROOM - 52));
    check_together(up);
    up.flags |= HM_TCP_ECE;
    check_together(up);
}

static void check_cut_as_one(enum hm_tunnel_way way, enum hm_encapsulation kind)
{
    const size_t len = 1448, room = MTU - hm_encapsulation_len(kind) - 52;
    const unsigned count = 40, pieces = (unsigned)((count * len + 100 + room - 1) / room);
    struct path_rig *f = begin(way);
    struct segment_rig segment = down(len);
    uint32_t seq = segment.seq;
    bool is_at_once = way != HM_TUNNEL_WAY_SINGLE && kind == HM_ENCAPSULATION_UDP;

    hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B)->tunnel = kind;
    hand_in_many(f, &segment, count);
    segment.payload_len = 100; /* it fits, and is behind them nevertheless */
    hand_in_many(f, &segment, 1);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, pieces);
    assert_int_equal(super_rig_sent.writes, is_at_once ? 1 : pieces);
    assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_OUT], pieces);
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 0);
    assert_int_equal(f->env.counters.events[HM_COUNT_GATHERED], 1);
    expect_stream(0, pieces, seq, segment.seq, MTU);
    end(f);
}

static void test_the_longest_packet_is_kept_in_mind(void **state)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct segment_rig segment = down(1300);

    (void)state;
    hand_in_many(f, &segment, 3);
    super_rig_finish(f);
    segment.payload_len = 100;
    hand_in_many(f, &segment, 3);
    super_rig_finish(f);
    assert_int_equal(largest_len(f), OVERHEAD + HM_IPV4_LEN + 32 + 1300);
    end(f);
}

static void test_segments_that_do_not_fit_are_cut_as_one(void **state)
{
    (void)state;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++)
        for (enum hm_encapsulation kind = HM_ENCAPSULATION_IPIP; kind < HM_ENCAPSULATION_COUNT; kind++)
            check_cut_as_one(way, kind);
}

/* So it is where no super-frames are: in the simulator, say. */
static void test_segments_are_cut_as_one_by_any_port(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = down(1448);

    super_rig_sent.count = 0;
    f->rig.port.send_frame = super_rig_send;
    hand_in_many(f, &segment, 10);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 11);
    expect_stream(0, 11, down(0).seq, segment.seq, MTU);
}

static void test_one_alone_goes_as_it_would_at_once(void **state)
{
    static const size_t LENS[] = {1, 700, ROOM - 52, 1448};

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(LENS); i++) {
        for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++) {
            struct path_rig *f = begin(way);
            const struct segment_rig segment = down(LENS[i]);
            hand_in(f, &segment);
            super_rig_finish(f);
            hide_ids(&super_rig_sent);
            if (way == HM_TUNNEL_WAY_SINGLE)
                twin = super_rig_sent;
            else
                super_rig_expect_same(&super_rig_sent, &twin);
            assert_int_equal(f->env.counters.events[HM_COUNT_GATHERED], 0);
            end(f);
        }
    }
}

/* --- order -------------------------------------------------------------------------------------------- */

static void test_nothing_of_its_flow_overtakes_it(void **state)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct segment_rig segment = down(900), other;
    uint32_t seq = segment.seq;

    (void)state;
    hand_in_many(f, &segment, 3);
    other = segment; /* an acknowledgment */
    other.payload_len = 0;
    hand_in(f, &other);
    hand_in_many(f, &segment, 3);
    other = segment; /* urgent */
    other.payload_len = 10;
    other.flags |= HM_TCP_URG;
    hand_in_many(f, &other, 1);
    segment.seq = other.seq;
    hand_in_many(f, &segment, 3);
    other = segment; /* a super-frame */
    other.payload_len = 1800;
    struct hm_frame frame = super_rig_frame(&other, &RIG_VM_MAC, &RIG_ROUTER_MAC, 900, 0);
    super_rig_input(f, &frame);
    segment.seq += 1800;
    hand_in_many(f, &segment, 3);
    other = segment; /* it may be fragmented */
    other.payload_len = 90;
    other.fragment = 0;
    hand_in_many(f, &other, 1);
    segment.seq = other.seq;
    hand_in_many(f, &segment, 3);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 3 + 1 + 3 + 1 + 3 + 2 + 3 + 1 + 3);
    assert_int_equal(super_rig_sent.frames[3].len, TCP_IN + 32);
    expect_stream(0, super_rig_sent.count, seq, segment.seq, MTU);
    end(f);
}

/* What cannot be read as a segment may be of any flow. */
static void test_what_is_no_plain_segment_goes_behind_all(void **state)
{
    static const char *const KINDS[] = {"a fragment", "options of IP", "a header that is too long"};

    (void)state;
    for (unsigned kind = 0; kind < UNIT_COUNT(KINDS); kind++) {
        struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
        struct segment_rig segment = down(900);
        struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
        uint8_t bytes[2048], *ip = bytes + HM_ETHERNET_LEN;
        print_message("%s\n", KINDS[kind]);
        hand_in_many(f, &segment, 3);
        size_t len = HM_ETHERNET_LEN + segment_rig_write(&segment, ip);
        hm_ethernet_encode(bytes, &ethernet);
        if (kind == 0)
            kernel_set_u16(ip + 6, 100);
        if (kind == 1) {
            memset(ip + 20, 1, 4); /* no operations, in place of the ports */
            ip[0] = 0x46;
        }
        if (kind == 2)
            ip[HM_IPV4_LEN + 12] = 0x40;
        kernel_fix_ip(ip, len - HM_ETHERNET_LEN, 0);
        super_rig_hand_in(f, bytes, len, NULL);
        assert_int_equal(super_rig_sent.count, 3);
        super_rig_finish(f);
        assert_int_equal(super_rig_sent.count, 4);
        assert_int_equal(super_rig_sent.frames[3].len, len + OVERHEAD);
        expect_stream(0, 3, down(0).seq, segment.seq, MTU);
        end(f);
    }
}

static void test_streams_to_several_places_are_not_mixed(void **state)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct segment_rig segment = down(900);
    uint32_t seq = segment.seq;

    (void)state;
    hm_security_peer_by_addr(&f->agent.security, RIG_PEER_C)->tunnel = HM_ENCAPSULATION_UDP;
    assert_true(hm_binding_add_copy(hm_binding_lookup(&f->agent.home.bindings, RIG_VM), RIG_PEER_C, 100));
    hand_in_many(f, &segment, 20);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.writes, 2);
    super_rig_sort_by_destination(&super_rig_sent);
    expect_stream(0, 20, seq, segment.seq, MTU);
    expect_stream(20, 20, seq, segment.seq, MTU);
    end(f);
}

/* What an agent or a hypervisor is told may be about what was sent. */
static void test_a_message_of_the_agent_waits_for_it(void **state)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct segment_rig segment = down(900);
    const struct hm_datagram message = {.local_addr = RIG_AGENT,
                                        .local_port = 434,
                                        .remote_addr = RIG_PEER_C,
                                        .remote_port = 434,
                                        .bytes = (const uint8_t *)"message",
                                        .len = 7};
    const struct hm_endpoint host = {.addr = RIG_PEER_C};

    (void)state;
    hand_in_many(f, &segment, 3);
    f->agent.foreign.registrant.send(f->agent.foreign.registrant.send_arg, &message);
    assert_int_equal(super_rig_sent.writes, 2);
    assert_int_equal(super_rig_sent.count, 4);
    assert_memory_equal(super_rig_sent.frames[3].bytes + HM_ETHERNET_LEN + 28, "message", 7);
    hand_in_many(f, &segment, 3);
    assert_int_equal(super_rig_sent.writes, 2);
    f->agent.store.send_to_kernel(f->agent.store.arg, &host, "message", 7);
    assert_int_equal(super_rig_sent.count, 7);
    end(f);
}

/* --- what changes meanwhile --------------------------------------------------------------------------- */

/* It goes as is agreed when it goes. */
static void check_agreed_anew(size_t payload_len, enum hm_encapsulation kind)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct hm_peer *peer = hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B);
    struct segment_rig segment = down(payload_len);
    uint32_t seq = segment.seq;

    hand_in_many(f, &segment, 3);
    peer->tunnel = kind;
    hand_in_many(f, &segment, 2);
    super_rig_finish(f);
    for (unsigned i = 0; i < super_rig_sent.count; i++)
        assert_int_equal(super_rig_sent.frames[i].bytes[HM_ETHERNET_LEN + 9],
                         hm_encapsulation_protocol(kind));
    expect_stream(0, super_rig_sent.count, seq, segment.seq, MTU);
    end(f);
}

static void test_a_tunnel_that_is_agreed_anew_takes_it_in_order(void **state)
{
    (void)state;
    for (enum hm_encapsulation kind = HM_ENCAPSULATION_IPIP; kind < HM_ENCAPSULATION_COUNT; kind++) {
        check_agreed_anew(900, kind);
        check_agreed_anew(1448, kind);
    }
}

static void make_narrow(struct path_rig *f, uint16_t mtu)
{
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&f->path.tunnels, RIG_PEER_B);

    assert_true(hm_tunnel_state_lower(&f->path.tunnels, tunnel, mtu, 1500));
}

static void test_a_path_that_has_become_narrow_is_heeded(void **state)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct segment_rig segment = down(900);
    uint32_t seq = segment.seq;

    (void)state;
    hand_in_many(f, &segment, 3);
    make_narrow(f, 600);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 6);
    assert_int_equal(super_rig_sent.writes, 1);
    expect_stream(0, 6, seq, segment.seq, 600);
    end(f);
}

/* A path that carries one byte of payload in each packet, and one that carries none. */
static void test_a_path_too_narrow_for_the_headers_is_told(void **state)
{
    const uint16_t least = OVERHEAD + HM_IPV4_LEN + HM_TCP_HEADER_MAX_LEN + 1;

    (void)state;
    for (uint16_t mtu = least; mtu >= least - 1; mtu--) {
        struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
        struct segment_rig segment = down(500);
        uint32_t seq = segment.seq;
        segment.src = RIG_GUEST;
        segment.dst = RIG_FAR;
        segment.header_len = HM_TCP_HEADER_MAX_LEN;
        make_narrow(f, mtu);
        hand_in_many(f, &segment, 3);
        super_rig_finish(f);
        if (mtu == least) {
            assert_int_equal(super_rig_sent.count, 1500);
            expect_stream(0, 1500, seq, segment.seq, least);
        } else {
            assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MTU), 3);
            assert_int_equal(super_rig_sent.count, 3);
            assert_int_equal(super_rig_sent.frames[0].bytes[HM_ETHERNET_LEN + 9], HM_IP_PROTO_ICMP);
            assert_memory_equal(super_rig_sent.frames[0].bytes, &RIG_GUEST_MAC, 6);
        }
        end(f);
    }
}

/* Nothing may be made of it then: what is being handled may lie where that would be done. */
static void test_what_waits_for_a_path_that_becomes_too_narrow_is_dropped(void **state)
{
    (void)state;
    for (unsigned count = 1; count < 4; count++) {
        struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
        struct segment_rig segment = down(900);
        hand_in_many(f, &segment, count);
        make_narrow(f, 101);
        super_rig_finish(f);
        assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MTU), count);
        assert_int_equal(super_rig_sent.count, 0);
        end(f);
    }
}

static unsigned slot_of(struct path_rig *f, uint32_t addr)
{
    return (unsigned)(hm_tunnel_state_find(&f->path.tunnels, addr) - f->path.tunnels.slots);
}

/* All that is known of tunnels is in a small table; who has no place in it displaces another. */
static void test_a_tunnel_that_was_displaced_is_found_again(void **state)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct segment_rig to_b = down(1800), to_c = down(900);
    const struct hm_mac mac = RIG_VM2_MAC;
    unsigned slot;

    (void)state;
    hm_security_peer_by_addr(&f->agent.security, RIG_PEER_C)->tunnel = HM_ENCAPSULATION_UDP;
    path_rig_absent(f, RIG_VM2, &mac, RIG_PEER_C);
    super_rig_finish(f);
    super_rig_sent.count = 0;
    to_c.dst = RIG_VM2;
    hand_in_to(f, &to_c, &mac);
    hm_tunnel_state_use(&f->path.tunnels, RIG_PEER_B);
    slot = slot_of(f, RIG_PEER_B);
    for (uint32_t addr = 0x0a400001u; addr < 0x0a400001u + 2000; addr++) /* until all places were used */
        hm_tunnel_state_use(&f->path.tunnels, addr);
    assert_true(f->path.tunnels.slots[slot].remote_addr != RIG_PEER_B);
    struct hm_frame frame = super_rig_frame(&to_b, &RIG_VM_MAC, &RIG_ROUTER_MAC, 900, 0);
    super_rig_input(f, &frame);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *outer = super_rig_sent.frames[i].bytes + HM_ETHERNET_LEN;
        assert_int_equal(outer[17] == 2, sent_packet(i)[19] == (RIG_VM & 0xff));
    }
    end(f);
}

static void have_an_unknown_router(struct rig *rig)
{
    rig->config.routes[0].gateway = RIG_ROUTER + 200;
}

static void test_an_unknown_next_hop_is_waited_for_in_order(void **state)
{
    struct segment_rig segment = down(900);
    uint32_t seq = segment.seq;
    void *own;

    (void)state;
    super_rig_setup_as(&own, HM_TUNNEL_WAY_WHOLE, have_an_unknown_router);
    struct path_rig *f = own;
    hand_in_many(f, &segment, 3);
    super_rig_finish(f);
    super_rig_sent.count = super_rig_sent.writes = 0; /* it was asked for */
    hm_neighbour_learn(&f->neighbours, 0, RIG_ROUTER + 200, &RIG_ROUTER_MAC);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 3);
    expect_stream(0, 3, seq, segment.seq, MTU);
    end(f);
}

/* --- checksums ---------------------------------------------------------------------------------------- */

static void test_a_broken_segment_is_not_made_good(void **state)
{
    struct path_rig *f = begin(HM_TUNNEL_WAY_WHOLE);
    struct segment_rig segment = down(900), broken;

    (void)state;
    hand_in_many(f, &segment, 3);
    broken = segment;
    broken.is_spoilt = true;
    hand_in(f, &broken); /* its receiver's to see */
    hand_in_many(f, &segment, 2);
    broken = segment;
    broken.is_spoilt = true;
    broken.payload_len = 1448; /* cut it must not be */
    hand_in(f, &broken);
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(has_right_sum(i), i != 3);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TCP_CHECKSUM), 1);
    end(f);
}

/* --- any stream --------------------------------------------------------------------------------------- */

static struct segment_rig flow_segment(uint64_t *chance, uint32_t *seqs)
{
    static const size_t LENS[] = {1000, 1000, 1000, 1000, 1000, 999, 0, ROOM - 52};
    unsigned flow = (unsigned)unit_below(chance, FLOWS);
    struct segment_rig segment = down(LENS[unit_below(chance, UNIT_COUNT(LENS))]);

    if (flow % 2 == 1) {
        segment.src = RIG_GUEST;
        segment.dst = RIG_FAR;
    }
    segment.src_port = (uint16_t)(1000 + flow);
    segment.seq = seqs[flow];
    segment.flags |= unit_below(chance, 30) == 0 ? HM_TCP_PSH : 0;
    segment.flags |= unit_below(chance, 40) == 0 ? HM_TCP_CWR : 0;
    segment.flags |= unit_below(chance, 40) == 0 ? HM_TCP_URG : 0;
    seqs[flow] += (uint32_t)segment.payload_len;
    return segment;
}

/* By flow, each in its order. */
static void sort_by_flow(struct kernel_rig *rig)
{
    static struct kernel_rig sorted;

    sorted.count = 0;
    for (unsigned flow = 0; flow < FLOWS; flow++)
        for (unsigned i = 0; i < rig->count; i++)
            if (kernel_u16(rig->frames[i].bytes + TCP_IN) == 1000 + flow)
                sorted.frames[sorted.count++] = rig->frames[i];
    assert_int_equal(sorted.count, rig->count);
    memcpy(rig->frames, sorted.frames, sorted.count * sizeof(*sorted.frames));
}

static void test_any_streams_enter_as_they_would_one_by_one(void **state)
{
    (void)state;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++) {
        struct path_rig *f = begin(way);
        uint64_t chance = unit_seed(21);
        uint32_t seqs[FLOWS] = {0};
        for (unsigned i = 0; i < 3000; i++) {
            struct segment_rig segment = flow_segment(&chance, seqs);
            hand_in(f, &segment);
            if (unit_below(&chance, 64) == 0)
                super_rig_finish(f);
        }
        super_rig_finish(f);
        assert_int_equal(super_rig_sent.count, 3000);
        hide_ids(&super_rig_sent);
        sort_by_flow(&super_rig_sent);
        if (way == HM_TUNNEL_WAY_SINGLE)
            twin = super_rig_sent;
        else
            super_rig_expect_same(&super_rig_sent, &twin);
        assert_int_equal(f->env.counters.events[HM_COUNT_GATHERED] > 20, way == HM_TUNNEL_WAY_WHOLE);
        end(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_that_fit_enter_by_one_write_as_they_are),
        cmocka_unit_test(test_the_longest_packet_is_kept_in_mind),
        cmocka_unit_test(test_segments_that_do_not_fit_are_cut_as_one),
        cmocka_unit_test_setup_teardown(test_segments_are_cut_as_one_by_any_port, path_rig_setup_absent,
                                        path_rig_teardown),
        cmocka_unit_test(test_one_alone_goes_as_it_would_at_once),
        cmocka_unit_test(test_nothing_of_its_flow_overtakes_it),
        cmocka_unit_test(test_what_is_no_plain_segment_goes_behind_all),
        cmocka_unit_test(test_streams_to_several_places_are_not_mixed),
        cmocka_unit_test(test_a_message_of_the_agent_waits_for_it),
        cmocka_unit_test(test_a_tunnel_that_is_agreed_anew_takes_it_in_order),
        cmocka_unit_test(test_a_path_that_has_become_narrow_is_heeded),
        cmocka_unit_test(test_a_path_too_narrow_for_the_headers_is_told),
        cmocka_unit_test(test_what_waits_for_a_path_that_becomes_too_narrow_is_dropped),
        cmocka_unit_test(test_a_tunnel_that_was_displaced_is_found_again),
        cmocka_unit_test(test_an_unknown_next_hop_is_waited_for_in_order),
        cmocka_unit_test(test_a_broken_segment_is_not_made_good),
        cmocka_unit_test(test_any_streams_enter_as_they_would_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
