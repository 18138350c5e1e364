/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of merging: whatever streams of segments go in, what comes out is, cut again as the kernel does
 * it, the same frames in the same order for each flow, byte for byte. Only the identifications of atomic
 * packets (RFC 6864) are not looked at. */
#include "firmware/link/bundle.h"
#include "firmware/link/output.h"

#include "tests/unit/rig/kernel_rig.h"
#include "tests/unit/rig/segment_rig.h"

#define FLOWS 24u /* more on each link than are merged at a time */
#define LINKS 2u
#define MSS 1000u
#define IP_AT HM_ETHERNET_LEN
#define TCP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)
#define OPTIONS_AT (TCP_AT + HM_TCP_LEN)
#define HANDED_MAX 4096u /* more than can be held at a time */

/* A frame that was handed over: as it must come out. */
struct handed {
    bool is_out;
    struct kernel_frame frame;
};

struct flow {
    uint32_t next_seq;
    uint8_t acknowledgment, window, stamp;
};

struct world {
    struct rig rig;
    struct hm_env env;
    struct hm_port port;
    struct handed handed[HANDED_MAX]; /* a ring */
    unsigned begin, end;              /* of those that may be held still */
    struct flow flows[FLOWS];
    unsigned frames, super_frames, others;
    size_t longest;
    uint64_t chance;
};

static struct world *world;
static struct kernel_rig kernel;

/* --- the rig ------------------------------------------------------------------------------------------ */

static struct handed *handed(unsigned number)
{
    return &world->handed[number % HANDED_MAX];
}

static bool is_tcp(const struct kernel_frame *frame)
{
    return kernel_u16(frame->bytes + 12) == HM_ETHERTYPE_IPV4 && frame->bytes[IP_AT + 9] == HM_IP_PROTO_TCP;
}

static bool is_of_one_flow(const struct kernel_frame *one, const struct kernel_frame *other)
{
    return one->link == other->link && memcmp(one->bytes, other->bytes, HM_ETHERNET_LEN) == 0 &&
           (!is_tcp(one) ||
            (is_tcp(other) && memcmp(one->bytes + IP_AT + 12, other->bytes + IP_AT + 12, 12) == 0));
}

static void hide_id(struct kernel_frame *frame)
{
    if ((frame->bytes[IP_AT + 6] & 0x40) != 0)
        memset(frame->bytes + IP_AT + 4, 0, 2);
    kernel_fix_ip(frame->bytes + IP_AT, kernel_u16(frame->bytes + IP_AT + 2), 0);
}

static void expect_alike(const struct kernel_frame *got, const struct kernel_frame *wanted, bool is_cut)
{
    static struct kernel_frame one, other;

    one = *got;
    other = *wanted;
    if (is_cut) {
        hide_id(&one);
        hide_id(&other);
    }
    assert_int_equal(one.len, other.len);
    assert_memory_equal(one.bytes, other.bytes, one.len);
}

/* It must be the first of its flow that is not out yet. */
static void come_out(const struct kernel_frame *frame, bool is_cut)
{
    unsigned number = world->begin;

    while (number < world->end &&
           (handed(number)->is_out || !is_of_one_flow(frame, &handed(number)->frame))) {
        /* nothing overtakes what is no IP packet, and that overtakes nothing */
        assert_true(handed(number)->is_out || handed(number)->frame.link != frame->link ||
                    kernel_u16(frame->bytes + 12) == HM_ETHERTYPE_IPV4);
        number++;
    }
    assert_true(number < world->end);
    expect_alike(frame, &handed(number)->frame, is_cut);
    handed(number)->is_out = true;
    while (world->begin < world->end && handed(world->begin)->is_out)
        world->begin++;
}

