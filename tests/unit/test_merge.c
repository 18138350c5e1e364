/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of merging: whatever streams of segments go in, what comes out is, cut again as the kernel does
 * it, the same segments in the same order for each flow, or larger ones made of them. */
#include "firmware/link/merge.h"
#include "firmware/link/output.h"

#include "tests/unit/rig/segment_rig.h"

#define FLOWS 12u
#define MSS 1000u
#define LOG_LEN (4u * 1024 * 1024)

/* What was handed over, and what a receiver got: for each flow the headers' changing fields and the bytes. */
struct receiver {
    uint32_t next_seq;
    uint64_t bytes, segments, fins, pushes, cwrs, acks;
};

struct world {
    struct rig rig;
    struct hm_env env;
    struct hm_port port;
    struct receiver sent[FLOWS], got[FLOWS];
    unsigned frames, super_frames, others;
    uint64_t chance;
};

static struct world *world;

static unsigned flow_of(uint32_t src)
{
    assert_in_range(src, RIG_FAR, RIG_FAR + FLOWS - 1);
    return src - RIG_FAR;
}

/* One segment as the receiver's stack sees it. */
static void receive(const struct hm_ipv4 *ip, const struct hm_tcp *tcp, const uint8_t *payload, size_t len)
{
    struct receiver *to = &world->got[flow_of(ip->src)];

    assert_int_equal(tcp->seq, to->next_seq);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(payload[i], segment_rig_byte(tcp->seq + (uint32_t)i));
    to->next_seq += (uint32_t)len;
    to->bytes += len;
    to->segments++;
    to->fins += (tcp->flags & HM_TCP_FIN) != 0;
    to->pushes += (tcp->flags & HM_TCP_PSH) != 0;
    to->cwrs += (tcp->flags & HM_TCP_CWR) != 0;
}

/* The kernel: cuts a super-frame, and looks at the sums of all else. */
static int take_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    const uint8_t *ip_bytes = frame->data + HM_ETHERNET_LEN, *tcp_bytes = ip_bytes + HM_IPV4_LEN, *payload;
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;
    struct hm_tcp tcp;
    size_t len;

    (void)ctx;
    (void)link;
    world->frames++;
    assert_int_equal(hm_ethernet_decode(frame->data, frame->len, &ethernet), HM_OK);
    if (ethernet.type != HM_ETHERTYPE_IPV4) {
        world->others++;
        for (unsigned i = 0; i < FLOWS; i++) /* nothing may come behind it that was before it */
            assert_int_equal(world->got[i].bytes, world->sent[i].bytes);
        return 0;
    }
    assert_int_equal(hm_ipv4_decode(ip_bytes, frame->len - HM_ETHERNET_LEN, &ip), HM_OK);
    assert_true(hm_ipv4_checksum_is_right(ip_bytes, ip.header_len));
    assert_int_equal(HM_ETHERNET_LEN + ip.total_len, frame->len);
    assert_int_equal(hm_tcp_decode(tcp_bytes, ip.total_len - (size_t)HM_IPV4_LEN, &tcp), HM_OK);
    payload = tcp_bytes + tcp.header_len;
    len = (size_t)ip.total_len - HM_IPV4_LEN - tcp.header_len;
    if (frame->offload.gso_type == 0) {
        assert_int_equal(frame->offload.flags, 0);
        assert_true(hm_tcp_checksum_is_right(tcp_bytes, ip.total_len - (size_t)HM_IPV4_LEN, ip.src, ip.dst));
        receive(&ip, &tcp, payload, len);
        return 0;
    }
    world->super_frames++;
    assert_int_equal(frame->offload.flags, 1);
    assert_int_equal(frame->offload.gso_type, tcp.flags & HM_TCP_CWR ? 0x81 : 1);
    assert_int_equal(frame->offload.hdr_len, HM_ETHERNET_LEN + HM_IPV4_LEN + tcp.header_len);
    assert_int_equal(frame->offload.csum_start, HM_ETHERNET_LEN + HM_IPV4_LEN);
    assert_int_equal(frame->offload.csum_offset, 16);
    assert_int_equal(
        tcp_bytes[16] << 8 | tcp_bytes[17],
        hm_ipv4_pseudo_sum(ip.src, ip.dst, HM_IP_PROTO_TCP, (uint16_t)(ip.total_len - HM_IPV4_LEN)));
    assert_true(len > frame->offload.gso_size && frame->offload.gso_size > 0);
    for (size_t at = 0, part; at < len; at += part) {
        struct hm_tcp piece = tcp;
        part = len - at < frame->offload.gso_size ? len - at : frame->offload.gso_size;
        piece.seq += (uint32_t)at;
        if (at > 0) /* as a sender's kernel does it */
            piece.flags &= (uint8_t)~HM_TCP_CWR;
        if (at + part < len)
            piece.flags &= (uint8_t) ~(HM_TCP_FIN | HM_TCP_PSH);
        receive(&ip, &piece, payload + at, part);
    }
    return 0;
}

