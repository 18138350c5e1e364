/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker on the path between the agents, who sees all and has no key: forged, replayed,
 * reflected, truncated, oversized, fragmented and flooding messages and tunnelled packets. */
#include "tests/scenario/attack.h"

#define FLOOD 1000
#define CONTROL_KIND_AT (FORGE_PAYLOAD_AT + 4)
#define SPI_A_B 301
#define INNER_LEN (HM_IPV4_LEN + 16)
#define SKIPPED 200 /* a type of extension that may be skipped, and the length of each */

static enum hm_sim_site_number site_of(uint32_t addr)
{
    return addr == ATTACK_AGENT_A ? HM_SIM_A : HM_SIM_B;
}

/* The attack begins after a handover of which everything was recorded that the agents said. */
static void begin_recorded(struct attack *attack, struct hm_sim_world *world, struct recorder *recorder)
{
    recorder_start(recorder, &world->sites[HM_SIM_B].lan, NULL, false);
    attack_begin(attack, world);
    recorder_stop(recorder);
    assert_true(recorder->count >= 6); /* staging and activation, both channels */
}

static bool is_registration(const struct recorded *frame)
{
    return recorded_port(frame) == HM_MIP_PORT;
}

/* Is it a request, and not an answer? */
static bool is_request(const struct recorded *frame)
{
    return is_registration(frame) ? frame->bytes[FORGE_PAYLOAD_AT] == HM_MIP_REQUEST
                                  : frame->bytes[CONTROL_KIND_AT] == HM_CONTROL_REQUEST;
}

/* --- replayed ----------------------------------------------------------------------------------------- */

/* Each is counted where it comes to; what is answered (133, a repeated answer, the time) is an answer to
 * nothing where that comes to. */
static void expect_replay(struct attack *attack, const struct recorded *frame, bool is_late)
{
    enum hm_sim_site_number to = site_of(recorded_dst(frame)), from = site_of(recorded_src(frame));
    const char *unexpected = is_registration(frame) ? "drop-mip-unexpected" : "drop-control-unexpected";

    if (!is_request(frame)) {
        attack_expect(attack, to, unexpected, 1);
        return;
    }
    attack_expect(attack, from, unexpected, 1);
    if (is_registration(frame)) {
        attack_expect(attack, to, "drop-mip-replay", 1);
        attack_expect(attack, to, "rrp-denied", 1);
    } else {
        attack_expect(attack, to, is_late ? "drop-control-clock" : "control-repeats", 1);
        attack_expect(attack, to, "control-resyncs", is_late);
    }
}

/* Everything of a handover is sent again: at once, and when the window of time stamps is over. */
static void test_path_replayed_messages_change_nothing_early_or_late(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;

    begin_recorded(&attack, world, &recorder);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < recorder.count; i++) {
            expect_replay(&attack, &recorder.frames[i], round > 0);
            inject(world, recorder.frames[i].bytes, recorder.frames[i].len);
        }
        hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    }
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", 0);
    attack_expect(&attack, HM_SIM_A, "control-requests", 0);
    attack_expect(&attack, HM_SIM_B, "control-requests", 0);
    attack_end(&attack);
}

