/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: forged, broken and looping packets in the tunnels and on the LANs are dropped by name. */
#include "firmware/base/writer.h"
#include "tests/scenario/siege.h"

#define STRANGER 0x0a090042u
#define CORRESPONDENT 0x0a090005u
#define NEIGHBOUR 0x0a010009u
#define AGENT_A 0x0a010002u
#define AGENT_B 0x0a020002u
#define AGENT_C 0x0a030002u
#define UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)

/* An inner packet: UDP without checksum, eight bytes of data. */
static size_t inner_packet(uint8_t *packet, uint32_t src, uint32_t dst)
{
    const struct hm_ipv4 ip = {.total_len = HM_IPV4_LEN + 16,
                               .id = 9,
                               .ttl = 64,
                               .protocol = HM_IP_PROTO_UDP,
                               .src = src,
                               .dst = dst};
    struct hm_writer writer;

    hm_ipv4_encode(packet, &ip);
    hm_writer_init(&writer, packet + HM_IPV4_LEN, 16);
    hm_write_u16(&writer, 9999);
    hm_write_u16(&writer, 9999);
    hm_write_u16(&writer, 16);
    hm_write_zeros(&writer, 10);
    return HM_IPV4_LEN + 16;
}

struct forgery {
    const char *what;
    uint32_t outer_src, outer_dst, inner_src, inner_dst;
    size_t cut_to; /* bytes of the inner packet that are sent; 0: all */
    enum hm_sim_site_number site;
    const char *drop;
};

static void test_forged_tunnel_packets(void **state)
{
    static const struct forgery FORGERIES[] = {
        {"home agent: stranger as the tunnel's end", STRANGER, AGENT_A, HM_SIM_VM_ADDR, CORRESPONDENT, 0,
         HM_SIM_A, "drop-tunnel-peer"},
        {"home agent: another agent as the tunnel's end", AGENT_C, AGENT_A, HM_SIM_VM_ADDR, CORRESPONDENT, 0,
         HM_SIM_A, "drop-tunnel-peer"},
        {"home agent: inner source without a binding", AGENT_B, AGENT_A, NEIGHBOUR, CORRESPONDENT, 0,
         HM_SIM_A, "drop-tunnel-inner"},
        {"home agent: inner source from nowhere", AGENT_B, AGENT_A, 0x08080808u, CORRESPONDENT, 0, HM_SIM_A,
         "drop-tunnel-inner"},
        {"home agent: inner source is itself", AGENT_B, AGENT_A, AGENT_A, CORRESPONDENT, 0, HM_SIM_A,
         "drop-tunnel-loop"},
        {"home agent: inner source is itself, for the visitor", AGENT_B, AGENT_A, AGENT_A, HM_SIM_VM_ADDR, 0,
         HM_SIM_A, "drop-tunnel-loop"},
        {"foreign agent: inner source is itself", AGENT_A, AGENT_B, AGENT_B, HM_SIM_VM_ADDR, 0, HM_SIM_B,
         "drop-tunnel-loop"},
        {"home agent: half an inner header", AGENT_B, AGENT_A, HM_SIM_VM_ADDR, CORRESPONDENT, 10, HM_SIM_A,
         "drop-tunnel-malformed"},
        {"home agent: inner packet cut", AGENT_B, AGENT_A, HM_SIM_VM_ADDR, CORRESPONDENT, 30, HM_SIM_A,
         "drop-tunnel-malformed"},
        {"foreign agent: stranger as the tunnel's end", STRANGER, AGENT_B, CORRESPONDENT, HM_SIM_VM_ADDR, 0,
         HM_SIM_B, "drop-tunnel-peer"},
        {"foreign agent: another agent, which has no visitor there", AGENT_C, AGENT_B, CORRESPONDENT,
         HM_SIM_VM_ADDR, 0, HM_SIM_B, "drop-tunnel-inner"},
        {"foreign agent: inner destination that is no visitor", AGENT_A, AGENT_B, CORRESPONDENT, 0x0a020009u,
         0, HM_SIM_B, "drop-tunnel-inner"},
        {"foreign agent: half an inner header", AGENT_A, AGENT_B, CORRESPONDENT, HM_SIM_VM_ADDR, 19, HM_SIM_B,
         "drop-tunnel-malformed"},
        {"an agent without bindings", AGENT_A, AGENT_C, CORRESPONDENT, HM_SIM_VM_ADDR, 0, HM_SIM_C,
         "drop-tunnel-inner"},
    };
    struct siege siege;

    siege_begin(&siege, *state);
    for (unsigned i = 0; i < sizeof(FORGERIES) / sizeof(FORGERIES[0]); i++) {
        const struct forgery *forgery = &FORGERIES[i];
        uint64_t before = counter(siege.world, forgery->site, forgery->drop);
        uint8_t packet[64], frame[128];
        size_t len = inner_packet(packet, forgery->inner_src, forgery->inner_dst);

        len = siege_ip_frame(frame, forgery->outer_src, forgery->outer_dst, HM_IP_PROTO_IPIP, packet,
                             forgery->cut_to != 0 ? forgery->cut_to : len);
        inject(siege.world, frame, len);
        if (counter(siege.world, forgery->site, forgery->drop) != before + 1)
            print_message("%s: not counted as %s\n", forgery->what, forgery->drop);
        assert_int_equal(counter(siege.world, forgery->site, forgery->drop), before + 1);
    }
    siege_end(&siege);
}

