/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the packet path in gateway mode: what a router owes a network (RFC 1812), and what mobility
 * changes of it. The LAN is 10.1.0.0/24 on link 0, the WAN 192.0.2.0/24 on link 1 with the default route. */
#include "firmware/path/path.h"

#include "tests/unit/rig/icmp_rig.h"

#define WAN_ADDR 0xc0000201u   /* 192.0.2.1, ours */
#define WAN_ROUTER 0xc00002feu /* 192.0.2.254 */
#define WAN_HOST 0xc0000209u
#define BEHIND_LAN 0x0a070005u /* 10.7.0.5, behind a router of the LAN */
#define LAN_ROUTER 0x0a0100feu
#define LAN_ROUTER_MAC RIG_MAC(0xfe)
#define WAN_ROUTER_MAC RIG_MAC(0x81)
#define NEIGHBOUR_MAC RIG_MAC(0x09)

static int setup(void **state)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init_gateway(&f->rig);
    f->rig.config.routes[f->rig.config.route_count++] =
        (struct hm_route_config){.prefix = {.addr = 0x0a070000u, .len = 16}, .gateway = LAN_ROUTER};
    path_rig_start(f);
    hm_neighbour_learn(&f->neighbours, 0, RIG_VM, &RIG_VM_MAC);
    hm_neighbour_learn(&f->neighbours, 0, RIG_VM2, &RIG_VM2_MAC);
    hm_neighbour_learn(&f->neighbours, 0, LAN_ROUTER, &LAN_ROUTER_MAC);
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

/* One packet left on this link to this MAC; its header. */
static struct hm_ipv4 assert_forwarded(struct path_rig *f, unsigned link, const struct hm_mac *mac)
{
    struct hm_ethernet ethernet;

    assert_int_equal(f->rig.frame_count, 1);
    struct hm_ipv4 ip = path_rig_sent(f, 0, &ethernet);
    assert_int_equal(f->rig.frames[0].link, link);
    assert_memory_equal(&ethernet.dst, mac, 6);
    rig_forget_frames(&f->rig);
    return ip;
}

static void assert_dropped(struct path_rig *f, enum hm_drop reason)
{
    if (f->rig.frame_count != 0 || path_rig_dropped(f, reason) != 1)
        fail_msg("%s: counted %u times, %u frames sent", hm_drop_name(reason),
                 (unsigned)path_rig_dropped(f, reason), f->rig.frame_count);
    f->env.counters.drops[reason] = 0;
}

static void test_q1_static_routes_are_followed_and_the_ttl_is_lowered(void **state)
{
    struct path_rig *f = *state;

    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 9});
    assert_int_equal(assert_forwarded(f, 1, &WAN_ROUTER_MAC).ttl, 8);
    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = BEHIND_LAN, .ttl = 9});
    assert_int_equal(assert_forwarded(f, 0, &LAN_ROUTER_MAC).ttl, 8);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &LAN_ROUTER_MAC,
                    &(struct rig_packet){.src = BEHIND_LAN, .dst = RIG_FAR});
    assert_forwarded(f, 1, &WAN_ROUTER_MAC);
}

static void test_t4_a_node_at_home_is_delivered_on_its_link(void **state)
{
    struct path_rig *f = *state;

    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM});
    assert_forwarded(f, 0, &RIG_VM_MAC);
    struct hm_binding *binding = path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM});
    assert_int_equal(assert_forwarded(f, 1, &WAN_ROUTER_MAC).protocol, HM_IP_PROTO_IPIP);
    hm_binding_apply(binding, HM_BINDING_RETURN, "test");
    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM});
    assert_forwarded(f, 0, &RIG_VM_MAC);
}

