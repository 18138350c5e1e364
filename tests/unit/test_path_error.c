/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of path/tunnel_error and path/tunnel_state: what an ICMP error from inside a tunnel changes, and
 * who is told of it. */
#include "firmware/path/path.h"

#include "tests/unit/rig/icmp_rig.h"

#define TEN_MINUTES_MS (10 * 60 * 1000u)

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup_absent, path_rig_teardown)

static void test_i8_fragmentation_needed_lowers_the_tunnels_mtu(void **state)
{
    struct path_rig *f = *state;
    uint8_t outer[2048];
    struct hm_ipv4 ip;
    size_t len = icmp_rig_send_and_keep(f, 1480, HM_IPV4_DF, outer);

    icmp_rig_too_big(f, outer, len, 1400);
    rig_forget_frames(&f->rig);
    assert_int_equal(icmp_rig_send_down(f, 1381, HM_IPV4_DF), 1);
    const uint8_t *icmp = icmp_rig_sent(f, 0, 0, &ip);
    assert_int_equal(icmp[1], HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(icmp_rig_mtu(icmp), 1380); /* the tunnel's, less the outer header */
    assert_int_equal(ip.dst, RIG_FAR);
    assert_int_equal(icmp_rig_send_down(f, 1380, HM_IPV4_DF), 1);
    assert_int_equal(f->rig.frames[0].len, HM_ETHERNET_LEN + 1400);
    assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_ERRORS], 1);
}

static void test_i8_what_may_be_cut_is_cut_before_it_enters_the_narrow_tunnel(void **state)
{
    struct path_rig *f = *state;
    uint8_t outer[2048];
    struct hm_ethernet ethernet;

    icmp_rig_too_big(f, outer, icmp_rig_send_and_keep(f, 1480, HM_IPV4_DF, outer), 1000);
    assert_int_equal(icmp_rig_send_down(f, 1480, 0), 2);
    for (unsigned i = 0; i < 2; i++) {
        struct hm_ipv4 ip = path_rig_sent(f, i, &ethernet);
        assert_true(ip.total_len <= 1000);
        assert_int_equal(ip.fragment & (HM_IPV4_MF | HM_IPV4_OFFSET), 0);
        assert_true(hm_ipv4_is_fragment(&(struct hm_ipv4){.fragment = path_rig_sent_inner(f, i).fragment}));
    }
}

static void test_i5_the_first_fragmentation_needed_is_told_to_the_inner_sender(void **state)
{
    struct path_rig *f = *state;
    uint8_t outer[2048];
    struct hm_ipv4 ip, quoted;
    size_t len = icmp_rig_send_and_keep(f, 1480, HM_IPV4_DF, outer);

    (void)len;
    icmp_rig_too_big(f, outer, HM_IPV4_LEN + HM_IPV4_LEN + 8, 1400);
    assert_int_equal(f->rig.frame_count, 1);
    const uint8_t *icmp = icmp_rig_sent(f, 0, 0, &ip);
    assert_int_equal(ip.dst, RIG_FAR);
    assert_int_equal(ip.src, RIG_AGENT);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
    assert_int_equal(icmp[1], HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(icmp_rig_mtu(icmp), 1380);
    assert_int_equal(
        hm_ipv4_decode_quote(icmp + HM_ICMP_LEN, ip.total_len - HM_IPV4_LEN - HM_ICMP_LEN, &quoted), 0);
    assert_int_equal(quoted.src, RIG_FAR);
    assert_int_equal(quoted.dst, RIG_VM);
    assert_int_equal(quoted.total_len, 1480);
    assert_int_equal(ip.total_len, HM_IPV4_LEN + HM_ICMP_LEN + HM_IPV4_LEN + 8);
}

static void test_i7_an_error_without_the_inner_header_is_remembered_for_the_next_packet(void **state)
{
    struct path_rig *f = *state;
    uint8_t outer[2048];

    icmp_rig_send_and_keep(f, 1480, HM_IPV4_DF, outer);
    icmp_rig_too_big(f, outer, HM_IPV4_LEN + 8, 1300);
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1280);
}

