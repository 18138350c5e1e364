/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of path/tunnel: what enters and leaves an IP-in-IP tunnel, and what does not. */
#include "firmware/path/path.h"

#include "firmware/wire/icmp.h"
#include "tests/unit/rig/path_rig.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup, path_rig_teardown)

/* Exactly one packet left, bare, to this destination MAC. */
static void assert_delivered(struct path_rig *f, const struct hm_mac *mac, uint8_t ttl)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip = path_rig_sent(f, 0, &ethernet);

    assert_int_equal(f->rig.frame_count, 1);
    assert_memory_equal(&ethernet.dst, mac, 6);
    assert_memory_equal(&ethernet.src, &RIG_AGENT_MAC, 6);
    assert_int_equal(ip.protocol, HM_IP_PROTO_UDP);
    assert_int_equal(ip.ttl, ttl);
    assert_int_equal(f->rig.frames[0].len, HM_ETHERNET_LEN + ip.total_len);
}

/* Exactly one packet left, in a tunnel to remote. */
static struct hm_ipv4 assert_tunnelled(struct path_rig *f, uint32_t remote, uint8_t inner_ttl)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 outer = path_rig_sent(f, 0, &ethernet);

    assert_int_equal(f->rig.frame_count, 1);
    assert_memory_equal(&ethernet.dst, &RIG_ROUTER_MAC, 6);
    assert_int_equal(outer.protocol, HM_IP_PROTO_IPIP);
    assert_int_equal(outer.src, RIG_AGENT);
    assert_int_equal(outer.dst, remote);
    assert_int_equal(path_rig_sent_inner(f, 0).ttl, inner_ttl);
    return outer;
}

static void test_t2_a_packet_for_an_absent_node_is_tunnelled_from_neighbours_and_from_the_router(void **state)
{
    struct path_rig *f = *state;
    const struct rig_packet packet = {.src = RIG_FAR, .dst = RIG_VM, .tos = 0xb8, .fragment = HM_IPV4_DF};

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_packet(f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC, &packet);
    struct hm_ipv4 outer = assert_tunnelled(f, RIG_PEER_B, 63);
    assert_int_equal(outer.tos, 0xb8);
    assert_int_equal(outer.fragment, HM_IPV4_DF);
    rig_forget_frames(&f->rig);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_ROUTER_MAC, &packet);
    assert_tunnelled(f, RIG_PEER_B, 63);
}

static void test_a_staged_node_is_left_alone(void **state)
{
    struct path_rig *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->agent.home.bindings, RIG_VM, &RIG_VM_MAC);

    hm_binding_apply(binding, HM_BINDING_STAGE, "test");
    hm_binding_set_staged(binding, RIG_PEER_B, 0, 0);
    path_rig_packet(f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM});
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_NOT_OURS), 1);
}

static void test_a_packet_for_a_present_visitor_is_delivered(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    assert_delivered(f, &RIG_GUEST_MAC, 63);
}

static void test_r6_a_visitors_packet_goes_up_whatever_mac_it_is_sent_to(void **state)
{
    struct path_rig *f = *state;
    const struct hm_mac stale = RIG_MAC(0x99);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_packet(f, 0, &stale, &RIG_GUEST_MAC, &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR});
    assert_tunnelled(f, RIG_PEER_B, 63);
}

static void test_t7_a_packet_out_of_the_reverse_tunnel_is_routed(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .outer_src = RIG_PEER_B});
    assert_delivered(f, &RIG_ROUTER_MAC, 63);
}

