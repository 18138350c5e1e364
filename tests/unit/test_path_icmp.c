/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the ICMP errors that the agent sends, as a gateway: about what, from where, how long, how
 * many. */
#include "firmware/path/path.h"

#include "tests/unit/rig/icmp_rig.h"

#define WAN_ADDR 0xc0000201u
#define WAN_ROUTER 0xc00002feu
#define WAN_ROUTER_MAC RIG_MAC(0x81)
#define SILENT 0x0a010063u /* 10.1.0.99, nobody */

static int setup(void **state)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init_gateway(&f->rig);
    path_rig_start(f);
    hm_neighbour_learn(&f->neighbours, 0, RIG_VM, &RIG_VM_MAC);
    hm_neighbour_learn(&f->neighbours, 1, WAN_ROUTER, &WAN_ROUTER_MAC);
    rig_forget_frames(&f->rig);
    *state = f;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, path_rig_teardown)

static void from_lan(struct path_rig *f, const struct rig_packet *packet)
{
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_VM_MAC, packet);
}

static void from_wan(struct path_rig *f, const struct rig_packet *packet)
{
    path_rig_packet(f, 1, &RIG_WAN_MAC, &WAN_ROUTER_MAC, packet);
}

/* What was sent but ARP: how many frames, and the number of the last. */
static unsigned count_packets(const struct path_rig *f, unsigned *last)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        struct hm_arp arp;
        if (rig_arp(&f->rig.frames[i], &arp))
            continue;
        *last = i;
        count++;
    }
    return count;
}

static void test_q3_no_error_is_sent_about_what_deserves_none(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[256];
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_VM_MAC, .type = HM_ETHERTYPE_IPV4};

    /* ICMP errors */
    for (uint8_t type = 0; type < 20; type++) {
        size_t len = rig_write_packet(
            &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1, .protocol = HM_IP_PROTO_ICMP},
            bytes + HM_ETHERNET_LEN);
        hm_ethernet_encode(bytes, &ethernet);
        bytes[HM_ETHERNET_LEN + HM_IPV4_LEN] = type;
        rig_forget_frames(&f->rig);
        path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
        assert_int_equal(f->rig.frame_count, !hm_icmp_is_error(type));
    }
    rig_forget_frames(&f->rig);
    /* Fragments but the first, bad headers, groups of either layer, sources that are no host's. */
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1, .fragment = 10});
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1, .spoil_checksum = true});
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = 0xe0000105u, .ttl = 1});
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = 0xc00002ffu, .ttl = 1});
    from_lan(f, &(struct rig_packet){.src = 0x0a0100ffu, .dst = RIG_FAR, .ttl = 1});
    from_lan(f, &(struct rig_packet){.src = 0, .dst = RIG_FAR, .ttl = 1});
    from_lan(f, &(struct rig_packet){.src = 0xe0000105u, .dst = RIG_FAR, .ttl = 1});
    path_rig_packet(f, 0, &HM_MAC_BROADCAST, &RIG_VM_MAC,
                    &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1});
    path_rig_packet(f, 0, &HM_MAC_BROADCAST, &RIG_VM_MAC, /* to a closed port of the agent */
                    &(struct rig_packet){.src = RIG_VM, .dst = RIG_ROUTER});
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_q4_errors_are_limited_as_configured_and_too_big_apart(void **state)
{
    struct path_rig *f = *state;
    unsigned last;

    f->rig.config.icmp_errors_per_s = 7;
    for (unsigned i = 0; i < 100; i++)
        from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1});
    assert_int_equal(count_packets(f, &last), 7);
    f->rig.config.links[1].mtu = 1000;
    for (unsigned i = 0; i < 100; i++)
        from_lan(f, &(struct rig_packet){
                        .src = RIG_VM, .dst = RIG_FAR, .payload_len = 1200, .fragment = HM_IPV4_DF});
    assert_int_equal(count_packets(f, &last), 14);
    assert_int_equal(f->env.counters.events[HM_COUNT_ICMP_TOO_BIG], 7);
    path_rig_pass_ms(f, 1000);
    rig_forget_frames(&f->rig);
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1});
    assert_int_equal(count_packets(f, &last), 1);
}

/* The stack's own errors come under the same limit. */
static void test_q4_closed_ports_do_not_answer_without_limit(void **state)
{
    struct path_rig *f = *state;
    unsigned last = 0;
    struct hm_ipv4 ip;
    uint8_t bytes[256];
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_VM_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t len =
        rig_write_packet(&(struct rig_packet){.src = RIG_VM, .dst = RIG_ROUTER}, bytes + HM_ETHERNET_LEN);
    uint8_t *udp = bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;

    f->rig.config.icmp_errors_per_s = 5;
    hm_ethernet_encode(bytes, &ethernet);
    memcpy(udp, "\x12\x34\x12\x34\x00\x40\x00\x00", 8); /* a datagram without a checksum */
    for (unsigned i = 0; i < 100; i++)
        path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
    assert_int_equal(count_packets(f, &last), 5);
    assert_int_equal(icmp_rig_sent(f, last, 0, &ip)[1], 3);
}

