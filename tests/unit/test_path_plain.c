/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of what the kernel leaves to us: super-frames come out as the same stream of plain frames, begun
 * checksums are completed, and offsets that lead nowhere are refused. */
#include "firmware/path/path.h"

#include "tests/unit/rig/segment_rig.h"

#define MTU 1500u
#define TUNNEL_MTU (MTU - HM_IPV4_LEN)

static uint8_t memory[HM_FRAME_HEADROOM + 65536 + 64];

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup_both, path_rig_teardown)

/* The segment as the kernel hands it over: of its checksum only the addresses' part is there. */
static struct hm_frame super_frame(const struct segment_rig *segment, const struct hm_mac *dst,
                                   const struct hm_mac *src, uint16_t gso_size)
{
    struct hm_ethernet ethernet = {.dst = *dst, .src = *src, .type = HM_ETHERTYPE_IPV4};
    struct hm_frame frame;
    size_t len = HM_ETHERNET_LEN + segment_rig_write(segment, memory + HM_FRAME_HEADROOM + HM_ETHERNET_LEN);
    uint16_t begun = hm_ipv4_pseudo_sum(segment->src, segment->dst, HM_IP_PROTO_TCP,
                                        (uint16_t)(segment->header_len + segment->payload_len));

    hm_frame_init(&frame, memory, sizeof(memory), len);
    hm_ethernet_encode(frame.data, &ethernet);
    frame.data[HM_ETHERNET_LEN + HM_IPV4_LEN + 16] = (uint8_t)(begun >> 8);
    frame.data[HM_ETHERNET_LEN + HM_IPV4_LEN + 17] = (uint8_t)begun;
    frame.offload =
        (struct hm_offload){.flags = HM_OFFLOAD_NEEDS_CSUM,
                            .gso_type = gso_size > 0 ? HM_OFFLOAD_GSO_TCPV4 : 0,
                            .hdr_len = (uint16_t)(HM_ETHERNET_LEN + HM_IPV4_LEN + segment->header_len),
                            .gso_size = gso_size,
                            .csum_start = HM_ETHERNET_LEN + HM_IPV4_LEN,
                            .csum_offset = 16};
    return frame;
}

static void input(struct path_rig *f, struct hm_frame *frame)
{
    rig_forget_frames(&f->rig);
    f->env.now = f->rig.now;
    hm_path_frame(&f->path, 0, frame);
}

static struct segment_rig random_segment(uint64_t *chance, size_t payload_len)
{
    return (struct segment_rig){
        .src = RIG_FAR,
        .dst = RIG_VM,
        .seq = (uint32_t)unit_random(chance),
        .flags = (uint8_t)(HM_TCP_ACK |
                           (unit_random(chance) & (HM_TCP_FIN | HM_TCP_PSH | HM_TCP_ECE | HM_TCP_CWR))),
        .header_len = HM_TCP_LEN + 4 * (size_t)unit_below(chance, 11),
        .payload_len = payload_len,
        .fragment = HM_IPV4_DF};
}

static void test_a_super_frame_is_the_stream_that_its_sender_would_have_sent(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(1);

    for (unsigned i = 0; i < 300; i++) {
        struct segment_rig segment = random_segment(&chance, 1 + (size_t)unit_below(&chance, 65000));
        uint16_t gso_size = (uint16_t)(MTU - HM_IPV4_LEN - segment.header_len);
        struct hm_frame frame = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, gso_size);
        frame.offload.gso_type |= segment.flags & HM_TCP_CWR ? HM_OFFLOAD_GSO_ECN : 0;
        input(f, &frame);
        segment_rig_check(f, &segment, TUNNEL_MTU);
        /* no piece is cut a second time: the tunnel's room was known */
        size_t most = TUNNEL_MTU - HM_IPV4_LEN - segment.header_len;
        assert_int_equal(f->rig.frame_count, (segment.payload_len + most - 1) / most);
    }
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 0);
    assert_int_equal(f->env.counters.events[HM_COUNT_SUPER_FRAMES], 300);
}

