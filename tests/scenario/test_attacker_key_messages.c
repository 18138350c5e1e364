/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker with the key of agent C, while the VM of A is at B. What C may say is taken, once
 * and from C; replayed, reflected, cut, oversized and fragmented it is refused as a stranger's is. */
#include "tests/scenario/attack.h"

#include "firmware/wire/authenticator.h"

#define SPI_A_C 302
#define SKIPPED 200
#define FLOOD 500
#define COMMANDS 300 /* more than are remembered, in less time than time stamps are good for */

static struct hm_control_message hello(const struct hm_sim_world *world)
{
    return (struct hm_control_message){.op = HM_OP_HELLO,
                                       .key_id = forge_peer(world, HM_SIM_A, HM_SIM_C)->spi,
                                       .agent_addr = ATTACK_AGENT_C};
}

static size_t payload_len(const struct recorded *frame)
{
    return (size_t)(frame->bytes[FORGE_UDP_AT + 4] << 8 | frame->bytes[FORGE_UDP_AT + 5]) - 8;
}

static void send_payload(struct hm_sim_world *world, const struct recorded *frame, uint32_t src, uint32_t dst,
                         size_t len)
{
    forge_udp(world, src, dst, recorded_port(frame), frame->bytes + FORGE_PAYLOAD_AT, len);
}

/* A deregistration by C of what is not at C: it is authentic, accepted, and without effect. recorder: it, and
 * A's reply. */
static void record_request(struct attack *attack, struct recorder *recorder)
{
    struct hm_sim_world *world = attack->world;

    recorder_start(recorder, &world->sites[HM_SIM_A].lan, NULL, false);
    assert_int_equal(forge_request(world, &(struct forged_request){.as = HM_SIM_C}, NULL), 0);
    recorder_stop(recorder);
    assert_int_equal(recorder->count, 2);
    attack_expect(attack, HM_SIM_A, "rrp-accepted", 1);
    attack_expect(attack, HM_SIM_C, "drop-mip-unexpected", 1);
}

static void record_hello(struct attack *attack, struct recorder *recorder)
{
    struct hm_sim_world *world = attack->world;
    struct hm_key key = attack_control_key(world, HM_SIM_A, HM_SIM_C);
    struct hm_control_message message = hello(world);

    recorder_start(recorder, &world->sites[HM_SIM_A].lan, NULL, false);
    attack_control(world, HM_SIM_A, ATTACK_AGENT_C, &key, &message);
    recorder_stop(recorder);
    assert_int_equal(recorder->count, 2);
    attack_expect(attack, HM_SIM_A, "control-requests", 1);
    attack_expect(attack, HM_SIM_C, "drop-control-unexpected", 1);
}

/* --- replayed ----------------------------------------------------------------------------------------- */

static void test_key_replayed_registrations_are_refused_here_and_elsewhere(void **state)
{
    static struct recorder recorder, visit;
    struct hm_sim_world *world = *state;
    struct attack attack;

    recorder_start(&visit, &world->sites[HM_SIM_B].lan, &world->sites[HM_SIM_B].agent.links[0], false);
    attack_begin(&attack, world);
    recorder_stop(&visit);
    record_request(&attack, &recorder);
    const struct recorded *request = &recorder.frames[0];
    attack_expect(&attack, HM_SIM_A, "drop-mip-replay", 1);
    attack_expect(&attack, HM_SIM_A, "rrp-denied", 1);
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", 1);
    send_payload(world, request, ATTACK_AGENT_C, ATTACK_AGENT_A, payload_len(request));
    attack_expect(&attack, HM_SIM_B, "drop-mip-no-sa", 1); /* C's key with B is another */
    send_payload(world, request, ATTACK_AGENT_C, ATTACK_AGENT_B, payload_len(request));
    for (unsigned i = 0; i < visit.count; i++) { /* B's, in C's name */
        if (recorded_port(&visit.frames[i]) != HM_MIP_PORT)
            continue;
        attack_expect(&attack, HM_SIM_A, "drop-mip-no-sa", 1);
        send_payload(world, &visit.frames[i], ATTACK_AGENT_C, ATTACK_AGENT_A, payload_len(&visit.frames[i]));
    }
    attack_end(&attack);
}