/* The agent is known to its peers by its WAN address, wherever the packet came from. */
static void test_h17_the_outer_source_is_the_home_agents_address(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_VM2_MAC, &(struct rig_packet){.src = RIG_VM2, .dst = RIG_VM});
    struct hm_ipv4 outer = assert_forwarded(f, 1, &WAN_ROUTER_MAC);
    assert_int_equal(outer.src, WAN_ADDR);
    assert_int_equal(outer.src, f->env.agent_addr);
    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM});
    assert_int_equal(assert_forwarded(f, 1, &WAN_ROUTER_MAC).src, WAN_ADDR);
}

static void test_q8_martians_are_dropped_on_both_sides(void **state)
{
    static const uint32_t SOURCES[] = {0x00000001u, 0x7f000001u, 0xe0000001u, 0xf0000001u, UINT32_MAX,
                                       RIG_ROUTER,  WAN_ADDR,    0x0a0100ffu, 0x0a010000u, 0xc00002ffu};
    static const uint32_t TARGETS[] = {0x00000001u, 0x7f000001u, 0xf0000001u};
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_B);
    for (unsigned i = 0; i < UNIT_COUNT(SOURCES); i++) {
        from_lan(f, &(struct rig_packet){.src = SOURCES[i], .dst = RIG_FAR});
        assert_dropped(f, HM_DROP_IP_MARTIAN);
        from_wan(f, &(struct rig_packet){.src = SOURCES[i], .dst = RIG_VM});
        assert_dropped(f, HM_DROP_IP_MARTIAN);
        from_wan(f, &(struct rig_packet){.src = SOURCES[i], .dst = RIG_VM2}); /* to one that is away */
        assert_dropped(f, HM_DROP_IP_MARTIAN);
    }
    for (unsigned i = 0; i < UNIT_COUNT(TARGETS); i++) {
        from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = TARGETS[i]});
        assert_dropped(f, HM_DROP_IP_MARTIAN);
    }
}

static void test_q9_a_source_must_be_routed_to_where_it_comes_from(void **state)
{
    struct path_rig *f = *state;

    from_lan(f, &(struct rig_packet){.src = RIG_FAR, .dst = WAN_HOST}); /* from elsewhere */
    assert_dropped(f, HM_DROP_IP_SOURCE);
    from_lan(f, &(struct rig_packet){.src = WAN_HOST, .dst = RIG_FAR}); /* of the WAN */
    assert_dropped(f, HM_DROP_IP_SOURCE);
    from_wan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_VM2}); /* of the home prefix */
    assert_dropped(f, HM_DROP_IP_SOURCE);
    from_wan(f, &(struct rig_packet){.src = BEHIND_LAN, .dst = RIG_VM}); /* behind the LAN */
    assert_dropped(f, HM_DROP_IP_SOURCE);
    from_wan(f, &(struct rig_packet){.src = WAN_HOST, .dst = RIG_VM});
    assert_forwarded(f, 0, &RIG_VM_MAC);
}

/* Their sources are off topology: a visitor's on the LAN, an absent node's from the WAN, out of its tunnel
 * only. */
static void test_q9_mobile_nodes_are_the_exception(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR});
    assert_int_equal(assert_forwarded(f, 1, &WAN_ROUTER_MAC).protocol, HM_IP_PROTO_IPIP);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &NEIGHBOUR_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR});
    assert_dropped(f, HM_DROP_IP_SOURCE); /* a visitor's address, and not its MAC */
    from_wan(f, &(struct rig_packet){
                    .src = RIG_VM, .dst = RIG_FAR, .outer_src = RIG_PEER_B, .outer_dst = WAN_ADDR});
    assert_int_equal(assert_forwarded(f, 1, &WAN_ROUTER_MAC).src, RIG_VM);
    from_wan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_VM2}); /* bare */
    assert_dropped(f, HM_DROP_IP_SOURCE);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &NEIGHBOUR_MAC,
                    &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR});
    assert_dropped(f, HM_DROP_HOME_SOURCE); /* at home in its name */
}

/* Out by the interface that it came in by: forwarded, and no word about a better way, least of all about
 * addresses of nodes that are away. */