static void test_i13_r8_strangers_and_wrong_inner_addresses_are_dropped_with_their_reason(void **state)
{
    struct path_rig *f = *state;
    const struct {
        struct rig_packet packet;
        enum hm_drop reason;
    } cases[] = {
        {{.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_C}, HM_DROP_TUNNEL_INNER},
        {{.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_FAR}, HM_DROP_TUNNEL_PEER},
        {{.src = RIG_FAR, .dst = RIG_GUEST + 1, .outer_src = RIG_PEER_B}, HM_DROP_TUNNEL_INNER},
        {{.src = RIG_VM, .dst = RIG_FAR, .outer_src = RIG_PEER_C}, HM_DROP_TUNNEL_PEER},
        {{.src = RIG_VM2, .dst = RIG_FAR, .outer_src = RIG_PEER_B}, HM_DROP_TUNNEL_INNER},
        {{.src = RIG_FAR, .dst = RIG_FAR + 1, .outer_src = RIG_PEER_B}, HM_DROP_TUNNEL_INNER},
        {{.src = RIG_AGENT, .dst = RIG_GUEST, .outer_src = RIG_PEER_B}, HM_DROP_TUNNEL_LOOP},
        {{.src = RIG_FAR, .dst = RIG_AGENT, .outer_src = RIG_PEER_B, .protocol = HM_IP_PROTO_IPIP},
         HM_DROP_TUNNEL_LOOP},
        {{.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B, .spoil_checksum = true},
         HM_DROP_TUNNEL_MALFORMED},
        {{.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B, .outer_tos = 3},
         HM_DROP_TUNNEL_MALFORMED},
    };

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    for (unsigned i = 0; i < UNIT_COUNT(cases); i++) {
        uint64_t before = path_rig_dropped(f, cases[i].reason);
        path_rig_tunnelled(f, &cases[i].packet);
        if (f->rig.frame_count != 0 || path_rig_dropped(f, cases[i].reason) != before + 1)
            fail_msg("case %u: %u frames sent, reason %s not counted", i, f->rig.frame_count,
                     hm_drop_name(cases[i].reason));
    }
}

/* From peer B to RIG_GUEST, in a tunnel of that kind. */
static void hand_in_kind(struct path_rig *f, enum hm_encapsulation kind)
{
    uint8_t bytes[512], *outer = bytes + HM_ETHERNET_LEN;
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {
        .ttl = 60, .protocol = hm_encapsulation_protocol(kind), .src = RIG_PEER_B, .dst = RIG_AGENT};
    size_t before = hm_encapsulation_len(kind);

    ip.total_len =
        (uint16_t)(before +
                   rig_write_packet(&(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST}, outer + before));
    memset(outer + before + HM_IPV4_LEN + 6, 0, 2); /* without a checksum */
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(outer, &ip);
    hm_encapsulation_encode(outer + HM_IPV4_LEN, kind, &ip);
    hm_encapsulation_finish_sum(outer + HM_IPV4_LEN, ip.total_len - HM_IPV4_LEN, kind);
    rig_forget_frames(&f->rig);
    path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + ip.total_len);
}

static void expect_taken(struct path_rig *f, bool ipip, bool udp, bool gre)
{
    struct hm_peer *peer = hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B);
    const bool expected[HM_ENCAPSULATION_COUNT] = {
        [HM_ENCAPSULATION_IPIP] = ipip, [HM_ENCAPSULATION_UDP] = udp, [HM_ENCAPSULATION_GRE] = gre};

    for (enum hm_encapsulation kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++) {
        uint64_t before = path_rig_dropped(f, HM_DROP_TUNNEL_PEER);
        peer->reminded_ms = hm_env_ms(&f->env); /* so it is not told again that this agent began */
        hand_in_kind(f, kind);
        assert_int_equal(f->rig.frame_count, expected[kind]);
        assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_PEER), before + !expected[kind]);
    }
}

static void test_r8_only_the_kind_of_tunnel_that_was_agreed_is_taken(void **state)
{
    struct path_rig *f = *state;
    struct hm_security *security = &f->agent.security;
    struct hm_peer *peer = hm_security_peer_by_addr(security, RIG_PEER_B);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    expect_taken(f, true, true, true); /* we may have agreed on anything before we began anew */
    hm_security_grant_tunnel(security, peer, HM_ENCAPSULATION_IPIP);
    expect_taken(f, true, false, false);
    hm_security_grant_tunnel(security, peer, HM_ENCAPSULATION_GRE);
    expect_taken(f, true, false, true);
    hm_security_agree_tunnel(security, peer, HM_ENCAPSULATION_UDP);
    expect_taken(f, true, true, true);
}

