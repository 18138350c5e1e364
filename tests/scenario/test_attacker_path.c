/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker on the path between the agents, who sees all and has no key: replayed, reflected,
 * changed, cut, fragmented and flooding messages. */
#include "tests/scenario/attack.h"

#define AGENT_A 0x0a010002u
#define AGENT_B 0x0a020002u
#define RECORDED 64
#define FLOOD 1000

/* All messages between the agents that pass LAN "b". */
struct recorder {
    struct hm_sim_tap tap;
    unsigned count;
    struct {
        uint8_t bytes[HM_SIM_FRAME_MAX];
        size_t len;
    } frames[RECORDED];
};

static void record(void *ctx, struct hm_sim_passing *passing)
{
    struct recorder *recorder = ctx;
    const uint8_t *bytes = passing->bytes;
    unsigned port;

    if (passing->len < FORGE_PAYLOAD_AT || bytes[12] != 8 || bytes[13] != 0 ||
        bytes[HM_ETHERNET_LEN + 9] != HM_IP_PROTO_UDP || recorder->count == RECORDED)
        return;
    port = (unsigned)bytes[FORGE_UDP_AT + 2] << 8 | bytes[FORGE_UDP_AT + 3];
    if (port != HM_MIP_PORT && port != HM_CONTROL_PORT)
        return;
    memcpy(recorder->frames[recorder->count].bytes, bytes, passing->len);
    recorder->frames[recorder->count++].len = passing->len;
}

static void recorder_start(struct recorder *recorder, struct hm_sim_world *world)
{
    recorder->count = 0;
    recorder->tap = (struct hm_sim_tap){.see = record, .ctx = recorder};
    hm_sim_lan_add_tap(&world->sites[HM_SIM_B].lan, &recorder->tap);
}

static void recorder_stop(struct recorder *recorder, struct hm_sim_world *world)
{
    hm_sim_lan_remove_tap(&world->sites[HM_SIM_B].lan, &recorder->tap);
    assert_true(recorder->count >= 6); /* staging and activation, both channels */
}

static uint64_t drops(struct hm_sim_world *world, enum hm_sim_site_number site)
{
    return counter(world, site, "drop-mip-replay") + counter(world, site, "drop-mip-unexpected") +
           counter(world, site, "drop-mip-auth") + counter(world, site, "drop-mip-no-sa") +
           counter(world, site, "drop-mip-malformed") + counter(world, site, "drop-mip-extension") +
           counter(world, site, "drop-mip-type") + counter(world, site, "drop-control-unexpected") +
           counter(world, site, "drop-control-auth") + counter(world, site, "drop-control-key") +
           counter(world, site, "drop-control-malformed") + counter(world, site, "control-repeats") +
           counter(world, site, "control-resyncs");
}

/* Everything of two handovers is sent again: at once, and when the window of time stamps is over. */
static void test_a_replay_of_everything_changes_nothing(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;

    recorder_start(&recorder, world);
    attack_begin(&attack, world);
    recorder_stop(&recorder, world);
    for (unsigned round = 0; round < 3; round++) {
        uint64_t before = drops(world, HM_SIM_A) + drops(world, HM_SIM_B);
        for (unsigned i = 0; i < recorder.count; i++)
            inject(world, recorder.frames[i].bytes, recorder.frames[i].len);
        /* Each is counted; what is answered (133, a repeated answer) is counted once more where it comes to.
         */
        assert_true(drops(world, HM_SIM_A) + drops(world, HM_SIM_B) - before >= recorder.count);
        hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    }
    attack_end(&attack);
}

