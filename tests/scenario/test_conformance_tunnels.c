/* SPDX-License-Identifier: BSD-3-Clause */
/* Conformance, seen on the wire: which packets enter and leave a visitor's tunnel, and which do not (RFC
 * 3024, RFC 5944 section 4.2.2, RFC 5563 section 4.2.1). */
#include "tests/scenario/forge.h"

#define AGENT_A 0x0a010002u
#define AGENT_B 0x0a020002u
#define AGENT_C 0x0a030002u

static struct hm_ipv4 header_at(const struct ip_watch *watch, size_t at)
{
    struct hm_ipv4 ip;

    assert_true(watch->seen > 0);
    assert_int_equal(hm_ipv4_decode(watch->frame + at, watch->frame_len - at, &ip), 0);
    return ip;
}

/* A tunnelled packet with this inner one, from the stranger's place. */
static void send_tunnelled(struct hm_sim_world *world, uint32_t outer_src, uint32_t outer_dst,
                           const uint8_t *inner, size_t len)
{
    const struct hm_ipv4 outer = {
        .id = 3, .ttl = 60, .protocol = HM_IP_PROTO_IPIP, .src = outer_src, .dst = outer_dst};

    forge_ip(world, &outer, inner, len);
}

static void test_r6_f16_x10_the_visitors_packets_enter_the_reverse_tunnel(void **state)
{
    struct hm_sim_world *world = *state;
    struct ip_watch watch;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    ip_watch_start(&watch, world, HM_SIM_B, HM_IP_PROTO_IPIP);
    assert_ping(world, &world->vm, FORGE_CORRESPONDENT);
    ip_watch_stop(&watch, world, HM_SIM_B);
    struct hm_ipv4 outer = header_at(&watch, HM_ETHERNET_LEN);
    struct hm_ipv4 inner = header_at(&watch, HM_ETHERNET_LEN + HM_IPV4_LEN);
    assert_int_equal(outer.src, AGENT_B);
    assert_int_equal(outer.dst, AGENT_A);
    assert_int_equal(inner.src, HM_SIM_VM_ADDR);
    assert_int_equal(inner.dst, FORGE_CORRESPONDENT);
}

/* Whatever MAC it sends to: also one that is nobody's here. */
static void test_x10_x12_frames_to_any_mac_are_the_visitors(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_ethernet ethernet = {
        .dst = {{0x52, 0x54, 0, 0x99, 0x99, 0x99}}, .src = world->vm.iface.mac, .type = HM_ETHERTYPE_IPV4};
    uint8_t frame[128];
    struct ip_watch watch;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_ethernet_encode(frame, &ethernet);
    size_t len = forge_inner(frame + HM_ETHERNET_LEN, HM_SIM_VM_ADDR, FORGE_CORRESPONDENT, 64);
    ip_watch_start(&watch, world, HM_SIM_B, HM_IP_PROTO_IPIP);
    hm_sim_port_send_bytes(&world->vm.iface.port, frame, HM_ETHERNET_LEN + len);
    hm_sim_run_for(&world->sim, 20 * HM_SIM_MS);
    ip_watch_stop(&watch, world, HM_SIM_B);
    assert_int_equal(watch.seen, 1);
}

static void test_t1_r9_both_tunnels_are_ip_in_ip_with_their_ends_exchanged(void **state)
{
    struct hm_sim_world *world = *state;
    struct ip_watch forward, reverse;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    ip_watch_start(&forward, world, HM_SIM_A, HM_IP_PROTO_IPIP);
    ip_watch_start(&reverse, world, HM_SIM_B, HM_IP_PROTO_IPIP);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    ip_watch_stop(&forward, world, HM_SIM_A);
    ip_watch_stop(&reverse, world, HM_SIM_B);
    assert_int_equal(header_at(&forward, HM_ETHERNET_LEN).dst, header_at(&reverse, HM_ETHERNET_LEN).src);
    assert_int_equal(header_at(&forward, HM_ETHERNET_LEN).src, header_at(&reverse, HM_ETHERNET_LEN).dst);
    assert_int_equal(forward.seen, reverse.seen);
}

