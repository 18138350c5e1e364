/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the rules of encapsulation (RFC 2003, RFC 6040): header fields on the way in and out, what
 * may not enter, packets of the agent itself, and visitors' packets at the foreign agent. */
#include "firmware/path/path.h"

#include "tests/unit/rig/icmp_rig.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup_both, path_rig_teardown)

/* To the node that is away, by the router; and one from the visitor. */
static void send_down(struct path_rig *f, struct rig_packet packet)
{
    packet.src = packet.src != 0 ? packet.src : RIG_FAR;
    packet.dst = RIG_VM;
    rig_forget_frames(&f->rig);
    path_rig_packet(f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC, &packet);
}

static void send_up(struct path_rig *f, struct rig_packet packet)
{
    packet.src = RIG_GUEST;
    packet.dst = RIG_FAR;
    rig_forget_frames(&f->rig);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC, &packet);
}

static struct hm_ipv4 outer_of(struct path_rig *f, uint32_t remote)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 outer = path_rig_sent(f, 0, &ethernet);

    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(outer.protocol, HM_IP_PROTO_IPIP);
    assert_int_equal(outer.dst, remote);
    return outer;
}

static void test_i1_the_outer_header(void **state)
{
    struct path_rig *f = *state;

    for (unsigned tos = 0; tos < 256; tos += 5) {
        send_down(f, (struct rig_packet){.tos = (uint8_t)tos, .ttl = 7});
        struct hm_ipv4 outer = outer_of(f, RIG_PEER_B), inner = path_rig_sent_inner(f, 0);
        assert_int_equal(outer.header_len, HM_IPV4_LEN);
        assert_int_equal(outer.tos, tos);
        assert_int_equal(outer.src, RIG_AGENT);
        assert_int_equal(outer.total_len, inner.total_len + HM_IPV4_LEN);
        assert_int_equal(outer.ttl, 64); /* its own */
        assert_int_equal(inner.ttl, 6);
        assert_int_equal(inner.tos, tos);
    }
}

static void test_i2_the_ttl_is_lowered_once_and_zero_is_never_tunnelled(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;

    for (uint8_t ttl = 2; ttl < 8; ttl++) {
        send_down(f, (struct rig_packet){.ttl = ttl});
        outer_of(f, RIG_PEER_B);
        assert_int_equal(path_rig_sent_inner(f, 0).ttl, ttl - 1);
        send_up(f, (struct rig_packet){.ttl = ttl});
        outer_of(f, RIG_PEER_B);
        assert_int_equal(path_rig_sent_inner(f, 0).ttl, ttl - 1);
    }
    send_down(f, (struct rig_packet){.ttl = 1});
    assert_int_equal(icmp_rig_sent(f, 0, 0, &ip)[0], HM_ICMP_TIME_EXCEEDED);
    assert_int_equal(ip.dst, RIG_FAR);
    send_up(f, (struct rig_packet){.ttl = 1});
    assert_int_equal(icmp_rig_sent(f, 0, 0, &ip)[0], HM_ICMP_TIME_EXCEEDED);
    assert_int_equal(ip.dst, RIG_GUEST);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_TTL), 2);
}

/* The tunnel leaves the inner TTL alone; the last forwarding takes its own one. */
static void test_i2_decapsulation_leaves_the_ttl_to_forwarding(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;

    path_rig_tunnelled(
        f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B, .ttl = 5});
    assert_int_equal(path_rig_sent(f, 0, &ethernet).ttl, 4);
    rig_forget_frames(&f->rig);
    path_rig_tunnelled(
        f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .outer_src = RIG_PEER_B, .ttl = 5});
    assert_int_equal(path_rig_sent(f, 0, &ethernet).ttl, 4);
    rig_forget_frames(&f->rig);
    path_rig_tunnelled(
        f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .outer_src = RIG_PEER_B, .ttl = 1});
    assert_int_equal(icmp_rig_sent(f, 0, 1, &ip)[0], HM_ICMP_TIME_EXCEEDED);
}