static void test_r8_the_kind_that_we_ask_for_is_taken_before_the_answer(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    hm_security_agree_tunnel(&f->agent.security, hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B),
                             HM_ENCAPSULATION_IPIP);
    f->rig.peers[0].tunnel = HM_ENCAPSULATION_UDP;
    expect_taken(f, true, true, false);
}

static void test_every_cut_of_a_tunnelled_packet_is_dropped(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[256];
    const struct rig_packet packet = {.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B};
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t len = HM_ETHERNET_LEN + rig_write_packet(&packet, bytes + HM_ETHERNET_LEN);

    hm_ethernet_encode(bytes, &ethernet);
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    for (size_t cut = 0; cut < len; cut++)
        path_rig_frame(f, 0, bytes, cut);
    assert_int_equal(f->rig.frame_count, 0);
    /* And with an outer length that agrees with the cut. */
    for (size_t cut = HM_ETHERNET_LEN + HM_IPV4_LEN; cut < len; cut++) {
        bytes[16] = (uint8_t)((cut - HM_ETHERNET_LEN) >> 8);
        bytes[17] = (uint8_t)(cut - HM_ETHERNET_LEN);
        hm_ipv4_fix_checksum(bytes + HM_ETHERNET_LEN, HM_IPV4_LEN);
        path_rig_frame(f, 0, bytes, cut);
    }
    assert_int_equal(f->rig.frame_count, 0);
}

/* The node of a home that is expected here is still there: what another node that is at its home sends to it
 * through the reverse tunnel goes there. */
static void test_an_expected_visitor_is_reached_at_its_home_from_a_node_that_is_there(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_expected(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    assert_delivered(f, &RIG_ROUTER_MAC, 63);
}

static void test_a_present_visitor_is_reached_by_a_node_that_is_at_its_home(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    assert_delivered(f, &RIG_GUEST_MAC, 63);
}

static void test_nothing_is_delivered_to_an_expected_visitor(void **state)
{
    struct path_rig *f = *state;

    path_rig_expected(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_VISITOR_ABSENT), 1);
}

static void test_i11_congestion_marks_come_through_the_tunnel(void **state)
{
    static const uint8_t CASES[][3] = {
        /* inner, outer, delivered: RFC 6040 section 4.2 */
        {2, 3, 3}, {1, 3, 3}, {3, 0, 3}, {2, 1, 1}, {1, 2, 1}, {2, 2, 2}, {0, 1, 0}, {0, 0, 0},
    };
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    for (unsigned i = 0; i < UNIT_COUNT(CASES); i++) {
        struct hm_ethernet ethernet;
        rig_forget_frames(&f->rig);
        path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR,
                                                   .dst = RIG_GUEST,
                                                   .outer_src = RIG_PEER_B,
                                                   .tos = CASES[i][0],
                                                   .outer_tos = CASES[i][1]});
        assert_int_equal(path_rig_sent(f, 0, &ethernet).tos, CASES[i][2]);
    }
}

static void test_i8_what_does_not_fit_is_cut_inside_the_tunnel(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_packet(f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC,
                    &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM, .payload_len = 1480});
    assert_int_equal(f->rig.frame_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct hm_ipv4 outer = path_rig_sent(f, i, &ethernet), inner = path_rig_sent_inner(f, i);
        assert_true(outer.total_len <= 1500);
        assert_int_equal(outer.fragment & (HM_IPV4_MF | HM_IPV4_OFFSET), 0);
        assert_int_equal(inner.id, 77);
        assert_int_equal(inner.fragment, i == 0 ? HM_IPV4_MF : 1456 / 8);
    }
}