static void test_i5_a_visitor_is_told_on_its_lan(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;
    uint8_t outer[2048];

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_packet(
        f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
        &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR, .payload_len = 1460, .fragment = HM_IPV4_DF});
    size_t len = f->rig.frames[0].len - HM_ETHERNET_LEN;
    memcpy(outer, f->rig.frames[0].bytes + HM_ETHERNET_LEN, len);
    rig_forget_frames(&f->rig);
    icmp_rig_too_big(f, outer, len > 500 ? 500 : len, 1200);
    assert_int_equal(f->rig.frame_count, 1);
    const uint8_t *icmp = icmp_rig_sent(f, 0, 0, &ip);
    path_rig_sent(f, 0, &ethernet);
    assert_memory_equal(&ethernet.dst, &RIG_GUEST_MAC, 6);
    assert_int_equal(ip.dst, RIG_GUEST);
    assert_int_equal(icmp_rig_mtu(icmp), 1180);
    /* And the next one is too large at once. */
    rig_forget_frames(&f->rig);
    path_rig_packet(
        f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
        &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR, .payload_len = 1170, .fragment = HM_IPV4_DF});
    assert_int_equal(icmp_rig_mtu(icmp_rig_sent(f, 0, 0, &ip)), 1180);
}

static void test_i9_an_mtu_of_zero_falls_to_the_next_plateau(void **state)
{
    static const struct {
        size_t len;
        uint16_t mtu;
    } STEPS[] = {{1480, 1492}, {1472, 1006}, {986, 508}, {488, 296}, {276, 88}};
    struct path_rig *f = *state;
    uint8_t outer[2048];

    for (unsigned i = 0; i < UNIT_COUNT(STEPS); i++) {
        icmp_rig_too_big(f, outer, icmp_rig_send_and_keep(f, STEPS[i].len, HM_IPV4_DF, outer), 0);
        assert_int_equal(icmp_rig_tunnel_mtu(f), STEPS[i].mtu - HM_IPV4_LEN);
    }
}

static void test_i9_the_mtu_never_falls_below_68_for_the_inner_packet(void **state)
{
    static const uint16_t TOLD[] = {1, 20, 67, 68, 87};
    struct path_rig *f = *state;
    uint8_t outer[2048];

    for (unsigned i = 0; i < UNIT_COUNT(TOLD); i++) {
        icmp_rig_too_big(f, outer, icmp_rig_send_and_keep(f, 68, HM_IPV4_DF, outer), TOLD[i]);
        assert_int_equal(icmp_rig_tunnel_mtu(f), 68);
    }
    assert_int_equal(icmp_rig_send_down(f, 68, HM_IPV4_DF), 1);
    assert_int_equal(path_rig_sent_inner(f, 0).total_len, 68);
}

static void test_i9_the_mtu_grows_again_after_ten_minutes_and_not_before(void **state)
{
    struct path_rig *f = *state;
    uint8_t outer[2048];

    icmp_rig_too_big(f, outer, icmp_rig_send_and_keep(f, 1480, HM_IPV4_DF, outer), 1400);
    rig_pass_us(&f->rig, (TEN_MINUTES_MS - 1) * (uint64_t)1000);
    f->env.now = f->rig.now;
    hm_neighbour_learn(&f->neighbours, 0, RIG_ROUTER, &RIG_ROUTER_MAC);
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1380);
    rig_pass_us(&f->rig, 1000);
    hm_neighbour_learn(&f->neighbours, 0, RIG_ROUTER, &RIG_ROUTER_MAC);
    icmp_rig_send_and_keep(f, 1480, HM_IPV4_DF, outer);
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1480);
}

/* A late or forged error must not raise it (RFC 1191 section 3), and each tunnel has its own. */
static void test_i9_an_error_never_raises_the_mtu_nor_another_tunnels(void **state)
{
    struct path_rig *f = *state;
    uint8_t outer[2048];

    size_t len = icmp_rig_send_and_keep(f, 1480, HM_IPV4_DF, outer);
    icmp_rig_too_big(f, outer, len, 1300);
    icmp_rig_too_big(f, outer, len, 1400);
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1280);
    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_C);
    path_rig_packet(
        f, 0, &RIG_VM2_MAC, &RIG_ROUTER_MAC,
        &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM2, .payload_len = 1460, .fragment = HM_IPV4_DF});
    assert_int_equal(f->rig.frames[0].len, HM_ETHERNET_LEN + 1500);
}