static void test_i3_df_inside_is_df_outside(void **state)
{
    struct path_rig *f = *state;

    send_down(f, (struct rig_packet){.fragment = HM_IPV4_DF});
    assert_int_equal(outer_of(f, RIG_PEER_B).fragment, HM_IPV4_DF);
    send_down(f, (struct rig_packet){.fragment = 0});
    assert_int_equal(path_rig_sent_inner(f, 0).fragment, 0);
    send_down(f, (struct rig_packet){.fragment = HM_IPV4_MF | 30});
    assert_int_equal(outer_of(f, RIG_PEER_B).fragment, 0); /* a whole packet with a fragment in it */
    assert_int_equal(path_rig_sent_inner(f, 0).fragment, HM_IPV4_MF | 30);
}

static void test_i4_own_sources_and_the_exits_are_not_tunnelled(void **state)
{
    struct path_rig *f = *state;

    send_down(f, (struct rig_packet){.src = RIG_AGENT});
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_MARTIAN), 1);
    send_down(f, (struct rig_packet){.src = RIG_PEER_B});
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_LOOP), 1);
}

/* The exit itself pings the node: from the home network, not through its own tunnel. */
static void test_i4_the_agents_own_source_does_not_come_out_of_a_tunnel(void **state)
{
    struct path_rig *f = *state;

    rig_forget_frames(&f->rig);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_AGENT, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_LOOP), 1);
}

static void test_i10_both_congestion_bits_are_copied_at_the_entry(void **state)
{
    struct path_rig *f = *state;

    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        send_down(f, (struct rig_packet){.tos = ecn});
        assert_int_equal(outer_of(f, RIG_PEER_B).tos & 3, ecn);
        send_up(f, (struct rig_packet){.tos = ecn});
        assert_int_equal(outer_of(f, RIG_PEER_B).tos & 3, ecn);
        assert_int_equal(path_rig_sent_inner(f, 0).tos, ecn);
    }
}

/* RFC 6040 figure 4: rows are the inner field, columns the outer one; -1: dropped. */
static void test_i11_the_whole_table_of_the_exit(void **state)
{
    static const int TABLE[4][4] = {
        /* outer  Not-ECT, ECT(1), ECT(0), CE */
        {0, 0, 0, -1}, /* Not-ECT */
        {1, 1, 1, 3},  /* ECT(1) */
        {2, 1, 2, 3},  /* ECT(0) */
        {3, 3, 3, 3},  /* CE */
    };
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;

    for (unsigned in = 0; in < 4; in++) {
        for (unsigned out = 0; out < 4; out++) {
            rig_forget_frames(&f->rig);
            path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR,
                                                       .dst = RIG_GUEST,
                                                       .outer_src = RIG_PEER_B,
                                                       .tos = (uint8_t)(0x28 | in),
                                                       .outer_tos = (uint8_t)out});
            assert_int_equal(f->rig.frame_count, TABLE[in][out] >= 0);
            if (TABLE[in][out] >= 0)
                assert_int_equal(path_rig_sent(f, 0, &ethernet).tos, 0x28 | TABLE[in][out]);
        }
    }
}

/* Fragmentable outer packets do not share an identification within a tunnel (RFC 6864). */
static void test_i12_identifications_of_fragmentable_packets_differ(void **state)
{
    struct path_rig *f = *state;
    static uint8_t seen[65536];

    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < 65536; i++) {
        send_down(f, (struct rig_packet){.fragment = 0});
        struct hm_ipv4 outer = outer_of(f, RIG_PEER_B);
        assert_int_equal(seen[outer.id]++, 0);
        if (i % 7 == 0) /* others in between do not shorten the cycle */
            send_down(f, (struct rig_packet){.fragment = HM_IPV4_DF});
    }
}

/* The node pings the agent from where it is: the agent's answer is caught like anybody's, and nobody forwards
 * it. */
