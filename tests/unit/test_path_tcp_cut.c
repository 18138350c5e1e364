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

static void send_down(struct path_rig *f, struct segment_rig segment)
{
    segment.src = RIG_FAR;
    segment.dst = RIG_VM;
    send_segment(f, &segment, &RIG_VM_MAC, &RIG_ROUTER_MAC);
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
        send_down(f, segment);
        assert_int_equal(f->rig.frame_count, 2);
        segment_rig_check(f, &segment, TUNNEL_MTU);
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

    send_down(f, segment);
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

/* What must not be cut is told to its sender; nothing else is sent. */
static void expect_too_big(struct path_rig *f, struct segment_rig segment)
{
    struct hm_ethernet ethernet;
    uint64_t before = path_rig_dropped(f, HM_DROP_TUNNEL_MTU);

    segment.fragment |= HM_IPV4_DF;
    path_rig_pass_ms(f, 1000); /* it may tell again */
    send_down(f, segment);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_MTU), before + 1);
    assert_int_equal(f->rig.frame_count, 1);
    struct hm_ipv4 ip = path_rig_sent(f, 0, &ethernet);
    const uint8_t *icmp = f->rig.frames[0].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
    assert_int_equal(ip.protocol, HM_IP_PROTO_ICMP);
    assert_int_equal(ip.dst, RIG_FAR);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
    assert_int_equal(icmp[1], HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(icmp[6] << 8 | icmp[7], TUNNEL_MTU);
}

static void test_what_must_not_be_cut_is_told_to_its_sender(void **state)
{
    static const uint8_t FLAGS[] = {HM_TCP_SYN, HM_TCP_RST, HM_TCP_URG | HM_TCP_ACK};
    static const uint8_t OPTIONS[] = {19, 29}; /* MD5, TCP-AO */
    const struct segment_rig good = {
        .flags = HM_TCP_ACK, .header_len = 40, .payload_len = MTU - HM_IPV4_LEN - 40};

    for (unsigned i = 0; i < UNIT_COUNT(FLAGS); i++) {
        struct segment_rig segment = good;
        segment.flags = FLAGS[i];
        expect_too_big(*state, segment);
    }
    for (unsigned i = 0; i < UNIT_COUNT(OPTIONS); i++) {
        struct segment_rig segment = good;
        segment.option = OPTIONS[i];
        expect_too_big(*state, segment);
    }
    struct segment_rig broken = good;
    broken.header_len = 16; /* shorter than any */
    broken.payload_len = MTU - HM_IPV4_LEN - 16;
    expect_too_big(*state, broken);
}

static void test_one_that_may_be_fragmented_is(void **state)
{
    struct path_rig *f = *state;

    send_down(f, (struct segment_rig){.flags = HM_TCP_ACK, .header_len = 20, .payload_len = MTU - 40});
    assert_int_equal(f->rig.frame_count, 2);
    assert_int_equal(path_rig_sent_inner(f, 0).fragment, HM_IPV4_MF);
    assert_int_equal(f->env.counters.events[HM_COUNT_FRAGMENTED], 1);
    assert_int_equal(f->env.counters.events[HM_COUNT_TCP_CUT], 0);
}

static void test_a_broken_segment_does_not_become_a_good_one(void **state)
{
    struct path_rig *f = *state;

    send_down(f, (struct segment_rig){.flags = HM_TCP_ACK,
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
        TEST(test_what_must_not_be_cut_is_told_to_its_sender),
        TEST(test_one_that_may_be_fragmented_is),
        TEST(test_a_broken_segment_does_not_become_a_good_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