static void test_small_pieces_stay_as_small(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(2);
    struct segment_rig segment = random_segment(&chance, 5000);
    struct hm_frame frame = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 536);

    input(f, &frame);
    segment_rig_check(f, &segment, HM_IPV4_LEN + segment.header_len + 536);
    assert_int_equal(f->rig.frame_count, (5000 + 535) / 536);
}

static void test_identifications_go_up_by_one(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(3);
    struct segment_rig segment = random_segment(&chance, 4000);
    struct hm_frame frame = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1000);

    input(f, &frame);
    assert_int_equal(f->rig.frame_count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(path_rig_sent_inner(f, i).id, 0x1234 + i);
}

static void test_a_visitors_super_frame_fits_its_tunnel(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(4);
    struct segment_rig segment = random_segment(&chance, 20000);
    segment.src = RIG_GUEST;
    segment.dst = RIG_FAR;
    struct hm_frame frame = super_frame(&segment, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                                        (uint16_t)(MTU - HM_IPV4_LEN - segment.header_len));

    input(f, &frame);
    segment_rig_check(f, &segment, TUNNEL_MTU);
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 0);
}

/* The slow way's twin: the same frame, and of its checksum only the beginning. */
static void test_a_begun_checksum_is_completed(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(5);

    for (unsigned i = 0; i < 200; i++) {
        struct segment_rig segment = random_segment(&chance, 1 + (size_t)unit_below(&chance, 1300));
        struct hm_frame frame = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 0);
        input(f, &frame);
        assert_int_equal(f->rig.frame_count, 1);
        segment_rig_check(f, &segment, TUNNEL_MTU);
    }
}

static void test_a_udp_checksum_is_never_zero(void **state)
{
    struct path_rig *f = *state;
    const struct rig_packet packet = {.src = RIG_FAR, .dst = RIG_VM, .payload_len = 10};
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t at = HM_ETHERNET_LEN + HM_IPV4_LEN;
    struct hm_frame frame;

    for (unsigned word = 0; word <= UINT16_MAX; word++) {
        hm_frame_init(&frame, memory, sizeof(memory),
                      HM_ETHERNET_LEN +
                          rig_write_packet(&packet, memory + HM_FRAME_HEADROOM + HM_ETHERNET_LEN));
        hm_ethernet_encode(frame.data, &ethernet);
        memset(frame.data + at, 0, 10);
        frame.data[at + 8] = (uint8_t)(word >> 8);
        frame.data[at + 9] = (uint8_t)word;
        frame.offload =
            (struct hm_offload){.flags = HM_OFFLOAD_NEEDS_CSUM, .csum_start = (uint16_t)at, .csum_offset = 6};
        input(f, &frame);
        const uint8_t *udp = f->rig.frames[0].bytes + at + HM_IPV4_LEN;
        assert_true(udp[6] != 0 || udp[7] != 0);
        assert_int_equal(hm_checksum_add(0, udp, 10), 0xffff);
    }
}

static void refuse(struct path_rig *f, struct hm_frame frame)
{
    uint64_t before = path_rig_dropped(f, HM_DROP_OFFLOAD);

    input(f, &frame);
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_OFFLOAD), before + 1);
}

/* A guest chooses gso_size, and its frame's length. */
static void test_a_super_frame_of_too_many_or_too_large_pieces_is_refused(void **state)
{
    uint64_t chance = unit_seed(7);
    struct segment_rig segment = random_segment(&chance, 3000);

    refuse(*state, super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1));
    segment = random_segment(&chance, 65400);
    segment.header_len = HM_TCP_LEN;
    segment.payload_len = 65535 - HM_IPV4_LEN - HM_TCP_LEN;
    segment.dst = RIG_FAR + 1; /* no tunnel makes its pieces smaller */
    refuse(*state, super_frame(&segment, &RIG_AGENT_MAC, &RIG_ROUTER_MAC, 65490));
}