static void test_i8_what_may_not_be_cut_is_answered_with_the_tunnels_mtu(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_packet(
        f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC,
        &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM, .payload_len = 1480, .fragment = HM_IPV4_DF});
    assert_int_equal(f->rig.frame_count, 1);
    ip = path_rig_sent(f, 0, &ethernet);
    const uint8_t *icmp = f->rig.frames[0].bytes + HM_ETHERNET_LEN + ip.header_len;
    assert_int_equal(ip.dst, RIG_FAR);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
    assert_int_equal(icmp[1], HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(icmp[6] << 8 | icmp[7], 1480);
}

static void test_a_ttl_that_runs_out_is_told_to_the_visitor_and_to_the_node_that_is_away(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR, .ttl = 1});
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_GUEST);
    assert_memory_equal(&ethernet.dst, &RIG_GUEST_MAC, 6);
    rig_forget_frames(&f->rig);
    path_rig_tunnelled(
        f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .outer_src = RIG_PEER_B, .ttl = 1});
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_PEER_B);
    assert_int_equal(path_rig_sent_inner(f, 0).dst, RIG_VM);
}

static void test_icmp_errors_are_limited(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    for (unsigned i = 0; i < 1000; i++)
        path_rig_packet(f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC,
                        &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM, .ttl = 1});
    assert_true(f->rig.frame_count > 0);
    assert_true(f->rig.frame_count < 1000);
    rig_forget_frames(&f->rig);
    path_rig_pass_ms(f, 1100);
    rig_forget_frames(&f->rig);
    path_rig_packet(f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC,
                    &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM, .ttl = 1});
    assert_int_equal(f->rig.frame_count, 1);
}

/* Nothing may be sent to a LAN's broadcast address out of a tunnel (RFC 2644), whichever LAN it is. */
static void test_q11_directed_broadcasts_do_not_come_out_of_a_tunnel(void **state)
{
    struct path_rig *f = *state;
    const uint32_t targets[] = {0x0a0100ffu, 0x0a010000u, 0xc00002ffu, UINT32_MAX, 0xe0000001u};

    path_rig_stop(f);
    rig_init_gateway(&f->rig);
    path_rig_start(f);
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    for (unsigned i = 0; i < UNIT_COUNT(targets); i++) {
        path_rig_packet(
            f, 1, &RIG_WAN_MAC, &RIG_ROUTER_MAC,
            &(struct rig_packet){
                .src = RIG_VM, .dst = targets[i], .outer_src = RIG_PEER_B, .outer_dst = 0xc0000201u});
        if (f->rig.frame_count != 0)
            fail_msg("a packet to %08x was sent", (unsigned)targets[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_t2_a_packet_for_an_absent_node_is_tunnelled_from_neighbours_and_from_the_router),
        TEST(test_a_staged_node_is_left_alone),
        TEST(test_a_packet_for_a_present_visitor_is_delivered),
        TEST(test_r6_a_visitors_packet_goes_up_whatever_mac_it_is_sent_to),
        TEST(test_t7_a_packet_out_of_the_reverse_tunnel_is_routed),
        TEST(test_r8_only_the_kind_of_tunnel_that_was_agreed_is_taken),
        TEST(test_r8_the_kind_that_we_ask_for_is_taken_before_the_answer),
        TEST(test_i13_r8_strangers_and_wrong_inner_addresses_are_dropped_with_their_reason),
        TEST(test_every_cut_of_a_tunnelled_packet_is_dropped),
        TEST(test_an_expected_visitor_is_reached_at_its_home_from_a_node_that_is_there),
        TEST(test_a_present_visitor_is_reached_by_a_node_that_is_at_its_home),
        TEST(test_nothing_is_delivered_to_an_expected_visitor),
        TEST(test_i11_congestion_marks_come_through_the_tunnel),
        TEST(test_i8_what_does_not_fit_is_cut_inside_the_tunnel),
        TEST(test_i8_what_may_not_be_cut_is_answered_with_the_tunnels_mtu),
        TEST(test_a_ttl_that_runs_out_is_told_to_the_visitor_and_to_the_node_that_is_away),
        TEST(test_icmp_errors_are_limited),
        TEST(test_q11_directed_broadcasts_do_not_come_out_of_a_tunnel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