static int take_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    bool is_super = frame->offload.gso_type != 0;

    (void)ctx;
    world->frames++;
    world->super_frames += is_super;
    world->longest = frame->len > world->longest ? frame->len : world->longest;
    world->others += kernel_u16(frame->data + 12) != HM_ETHERTYPE_IPV4;
    kernel.count = 0;
    kernel_take(&kernel, link, frame);
    assert_in_range(kernel.count, 1, 64);
    for (unsigned i = 0; i < kernel.count; i++)
        come_out(&kernel.frames[i], is_super);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    world = calloc(1, sizeof(*world));
    rig_init(&world->rig);
    world->rig.config.link_count = LINKS;
    world->port = world->rig.port;
    world->port.send_frame = take_frame;
    world->port.takes_super_frames = true;
    hm_env_init(&world->env, &world->rig.config, &world->port, &world->rig.now);
    hm_output_init(&world->env);
    world->chance = unit_seed(8);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hm_output_fini(&world->env);
    free(world);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void hand_over_frame(unsigned link, struct hm_frame *frame)
{
    static struct kernel_rig whole;

    assert_true(world->end - world->begin < HANDED_MAX);
    whole.count = 0;
    kernel_take(&whole, link, frame);
    *handed(world->end++) = (struct handed){.frame = whole.frames[0]};
    hm_output_frame(&world->env, link, frame);
}

/* A byte of the frame that is another than a segment_rig has. */
struct change {
    size_t at;
    uint8_t by;
};

static struct hm_frame write_segment(const struct segment_rig *segment, const struct change *changes,
                                     unsigned count)
{
    static uint8_t memory[HM_FRAME_HEADROOM + 65536];
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_frame frame;
    struct hm_ipv4 ip;
    size_t len = segment_rig_write(segment, memory + HM_FRAME_HEADROOM + IP_AT);

    hm_frame_init(&frame, memory, sizeof(memory), IP_AT + len);
    hm_ethernet_encode(frame.data, &ethernet);
    for (unsigned i = 0; i < count; i++)
        frame.data[changes[i].at] = (uint8_t)(frame.data[changes[i].at] + changes[i].by);
    hm_ipv4_fix_checksum(frame.data + IP_AT, HM_IPV4_LEN);
    assert_int_equal(hm_ipv4_decode(frame.data + IP_AT, len, &ip), HM_OK);
    hm_tcp_set_piece(frame.data + TCP_AT, len - HM_IPV4_LEN, ip.src, ip.dst, segment->seq, segment->flags);
    frame.data[frame.len - 1] ^= segment->is_spoilt;
    return frame;
}

static void hand_over(const struct segment_rig *segment)
{
    struct hm_frame frame = write_segment(segment, NULL, 0);

    hand_over_frame(0, &frame);
    world->flows[0].next_seq = segment->seq + (uint32_t)segment->payload_len;
}

static struct segment_rig next_segment(unsigned flow, size_t len)
{
    return (struct segment_rig){.src = RIG_FAR + flow % 3,
                                .dst = RIG_VM,
                                .seq = world->flows[flow].next_seq,
                                .flags = HM_TCP_ACK,
                                .header_len = 32,
                                .payload_len = len,
                                .fragment = HM_IPV4_DF,
                                .option = 8};
}

static void check_all_arrived(void)
{
    hm_output_flush(&world->env);
    assert_int_equal(world->begin, world->end);
}

/* --- what is merged ----------------------------------------------------------------------------------- */

static void test_a_train_becomes_one_super_frame(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct segment_rig segment = next_segment(0, i < 39 ? MSS : 300);
        hand_over(&segment);
    }
    assert_int_equal(world->frames, 1); /* at the short one */
    assert_int_equal(world->super_frames, 1);
    check_all_arrived();
    assert_int_equal(world->frames, 1);
}

static void test_one_alone_goes_as_it_came(void **state)
{
    struct segment_rig segment = next_segment(0, MSS);

    (void)state;
    hand_over(&segment);
    assert_int_equal(world->frames, 0);
    check_all_arrived();
    assert_int_equal(world->super_frames, 0);
}