static void test_q5_an_error_quotes_what_fits_576_bytes(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;

    f->rig.config.links[1].mtu = 1000;
    from_lan(
        f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .payload_len = 1480, .fragment = HM_IPV4_DF});
    const uint8_t *icmp = icmp_rig_sent(f, 0, 0, &ip);
    assert_int_equal(ip.total_len, 576);
    assert_int_equal(icmp_rig_mtu(icmp), 1000);
    for (size_t i = 0; i < 576 - HM_IPV4_LEN - HM_ICMP_LEN - HM_IPV4_LEN; i++)
        assert_int_equal(icmp[HM_ICMP_LEN + HM_IPV4_LEN + i], (uint8_t)i);
    rig_forget_frames(&f->rig);
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .payload_len = 100, .ttl = 1});
    icmp_rig_sent(f, 0, 0, &ip);
    assert_int_equal(ip.total_len, HM_IPV4_LEN + HM_ICMP_LEN + HM_IPV4_LEN + 100);
}

static void test_q6_an_error_comes_from_the_interface_that_it_leaves_by(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;

    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1});
    icmp_rig_sent(f, 0, 0, &ip);
    assert_int_equal(f->rig.frames[0].link, 0);
    assert_int_equal(ip.src, RIG_ROUTER);
    assert_int_equal(ip.dst, RIG_VM);
    assert_int_equal(ip.ttl, 64); /* its own */
    rig_forget_frames(&f->rig);
    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM, .ttl = 1});
    icmp_rig_sent(f, 0, 0, &ip);
    assert_int_equal(f->rig.frames[0].link, 1);
    assert_int_equal(ip.src, WAN_ADDR);
}

static void test_q7_no_route_is_network_unreachable(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;

    f->rig.config.route_count = 0;
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR});
    const uint8_t *icmp = icmp_rig_sent(f, 0, 0, &ip);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
    assert_int_equal(icmp[1], HM_ICMP_NET_UNREACHABLE);
}

static void test_q7_a_host_that_is_silent_is_unreachable(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;
    unsigned last = 0;

    for (unsigned i = 0; i < HM_NEIGHBOUR_QUEUE + 6; i++) /* more than may wait */
        from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = SILENT, .payload_len = 100});
    assert_int_equal(count_packets(f, &last), 0);
    path_rig_pass_ms(f, 5000);
    assert_int_equal(count_packets(f, &last), HM_NEIGHBOUR_QUEUE);
    const uint8_t *icmp = icmp_rig_sent(f, last, 0, &ip);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
    assert_int_equal(icmp[1], HM_ICMP_HOST_UNREACHABLE);
    assert_int_equal(ip.dst, RIG_FAR);
    assert_int_equal(icmp[HM_ICMP_LEN + 19], (uint8_t)SILENT);
    assert_int_equal(path_rig_dropped(f, HM_DROP_NEIGHBOUR_SILENT), HM_NEIGHBOUR_QUEUE);
    assert_int_equal(f->neighbours.waiting.used, 0);
}

/* Neither a host that is silent about an error to it, nor one that answers after all, makes an error. */
static void test_q7_silence_about_an_error_makes_no_other(void **state)
{
    struct path_rig *f = *state;
    unsigned last = 0;

    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_MAC(0x63),
                    &(struct rig_packet){.src = SILENT, .dst = RIG_FAR, .ttl = 1});
    path_rig_pass_ms(f, 20000);
    assert_int_equal(count_packets(f, &last), 0);
    rig_forget_frames(&f->rig);
    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = SILENT});
    hm_neighbour_learn(&f->neighbours, 0, SILENT, &RIG_MAC(0x63));
    path_rig_pass_ms(f, 5000);
    assert_int_equal(count_packets(f, &last), 1);
    assert_int_equal(f->env.counters.events[HM_COUNT_ICMP_OTHER], 1);
}

/* The next hop of the tunnel is silent: to the inner sender its destination is unreachable. */
static void test_q7_a_silent_next_hop_of_the_tunnel_is_told_to_the_inner_sender(void **state)
{
    struct path_rig *f = *state;
    struct hm_ipv4 ip;
    unsigned last = 0;

    f->rig.config.routes[0].gateway = 0xc00002fdu; /* nobody */
    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_B);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_VM_MAC, &(struct rig_packet){.src = RIG_VM, .dst = RIG_VM2});
    path_rig_pass_ms(f, 5000);
    unsigned count = 0;
    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        struct hm_arp arp;
        if (rig_arp(&f->rig.frames[i], &arp) || f->rig.frames[i].link != 0)
            continue;
        last = i;
        count++;
    }
    assert_int_equal(count, 1);
    assert_int_equal(icmp_rig_sent(f, last, 0, &ip)[1], HM_ICMP_HOST_UNREACHABLE);
    assert_int_equal(ip.dst, RIG_VM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_q3_no_error_is_sent_about_what_deserves_none),
        TEST(test_q4_errors_are_limited_as_configured_and_too_big_apart),
        TEST(test_q4_closed_ports_do_not_answer_without_limit),
        TEST(test_q5_an_error_quotes_what_fits_576_bytes),
        TEST(test_q6_an_error_comes_from_the_interface_that_it_leaves_by),
        TEST(test_q7_no_route_is_network_unreachable),
        TEST(test_q7_a_host_that_is_silent_is_unreachable),
        TEST(test_q7_silence_about_an_error_makes_no_other),
        TEST(test_q7_a_silent_next_hop_of_the_tunnel_is_told_to_the_inner_sender),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