static void test_key_replayed_commands_are_answered_from_memory_and_then_refused(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    record_hello(&attack, &recorder);
    const struct recorded *request = &recorder.frames[0];
    attack_expect(&attack, HM_SIM_A, "control-repeats", 1);
    send_payload(world, request, ATTACK_AGENT_C, ATTACK_AGENT_A, payload_len(request));
    attack_expect(&attack, HM_SIM_B, "drop-control-key", 1); /* C's key with B is another; C is told so */
    attack_expect(&attack, HM_SIM_C, "drop-control-key", 1);
    send_payload(world, request, ATTACK_AGENT_C, ATTACK_AGENT_B, payload_len(request));
    hm_sim_run_for(&world->sim, 8 * HM_SIM_S);
    attack_expect(&attack, HM_SIM_A, "drop-control-clock", 1);
    attack_expect(&attack, HM_SIM_A, "control-resyncs", 1);
    send_payload(world, request, ATTACK_AGENT_C, ATTACK_AGENT_A, payload_len(request));
    attack_expect(&attack, HM_SIM_C, "drop-control-unexpected", 2);
    attack_end(&attack);
}

/* --- reflected ---------------------------------------------------------------------------------------- */

/* What A has answered, sent back by who got it. */
static void test_key_reflected_answers_are_answers_to_nothing(void **state)
{
    static struct recorder reply, answer;
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    record_request(&attack, &reply);
    record_hello(&attack, &answer);
    attack_expect(&attack, HM_SIM_A, "drop-mip-unexpected", 1);
    send_payload(world, &reply.frames[1], ATTACK_AGENT_C, ATTACK_AGENT_A, payload_len(&reply.frames[1]));
    attack_expect(&attack, HM_SIM_A, "drop-control-unexpected", 1);
    send_payload(world, &answer.frames[1], ATTACK_AGENT_C, ATTACK_AGENT_A, payload_len(&answer.frames[1]));
    attack_end(&attack);
}

/* What A has asked, sent back under the key that both have: it names A. */
static void test_key_reflected_commands_name_their_sender(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct hm_sim_report peers;
    struct attack attack;

    attack_begin(&attack, world);
    recorder_start(&recorder, &world->sites[HM_SIM_C].lan, NULL, false);
    hm_sim_report_init(&peers, &world->sites[HM_SIM_A].agent, "peers"); /* asks them */
    hm_sim_report_fini(&peers);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    recorder_stop(&recorder);
    assert_int_equal(recorded_dst(&recorder.frames[0]), ATTACK_AGENT_C);
    attack_expect(&attack, HM_SIM_A, "drop-control-auth", 1);
    attack_expect(&attack, HM_SIM_A, "control-requests", 0);
    send_payload(world, &recorder.frames[0], ATTACK_AGENT_C, ATTACK_AGENT_A,
                 payload_len(&recorder.frames[0]));
    attack_end(&attack);
}

/* --- truncated ---------------------------------------------------------------------------------------- */

static void test_key_truncated_messages_are_never_accepted(void **state)
{
    static struct recorder recorders[2];
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    record_request(&attack, &recorders[0]);
    record_hello(&attack, &recorders[1]);
    for (unsigned i = 0; i < 2; i++) {
        const struct recorded *frame = &recorders[i].frames[0];
        for (size_t len = 0; len < payload_len(frame); len++) {
            const char *fate =
                attack_fate(recorded_port(frame), frame->bytes + FORGE_PAYLOAD_AT, len, SPI_A_C);
            attack_expect(&attack, HM_SIM_A, fate, 1);
            attack_expect(&attack, HM_SIM_C, "drop-control-key", strcmp(fate, "drop-control-auth") == 0);
            send_payload(world, frame, ATTACK_AGENT_C, ATTACK_AGENT_A, len);
        }
    }
    attack_expect(&attack, HM_SIM_A, "drop-mip-malformed", 0);
    attack_expect(&attack, HM_SIM_A, "drop-control-malformed", 0);
    attack_end(&attack);
}

