/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of TCP segments that do not fit the tunnel: the stream that comes out is the one that went in,
 * and what must not be cut is told to its sender, or dropped. */
#include "firmware/path/path.h"

#include "tests/unit/rig/segment_rig.h"

#define MTU 1500u
#define TUNNEL_MTU (MTU - HM_IPV4_LEN)

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup_both, path_rig_teardown)

static void send_segment(struct path_rig *f, const struct segment_rig *segment, const struct hm_mac *dst,
                         const struct hm_mac *src)
{
    uint8_t bytes[HM_ETHERNET_LEN + 2048];
    struct hm_ethernet ethernet = {.dst = *dst, .src = *src, .type = HM_ETHERTYPE_IPV4};
    size_t len = segment_rig_write(segment, bytes + HM_ETHERNET_LEN);

    hm_ethernet_encode(bytes, &ethernet);
    rig_forget_frames(&f->rig);
    path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
}

static void send_down(struct path_rig *f, struct segment_rig *segment)
{
    segment->src = RIG_FAR;
    segment->dst = RIG_VM;
    send_segment(f, segment, &RIG_VM_MAC, &RIG_ROUTER_MAC);
}

static void test_a_segment_that_is_too_long_goes_in_two(void **state)
{
    struct path_rig *f = *state;
    uint64_t chance = 7;

    for (unsigned i = 0; i < 500; i++) {
        struct segment_rig segment = {
            .seq = (uint32_t)unit_random(&chance),
            .flags = (uint8_t)(HM_TCP_ACK |
                               (unit_random(&chance) & (HM_TCP_FIN | HM_TCP_PSH | HM_TCP_ECE | HM_TCP_CWR))),
            .header_len = HM_TCP_LEN + 4 * (unit_random(&chance) % 11),
            .fragment = HM_IPV4_DF,
            .keeps_cwr = true};
        size_t most = MTU - HM_IPV4_LEN - segment.header_len;
        segment.payload_len = most - unit_random(&chance) % HM_IPV4_LEN;
        send_down(f, &segment);
        assert_int_equal(f->rig.frame_count, 2);
        segment_rig_check(f, &segment, TUNNEL_MTU);
        /* halves, which the far end can merge with those of the next */
        assert_in_range(f->rig.frames[0].len - f->rig.frames[1].len, 0, 1);
    }
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 500);
    assert_int_equal(f->env.counters.events[HM_COUNT_ICMP_TOO_BIG], 0);
}

static void test_one_that_fits_goes_as_it_is(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = {.flags = HM_TCP_ACK | HM_TCP_PSH,
                                  .header_len = 32,
                                  .payload_len = TUNNEL_MTU - HM_IPV4_LEN - 32,
                                  .fragment = HM_IPV4_DF};

    send_down(f, &segment);
    assert_int_equal(f->rig.frame_count, 1);
    segment_rig_check(f, &segment, TUNNEL_MTU);
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 0);
}

static void test_a_visitors_segment_is_cut_as_well(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = {.src = RIG_GUEST,
                                  .dst = RIG_FAR,
                                  .seq = UINT32_MAX - 5, /* it wraps */
                                  .flags = HM_TCP_ACK | HM_TCP_FIN,
                                  .header_len = 32,
                                  .payload_len = MTU - HM_IPV4_LEN - 32,
                                  .fragment = HM_IPV4_DF};

    send_segment(f, &segment, &RIG_AGENT_MAC, &RIG_GUEST_MAC);
    assert_int_equal(f->rig.frame_count, 2);
    segment_rig_check(f, &segment, TUNNEL_MTU);
}

/* --- what is not cut ---------------------------------------------------------------------------------- */

/* Its sender is told, and nothing else is sent. */
static void check_too_big(struct path_rig *f, uint16_t mtu)
{
    struct hm_ethernet ethernet;

    assert_int_equal(f->rig.frame_count, 1);
    struct hm_ipv4 ip = path_rig_sent(f, 0, &ethernet);
    const uint8_t *icmp = f->rig.frames[0].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
    assert_int_equal(ip.protocol, HM_IP_PROTO_ICMP);
    assert_int_equal(ip.dst, RIG_FAR);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
    assert_int_equal(icmp[1], HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(icmp[6] << 8 | icmp[7], mtu);
}

static void expect_too_big(struct path_rig *f, struct segment_rig segment, uint16_t mtu)
{
    uint64_t before = path_rig_dropped(f, HM_DROP_TUNNEL_MTU);

    segment.fragment |= HM_IPV4_DF;
    path_rig_pass_ms(f, 1000); /* it may tell again */
    send_down(f, &segment);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MTU), before + 1);
    check_too_big(f, mtu);
}

/* The same without DF: two fragments, which are the packet when they are put together. */
static void expect_fragments(struct path_rig *f, struct segment_rig segment)
{
    uint8_t packet[2048];
    size_t at = 0;

    segment.fragment = 0;
    send_down(f, &segment);
    size_t len = segment_rig_write(&segment, packet) - HM_IPV4_LEN;
    assert_int_equal(f->rig.frame_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *sent = f->rig.frames[i].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
        struct hm_ipv4 ip = path_rig_sent_inner(f, i);
        assert_int_equal(ip.fragment, at / 8 | (i == 0 ? HM_IPV4_MF : 0));
        assert_int_equal(ip.id, 0x1234);
        assert_true(ip.total_len <= TUNNEL_MTU && at + ip.total_len - HM_IPV4_LEN <= len);
        assert_memory_equal(sent + HM_IPV4_LEN, packet + HM_IPV4_LEN + at, ip.total_len - HM_IPV4_LEN);
        at += ip.total_len - (size_t)HM_IPV4_LEN;
    }
    assert_int_equal(at, len);
}