/* The same a second time after the VM went home: none of it brings the visit back. */
static void test_path_replayed_messages_after_the_return_bring_no_visit_back(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;

    recorder_start(&recorder, &world->sites[HM_SIM_B].lan, NULL, false);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    recorder_stop(&recorder);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    uint64_t before = counter(world, HM_SIM_A, "drop-mip-replay"), requests = 0;
    for (unsigned i = 0; i < recorder.count; i++) {
        requests += is_registration(&recorder.frames[i]) && is_request(&recorder.frames[i]);
        inject(world, recorder.frames[i].bytes, recorder.frames[i].len);
    }
    assert_true(requests >= 2);
    assert_counted(world, HM_SIM_A, "drop-mip-replay", before, requests);
    assert_tables_empty(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* --- reflected ---------------------------------------------------------------------------------------- */

/* To the agent that sent it, as if the other had. A request for a home agent is none of this one's; the other
 * gets an answer that it has not asked for. A command names its sender, so it is not even refused. */
static void expect_reflection(struct attack *attack, const struct recorded *frame)
{
    enum hm_sim_site_number back = site_of(recorded_src(frame)), other = site_of(recorded_dst(frame));

    if (is_registration(frame) && is_request(frame)) {
        attack_expect(attack, back, "rrp-denied", 1); /* 136 */
        attack_expect(attack, other, "drop-mip-unexpected", 1);
    } else if (is_registration(frame)) {
        attack_expect(attack, back, "drop-mip-unexpected", 1);
    } else {
        attack_expect(attack, back, is_request(frame) ? "drop-control-auth" : "drop-control-unexpected", 1);
    }
}

static void test_path_reflected_messages_are_refused_by_who_sent_them(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct meddler reply;
    struct attack attack;

    begin_recorded(&attack, world, &recorder);
    for (unsigned i = 0; i < recorder.count; i++) {
        struct recorded back = recorder.frames[i];
        expect_reflection(&attack, &back);
        meddler_start(&reply, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REPLY), MEDDLE_WATCH,
                      0);
        reply.from = &world->sites[HM_SIM_B].agent.links[0];
        recorded_turn(&back);
        inject(world, back.bytes, back.len);
        meddler_stop(&reply, &world->sites[HM_SIM_B].lan);
        if (is_registration(&back) && is_request(&back))
            assert_int_equal(reply.frame[FORGE_PAYLOAD_AT + 1], 136);
    }
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++) {
        attack_expect(&attack, site, "control-requests", 0);
        attack_expect(&attack, site, "rrp-accepted", 0);
    }
    attack_end(&attack);
}

/* What an agent has put into the tunnel comes back out of it, as if the other had sent it: the home agent
 * gets what is for its node, the foreign agent what is by its visitor. */
static void test_path_reflected_tunnel_packets_do_not_go_round(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;
    unsigned ways[HM_SIM_SITES] = {0};

    attack_begin(&attack, world);
    recorder_start(&recorder, &world->sites[HM_SIM_B].lan, NULL, true);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    recorder_stop(&recorder);
    for (unsigned i = 0; i < recorder.count; i++) {
        struct recorded back = recorder.frames[i];
        if (back.bytes[12] != 8 || back.bytes[13] != 0 || back.bytes[HM_ETHERNET_LEN + 9] != HM_IP_PROTO_IPIP)
            continue;
        enum hm_sim_site_number from = site_of(recorded_src(&back));
        uint8_t kept[4];
        ways[from]++;
        memcpy(kept, back.bytes + HM_ETHERNET_LEN + 12, 4);
        memcpy(back.bytes + HM_ETHERNET_LEN + 12, back.bytes + HM_ETHERNET_LEN + 16, 4);
        memcpy(back.bytes + HM_ETHERNET_LEN + 16, kept, 4);
        attack_expect(&attack, from, "drop-tunnel-inner", 1);
        inject(world, back.bytes, back.len);
    }
    assert_true(ways[HM_SIM_A] >= 3 && ways[HM_SIM_B] >= 3);
    attack_end(&attack);
}

/* --- forged ------------------------------------------------------------------------------------------- */

/* The UDP payload of a recorded frame, to the same port of the same agent. */
static void send_payload(struct hm_sim_world *world, const struct recorded *frame, const uint8_t *payload,
                         size_t len)
{
    forge_udp(world, recorded_src(frame), recorded_dst(frame), recorded_port(frame), payload, len);
}

static void send_spoilt(struct attack *attack, const struct recorded *frame, const uint8_t *payload,
                        size_t len)
{
    const char *fate = attack_fate(recorded_port(frame), payload, len, SPI_A_B);

    attack_expect(attack, site_of(recorded_dst(frame)), fate, 1);
    send_payload(attack->world, frame, payload, len);
}

/* Who cannot be authenticated is told so a few times a second, and counts that. */
static void excuse_hints(struct attack *attack)
{
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++)
        attack_excuse(attack, site, "drop-control-key", 100000);
}