/* 64 of them would be longer than a device takes. */
static void test_a_super_frame_is_no_longer_than_a_device_takes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct segment_rig segment = next_segment(0, 1448);
        hand_over(&segment);
    }
    check_all_arrived();
    assert_int_equal(world->frames, 3);
    assert_true(world->longest > HM_FRAME_MAX - 1448 && world->longest <= HM_FRAME_MAX);
}

/* With the headers of a UDP tunnel it is still no longer than a device takes: 65,503 bytes, and one more does
 * not fit. */
static void test_a_super_frame_may_enter_a_tunnel_as_it_is(void **state)
{
    static const struct {
        size_t header_len, payload_len, most;
    } CASES[] = {{36, 1283, 51}, {32, 1309, 49}};

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(CASES); i++) {
        unsigned frames = world->frames;
        for (unsigned k = 0; k < CASES[i].most; k++) {
            struct segment_rig segment = next_segment(0, CASES[i].payload_len);
            segment.header_len = CASES[i].header_len;
            hand_over(&segment);
            assert_int_equal(world->frames, frames);
        }
        struct segment_rig segment = next_segment(0, CASES[i].payload_len);
        segment.header_len = CASES[i].header_len;
        hand_over(&segment);
        assert_int_equal(world->frames, frames + 1);
        assert_true(world->longest <= HM_BUNDLE_LEN_MAX);
        check_all_arrived();
    }
}

static void test_a_new_flow_pushes_out_one_other(void **state)
{
    (void)state;
    for (unsigned flow = 0; flow < HM_BUNDLES_PER_LANE + 3; flow++) {
        for (unsigned k = 0; k < 2; k++) {
            struct segment_rig segment = next_segment(0, MSS);
            segment.src_port = (uint16_t)(100 + flow);
            hand_over(&segment);
        }
        assert_int_equal(world->super_frames,
                         flow < HM_BUNDLES_PER_LANE ? 0 : flow - HM_BUNDLES_PER_LANE + 1);
    }
    check_all_arrived();
    assert_int_equal(world->super_frames, HM_BUNDLES_PER_LANE + 3);
}

static size_t padded_len;
static unsigned padded_count;

static int take_padded(void *ctx, unsigned link, struct hm_frame *frame)
{
    (void)ctx;
    (void)link;
    padded_count++;
    padded_len = frame->len;
    return 0;
}

static void test_padding_is_not_merged(void **state)
{
    (void)state;
    world->port.send_frame = take_padded;
    padded_count = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct segment_rig segment = next_segment(0, 4);
        segment.seq += 4 * i;
        struct hm_frame frame = write_segment(&segment, NULL, 0);
        frame.len += 6;
        hm_output_frame(&world->env, 0, &frame);
    }
    hm_output_flush(&world->env);
    assert_int_equal(padded_count, 1);
    assert_int_equal(padded_len, TCP_AT + 32 + 3 * 4);
}

static void test_a_frame_that_is_too_long_already_is_not_kept(void **state)
{
    struct segment_rig segment = next_segment(0, HM_BUNDLE_LEN_MAX - TCP_AT - 32);

    (void)state;
    world->port.send_frame = take_padded;
    padded_count = 0;
    for (unsigned i = 0; i < 2; i++, segment.payload_len++) {
        struct hm_frame frame = write_segment(&segment, NULL, 0);
        hm_output_frame(&world->env, 0, &frame);
        assert_int_equal(padded_count, i == 0 ? 0 : 2);
    }
    assert_int_equal(padded_len, HM_BUNDLE_LEN_MAX + 1);
}

/* What reads the stream shall not wait for what comes behind. */
static void test_what_is_pushed_or_ends_goes_at_once(void **state)
{
    static const uint8_t FLAGS[] = {HM_TCP_PSH, HM_TCP_FIN};

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(FLAGS); i++) {
        for (unsigned k = 0; k < 3; k++) {
            struct segment_rig segment = next_segment(0, MSS);
            segment.flags |= k == 2 ? FLAGS[i] : 0;
            hand_over(&segment);
        }
        assert_int_equal(world->super_frames, i + 1);
        assert_int_equal(world->frames, i + 1);
        assert_int_equal(world->begin, world->end);
    }
}

