/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker on the LAN who sends what is no frame, no packet or no super-frame, or only parts of
 * one.
 */
#include "tests/scenario/attack.h"

#define FRAGMENTS 1000
#define SUPER_LEN 60000
#define SEGMENT_LEN 1400
#define SEGMENTS ((SUPER_LEN + SEGMENT_LEN - 1) / SEGMENT_LEN)
#define TCP_LEN 20
#define TCP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)

static void send_frame(struct hm_sim_site *site, uint8_t *frame, size_t len)
{
    memcpy(frame, site->agent.config.links[0].mac.b, 6);
    memcpy(frame + 6, site->machine.iface.mac.b, 6);
    hm_sim_port_send_bytes(&site->machine.iface.port, frame, len);
    hm_sim_run_for(site->agent.sim, 100);
}

/* --- truncated ---------------------------------------------------------------------------------------- */

/* A frame too short for its own header, straight from the device. */
static void send_short(struct hm_sim_site *site, size_t len)
{
    static uint8_t memory[HM_FRAME_HEADROOM + HM_ETHERNET_LEN];
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), len);
    memset(frame.data, 0x45, len);
    hm_sim_agent_frame(&site->agent, 0, &frame);
}

static void test_lan_truncated_frames_are_dropped_by_their_kind(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    static const struct {
        uint8_t type[2];
        const char *counter;
        size_t whole; /* from this length on it is no truncated one */
    } KINDS[] = {{{8, 0}, "drop-ip-header", 46},          {{8, 6}, "drop-arp-malformed", 42},
                 {{0x80, 0x35}, "drop-rarp-unknown", 42}, {{0x86, 0xdd}, "drop-ethertype", 60},
                 {{0x81, 0}, "drop-ethertype", 18},       {{0, 3}, "drop-ethertype", 17}};
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_B, "drop-frame-short", HM_ETHERNET_LEN);
    for (size_t len = 0; len < HM_ETHERNET_LEN; len++)
        send_short(site, len);
    for (unsigned i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        attack_expect(&attack, HM_SIM_B, KINDS[i].counter, KINDS[i].whole - HM_ETHERNET_LEN);
        for (size_t len = HM_ETHERNET_LEN; len < KINDS[i].whole; len++) {
            uint8_t frame[64];
            memset(frame, 0x45, sizeof(frame));
            memcpy(frame + 12, KINDS[i].type, 2);
            send_frame(site, frame, len);
        }
    }
    attack_end(&attack);
}

/* Each beginning of a packet for the agent: the frame cut, then the packet cut and its header put right. */
static void test_lan_truncated_packets_are_dropped_by_the_first_header_that_is_wrong(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    uint32_t src = site->net + 21;
    uint8_t frame[128] = {[12] = 8};
    struct attack attack;

    attack_begin(&attack, world);
    size_t len = forge_inner(frame + HM_ETHERNET_LEN, src, site->agent_addr, 64);
    attack_expect(&attack, HM_SIM_B, "drop-ip-header", len);
    for (size_t cut = 0; cut < len; cut++)
        send_frame(site, frame, HM_ETHERNET_LEN + cut);
    attack_expect(&attack, HM_SIM_B, "drop-stack-malformed", len - HM_IPV4_LEN);
    for (size_t cut = HM_IPV4_LEN; cut < len; cut++) {
        const struct hm_ipv4 ip = {.total_len = (uint16_t)cut,
                                   .ttl = 64,
                                   .protocol = HM_IP_PROTO_UDP,
                                   .src = src,
                                   .dst = site->agent_addr};
        hm_ipv4_encode(frame + HM_ETHERNET_LEN, &ip);
        send_frame(site, frame, HM_ETHERNET_LEN + cut);
    }
    attack_end(&attack);
}

/* --- oversized ---------------------------------------------------------------------------------------- */

static void test_lan_oversized_frames_are_dropped_by_their_kind(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    static const struct {
        uint8_t type[2];
        const char *counter;
    } KINDS[] = {{{8, 0}, "drop-ip-header"},
                 {{8, 6}, "drop-arp-malformed"},
                 {{0x80, 0x35}, "drop-rarp-unknown"},
                 {{0x86, 0xdd}, "drop-ethertype"}};
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        for (size_t len = 1515; len <= HM_SIM_FRAME_MAX; len += 41) {
            uint8_t frame[HM_SIM_FRAME_MAX];
            memset(frame, 0x45, sizeof(frame));
            memcpy(frame + 12, KINDS[i].type, 2);
            attack_expect(&attack, HM_SIM_B, KINDS[i].counter, 1);
            send_frame(site, frame, len);
        }
    }
    assert_int_equal(site->agent.refused, 0);
    attack_end(&attack);
}