/* What its receiver's kernel has verified, the next one shall verify again. */
static void test_a_verified_frame_is_a_plain_one(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(8);
    struct segment_rig segment = random_segment(&chance, 1000);
    struct hm_frame frame = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 0);

    hm_tcp_set_piece(frame.data + HM_ETHERNET_LEN + HM_IPV4_LEN, segment.header_len + 1000, segment.src,
                     segment.dst, segment.seq, segment.flags);
    frame.offload = (struct hm_offload){.flags = 2};
    input(f, &frame);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(frame.offload.flags, 0);
    segment_rig_check(f, &segment, TUNNEL_MTU);
}

/* --- what is not cut smaller -------------------------------------------------------------------------- */

/* Its identifications count: no more pieces than its sender has reckoned with, and those are fragmented. */
static void test_a_super_frame_without_df_is_cut_where_its_sender_would(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(9);
    struct segment_rig segment = random_segment(&chance, 4 * 1400);

    segment.header_len = 60;
    segment.fragment = 0;
    struct hm_frame frame = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1400 + 20);
    input(f, &frame);
    assert_int_equal(f->rig.frame_count, 8 - 1); /* the last one is short enough */
    for (unsigned i = 0; i < f->rig.frame_count; i++) {
        struct hm_ipv4 ip = path_rig_sent_inner(f, i);
        assert_int_equal(ip.id, 0x1234 + i / 2);
        assert_int_equal((ip.fragment & HM_IPV4_MF) != 0, i % 2 == 0 && i != 6);
        assert_int_equal((ip.fragment & HM_IPV4_OFFSET) != 0, i % 2);
    }
}

/* Each of its pieces is told to its sender, or dropped without a word where it was told already. */
static void expect_told(struct path_rig *f, struct hm_frame frame, unsigned count)
{
    uint64_t before = path_rig_dropped(f, HM_DROP_TUNNEL_MTU);

    path_rig_pass_ms(f, 1000);
    input(f, &frame);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MTU), before + count);
    assert_in_range(f->rig.frame_count, 1, count);
    for (unsigned i = 0; i < f->rig.frame_count; i++)
        assert_int_equal(f->rig.frames[i].bytes[HM_ETHERNET_LEN + 9], HM_IP_PROTO_ICMP);
}

/* What speaks of a segment as a whole is true of those that the sender's kernel would have sent. */
static void test_signed_and_urgent_segments_are_not_cut_smaller(void **state)
{
    static const uint8_t FLAGS[] = {HM_TCP_URG, HM_TCP_SYN, HM_TCP_RST};
    static const uint8_t OPTIONS[] = {19, 29};
    struct segment_rig good = {.src = RIG_FAR,
                               .dst = RIG_VM,
                               .flags = HM_TCP_ACK,
                               .header_len = 40,
                               .payload_len = 3 * 1440,
                               .fragment = HM_IPV4_DF};

    for (unsigned i = 0; i < UNIT_COUNT(FLAGS); i++) {
        struct segment_rig segment = good;
        segment.flags |= FLAGS[i];
        expect_told(*state, super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1440), 3);
    }
    for (unsigned i = 0; i < UNIT_COUNT(OPTIONS); i++) {
        struct segment_rig segment = good;
        segment.option = OPTIONS[i];
        expect_told(*state, super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1440), 3);
    }
}

static struct hm_frame train(uint16_t fragment)
{
    const struct segment_rig datagrams = {.src = RIG_FAR,
                                          .dst = RIG_VM,
                                          .header_len = 8,
                                          .payload_len = 3 * 1472,
                                          .fragment = fragment,
                                          .protocol = HM_IP_PROTO_UDP};
    struct hm_frame frame = super_frame(&datagrams, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1472);

    frame.offload.gso_type = HM_OFFLOAD_GSO_UDP;
    frame.offload.csum_offset = 6;
    return frame;
}