/* Every second byte of every message, changed. */
static void test_path_forged_bytes_are_never_accepted(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;

    begin_recorded(&attack, world, &recorder);
    for (unsigned i = 0; i < recorder.count; i++) {
        const uint8_t *bytes = recorder.frames[i].bytes + FORGE_PAYLOAD_AT;
        size_t len = recorder.frames[i].len - FORGE_PAYLOAD_AT;
        for (size_t at = i % 2; at < len; at += 2) {
            uint8_t payload[HM_SIM_FRAME_MAX];
            memcpy(payload, bytes, len);
            payload[at] ^= 0x10;
            send_spoilt(&attack, &recorder.frames[i], payload, len);
        }
    }
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++) {
        attack_expect(&attack, site, "rrq-received", 0);
        attack_expect(&attack, site, "control-requests", 0);
    }
    excuse_hints(&attack);
    attack_end(&attack);
}

/* --- truncated ---------------------------------------------------------------------------------------- */

/* Every beginning of every message, with a right UDP header and with the one that it had. */
static void test_path_truncated_messages_are_never_accepted(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;

    begin_recorded(&attack, world, &recorder);
    for (unsigned i = 0; i < recorder.count; i++) {
        const struct recorded *frame = &recorder.frames[i];
        for (size_t len = 0; len < frame->len - FORGE_PAYLOAD_AT; len++)
            send_spoilt(&attack, frame, frame->bytes + FORGE_PAYLOAD_AT, len);
        for (size_t len = 0; len < frame->len - FORGE_UDP_AT; len += 7) {
            const struct hm_ipv4 ip = {.ttl = 60,
                                       .protocol = HM_IP_PROTO_UDP,
                                       .src = recorded_src(frame),
                                       .dst = recorded_dst(frame)};
            attack_expect(&attack, site_of(ip.dst), "drop-stack-malformed", 1);
            forge_ip(world, &ip, frame->bytes + FORGE_UDP_AT, len);
        }
    }
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++) {
        attack_expect(&attack, site, "rrq-received", 0);
        attack_expect(&attack, site, "control-requests", 0);
    }
    excuse_hints(&attack);
    attack_end(&attack);
}

/* Every beginning of a tunnelled packet, in the peer's name. */
static void test_path_truncated_tunnel_packets_are_malformed(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_ipv4 outer = {
        .ttl = 60, .protocol = HM_IP_PROTO_IPIP, .src = ATTACK_AGENT_A, .dst = ATTACK_AGENT_B};
    uint8_t inner[INNER_LEN];
    struct attack attack;

    attack_begin(&attack, world);
    size_t len = forge_inner(inner, FORGE_CORRESPONDENT, HM_SIM_VM_ADDR, 64);
    attack_expect(&attack, HM_SIM_B, "drop-tunnel-malformed", len);
    for (size_t cut = 0; cut < len; cut++)
        forge_ip(world, &outer, inner, cut);
    attack_end(&attack);
}

/* --- oversized ---------------------------------------------------------------------------------------- */

/* A registration with nothing but what may be skipped; gives its length. */
static size_t make_padded(uint8_t *message, unsigned extensions)
{
    memset(message, SKIPPED, 24 + (size_t)extensions * (SKIPPED + 2));
    memset(message, 0, 24);
    message[0] = HM_MIP_REQUEST;
    return 24 + (size_t)extensions * (SKIPPED + 2);
}

/* In fragments, since no packet carries it: `len` bytes of UDP payload. */
static void send_in_pieces(struct hm_sim_world *world, uint16_t id, uint16_t port, size_t len)
{
    static uint8_t udp[65536 + 1024];
    size_t whole = 8 + len;

    memset(udp, SKIPPED, sizeof(udp));
    memcpy(udp,
           (const uint8_t[]){(uint8_t)(port >> 8), (uint8_t)port, (uint8_t)(port >> 8), (uint8_t)port,
                             (uint8_t)(whole >> 8), (uint8_t)whole, 0, 0},
           8);
    for (size_t at = 0; at < whole; at += 1024) {
        size_t part = whole - at < 1024 ? whole - at : 1024;
        const struct hm_ipv4 ip = {.id = id,
                                   .ttl = 60,
                                   .fragment = (uint16_t)((at + part < whole ? HM_IPV4_MF : 0) | at / 8),
                                   .protocol = HM_IP_PROTO_UDP,
                                   .src = ATTACK_AGENT_B,
                                   .dst = ATTACK_AGENT_A};
        forge_ip(world, &ip, udp + at, part);
        assert_reassembly_bounded();
    }
}