/* The same a second time after the VM went home: none of it brings the visit back. */
static void test_a_replay_after_the_return_brings_no_visit_back(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;

    recorder_start(&recorder, world);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    recorder_stop(&recorder, world);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    for (unsigned i = 0; i < recorder.count; i++)
        inject(world, recorder.frames[i].bytes, recorder.frames[i].len);
    assert_tables_empty(world);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* Each message goes back to the agent that sent it, as if the other had. */
static void test_reflected_messages_are_dropped(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;

    recorder_start(&recorder, world);
    attack_begin(&attack, world);
    recorder_stop(&recorder, world);
    uint64_t before = drops(world, HM_SIM_A) + drops(world, HM_SIM_B) +
                      counter(world, HM_SIM_A, "control-requests") +
                      counter(world, HM_SIM_B, "control-requests");
    uint64_t accepted = counter(world, HM_SIM_A, "control-requests") +
                        counter(world, HM_SIM_B, "control-requests") +
                        counter(world, HM_SIM_A, "rrp-accepted") + counter(world, HM_SIM_B, "rrp-accepted");
    for (unsigned i = 0; i < recorder.count; i++) {
        uint8_t frame[HM_SIM_FRAME_MAX];
        memcpy(frame, recorder.frames[i].bytes, recorder.frames[i].len);
        memcpy(frame + HM_ETHERNET_LEN + 12, recorder.frames[i].bytes + HM_ETHERNET_LEN + 16, 4);
        memcpy(frame + HM_ETHERNET_LEN + 16, recorder.frames[i].bytes + HM_ETHERNET_LEN + 12, 4);
        inject(world, frame, recorder.frames[i].len); /* the checksums do not change */
    }
    assert_int_equal(drops(world, HM_SIM_A) + drops(world, HM_SIM_B) +
                         counter(world, HM_SIM_A, "control-requests") +
                         counter(world, HM_SIM_B, "control-requests") - before,
                     recorder.count);
    assert_int_equal(counter(world, HM_SIM_A, "control-requests") +
                         counter(world, HM_SIM_B, "control-requests") +
                         counter(world, HM_SIM_A, "rrp-accepted") + counter(world, HM_SIM_B, "rrp-accepted"),
                     accepted);
    attack_end(&attack);
}

/* The UDP payload of a recorded frame, to the same port of the same agent. */
static void send_payload(struct hm_sim_world *world, const uint8_t *frame, const uint8_t *payload, size_t len)
{
    unsigned port = (unsigned)frame[FORGE_UDP_AT + 2] << 8 | frame[FORGE_UDP_AT + 3];

    forge_udp(world, forge_u32(frame + HM_ETHERNET_LEN + 12), forge_u32(frame + HM_ETHERNET_LEN + 16),
              (uint16_t)port, payload, len);
}

/* Every byte of every message, changed; and every beginning. */
static void test_changed_and_cut_messages_are_never_accepted(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct attack attack;

    recorder_start(&recorder, world);
    attack_begin(&attack, world);
    recorder_stop(&recorder, world);
    uint64_t accepted = counter(world, HM_SIM_A, "rrp-accepted") +
                        counter(world, HM_SIM_B, "control-requests") +
                        counter(world, HM_SIM_A, "control-requests");
    for (unsigned i = 0; i < recorder.count; i++) {
        const uint8_t *frame = recorder.frames[i].bytes;
        size_t len = recorder.frames[i].len - FORGE_PAYLOAD_AT;
        for (size_t at = 0; at < len; at += i % 2 + 1) {
            uint8_t payload[HM_SIM_FRAME_MAX];
            memcpy(payload, frame + FORGE_PAYLOAD_AT, len);
            payload[at] ^= 0x10;
            send_payload(world, frame, payload, len);
            send_payload(world, frame, frame + FORGE_PAYLOAD_AT, at);
        }
    }
    assert_int_equal(counter(world, HM_SIM_A, "rrp-accepted") + counter(world, HM_SIM_B, "control-requests") +
                         counter(world, HM_SIM_A, "control-requests"),
                     accepted);
    attack_end(&attack);
}

/* Fragments that never become whole fill no memory for good: what is whole still comes through. */
static void test_a_flood_of_fragments_is_bounded(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t payload[512] = {0};
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < FLOOD; i++) {
        const struct hm_ipv4 ip = {.id = (uint16_t)i,
                                   .ttl = 60,
                                   .fragment = (uint16_t)(HM_IPV4_MF | (i % 3 == 0 ? 0 : i % 900)),
                                   .protocol = i % 2 == 0 ? HM_IP_PROTO_UDP : HM_IP_PROTO_IPIP,
                                   .src = i % 5 == 0 ? AGENT_A : FORGE_STRANGER,
                                   .dst = AGENT_B};
        forge_ip(world, &ip, payload, sizeof(payload));
    }
    assert_int_equal(forge_request(world, &(struct forged_request){.lifetime_s = 60, .spoil = true}, NULL),
                     FORGE_SILENCE);
    attack_end(&attack);
}

static void test_oversized_and_unsigned_floods_are_counted(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t message[1400];
    struct attack attack;

    attack_begin(&attack, world);
    memset(message, 200, sizeof(message)); /* extensions of 200 bytes, to be skipped */
    memset(message, 0, 24);
    message[0] = 1;
    uint64_t before = drops(world, HM_SIM_A);
    for (unsigned i = 0; i < FLOOD; i++)
        forge_udp(world, i % 2 == 0 ? AGENT_B : FORGE_STRANGER + i, AGENT_A,
                  i % 4 < 2 ? HM_MIP_PORT : HM_CONTROL_PORT, message, sizeof(message) - i);
    assert_int_equal(drops(world, HM_SIM_A) - before, FLOOD);
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_a_replay_of_everything_changes_nothing),
        SCENARIO(test_a_replay_after_the_return_brings_no_visit_back),
        SCENARIO(test_reflected_messages_are_dropped),
        SCENARIO(test_changed_and_cut_messages_are_never_accepted),
        SCENARIO(test_a_flood_of_fragments_is_bounded),
        SCENARIO(test_oversized_and_unsigned_floods_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