static int setup(void **state)
{
    (void)state;
    world = calloc(1, sizeof(*world));
    rig_init(&world->rig);
    world->port = world->rig.port;
    world->port.send_frame = take_frame;
    hm_env_init(&world->env, &world->rig.config, &world->port, &world->rig.now);
    world->env.merge = hm_merge_create(&world->env);
    world->chance = unit_seed(8);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hm_merge_destroy(world->env.merge);
    free(world);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void hand_over(const struct segment_rig *segment)
{
    static uint8_t memory[HM_FRAME_HEADROOM + 65536];
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct receiver *from = &world->sent[flow_of(segment->src)];
    struct hm_frame frame;
    size_t len = segment_rig_write(segment, memory + HM_FRAME_HEADROOM + HM_ETHERNET_LEN);

    hm_frame_init(&frame, memory, sizeof(memory), HM_ETHERNET_LEN + len);
    hm_ethernet_encode(frame.data, &ethernet);
    from->next_seq = segment->seq + (uint32_t)segment->payload_len;
    from->bytes += segment->payload_len;
    from->segments++;
    from->fins += (segment->flags & HM_TCP_FIN) != 0;
    from->pushes += (segment->flags & HM_TCP_PSH) != 0;
    from->cwrs += (segment->flags & HM_TCP_CWR) != 0;
    hm_output_frame(&world->env, 0, &frame);
}

static struct segment_rig next_segment(unsigned flow, size_t len)
{
    return (struct segment_rig){.src = RIG_FAR + flow,
                                .dst = RIG_VM,
                                .seq = world->sent[flow].next_seq,
                                .flags = HM_TCP_ACK,
                                .header_len = 32,
                                .payload_len = len,
                                .fragment = HM_IPV4_DF};
}

static void check_all_arrived(void)
{
    hm_merge_flush(world->env.merge);
    for (unsigned i = 0; i < FLOWS; i++) {
        assert_int_equal(world->got[i].bytes, world->sent[i].bytes);
        assert_int_equal(world->got[i].segments, world->sent[i].segments);
        assert_int_equal(world->got[i].fins, world->sent[i].fins);
        assert_int_equal(world->got[i].pushes, world->sent[i].pushes);
        assert_int_equal(world->got[i].cwrs, world->sent[i].cwrs);
    }
}

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

static void arp(void)
{
    struct hm_arp packet = {
        .op = HM_ARP_REQUEST, .sender_mac = RIG_VM_MAC, .sender_addr = RIG_VM, .target_addr = RIG_VM};

    hm_output_arp(&world->env, 0, &RIG_VM_MAC, &RIG_AGENT_MAC, &packet);
}

static void test_random_streams_come_out_as_they_went_in(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FLOWS; i++)
        world->sent[i].next_seq = world->got[i].next_seq = UINT32_MAX - 20000 + i; /* they wrap */
    for (unsigned i = 0; i < 30000; i++) {
        uint64_t kind = unit_below(&world->chance, 40);
        unsigned flow = (unsigned)unit_below(&world->chance, unit_below(&world->chance, 4) == 0 ? FLOWS : 2);
        struct segment_rig segment =
            next_segment(flow, kind < 30 ? MSS : 1 + unit_below(&world->chance, MSS));
        if (kind == 31)
            segment.flags |= HM_TCP_PSH;
        else if (kind == 32)
            segment.flags |= HM_TCP_FIN;
        else if (kind == 33)
            segment.flags |= HM_TCP_CWR;
        else if (kind == 34)
            segment.flags |= HM_TCP_ECE;
        else if (kind == 35)
            segment.header_len = 20;
        else if (kind == 36)
            segment.fragment = 0;
        else if (kind == 37)
            segment.payload_len = 0;
        else if (kind == 38 && unit_below(&world->chance, 20) == 0)
            arp();
        else if (kind == 39 && unit_below(&world->chance, 4) == 0)
            hm_merge_flush(world->env.merge);
        hand_over(&segment);
    }
    check_all_arrived();
    assert_true(world->super_frames > 1000 && world->others > 10);
    assert_true(world->frames < 20000);
}