static void test_path_oversized_messages_are_dropped(void **state)
{
    struct hm_sim_world *world = *state;
    static const uint16_t PORTS[] = {HM_MIP_PORT, HM_CONTROL_PORT};
    uint8_t message[1472];
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-mip-no-sa", 1);
    forge_udp(world, ATTACK_AGENT_B, ATTACK_AGENT_A, HM_MIP_PORT, message, make_padded(message, 7));
    attack_expect(&attack, HM_SIM_A, "drop-mip-malformed", 1); /* the last one is longer than what is left */
    forge_udp(world, ATTACK_AGENT_B, ATTACK_AGENT_A, HM_MIP_PORT, message, make_padded(message, 7) - 1);
    attack_expect(&attack, HM_SIM_A, "drop-control-malformed", 1);
    memcpy(message, "HMC1\1\3\0\0", 8);
    forge_udp(world, ATTACK_AGENT_B, ATTACK_AGENT_A, HM_CONTROL_PORT, message, sizeof(message));
    for (unsigned i = 0; i < 2; i++) {
        attack_expect(&attack, HM_SIM_A, "drop-stack-full", 2);
        send_in_pieces(world, (uint16_t)(100 + i), PORTS[i], 2049);
        send_in_pieces(world, (uint16_t)(200 + i), PORTS[i], 60000);
        /* its last part would end behind the longest packet: the part goes, the others when their time is
         * over */
        attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", 2);
        send_in_pieces(world, (uint16_t)(300 + i), PORTS[i], 65536 - 8);
        /* B is told that the time of its packet is over */
        attack_expect(&attack, HM_SIM_B, i == 0 ? "drop-icmp-forged" : "drop-stack-unwanted", 1);
    }
    assert_reassembly_empty(world);
    attack_end(&attack);
}

/* --- fragmented --------------------------------------------------------------------------------------- */

static void send_fragment(struct hm_sim_world *world, uint32_t src, uint8_t protocol, uint16_t id,
                          uint16_t fragment, const uint8_t *bytes, size_t len)
{
    const struct hm_ipv4 ip = {
        .id = id, .ttl = 60, .fragment = fragment, .protocol = protocol, .src = src, .dst = ATTACK_AGENT_B};

    forge_ip(world, &ip, bytes, len);
    assert_reassembly_bounded();
}

/* Fragments that never become whole fill no memory for good, and each is counted: those of strangers' tunnels
 * at once, the others when they are given up. */
static void test_path_fragmented_packets_without_end_are_given_up(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t payload[512] = {0};
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < FLOOD; i++) {
        uint8_t protocol = i % 2 == 0 ? HM_IP_PROTO_UDP : i % 4 == 1 ? HM_IP_PROTO_IPIP : HM_IP_PROTO_GRE;
        bool is_peers = i % 5 == 0;
        if (protocol != HM_IP_PROTO_UDP && !is_peers)
            attack_expect(&attack, HM_SIM_B, "drop-tunnel-peer", 1);
        else
            attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", 1);
        if (is_peers && i % 3 == 0) /* A is told that the time of a packet is over, which it has not sent */
            attack_expect(&attack, HM_SIM_A,
                          protocol == HM_IP_PROTO_UDP ? "drop-stack-unwanted" : "drop-icmp-forged", 1);
        send_fragment(world, is_peers ? ATTACK_AGENT_A : FORGE_STRANGER, protocol, (uint16_t)i,
                      (uint16_t)(HM_IPV4_MF | (i % 3 == 0 ? 0 : i % 900)), payload, sizeof(payload));
    }
    assert_reassembly_empty(world);
    attack_end(&attack);
}

struct counted_datagrams {
    unsigned count;
};