static void test_a_train_of_datagrams_is_not_cut_smaller(void **state)
{
    struct path_rig *f = *state;
    struct hm_frame frame = train(0);

    input(f, &frame);
    assert_int_equal(f->rig.frame_count, 6);
    for (unsigned i = 0; i < 6; i += 2) {
        const uint8_t *udp = f->rig.frames[i].bytes + HM_ETHERNET_LEN + 2 * HM_IPV4_LEN;
        assert_int_equal(udp[4] << 8 | udp[5], 1480);
        assert_int_equal(path_rig_sent_inner(f, i).fragment, HM_IPV4_MF);
        assert_int_equal(path_rig_sent_inner(f, i + 1).id, 0x1234 + i / 2);
    }
    expect_told(f, train(HM_IPV4_DF), 3);
}

/* A visitor's own tunnel, of which only the visitor knows what it carries: TCP behind `between` bytes. */
static struct hm_frame own_tunnel(const struct segment_rig *inner, uint8_t protocol, size_t between)
{
    size_t before = HM_IPV4_LEN + between, len = segment_rig_write(inner, memory);
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_GUEST_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 outer = {.total_len = (uint16_t)(before + len),
                            .fragment = HM_IPV4_DF,
                            .ttl = 64,
                            .protocol = protocol,
                            .src = RIG_GUEST,
                            .dst = RIG_FAR};
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), HM_ETHERNET_LEN + before + len);
    memmove(frame.data + HM_ETHERNET_LEN + before, memory, len);
    memset(frame.data + HM_ETHERNET_LEN + HM_IPV4_LEN, 0, between);
    hm_ethernet_encode(frame.data, &ethernet);
    hm_ipv4_encode(frame.data + HM_ETHERNET_LEN, &outer);
    frame.offload = (struct hm_offload){.flags = HM_OFFLOAD_NEEDS_CSUM | HM_OFFLOAD_TUNNEL_CSUM,
                                        .gso_type = HM_OFFLOAD_GSO_TCPV4 | HM_OFFLOAD_GSO_TUNNEL,
                                        .gso_size = 1400,
                                        .csum_start = (uint16_t)(HM_ETHERNET_LEN + before + HM_IPV4_LEN),
                                        .csum_offset = 16,
                                        .outer_transport_at = HM_ETHERNET_LEN + HM_IPV4_LEN,
                                        .inner_network_at = (uint16_t)(HM_ETHERNET_LEN + before)};
    return frame;
}

static const struct segment_rig IN_OWN_TUNNEL = {
    .src = 1, .dst = 2, .flags = HM_TCP_ACK, .header_len = 40, .payload_len = 2800, .fragment = HM_IPV4_DF};

static void test_what_is_within_a_visitors_own_tunnel_is_not_cut_smaller(void **state)
{
    expect_told(*state, own_tunnel(&IN_OWN_TUNNEL, HM_IP_PROTO_UDP, 8 + 16), 2);
}

/* --- what is refused ---------------------------------------------------------------------------------- */

static void test_a_tunnel_that_is_none_is_refused(void **state)
{
    refuse(*state, own_tunnel(&IN_OWN_TUNNEL, HM_IP_PROTO_GRE, 8));
    refuse(*state, own_tunnel(&IN_OWN_TUNNEL, HM_IP_PROTO_UDP, 0));
    refuse(*state, own_tunnel(&IN_OWN_TUNNEL, HM_IP_PROTO_UDP, 7));
}