/* Nothing of what the home agent is sent by others, or for others, comes out. */
static void test_r8_a_home_agent_opens_only_the_tunnels_of_its_bindings(void **state)
{
    struct hm_sim_world *world = *state;
    static const struct {
        uint32_t outer_src, inner_src;
        const char *drop;
    } CASES[] = {
        {FORGE_STRANGER, HM_SIM_VM_ADDR, "drop-tunnel-peer"},
        {AGENT_C, HM_SIM_VM_ADDR, "drop-tunnel-peer"},
        {AGENT_B, HM_SIM_VM2_ADDR, "drop-tunnel-inner"},
        {AGENT_B, FORGE_STRANGER, "drop-tunnel-inner"},
    };
    uint8_t inner[64];
    struct ip_watch udp, icmp;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    ip_watch_start(&udp, world, HM_SIM_A, HM_IP_PROTO_UDP);
    ip_watch_start(&icmp, world, HM_SIM_A, HM_IP_PROTO_ICMP);
    for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        uint64_t before = counter(world, HM_SIM_A, CASES[i].drop);
        send_tunnelled(world, CASES[i].outer_src, AGENT_A, inner,
                       forge_inner(inner, CASES[i].inner_src, FORGE_CORRESPONDENT, 64));
        assert_int_equal(counter(world, HM_SIM_A, CASES[i].drop), before + 1);
    }
    assert_int_equal(udp.seen, 0);
    send_tunnelled(world, AGENT_B, AGENT_A, inner,
                   forge_inner(inner, HM_SIM_VM_ADDR, FORGE_CORRESPONDENT, 64));
    assert_int_equal(udp.seen, 1);
    assert_int_equal(icmp.seen, 0);
    ip_watch_stop(&udp, world, HM_SIM_A);
    ip_watch_stop(&icmp, world, HM_SIM_A);
}

/* A visitor is its MAC and its address together. */
static void test_r10_a_visitors_packet_has_its_mac_and_its_address(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    const struct {
        struct hm_sim_port *port;
        struct hm_mac src;
        uint32_t addr;
        unsigned tunnelled;
    } cases[] = {
        {&site->neighbour.iface.port, site->neighbour.iface.mac, HM_SIM_VM_ADDR, 0},
        {&world->vm.iface.port, world->vm.iface.mac, HM_SIM_VM2_ADDR, 0},
        {&world->vm.iface.port, world->vm.iface.mac, 0x08080808u, 0},
        {&world->vm.iface.port, world->vm.iface.mac, HM_SIM_VM_ADDR, 1},
    };

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct hm_ethernet ethernet = {
            .dst = site->agent.config.links[0].mac, .src = cases[i].src, .type = HM_ETHERTYPE_IPV4};
        uint8_t frame[128];
        struct ip_watch watch;
        size_t len = forge_inner(frame + HM_ETHERNET_LEN, cases[i].addr, FORGE_CORRESPONDENT, 64);
        hm_ethernet_encode(frame, &ethernet);
        ip_watch_start(&watch, world, HM_SIM_B, HM_IP_PROTO_IPIP);
        hm_sim_port_send_bytes(cases[i].port, frame, HM_ETHERNET_LEN + len);
        hm_sim_run_for(&world->sim, 20 * HM_SIM_MS);
        ip_watch_stop(&watch, world, HM_SIM_B);
        assert_int_equal(watch.seen, cases[i].tunnelled);
    }
    assert_int_equal(counter(world, HM_SIM_B, "drop-visitor-source"), 2);
}

static void test_f13_what_is_for_no_visitor_is_dropped_without_a_word(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t inner[64];
    struct ip_watch udp, icmp;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    ip_watch_start(&udp, world, HM_SIM_B, HM_IP_PROTO_UDP);
    ip_watch_start(&icmp, world, HM_SIM_B, HM_IP_PROTO_ICMP);
    send_tunnelled(world, AGENT_A, AGENT_B, inner,
                   forge_inner(inner, FORGE_CORRESPONDENT, HM_SIM_VM2_ADDR, 64));
    send_tunnelled(world, AGENT_A, AGENT_B, inner,
                   forge_inner(inner, FORGE_CORRESPONDENT, world->sites[HM_SIM_B].net + 9, 64));
    assert_int_equal(counter(world, HM_SIM_B, "drop-tunnel-inner"), 2);
    assert_int_equal(udp.seen, 0);
    assert_int_equal(icmp.seen, 0);
    ip_watch_stop(&udp, world, HM_SIM_B);
    ip_watch_stop(&icmp, world, HM_SIM_B);
}