static void on_udp(void *ctx, uint32_t src, uint16_t src_port, uint16_t dst_port, const uint8_t *bytes,
                   size_t len)
{
    struct counted_datagrams *datagrams = ctx;

    (void)src;
    (void)src_port;
    (void)bytes;
    (void)len;
    datagrams->count += dst_port == 9999;
}

/* Between the two parts of a good packet come more parts of strangers' tunnels than there is room for. */
static void test_path_fragmented_tunnels_of_strangers_push_out_no_peers_packet(void **state)
{
    struct hm_sim_world *world = *state;
    struct counted_datagrams got = {0};
    uint8_t inner[INNER_LEN], payload[64] = {0};
    struct attack attack;

    attack_begin(&attack, world);
    world->vm.on_udp = on_udp;
    world->vm.ctx = &got;
    forge_inner(inner, FORGE_CORRESPONDENT, HM_SIM_VM_ADDR, 64);
    send_fragment(world, ATTACK_AGENT_A, HM_IP_PROTO_IPIP, 7, HM_IPV4_MF, inner, 24);
    attack_expect(&attack, HM_SIM_B, "drop-tunnel-peer", 200);
    for (unsigned i = 0; i < 200; i++)
        send_fragment(world, FORGE_STRANGER, i % 2 == 0 ? HM_IP_PROTO_IPIP : HM_IP_PROTO_GRE, (uint16_t)i,
                      HM_IPV4_MF, payload, sizeof(payload));
    assert_int_equal(got.count, 0);
    send_fragment(world, ATTACK_AGENT_A, HM_IP_PROTO_IPIP, 7, 3, inner + 24, INNER_LEN - 24);
    assert_int_equal(got.count, 1);
    world->vm.on_udp = NULL;
    attack_end(&attack);
}

/* --- flooding ----------------------------------------------------------------------------------------- */

static void test_path_flooding_messages_without_a_key_are_counted_one_by_one(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t message[1472];
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-mip-no-sa", FLOOD / 2);
    attack_expect(&attack, HM_SIM_A, "drop-control-malformed", FLOOD / 2);
    for (unsigned i = 0; i < FLOOD; i++) {
        size_t len = make_padded(message, i % 8);
        forge_udp(world, i % 2 == 0 ? ATTACK_AGENT_B : FORGE_STRANGER + i, ATTACK_AGENT_A,
                  i % 4 < 2 ? HM_MIP_PORT : HM_CONTROL_PORT, message, len);
    }
    attack_end(&attack);
}

static void test_path_flooding_tunnel_packets_are_counted_one_by_one(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t inner[INNER_LEN];
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < FLOOD; i++) {
        const struct hm_ipv4 outer = {.ttl = 60,
                                      .protocol = HM_IP_PROTO_IPIP,
                                      .src = i % 2 == 0 ? ATTACK_AGENT_A : FORGE_STRANGER + i,
                                      .dst = ATTACK_AGENT_B};
        attack_expect(&attack, HM_SIM_B, i % 2 == 0 ? "drop-tunnel-inner" : "drop-tunnel-peer", 1);
        size_t len = forge_inner(inner, FORGE_CORRESPONDENT, HM_SIM_VM2_ADDR + i, 64);
        forge_ip(world, &outer, inner, len);
    }
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_path_replayed_messages_change_nothing_early_or_late),
        SCENARIO(test_path_replayed_messages_after_the_return_bring_no_visit_back),
        SCENARIO(test_path_reflected_messages_are_refused_by_who_sent_them),
        SCENARIO(test_path_reflected_tunnel_packets_do_not_go_round),
        SCENARIO(test_path_forged_bytes_are_never_accepted),
        SCENARIO(test_path_truncated_messages_are_never_accepted),
        SCENARIO(test_path_truncated_tunnel_packets_are_malformed),
        SCENARIO(test_path_oversized_messages_are_dropped),
        SCENARIO(test_path_fragmented_packets_without_end_are_given_up),
        SCENARIO(test_path_fragmented_tunnels_of_strangers_push_out_no_peers_packet),
        SCENARIO(test_path_flooding_messages_without_a_key_are_counted_one_by_one),
        SCENARIO(test_path_flooding_tunnel_packets_are_counted_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