static const struct segment_rig GOOD = {
    .flags = HM_TCP_ACK, .header_len = 40, .payload_len = MTU - HM_IPV4_LEN - 40};

static void test_what_must_not_be_cut_is_told_to_its_sender_or_fragmented(void **state)
{
    static const struct {
        uint8_t flags, option, protocol;
    } KINDS[] = {
        {HM_TCP_SYN, 0, 0},
        {HM_TCP_RST, 0, 0},
        {HM_TCP_URG | HM_TCP_ACK, 0, 0},
        {HM_TCP_ACK, 19, 0}, /* MD5 */
        {HM_TCP_ACK, 29, 0}, /* TCP-AO */
        {HM_TCP_ACK, 0, 50}, /* IPsec: ESP, */
        {HM_TCP_ACK, 0, 51}, /* AH */
        {HM_TCP_ACK, 0, HM_IP_PROTO_UDP},
    };
    struct path_rig *f = *state;

    for (unsigned i = 0; i < UNIT_COUNT(KINDS); i++) {
        struct segment_rig segment = GOOD;
        segment.flags = KINDS[i].flags;
        segment.option = KINDS[i].option;
        segment.protocol = KINDS[i].protocol;
        expect_too_big(f, segment, TUNNEL_MTU);
        expect_fragments(f, segment);
    }
    struct segment_rig broken = GOOD;
    broken.header_len = 16; /* shorter than any */
    broken.payload_len = MTU - HM_IPV4_LEN - 16;
    expect_too_big(f, broken, TUNNEL_MTU);
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 0);
}

static void test_a_fragment_is_not_cut(void **state)
{
    struct segment_rig segment = GOOD;

    segment.fragment = HM_IPV4_MF;
    expect_too_big(*state, segment, TUNNEL_MTU);
}

static void test_a_packet_with_options_is_not_cut(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct segment_rig segment = GOOD;
    uint8_t bytes[HM_ETHERNET_LEN + 2048], *ip = bytes + HM_ETHERNET_LEN;

    segment.src = RIG_FAR;
    segment.dst = RIG_VM;
    segment.fragment = HM_IPV4_DF;
    hm_ethernet_encode(bytes, &ethernet);
    size_t len = segment_rig_write(&segment, ip);
    ip[HM_IPV4_LEN + 8] = 0x50; /* as if there were a TCP header 4 bytes earlier */
    ip[HM_IPV4_LEN + 9] = HM_TCP_ACK;
    memmove(ip + HM_IPV4_LEN + 4, ip + HM_IPV4_LEN, len - HM_IPV4_LEN - 4);
    memset(ip + HM_IPV4_LEN, 1, 4); /* no operation */
    ip[0]++;
    hm_ipv4_fix_checksum(ip, HM_IPV4_LEN + 4);
    rig_forget_frames(&f->rig);
    path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
    check_too_big(f, TUNNEL_MTU);
}

/* The narrowest that is believed: of its 68 bytes the headers leave some, or none. */
static void test_a_tunnel_that_is_narrower_than_the_headers_is_told(void **state)
{
    struct path_rig *f = *state;
    struct segment_rig segment = GOOD;
    const uint16_t room = 68;

    hm_tunnel_state_lower(&f->path.tunnels, hm_tunnel_state_use(&f->path.tunnels, RIG_PEER_B), 1, MTU);
    segment.header_len = 48;
    expect_too_big(f, segment, room);
    segment.header_len = 60;
    expect_too_big(f, segment, room);
    segment.header_len = 44;
    segment.fragment = HM_IPV4_DF;
    send_down(f, &segment);
    assert_int_equal(f->rig.frame_count, segment.payload_len / 4);
    segment_rig_check(f, &segment, room);
}

static void test_one_that_may_be_fragmented_is(void **state)
{
    struct path_rig *f = *state;

    expect_fragments(f, GOOD);
    assert_int_equal(f->env.counters.events[HM_COUNT_FRAGMENTED], 1);
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 0);
}

static void test_a_broken_segment_does_not_become_a_good_one(void **state)
{
    struct path_rig *f = *state;

    send_down(f, &(struct segment_rig){.flags = HM_TCP_ACK,
                                       .header_len = 20,
                                       .payload_len = MTU - 40,
                                       .fragment = HM_IPV4_DF,
                                       .is_spoilt = true});
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TCP_CHECKSUM), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_segment_that_is_too_long_goes_in_two),
        TEST(test_one_that_fits_goes_as_it_is),
        TEST(test_a_visitors_segment_is_cut_as_well),
        TEST(test_what_must_not_be_cut_is_told_to_its_sender_or_fragmented),
        TEST(test_one_that_may_be_fragmented_is),
        TEST(test_a_fragment_is_not_cut),
        TEST(test_a_packet_with_options_is_not_cut),
        TEST(test_a_tunnel_that_is_narrower_than_the_headers_is_told),
        TEST(test_a_broken_segment_does_not_become_a_good_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