static void test_a_congestion_window_that_was_reduced_is_told_once_and_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct segment_rig segment = next_segment(0, MSS);
        segment.flags |= i % 3 == 0 ? HM_TCP_CWR : 0;
        hand_over(&segment);
    }
    check_all_arrived();
    assert_int_equal(world->super_frames, 2);
}

/* --- random streams ----------------------------------------------------------------------------------- */

static void hand_over_arp(unsigned link)
{
    struct hm_arp packet = {
        .op = HM_ARP_REQUEST, .sender_mac = RIG_VM_MAC, .sender_addr = RIG_VM, .target_addr = RIG_VM};
    uint8_t memory[HM_FRAME_HEADROOM + HM_ARP_FRAME_LEN];
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), HM_ARP_FRAME_LEN);
    hm_arp_encode_frame(frame.data, &RIG_VM_MAC, &RIG_AGENT_MAC, HM_ETHERTYPE_ARP, &packet);
    hand_over_frame(link, &frame);
}

/* Most segments are like the one before; one of thirty is odd in some way. */
static void make_odd(struct segment_rig *segment, struct change *change)
{
    static const uint8_t FLAGS[] = {HM_TCP_PSH, HM_TCP_FIN, HM_TCP_CWR,
                                    HM_TCP_ECE, HM_TCP_URG, HM_TCP_RST,
                                    HM_TCP_SYN, HM_TCP_ACK, HM_TCP_PSH | HM_TCP_FIN | HM_TCP_CWR};
    static const uint32_t JUMPS[] = {MSS, 1, (uint32_t)-1, (uint32_t)-MSS, 1u << 31};
    static const uint16_t FRAGMENTS[] = {0, HM_IPV4_MF, 5};
    static const struct change CHANGES[] = {
        {IP_AT + 1, 1}, {IP_AT + 8, 1}, {TCP_AT + 12, 1}, {OPTIONS_AT, 11}, {OPTIONS_AT, 21}};
    uint64_t *chance = &world->chance;

    switch (unit_below(chance, 8)) {
    case 0:
    case 1:
        segment->flags ^= FLAGS[unit_below(chance, UNIT_COUNT(FLAGS))];
        break;
    case 2:
        segment->seq += JUMPS[unit_below(chance, UNIT_COUNT(JUMPS))];
        break;
    case 3:
        segment->fragment = FRAGMENTS[unit_below(chance, UNIT_COUNT(FRAGMENTS))];
        break;
    case 4:
        *change = CHANGES[unit_below(chance, UNIT_COUNT(CHANGES))];
        break;
    case 5:
        segment->header_len = HM_TCP_LEN + 4 * (size_t)unit_below(chance, 11);
        segment->option = 0;
        break;
    case 6:
        segment->is_spoilt = true;
        break;
    default:
        segment->payload_len = unit_below(chance, 2) * unit_below(chance, MSS + 100);
    }
}

static void hand_over_random(unsigned number)
{
    uint64_t *chance = &world->chance;
    struct flow *flow = &world->flows[number];
    struct segment_rig segment = next_segment(number, MSS);
    uint8_t *changing[] = {&flow->acknowledgment, &flow->window, &flow->stamp};

    if (unit_below(chance, 20) == 0)
        ++*changing[unit_below(chance, UNIT_COUNT(changing))];
    struct change changes[] = {{TCP_AT + 3, (uint8_t)(number / 3)},
                               {TCP_AT + 11, flow->acknowledgment},
                               {TCP_AT + 15, flow->window},
                               {OPTIONS_AT + 5, flow->stamp},
                               {TCP_AT + 12, 0}};
    if (unit_below(chance, 30) == 0)
        make_odd(&segment, &changes[4]);
    if (segment.header_len < 32)
        changes[3].by = 0; /* there is none */
    struct hm_frame frame = write_segment(&segment, changes, UNIT_COUNT(changes));
    if (unit_below(chance, 200) == 0) { /* its checksum is left to the kernel */
        kernel_set_u16(frame.data + TCP_AT + 16, kernel_pseudo(frame.data + IP_AT, 6, frame.len - TCP_AT));
        frame.offload = (struct hm_offload){.flags = 1, .csum_start = TCP_AT, .csum_offset = 16};
    }
    hand_over_frame(number % LINKS, &frame);
    flow->next_seq = segment.seq + (uint32_t)segment.payload_len;
}