/* A TCP super-frame from the attacker's machine, as a device hands it over. */
static void make_super(const struct hm_sim_site *site, struct hm_frame *frame, uint32_t src, uint32_t dst,
                       size_t payload_len)
{
    static uint8_t memory[HM_FRAME_HEADROOM + HM_FRAME_MAX];
    const struct hm_ethernet ethernet = {
        .dst = site->agent.config.links[0].mac, .src = site->machine.iface.mac, .type = HM_ETHERTYPE_IPV4};
    const struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + TCP_LEN + payload_len),
                               .fragment = HM_IPV4_DF,
                               .ttl = 64,
                               .protocol = HM_IP_PROTO_TCP,
                               .src = src,
                               .dst = dst};
    uint16_t sum = hm_ipv4_pseudo_sum(src, dst, HM_IP_PROTO_TCP, (uint16_t)(TCP_LEN + payload_len));

    hm_frame_init(frame, memory, sizeof(memory), TCP_AT + TCP_LEN + payload_len);
    memset(frame->data, 0x5a, frame->len);
    hm_ethernet_encode(frame->data, &ethernet);
    hm_ipv4_encode(frame->data + HM_ETHERNET_LEN, &ip);
    memcpy(frame->data + TCP_AT + 12, (const uint8_t[]){TCP_LEN / 4 << 4, 0x10}, 2);
    memcpy(frame->data + TCP_AT + 16, (const uint8_t[]){(uint8_t)(sum >> 8), (uint8_t)sum}, 2);
    frame->offload = (struct hm_offload){.flags = HM_OFFLOAD_NEEDS_CSUM,
                                         .gso_type = HM_OFFLOAD_GSO_TCPV4,
                                         .hdr_len = TCP_AT + TCP_LEN,
                                         .gso_size = SEGMENT_LEN,
                                         .csum_start = TCP_AT,
                                         .csum_offset = 16};
}

/* Offload headers that stand for nothing, or for more work than a guest may make. */
static void test_lan_oversized_super_frames_that_cannot_be_cut_are_dropped(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    static const struct hm_offload BAD[] = {
        {.flags = 1, .gso_type = 1, .gso_size = 0, .csum_start = TCP_AT, .csum_offset = 16},
        {.flags = 1, .gso_type = 1, .gso_size = 1, .csum_start = TCP_AT, .csum_offset = 16},
        {.flags = 0, .gso_type = 1, .gso_size = 1400, .csum_start = TCP_AT, .csum_offset = 16},
        {.flags = 1, .gso_type = 3, .gso_size = 1400, .csum_start = TCP_AT, .csum_offset = 6},
        {.flags = 1, .gso_type = 5, .gso_size = 1400, .csum_start = TCP_AT, .csum_offset = 6},
        {.flags = 1, .gso_type = 0x21, .gso_size = 1400, .inner_network_at = 0xffff},
        {.flags = 1, .gso_type = 0x21, .gso_size = 1400, .inner_network_at = 0},
        {.flags = 1, .gso_type = 0xff, .gso_size = 0xffff},
        {.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff},
        {.flags = 1, .csum_start = 0, .csum_offset = 0},
    };
    struct hm_frame frame;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_B, "drop-offload", sizeof(BAD) / sizeof(BAD[0]));
    attack_expect(&attack, HM_SIM_B, "super-frames", 0);
    for (unsigned i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        make_super(site, &frame, site->net + 21, site->agent_addr, SUPER_LEN);
        frame.offload = BAD[i];
        hm_sim_agent_frame(&site->agent, 0, &frame);
    }
    attack_end(&attack);
}

/* Every packet that it stands for is refused as it would be alone. */
static void test_lan_oversized_super_frames_get_no_further_than_their_packets(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B], *home = &world->sites[HM_SIM_A];
    struct hm_frame frame;
    struct attack attack;

    assert_ping(world, &site->machine, site->agent_addr); /* who is known is told, within a limit */
    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_B, "super-frames", 4);
    attack_expect(&attack, HM_SIM_B, "drop-stack-unwanted", SEGMENTS);
    make_super(site, &frame, site->net + 21, site->agent_addr, SUPER_LEN);
    hm_sim_agent_frame(&site->agent, 0, &frame);
    attack_expect(&attack, HM_SIM_B, "drop-not-a-router", SEGMENTS);
    make_super(site, &frame, HM_SIM_VM_ADDR, FORGE_CORRESPONDENT, SUPER_LEN);
    hm_sim_agent_frame(&site->agent, 0, &frame);
    attack_expect(&attack, HM_SIM_B, "drop-ip-martian", SEGMENTS);
    make_super(site, &frame, site->agent_addr, HM_SIM_VM_ADDR, SUPER_LEN);
    hm_sim_agent_frame(&site->agent, 0, &frame);
    attack_expect(&attack, HM_SIM_B, "drop-visitor-source", SEGMENTS);
    make_super(site, &frame, site->net + 21, FORGE_CORRESPONDENT, SUPER_LEN);
    memcpy(frame.data + 6, world->vm.iface.mac.b, 6);
    hm_sim_agent_frame(&site->agent, 0, &frame);

    attack_expect(&attack, HM_SIM_A, "super-frames", 1);
    attack_expect(&attack, HM_SIM_A, "drop-home-source", SEGMENTS);
    make_super(home, &frame, HM_SIM_VM_ADDR, HM_SIM_VM_ADDR, SUPER_LEN);
    hm_sim_agent_frame(&home->agent, 0, &frame);
    attack_end(&attack);
}