static void test_what_differs_is_not_merged(void **state)
{
    static const struct {
        unsigned at; /* in the IP packet */
        const char *what;
    } FIELDS[] = {{1, "TOS"}, {8, "TTL"}, {28, "acknowledgment"}, {34, "window"}, {45, "options"}};

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(FIELDS); i++) {
        unsigned before = world->super_frames;
        for (unsigned k = 0; k < 3; k++) {
            static uint8_t memory[HM_FRAME_HEADROOM + 2048];
            struct hm_ethernet ethernet = {
                .dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
            struct segment_rig segment = next_segment(0, MSS);
            uint8_t *packet = memory + HM_FRAME_HEADROOM + HM_ETHERNET_LEN;
            struct hm_frame frame;
            segment.option = 8; /* one, and bytes that mean something */
            size_t len = segment_rig_write(&segment, packet);
            packet[FIELDS[i].at] = (uint8_t)(packet[FIELDS[i].at] + k);
            hm_ipv4_fix_checksum(packet, HM_IPV4_LEN);
            hm_tcp_set_piece(packet + HM_IPV4_LEN, len - HM_IPV4_LEN, segment.src, segment.dst, segment.seq,
                             segment.flags);
            hm_frame_init(&frame, memory, sizeof(memory), HM_ETHERNET_LEN + len);
            hm_ethernet_encode(frame.data, &ethernet);
            world->sent[0].next_seq += MSS;
            world->sent[0].bytes += MSS;
            world->sent[0].segments++;
            hm_output_frame(&world->env, 0, &frame);
        }
        check_all_arrived();
        assert_int_equal(world->super_frames, before);
    }
}

/* It would be blessed with a right checksum. */
static void test_a_broken_segment_stays_broken_and_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct segment_rig segment = next_segment(0, MSS);
        static uint8_t memory[HM_FRAME_HEADROOM + 2048];
        struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
        struct hm_frame frame;
        segment.is_spoilt = i == 1;
        size_t len = segment_rig_write(&segment, memory + HM_FRAME_HEADROOM + HM_ETHERNET_LEN);
        hm_frame_init(&frame, memory, sizeof(memory), HM_ETHERNET_LEN + len);
        hm_ethernet_encode(frame.data, &ethernet);
        world->sent[0].next_seq += MSS;
        assert_int_equal(hm_merge_take(world->env.merge, 0, &frame), i != 1);
    }
    assert_int_equal(world->super_frames, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_train_becomes_one_super_frame),         TEST(test_one_alone_goes_as_it_came),
        TEST(test_random_streams_come_out_as_they_went_in), TEST(test_what_differs_is_not_merged),
        TEST(test_a_broken_segment_stays_broken_and_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