static void test_random_streams_come_out_as_they_went_in(void **state)
{
    uint64_t *chance = &world->chance;

    (void)state;
    for (unsigned i = 0; i < FLOWS; i++)
        world->flows[i].next_seq = UINT32_MAX - 20000 + i; /* they wrap */
    for (unsigned i = 0; i < 60000; i++) {
        hand_over_random((unsigned)unit_below(chance, unit_below(chance, 4) == 0 ? FLOWS : 2));
        if (unit_below(chance, 500) == 0)
            hand_over_arp((unsigned)unit_below(chance, LINKS));
        else if (unit_below(chance, 200) == 0)
            hm_output_flush(&world->env);
    }
    check_all_arrived();
    assert_true(world->super_frames > 1000 && world->others > 10);
    assert_true(world->frames < 40000);
}

/* --- what is not merged ------------------------------------------------------------------------------- */

static void test_what_differs_is_not_merged(void **state)
{
    static const size_t FIELDS[] = {
        5,
        11, /* Ethernet addresses */
        IP_AT + 1,
        IP_AT + 8, /* TOS, TTL */
        IP_AT + 15,
        IP_AT + 19, /* addresses */
        TCP_AT + 1,
        TCP_AT + 3, /* ports */
        TCP_AT + 11,
        TCP_AT + 12, /* acknowledgment; what is reserved, of which one bit counts (RFC 9768) */
        TCP_AT + 15,
        OPTIONS_AT, /* window; kind of the option, */
        OPTIONS_AT + 5,
        OPTIONS_AT + 9, /* and time stamps: its value, and its echo */
    };

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(FIELDS); i++) {
        for (unsigned k = 0; k < 3; k++) {
            struct segment_rig segment = next_segment(0, MSS);
            const struct change change = {FIELDS[i], (uint8_t)k};
            struct hm_frame frame = write_segment(&segment, &change, 1);
            hand_over_frame(0, &frame);
            world->flows[0].next_seq += MSS;
        }
        check_all_arrived();
        assert_int_equal(world->super_frames, 0);
    }
}

/* A flag, or the want of one, that says something about one segment alone; and no second reduction of the
 * congestion window. */
static void test_segments_with_other_flags_are_not_merged(void **state)
{
    static const uint8_t FLAGS[] = {HM_TCP_URG, HM_TCP_RST, HM_TCP_SYN, HM_TCP_ECE, HM_TCP_ACK, HM_TCP_CWR};

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(FLAGS); i++) {
        for (unsigned k = 0; k < 4; k++) {
            struct segment_rig segment = next_segment(0, MSS);
            segment.flags ^= k % 2 == 1 ? FLAGS[i] : 0;
            hand_over(&segment);
        }
        check_all_arrived();
        assert_int_equal(world->super_frames, FLAGS[i] == HM_TCP_CWR);
    }
}