static void test_t2_the_agents_own_packets_reach_an_absent_node(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[256];
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t len = rig_write_packet(&(struct rig_packet){.src = RIG_VM,
                                                       .dst = RIG_AGENT,
                                                       .outer_src = RIG_PEER_B,
                                                       .protocol = HM_IP_PROTO_ICMP,
                                                       .payload_len = 8},
                                  bytes + HM_ETHERNET_LEN);

    hm_ethernet_encode(bytes, &ethernet);
    memcpy(bytes + HM_ETHERNET_LEN + 2 * HM_IPV4_LEN, "\x08\x00\xf7\xff\x00\x00\x00\x00", 8);
    path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
    outer_of(f, RIG_PEER_B);
    struct hm_ipv4 inner = path_rig_sent_inner(f, 0);
    assert_int_equal(inner.src, RIG_AGENT);
    assert_int_equal(inner.dst, RIG_VM);
    assert_int_equal(inner.protocol, HM_IP_PROTO_ICMP);
    assert_int_equal(f->rig.frames[0].bytes[HM_ETHERNET_LEN + 2 * HM_IPV4_LEN], 0); /* echo reply */
    assert_true(inner.ttl >= 64); /* as the stack made it: locally made packets lose none */
}

static void test_f13_what_is_for_no_visitor_is_dropped_without_a_word(void **state)
{
    static const uint32_t TARGETS[] = {RIG_GUEST + 1, RIG_FAR,     0x0a010009u,
                                       RIG_ROUTER,    0x0a0200ffu, 0xe0000001u};
    struct path_rig *f = *state;

    for (unsigned i = 0; i < UNIT_COUNT(TARGETS); i++)
        for (uint8_t ttl = 1; ttl < 3; ttl++)
            path_rig_tunnelled(
                f,
                &(struct rig_packet){.src = RIG_FAR, .dst = TARGETS[i], .outer_src = RIG_PEER_B, .ttl = ttl});
    path_rig_pass_ms(f, 5000);
    assert_int_equal(path_rig_dropped(f, HM_DROP_TUNNEL_INNER), 2 * UNIT_COUNT(TARGETS));
    for (unsigned i = 0; i < f->rig.frame_count; i++) {
        struct hm_arp arp; /* the agent's announcements */
        assert_true(rig_arp(&f->rig.frames[i], &arp));
        assert_int_not_equal(arp.target_addr, 0x0a010009u);
    }
}

static void test_f14_a_visitors_packet_is_checked_and_goes_to_its_home(void **state)
{
    struct path_rig *f = *state;

    send_up(f, (struct rig_packet){.spoil_checksum = true});
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_CHECKSUM), 1);
    send_up(f, (struct rig_packet){.ttl = 33});
    assert_int_equal(outer_of(f, RIG_PEER_B).src, RIG_AGENT);
    assert_int_equal(path_rig_sent_inner(f, 0).ttl, 32);
}

/* What comes to a visitor by IP-in-IP from its home agent goes back by the same, addresses exchanged. */
static void test_r9_the_reverse_tunnel_is_the_forward_one_reversed(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;

    rig_forget_frames(&f->rig);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_GUEST);
    send_up(f, (struct rig_packet){.ttl = 64});
    struct hm_ipv4 outer = outer_of(f, RIG_PEER_B);
    assert_int_equal(outer.src, RIG_AGENT);
    assert_int_equal(outer.header_len, HM_IPV4_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_i1_the_outer_header),
        TEST(test_i2_the_ttl_is_lowered_once_and_zero_is_never_tunnelled),
        TEST(test_i2_decapsulation_leaves_the_ttl_to_forwarding),
        TEST(test_i3_df_inside_is_df_outside),
        TEST(test_i4_own_sources_and_the_exits_are_not_tunnelled),
        TEST(test_i4_the_agents_own_source_does_not_come_out_of_a_tunnel),
        TEST(test_i10_both_congestion_bits_are_copied_at_the_entry),
        TEST(test_i11_the_whole_table_of_the_exit),
        TEST(test_i12_identifications_of_fragmentable_packets_differ),
        TEST(test_t2_the_agents_own_packets_reach_an_absent_node),
        TEST(test_f13_what_is_for_no_visitor_is_dropped_without_a_word),
        TEST(test_r9_the_reverse_tunnel_is_the_forward_one_reversed),
        TEST(test_f14_a_visitors_packet_is_checked_and_goes_to_its_home),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