/* A tunnel within a tunnel, both ending at the same agent. */
static void test_nested_tunnel_packet(void **state)
{
    struct siege siege;
    uint8_t packet[64], middle[128], frame[192];
    size_t len;

    siege_begin(&siege, *state);
    len = inner_packet(packet, HM_SIM_VM_ADDR, CORRESPONDENT);
    len = siege_ip_frame(middle, HM_SIM_VM_ADDR, AGENT_A, HM_IP_PROTO_IPIP, packet, len);
    len = siege_ip_frame(frame, AGENT_B, AGENT_A, HM_IP_PROTO_IPIP, middle + HM_ETHERNET_LEN,
                         len - HM_ETHERNET_LEN);
    inject(siege.world, frame, len);
    assert_int_equal(counter(siege.world, HM_SIM_A, "drop-tunnel-loop"), 1);
    siege_end(&siege);
}

static void test_broken_inner_headers(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } BREAKS[] = {{0, 0x55}, {0, 0x44}, {0, 0x4f}, {2, 0xff}, {10, 0xaa}};
    struct siege siege;

    siege_begin(&siege, *state);
    for (unsigned i = 0; i < sizeof(BREAKS) / sizeof(BREAKS[0]); i++) {
        uint64_t before = counter(siege.world, HM_SIM_A, "drop-tunnel-malformed");
        uint8_t packet[64], frame[128];
        size_t len = inner_packet(packet, HM_SIM_VM_ADDR, CORRESPONDENT);

        packet[BREAKS[i].at] = BREAKS[i].value;
        len = siege_ip_frame(frame, AGENT_B, AGENT_A, HM_IP_PROTO_IPIP, packet, len);
        inject(siege.world, frame, len);
        if (counter(siege.world, HM_SIM_A, "drop-tunnel-malformed") != before + 1)
            print_message("byte %zu = %#x is not malformed\n", BREAKS[i].at, BREAKS[i].value);
        assert_int_equal(counter(siege.world, HM_SIM_A, "drop-tunnel-malformed"), before + 1);
    }
    siege_end(&siege);
}

/* Frames of odd lengths and contents on the agents' own LAN. */
static void test_garbage_on_the_lan(void **state)
{
    struct siege siege;
    struct hm_sim_random random = {42};

    siege_begin(&siege, *state);
    for (unsigned i = 0; i < 5000; i++) {
        struct hm_sim_site *site = &siege.world->sites[i % HM_SIM_SITES];
        uint8_t frame[HM_SIM_FRAME_MAX];
        size_t len = HM_ETHERNET_LEN + hm_sim_random_below(&random, 120);

        for (size_t at = 0; at < len; at++)
            frame[at] = (uint8_t)hm_sim_random_u64(&random);
        memcpy(frame, i % 2 == 0 ? HM_MAC_BROADCAST.b : site->agent.config.links[0].mac.b, 6);
        memcpy(frame + 6, site->machine.iface.mac.b, 6);
        frame[12] = 8;
        frame[13] = i % 3 == 0 ? 6 : 0;
        if (frame[13] == 0 && len > HM_ETHERNET_LEN)
            frame[14] = 0x45;
        hm_sim_port_send_bytes(&site->machine.iface.port, frame, len);
        hm_sim_run_for(&siege.world->sim, 100);
    }
    siege_end(&siege);
}

static void test_visitor_with_a_wrong_source_is_not_carried(void **state)
{
    struct siege siege;
    uint64_t before;
    uint8_t udp[16] = {0x27, 0x0f, 0x27, 0x0f, 0, 16};

    siege_begin(&siege, *state);
    before = counter(siege.world, HM_SIM_B, "drop-visitor-source");
    hm_sim_host_send_ip(&siege.world->vm, 0x08080808u, CORRESPONDENT, HM_IP_PROTO_UDP, udp, sizeof(udp));
    hm_sim_run_for(&siege.world->sim, 20 * HM_SIM_MS);
    assert_int_equal(counter(siege.world, HM_SIM_B, "drop-visitor-source"), before + 1);
    siege_end(&siege);
}

static void test_a_stranger_on_the_foreign_lan_is_not_the_visitor(void **state)
{
    struct siege siege;
    uint8_t udp[16] = {0x27, 0x0f, 0x27, 0x0f, 0, 16}, frame[128];
    const struct hm_mac *agent;
    uint64_t sent;
    size_t len;

    siege_begin(&siege, *state);
    agent = &siege.world->sites[HM_SIM_B].agent.config.links[0].mac;
    sent = counter(siege.world, HM_SIM_A, "drop-tunnel-inner");
    len = siege_ip_frame(frame, HM_SIM_VM_ADDR, CORRESPONDENT, HM_IP_PROTO_UDP, udp, sizeof(udp));
    memcpy(frame, agent->b, 6);
    memcpy(frame + 6, siege.world->sites[HM_SIM_B].neighbour.iface.mac.b, 6);
    frame[12] = 8;
    frame[13] = 0;
    hm_sim_port_send_bytes(&siege.world->sites[HM_SIM_B].neighbour.iface.port, frame, len);
    hm_sim_run_for(&siege.world->sim, 20 * HM_SIM_MS);
    assert_int_equal(counter(siege.world, HM_SIM_A, "drop-tunnel-inner"), sent);
    siege_end(&siege);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_forged_tunnel_packets),
        SCENARIO(test_nested_tunnel_packet),
        SCENARIO(test_broken_inner_headers),
        SCENARIO(test_garbage_on_the_lan),
        SCENARIO(test_visitor_with_a_wrong_source_is_not_carried),
        SCENARIO(test_a_stranger_on_the_foreign_lan_is_not_the_visitor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