/* Cut, and then signed: what is left is C's own word. It must be whole, and name C. */
static void test_key_truncated_commands_with_a_right_authenticator_are_refused(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_key key = attack_control_key(world, HM_SIM_A, HM_SIM_C);
    struct hm_control_message message = hello(world), cut_message;
    uint8_t whole[HM_CONTROL_MAX_LEN], cut[HM_CONTROL_MAX_LEN];
    struct attack attack;

    attack_begin(&attack, world);
    message.kind = HM_CONTROL_REQUEST;
    message.timestamp = hm_sim_agent_time(&world->sites[HM_SIM_A].agent).ntp;
    message.request_id = 1;
    memcpy(message.vm, "vm", 3);
    size_t body_len = hm_control_encode(&message, &key, whole) - HM_CONTROL_AUTHENTICATOR_LEN;
    for (size_t len = 0; len < body_len; len++) {
        memcpy(cut, whole, len);
        hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &key, cut, len, cut + len);
        bool is_whole = hm_control_decode(cut, len + HM_CONTROL_AUTHENTICATOR_LEN, &cut_message) == 0;
        attack_expect(&attack, HM_SIM_A, is_whole ? "drop-control-auth" : "drop-control-malformed", 1);
        forge_udp(world, ATTACK_AGENT_C, ATTACK_AGENT_A, HM_CONTROL_PORT, cut,
                  len + HM_CONTROL_AUTHENTICATOR_LEN);
    }
    attack_expect(&attack, HM_SIM_A, "control-requests", 0);
    attack_end(&attack);
}

/* --- oversized ---------------------------------------------------------------------------------------- */

/* A deregistration of at least `len` bytes, with a right authenticator; gives its length. */
static size_t make_long_request(const struct hm_sim_world *world, uint8_t *bytes, size_t cap, size_t len)
{
    const struct hm_peer_config *peer = forge_peer(world, HM_SIM_A, HM_SIM_C);
    const struct hm_registration_request request = {.flags = HM_RRQ_T,
                                                    .home_addr = HM_SIM_VM_ADDR,
                                                    .home_agent = ATTACK_AGENT_A,
                                                    .care_of_addr = ATTACK_AGENT_C,
                                                    .identification =
                                                        hm_sim_agent_time(&world->sites[HM_SIM_A].agent).ntp};
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, cap);
    hm_registration_write_request(&writer, &request);
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    while (writer.len < len) {
        hm_write_u8(&writer, SKIPPED);
        hm_write_u8(&writer, 200);
        hm_write_zeros(&writer, 200);
    }
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, peer->spi, peer->algorithm, &peer->key);
    assert_false(writer.failed);
    return writer.len;
}

/* UDP in two packets, since one does not carry it. */
static void send_in_two(struct hm_sim_world *world, const uint8_t *bytes, size_t len)
{
    uint8_t udp[8 + 4096] = {HM_MIP_PORT >> 8,   HM_MIP_PORT & 0xff,        HM_MIP_PORT >> 8,
                             HM_MIP_PORT & 0xff, (uint8_t)((8 + len) >> 8), (uint8_t)(8 + len)};
    struct hm_ipv4 ip = {.id = 77,
                         .ttl = 60,
                         .fragment = HM_IPV4_MF,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = ATTACK_AGENT_C,
                         .dst = ATTACK_AGENT_A};
    size_t first = (8 + len) / 2 / 8 * 8;

    memcpy(udp + 8, bytes, len);
    forge_ip(world, &ip, udp, first);
    ip.fragment = (uint16_t)(first / 8);
    forge_ip(world, &ip, udp + first, 8 + len - first);
}