static void test_what_is_alike_and_must_stay_whole_is_not_merged(void **state)
{
    static const struct {
        uint8_t flags, option;
        uint16_t fragment;
    } KINDS[] = {
        {HM_TCP_ACK | HM_TCP_URG, 0, HM_IPV4_DF},
        {HM_TCP_ACK | HM_TCP_RST, 0, HM_IPV4_DF},
        {HM_TCP_ACK | HM_TCP_SYN, 0, HM_IPV4_DF},
        {0, 0, HM_IPV4_DF},
        {HM_TCP_ACK, 19, HM_IPV4_DF}, /* MD5 */
        {HM_TCP_ACK, 29, HM_IPV4_DF}, /* TCP-AO */
        {HM_TCP_ACK, 8, 0},           /* its identification counts */
        {HM_TCP_ACK, 8, HM_IPV4_DF | HM_IPV4_MF},
    };

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(KINDS); i++) {
        for (unsigned k = 0; k < 3; k++) {
            struct segment_rig segment = next_segment(0, MSS);
            segment.flags = KINDS[i].flags;
            segment.option = KINDS[i].option;
            segment.fragment = KINDS[i].fragment;
            hand_over(&segment);
            assert_int_equal(world->begin, world->end);
        }
        assert_int_equal(world->super_frames, 0);
    }
}

/* A retransmission, one that overlaps, one behind a gap, one that is ahead by the half of all numbers. */
static void test_what_is_not_the_next_byte_is_not_merged(void **state)
{
    static const uint32_t JUMPS[] = {(uint32_t)-MSS, (uint32_t)-1, 1, 1u << 31};

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(JUMPS); i++)
        for (unsigned k = 0; k < 3; k++) {
            struct segment_rig segment = next_segment(0, MSS);
            segment.seq += JUMPS[i];
            hand_over(&segment);
        }
    check_all_arrived();
    assert_int_equal(world->super_frames, 0);
}

/* Four bytes of them, and the rest behind. */
static void test_a_packet_with_options_goes_behind_what_waits(void **state)
{
    static const struct change CHANGE = {TCP_AT + 8,
                                         0x50}; /* as if there were a TCP header 4 bytes earlier */

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct segment_rig segment = next_segment(0, MSS);
        struct hm_frame frame = write_segment(&segment, &CHANGE, 1);
        uint8_t *ip = frame.data + IP_AT;
        world->flows[0].next_seq += MSS;
        if (i == 2) {
            memmove(frame.data + TCP_AT + 4, frame.data + TCP_AT, frame.len - TCP_AT);
            memset(frame.data + TCP_AT, 0, 4); /* the end of them */
            frame.len += 4;
            ip[0]++;
            kernel_set_u16(ip + 2, kernel_u16(ip + 2) + 4);
            hm_ipv4_fix_checksum(ip, HM_IPV4_LEN + 4);
        }
        hand_over_frame(0, &frame);
        assert_int_equal(world->end - world->begin, i < 2 ? i + 1 : i - 2);
    }
    check_all_arrived();
    assert_int_equal(world->super_frames, 2);
}

/* It would be blessed with a right checksum. */
static void test_a_broken_segment_stays_broken_and_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct segment_rig segment = next_segment(0, MSS);
        segment.is_spoilt = i == 1;
        hand_over(&segment);
        assert_int_equal(world->frames, i == 0 ? 0 : 2);
    }
    check_all_arrived();
    assert_int_equal(world->super_frames, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_train_becomes_one_super_frame),
        TEST(test_one_alone_goes_as_it_came),
        TEST(test_a_super_frame_is_no_longer_than_a_device_takes),
        TEST(test_a_super_frame_may_enter_a_tunnel_as_it_is),
        TEST(test_a_new_flow_pushes_out_one_other),
        TEST(test_padding_is_not_merged),
        TEST(test_a_frame_that_is_too_long_already_is_not_kept),
        TEST(test_what_is_pushed_or_ends_goes_at_once),
        TEST(test_a_congestion_window_that_was_reduced_is_told_once_and_first),
        TEST(test_random_streams_come_out_as_they_went_in),
        TEST(test_what_differs_is_not_merged),
        TEST(test_segments_with_other_flags_are_not_merged),
        TEST(test_what_is_alike_and_must_stay_whole_is_not_merged),
        TEST(test_what_is_not_the_next_byte_is_not_merged),
        TEST(test_a_packet_with_options_goes_behind_what_waits),
        TEST(test_a_broken_segment_stays_broken_and_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