static void test_f14_a_visitors_packets_lose_a_hop_each_way_and_wrong_checksums_end(void **state)
{
    struct hm_sim_world *world = *state;
    struct ip_watch down, up;
    uint8_t inner[64];

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    ip_watch_start(&down, world, HM_SIM_B, HM_IP_PROTO_UDP);
    size_t len = forge_inner(inner, FORGE_CORRESPONDENT, HM_SIM_VM_ADDR, 33);
    send_tunnelled(world, AGENT_A, AGENT_B, inner, len);
    assert_int_equal(header_at(&down, HM_ETHERNET_LEN).ttl, 32);
    inner[10] ^= 0x55;
    send_tunnelled(world, AGENT_A, AGENT_B, inner, len);
    assert_int_equal(down.seen, 1);
    assert_int_equal(counter(world, HM_SIM_B, "drop-tunnel-malformed"), 1);
    ip_watch_stop(&down, world, HM_SIM_B);

    ip_watch_start(&up, world, HM_SIM_B, HM_IP_PROTO_IPIP);
    assert_ping(world, &world->vm, FORGE_CORRESPONDENT);
    assert_int_equal(header_at(&up, HM_ETHERNET_LEN + HM_IPV4_LEN).ttl, 63);
    ip_watch_stop(&up, world, HM_SIM_B);
}

/* Frames on a LAN that carry the VM's MAC or address in an ARP packet that its home agent did not send. */
struct arp_leak {
    struct hm_sim_tap tap;
    const struct hm_sim_port *agent;
    unsigned seen;
};

static void see_leak(void *ctx, struct hm_sim_passing *passing)
{
    struct arp_leak *leak = ctx;

    if (passing->from != leak->agent && passing->bytes[12] == 8 && passing->bytes[13] == 6)
        leak->seen += forge_u32(passing->bytes + HM_ETHERNET_LEN + 14) == HM_SIM_VM_ADDR;
}

/* An unmodified VM goes on asking for its home's hosts, and defends its address: none of it gets home. */
static void test_p7_an_absent_nodes_arp_does_not_reach_its_home(void **state)
{
    struct hm_sim_world *world = *state;
    struct arp_leak leak = {.agent = &world->sites[HM_SIM_A].agent.links[0]};

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    leak.tap = (struct hm_sim_tap){.see = see_leak, .ctx = &leak};
    hm_sim_lan_add_tap(&world->sites[HM_SIM_A].lan, &leak.tap);
    for (unsigned host = 1; host < 30; host++)
        hm_sim_iface_ask(&world->vm.iface, HM_SIM_VM_ADDR, world->sites[HM_SIM_A].net + host);
    hm_sim_iface_ask(&world->vm.iface, HM_SIM_VM_ADDR, HM_SIM_VM_ADDR); /* an announcement */
    hm_sim_iface_ask(&world->vm.iface, 0, HM_SIM_VM_ADDR);              /* a probe */
    hm_sim_run_for(&world->sim, HM_SIM_S);
    hm_sim_lan_remove_tap(&world->sites[HM_SIM_A].lan, &leak.tap);
    assert_int_equal(leak.seen, 0);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_r6_f16_x10_the_visitors_packets_enter_the_reverse_tunnel),
        SCENARIO(test_x10_x12_frames_to_any_mac_are_the_visitors),
        SCENARIO(test_t1_r9_both_tunnels_are_ip_in_ip_with_their_ends_exchanged),
        SCENARIO(test_r8_a_home_agent_opens_only_the_tunnels_of_its_bindings),
        SCENARIO(test_r10_a_visitors_packet_has_its_mac_and_its_address),
        SCENARIO(test_f13_what_is_for_no_visitor_is_dropped_without_a_word),
        SCENARIO(test_f14_a_visitors_packets_lose_a_hop_each_way_and_wrong_checksums_end),
        SCENARIO(test_p7_an_absent_nodes_arp_does_not_reach_its_home),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