/* What may be skipped costs no more than its reading; what is longer than any message is not even read. */
static void test_key_oversized_registrations_get_no_further(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t bytes[4096];
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-accepted",
                  1); /* nothing is wrong with it, and it changes nothing */
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", 1);
    forge_udp(world, ATTACK_AGENT_C, ATTACK_AGENT_A, HM_MIP_PORT, bytes,
              make_long_request(world, bytes, sizeof(bytes), 1200));
    attack_expect(&attack, HM_SIM_A, "drop-stack-full", 1);
    send_in_two(world, bytes, make_long_request(world, bytes, sizeof(bytes), 2049));
    attack_end(&attack);
}

/* With a right authenticator: longer than a message may be, and with more addresses than a VM may have. */
static void test_key_oversized_commands_are_malformed(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_key key = attack_control_key(world, HM_SIM_A, HM_SIM_C);
    struct hm_control_message message = hello(world);
    uint8_t bytes[HM_CONTROL_MAX_LEN + 8];
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-control-malformed", 2);
    message.kind = HM_CONTROL_REQUEST;
    message.timestamp = hm_sim_agent_time(&world->sites[HM_SIM_A].agent).ntp;
    size_t len = hm_control_encode(&message, &key, bytes) - HM_CONTROL_AUTHENTICATOR_LEN;
    size_t begun = len;
    while (len + HM_CONTROL_AUTHENTICATOR_LEN <= HM_CONTROL_MAX_LEN) { /* items that may be skipped */
        memcpy(bytes + len, (const uint8_t[]){SKIPPED, 6, 0, 0, 0, 0, 0, 0}, 8);
        len += 8;
    }
    hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &key, bytes, len, bytes + len);
    forge_udp(world, ATTACK_AGENT_C, ATTACK_AGENT_A, HM_CONTROL_PORT, bytes,
              len + HM_CONTROL_AUTHENTICATOR_LEN);
    len = begun;
    for (unsigned i = 0; i <= HM_CONTROL_MAX_NODES; i++, len += 6)
        memcpy(bytes + len, (const uint8_t[]){4, 4, 10, 3, 0, (uint8_t)(100 + i)}, 6);
    hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &key, bytes, len, bytes + len);
    forge_udp(world, ATTACK_AGENT_C, ATTACK_AGENT_A, HM_CONTROL_PORT, bytes,
              len + HM_CONTROL_AUTHENTICATOR_LEN);
    attack_end(&attack);
}

/* --- fragmented --------------------------------------------------------------------------------------- */

/* In parts a message is what it is in one: no more is believed of it, and parts that overlap are none. */
static void test_key_fragmented_registrations_are_taken_whole_or_not_at_all(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    uint8_t bytes[2048], part[1024] = {0};
    struct hm_ipv4 ip = {
        .id = 78, .ttl = 60, .protocol = HM_IP_PROTO_UDP, .src = ATTACK_AGENT_C, .dst = ATTACK_AGENT_A};
    struct attack attack;

    attack_begin(&attack, world);
    record_request(&attack, &recorder);
    attack_expect(&attack, HM_SIM_A, "drop-mip-replay", 1); /* C's own, once more and in two parts */
    attack_expect(&attack, HM_SIM_A, "rrp-denied", 1);
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", 1);
    send_in_two(world, recorder.frames[0].bytes + FORGE_PAYLOAD_AT, payload_len(&recorder.frames[0]));
    attack_expect(&attack, HM_SIM_A, "drop-mip-auth", 1); /* with another end */
    size_t len = make_long_request(world, bytes, sizeof(bytes), 400);
    bytes[len - 1] ^= 1;
    send_in_two(world, bytes, len);
    attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", 2);
    ip.fragment = HM_IPV4_MF | 4;
    forge_ip(world, &ip, part, 512);
    ip.fragment = 8; /* overlaps, and would end it */
    forge_ip(world, &ip, part, 512);
    assert_reassembly_empty(world);
    attack_end(&attack);
}