/* Of the frame that is announced, not the whole is there, or another one. */
static void test_what_is_another_thing_than_its_offload_says_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t by;
    } CHANGES[] = {{12, 1},                     /* the kind of the packet */
                   {HM_ETHERNET_LEN + 3, 0xff}, /* its length */
                   {HM_ETHERNET_LEN + 6, 0x20}, /* it is a fragment: more come, */
                   {HM_ETHERNET_LEN + 7, 1},    /* or more came before */
                   {HM_ETHERNET_LEN + 9, 11}};  /* TCP is UDP */
    uint64_t chance = unit_seed(10);
    struct segment_rig segment = random_segment(&chance, 3000);

    for (unsigned i = 0; i < UNIT_COUNT(CHANGES); i++) {
        struct hm_frame frame = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1000);
        frame.data[CHANGES[i].at] = (uint8_t)(frame.data[CHANGES[i].at] + CHANGES[i].by);
        hm_ipv4_fix_checksum(frame.data + HM_ETHERNET_LEN, HM_IPV4_LEN);
        refuse(*state, frame);
    }
    segment.payload_len = 0;
    refuse(*state, super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1000));
    struct hm_frame frame = train(HM_IPV4_DF);
    frame.offload.gso_type = 3; /* fragments of one datagram, which were not agreed */
    refuse(*state, frame);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = unit_seed(6);
    struct segment_rig segment = random_segment(&chance, 3000);
    const struct hm_frame good = super_frame(&segment, &RIG_VM_MAC, &RIG_ROUTER_MAC, 1000);
    struct hm_frame frame = good;

    frame.offload.gso_size = 0;
    refuse(f, frame);
    frame = good;
    frame.offload.gso_type = 5; /* UDP segmentation, which was not agreed */
    refuse(f, frame);
    frame = good;
    frame.offload.flags = 0; /* nobody has looked at its checksum */
    refuse(f, frame);
    frame = good; /* in a tunnel whose inner header would be the outer one */
    frame.offload.gso_type |= HM_OFFLOAD_GSO_TUNNEL;
    frame.offload.inner_network_at = HM_ETHERNET_LEN;
    refuse(f, frame);
    frame = good; /* the packet ends before the frame does */
    frame.len += 4;
    refuse(f, frame);
    for (unsigned start = 0; start < 2; start++) {
        frame = good;
        frame.offload.gso_type = 0;
        frame.offload.csum_start = start == 0 ? HM_ETHERNET_LEN - 1 : UINT16_MAX;
        frame.offload.csum_offset = (uint16_t)(start == 0 ? 0 : UINT16_MAX);
        refuse(f, frame);
    }
    for (size_t len = 0; len < HM_ETHERNET_LEN + HM_IPV4_LEN + segment.header_len; len++) {
        uint8_t *copy = malloc(HM_FRAME_HEADROOM + len);
        memcpy(copy, memory, HM_FRAME_HEADROOM + len);
        frame = good;
        frame.memory = copy;
        frame.data = copy + HM_FRAME_HEADROOM;
        frame.cap = HM_FRAME_HEADROOM + len;
        frame.len = len;
        refuse(f, frame);
        free(copy);
    }
    good.data[HM_ETHERNET_LEN + 10] ^= 1; /* the IP header's checksum */
    refuse(f, good);
    good.data[HM_ETHERNET_LEN + 10] ^= 1;
    good.data[HM_ETHERNET_LEN + 6] = HM_IPV4_MF >> 8; /* a fragment */
    hm_ipv4_fix_checksum(good.data + HM_ETHERNET_LEN, HM_IPV4_LEN);
    refuse(f, good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_super_frame_is_the_stream_that_its_sender_would_have_sent),
        TEST(test_small_pieces_stay_as_small),
        TEST(test_identifications_go_up_by_one),
        TEST(test_a_visitors_super_frame_fits_its_tunnel),
        TEST(test_a_begun_checksum_is_completed),
        TEST(test_a_udp_checksum_is_never_zero),
        TEST(test_a_super_frame_of_too_many_or_too_large_pieces_is_refused),
        TEST(test_a_verified_frame_is_a_plain_one),
        TEST(test_a_super_frame_without_df_is_cut_where_its_sender_would),
        TEST(test_signed_and_urgent_segments_are_not_cut_smaller),
        TEST(test_a_train_of_datagrams_is_not_cut_smaller),
        TEST(test_what_is_within_a_visitors_own_tunnel_is_not_cut_smaller),
        TEST(test_a_tunnel_that_is_none_is_refused),
        TEST(test_what_is_another_thing_than_its_offload_says_is_refused),
        TEST(test_what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