/* The same at an agent that leaves super-frames whole, and so looks at them in another place. */
static void test_lan_oversized_super_frames_get_no_further_where_they_may_stay_whole(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    struct hm_frame frame;
    struct attack attack;

    hm_sim_agent_kill(&site->agent);
    site->agent.port.takes_super_frames = true;
    site->agent.port.tunnel_way = site->agent.config.tunnel_way = HM_TUNNEL_WAY_WHOLE;
    hm_sim_agent_start(&site->agent);
    hm_sim_run_for(&world->sim, 3 * HM_SIM_S);
    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_B, "whole", 0);
    attack_expect(&attack, HM_SIM_B, "drop-not-a-router", SEGMENTS);
    make_super(site, &frame, HM_SIM_VM_ADDR, FORGE_CORRESPONDENT, SUPER_LEN);
    hm_sim_agent_frame(&site->agent, 0, &frame);
    attack_expect(&attack, HM_SIM_B, "drop-visitor-source", SEGMENTS);
    make_super(site, &frame, site->net + 21, FORGE_CORRESPONDENT, SUPER_LEN);
    memcpy(frame.data + 6, world->vm.iface.mac.b, 6);
    hm_sim_agent_frame(&site->agent, 0, &frame);
    attack_end(&attack);
    assert_int_equal(site->agent.refused, 0);
}

/* --- fragmented --------------------------------------------------------------------------------------- */

static void send_fragment(struct hm_sim_site *site, const struct hm_ipv4 *header, size_t len)
{
    uint8_t frame[HM_SIM_FRAME_MAX] = {[12] = 8};
    struct hm_ipv4 ip = *header;

    ip.ttl = 64;
    ip.src = ip.src != 0 ? ip.src : site->net + 21;
    ip.dst = site->agent_addr;
    ip.total_len = (uint16_t)(HM_IPV4_LEN + len);
    hm_ipv4_encode(frame + HM_ETHERNET_LEN, &ip);
    send_frame(site, frame, TCP_AT + len);
}

/* Parts of tunnelled packets by somebody who has no tunnel are not even kept; parts of others that never
 * become whole are given up, the oldest first, and each is counted once. */
static void test_lan_fragmented_packets_that_never_become_whole_are_given_up(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < FRAGMENTS; i++) {
        static const uint8_t PROTOCOLS[] = {HM_IP_PROTO_UDP, HM_IP_PROTO_IPIP, HM_IP_PROTO_GRE,
                                            HM_IP_PROTO_ICMP};
        const struct hm_ipv4 ip = {
            .id = (uint16_t)i, .fragment = (uint16_t)(HM_IPV4_MF | i % 7), .protocol = PROTOCOLS[i % 4]};
        bool is_tunnels = i % 4 == 1 || i % 4 == 2;
        if (is_tunnels)
            attack_expect(&attack, HM_SIM_B, "drop-tunnel-peer", 1);
        else
            attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", 1);
        send_fragment(site, &ip, 64);
        assert_reassembly_bounded();
    }
    assert_reassembly_empty(world);
    attack_end(&attack);
}

/* Parts that overlap, that come twice, that end twice, and that end behind the longest packet. */
static void test_lan_fragmented_packets_that_contradict_themselves_are_given_up(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    static const struct {
        uint16_t first, second;
        unsigned losses; /* the second part, and the first when its time is over */
    } CASES[] = {
        {HM_IPV4_MF | 0, HM_IPV4_MF | 4, 2},
        {HM_IPV4_MF | 4, HM_IPV4_MF | 0, 2},
        {HM_IPV4_MF | 3, HM_IPV4_MF | 3, 2},
        {HM_IPV4_MF | 0, 8191, 2},
        {8191, 0, 1},
    };
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct hm_ipv4 ip = {.id = (uint16_t)(5000 + i), .protocol = HM_IP_PROTO_UDP};
        attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", CASES[i].losses);
        ip.fragment = CASES[i].first;
        send_fragment(site, &ip, 64);
        ip.fragment = CASES[i].second;
        if (ip.fragment != 0)
            send_fragment(site, &ip, 64);
    }
    assert_reassembly_empty(world);
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_lan_truncated_frames_are_dropped_by_their_kind),
        SCENARIO(test_lan_truncated_packets_are_dropped_by_the_first_header_that_is_wrong),
        SCENARIO(test_lan_oversized_frames_are_dropped_by_their_kind),
        SCENARIO(test_lan_oversized_super_frames_that_cannot_be_cut_are_dropped),
        SCENARIO(test_lan_oversized_super_frames_get_no_further_than_their_packets),
        SCENARIO(test_lan_oversized_super_frames_get_no_further_where_they_may_stay_whole),
        SCENARIO(test_lan_fragmented_packets_that_never_become_whole_are_given_up),
        SCENARIO(test_lan_fragmented_packets_that_contradict_themselves_are_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