static void test_i5_i6_what_is_told_onwards_and_as_what(void **state)
{
    static const struct {
        uint8_t type, code, pointer;
        int told_type, told_code; /* -1: nothing is told */
    } CASES[] = {
        {3, 0, 0, 3, 1}, /* network unreachable; the inner destination is of our own network */
        {3, 1, 0, 3, 1},    {3, 2, 0, 3, 1},   {3, 3, 0, -1, -1},  {3, 5, 0, -1, -1},
        {3, 13, 0, -1, -1}, {4, 0, 0, -1, -1}, {5, 1, 0, -1, -1},  {11, 0, 0, 3, 1},
        {11, 1, 0, 3, 1},   {12, 0, 1, 12, 0}, {12, 0, 8, -1, -1},
    };
    struct path_rig *f = *state;
    uint8_t outer[2048];
    size_t len = icmp_rig_send_and_keep(f, 400, 0, outer);

    for (unsigned i = 0; i < UNIT_COUNT(CASES); i++) {
        struct hm_ipv4 ip;
        rig_forget_frames(&f->rig);
        icmp_rig_error(f, &(struct rig_error){.type = CASES[i].type,
                                              .code = CASES[i].code,
                                              .pointer = CASES[i].pointer,
                                              .quote = outer,
                                              .quote_len = len});
        if (f->rig.frame_count != (CASES[i].told_type >= 0))
            fail_msg("case %u: %u frames", i, f->rig.frame_count);
        if (CASES[i].told_type < 0)
            continue;
        const uint8_t *icmp = icmp_rig_sent(f, 0, 0, &ip);
        assert_int_equal(icmp[0], CASES[i].told_type);
        assert_int_equal(icmp[1], CASES[i].told_code);
        assert_int_equal(icmp[4], CASES[i].pointer);
        assert_int_equal(ip.dst, RIG_FAR);
        assert_int_equal(icmp[HM_ICMP_LEN + 9], HM_IP_PROTO_UDP); /* about the inner packet */
    }
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1480);
    assert_int_equal(path_rig_dropped(f, HM_DROP_ICMP_FORGED), 0);
}

/* About what a visitor sends, a network that cannot be reached is just that. */
static void test_i5_network_unreachable_stays_so_for_a_destination_elsewhere(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;
    uint8_t outer[2048];

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR});
    size_t len = f->rig.frames[0].len - HM_ETHERNET_LEN;
    memcpy(outer, f->rig.frames[0].bytes + HM_ETHERNET_LEN, len);
    rig_forget_frames(&f->rig);
    icmp_rig_error(f, &(struct rig_error){.type = 3, .code = 2, .quote = outer, .quote_len = len});
    assert_int_equal(icmp_rig_sent(f, 0, 0, &ip)[1], HM_ICMP_NET_UNREACHABLE);
    assert_int_equal(ip.dst, RIG_GUEST);
}

/* The inner sender is away itself: it is told through its own tunnel. */
static void test_i5_an_absent_inner_sender_is_told_through_its_tunnel(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;
    uint8_t outer[2048];

    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_C);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_VM2,
                                               .dst = RIG_VM,
                                               .outer_src = RIG_PEER_C,
                                               .payload_len = 1400,
                                               .fragment = HM_IPV4_DF});
    size_t len = f->rig.frames[0].len - HM_ETHERNET_LEN;
    memcpy(outer, f->rig.frames[0].bytes + HM_ETHERNET_LEN, len);
    rig_forget_frames(&f->rig);
    icmp_rig_too_big(f, outer, 200, 1300);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(icmp_rig_mtu(icmp_rig_sent(f, 0, 1, &ip)), 1280);
    assert_int_equal(ip.dst, RIG_VM2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_i8_fragmentation_needed_lowers_the_tunnels_mtu),
        TEST(test_i8_what_may_be_cut_is_cut_before_it_enters_the_narrow_tunnel),
        TEST(test_i5_the_first_fragmentation_needed_is_told_to_the_inner_sender),
        TEST(test_i7_an_error_without_the_inner_header_is_remembered_for_the_next_packet),
        TEST(test_i5_a_visitor_is_told_on_its_lan),
        TEST(test_i9_an_mtu_of_zero_falls_to_the_next_plateau),
        TEST(test_i9_the_mtu_never_falls_below_68_for_the_inner_packet),
        TEST(test_i9_the_mtu_grows_again_after_ten_minutes_and_not_before),
        TEST(test_i9_an_error_never_raises_the_mtu_nor_another_tunnels),
        TEST(test_i5_i6_what_is_told_onwards_and_as_what),
        TEST(test_i5_network_unreachable_stays_so_for_a_destination_elsewhere),
        TEST(test_i5_an_absent_inner_sender_is_told_through_its_tunnel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