static void test_q10_no_redirect_is_ever_sent(void **state)
{
    struct path_rig *f = *state;

    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_VM2});
    assert_forwarded(f, 0, &RIG_VM2_MAC);
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = BEHIND_LAN});
    assert_forwarded(f, 0, &LAN_ROUTER_MAC);
    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_B);
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_VM2});
    assert_int_equal(assert_forwarded(f, 1, &WAN_ROUTER_MAC).protocol, HM_IP_PROTO_IPIP);
    from_wan(f, &(struct rig_packet){.src = WAN_HOST, .dst = RIG_VM2});
    assert_int_equal(assert_forwarded(f, 1, &WAN_ROUTER_MAC).protocol, HM_IP_PROTO_IPIP);
    assert_int_equal(f->env.counters.events[HM_COUNT_ICMP_OTHER], 0);
}

static void test_q11_directed_broadcasts_are_not_forwarded(void **state)
{
    struct path_rig *f = *state;

    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = 0x0a0100ffu});
    assert_dropped(f, HM_DROP_MOBILE_BROADCAST);
    from_wan(f, &(struct rig_packet){.src = RIG_FAR, .dst = 0x0a010000u});
    assert_dropped(f, HM_DROP_MOBILE_BROADCAST);
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = 0xc00002ffu});
    assert_dropped(f, HM_DROP_MOBILE_BROADCAST);
}

static void test_q12_what_may_be_cut_is_cut_for_a_smaller_link(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;
    size_t at = 0;

    f->rig.config.links[1].mtu = 600;
    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .payload_len = 1480});
    assert_int_equal(f->rig.frame_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct hm_ipv4 ip = path_rig_sent(f, i, &ethernet);
        assert_true(ip.total_len <= 600);
        assert_int_equal((ip.fragment & HM_IPV4_OFFSET) * 8, at);
        assert_int_equal(ip.fragment & HM_IPV4_MF, i < 2 ? HM_IPV4_MF : 0);
        for (size_t k = 0; k < (size_t)ip.total_len - HM_IPV4_LEN; k++)
            assert_int_equal(f->rig.frames[i].bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + k], (uint8_t)(at + k));
        at += (size_t)ip.total_len - HM_IPV4_LEN;
    }
    assert_int_equal(at, 1480);
}

static void test_q2_bad_headers_are_dropped_silently(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } CHANGES[] = {{0, 0x55}, {0, 0x44}, {0, 0x4f}, {2, 0x20}, {3, 0x13}};
    struct path_rig *f = *state;
    uint8_t bytes[256];
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_VM_MAC, .type = HM_ETHERTYPE_IPV4};

    from_lan(f, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1, .spoil_checksum = true});
    assert_dropped(f, HM_DROP_IP_CHECKSUM);
    hm_ethernet_encode(bytes, &ethernet);
    for (unsigned i = 0; i < UNIT_COUNT(CHANGES); i++) {
        size_t len =
            rig_write_packet(&(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR, .ttl = 1, .payload_len = 12},
                             bytes + HM_ETHERNET_LEN);
        bytes[HM_ETHERNET_LEN + CHANGES[i].at] = CHANGES[i].value;
        path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
    }
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_HEADER), UNIT_COUNT(CHANGES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_q1_static_routes_are_followed_and_the_ttl_is_lowered),
        TEST(test_t4_a_node_at_home_is_delivered_on_its_link),
        TEST(test_h17_the_outer_source_is_the_home_agents_address),
        TEST(test_q8_martians_are_dropped_on_both_sides),
        TEST(test_q9_a_source_must_be_routed_to_where_it_comes_from),
        TEST(test_q9_mobile_nodes_are_the_exception),
        TEST(test_q10_no_redirect_is_ever_sent),
        TEST(test_q11_directed_broadcasts_are_not_forwarded),
        TEST(test_q12_what_may_be_cut_is_cut_for_a_smaller_link),
        TEST(test_q2_bad_headers_are_dropped_silently),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