/* C's tunnel is no way to B's visitor, nor from it; and parts of it that never end are given up. */
static void test_key_fragmented_tunnel_packets_are_not_for_anothers_visitor(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t inner[HM_IPV4_LEN + 16];
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < FLOOD; i++) {
        bool to_home = i % 2 == 0, is_ended = i % 4 < 2;
        struct hm_ipv4 ip = {.id = (uint16_t)i,
                             .ttl = 60,
                             .fragment = HM_IPV4_MF,
                             .protocol = HM_IP_PROTO_IPIP,
                             .src = ATTACK_AGENT_C,
                             .dst = to_home ? ATTACK_AGENT_A : ATTACK_AGENT_B};
        forge_inner(inner, to_home ? HM_SIM_VM_ADDR : FORGE_CORRESPONDENT,
                    to_home ? FORGE_CORRESPONDENT : HM_SIM_VM_ADDR, 64);
        if (is_ended)
            forge_ip(world, &ip, inner, 24);
        ip.fragment = is_ended ? 3 : HM_IPV4_MF | 3; /* the second part */
        forge_ip(world, &ip, inner + 24, is_ended ? 12 : 8);
        assert_reassembly_bounded();
        if (!is_ended)
            attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", 1);
        else
            attack_expect(&attack, to_home ? HM_SIM_A : HM_SIM_B,
                          to_home ? "drop-tunnel-peer" : "drop-tunnel-inner", 1);
    }
    assert_reassembly_empty(world);
    attack_end(&attack);
}

/* --- flooding ----------------------------------------------------------------------------------------- */

/* More commands than are remembered, all of them right: each is answered, none is kept for good, and what was
 * forgotten is not taken again. */
static void test_key_flooding_commands_are_forgotten_and_not_taken_again(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct hm_key key = attack_control_key(world, HM_SIM_A, HM_SIM_C);
    struct attack attack;

    attack_begin(&attack, world);
    record_hello(&attack, &recorder);
    attack_expect(&attack, HM_SIM_A, "control-requests", COMMANDS);
    attack_expect(&attack, HM_SIM_C, "drop-control-unexpected", COMMANDS);
    for (unsigned i = 0; i < COMMANDS; i++) {
        struct hm_control_message message = hello(world);
        attack_control(world, HM_SIM_A, ATTACK_AGENT_C, &key, &message);
    }
    attack_expect(&attack, HM_SIM_A, "drop-control-clock", 1);
    attack_expect(&attack, HM_SIM_A, "control-resyncs", 1);
    attack_expect(&attack, HM_SIM_C, "drop-control-unexpected", 1);
    send_payload(world, &recorder.frames[0], ATTACK_AGENT_C, ATTACK_AGENT_A,
                 payload_len(&recorder.frames[0]));
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_key_replayed_registrations_are_refused_here_and_elsewhere),
        SCENARIO(test_key_replayed_commands_are_answered_from_memory_and_then_refused),
        SCENARIO(test_key_reflected_answers_are_answers_to_nothing),
        SCENARIO(test_key_reflected_commands_name_their_sender),
        SCENARIO(test_key_truncated_messages_are_never_accepted),
        SCENARIO(test_key_truncated_commands_with_a_right_authenticator_are_refused),
        SCENARIO(test_key_oversized_registrations_get_no_further),
        SCENARIO(test_key_oversized_commands_are_malformed),
        SCENARIO(test_key_fragmented_registrations_are_taken_whole_or_not_at_all),
        SCENARIO(test_key_fragmented_tunnel_packets_are_not_for_anothers_visitor),
        SCENARIO(test_key_flooding_commands_are_forgotten_and_not_taken_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
