/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker with the key of a hypervisor that A knows, and that may move other VMs than this
 * one. What it may not ask in one piece it may not ask replayed, reflected, cut, oversized, in fragments or
 * many times. */
#include "tests/scenario/attack.h"

#include "firmware/wire/authenticator.h"

#define SKIPPED 200
#define FLOOD 500
#define COMMANDS 50

/* An announcement that the VM will go to C; gives its length. */
static size_t make_command(const struct hm_sim_world *world, uint64_t number, uint8_t *bytes)
{
    const struct hm_sim_site *site = &world->sites[HM_SIM_A];
    struct hm_control_message message = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_C]);

    message.kind = HM_CONTROL_REQUEST;
    message.key_id = site->hypervisors[1].key_id;
    message.timestamp = hm_sim_agent_time(&site->agent).ntp;
    message.request_id = 1000 + number;
    return hm_control_encode(&message, &site->hypervisors[1].key, bytes);
}

/* To A, as from its hypervisor's machine. */
static void send(struct hm_sim_world *world, const uint8_t *bytes, size_t len)
{
    forge_udp(world, world->sites[HM_SIM_A].net + 21, ATTACK_AGENT_A, HM_CONTROL_PORT, bytes, len);
}

/* Expects a command that is understood and refused. */
static void expect_refusal(struct attack *attack, unsigned times)
{
    attack_expect(attack, HM_SIM_A, "control-requests", times);
    attack_expect(attack, HM_SIM_A, "control-refused", times);
}

/* Sends it, and gives the code of A's answer. */
static int ask(struct hm_sim_world *world, const uint8_t *bytes, size_t len, struct meddler *answer)
{
    struct hm_sim_lan *lan = &world->sites[HM_SIM_A].lan;

    meddler_start(answer, lan, pattern_control(HM_CONTROL_REPLY, HM_OP_IMMINENT), MEDDLE_WATCH, 0);
    send(world, bytes, len);
    meddler_stop(answer, lan);
    return answer->seen == 0 ? FORGE_SILENCE : answer->frame[FORGE_PAYLOAD_AT + 6];
}

/* An attack that begins with a command that is refused; gives its length. */
static size_t begin_with_a_refusal(struct attack *attack, struct hm_sim_world *world,
                                   uint8_t bytes[HM_CONTROL_MAX_LEN], struct meddler *answer)
{
    attack_begin(attack, world);
    size_t len = make_command(world, 0, bytes);
    expect_refusal(attack, 1);
    assert_int_equal(ask(world, bytes, len, answer), HM_CONTROL_REFUSED);
    return len;
}

static void test_key_replayed_commands_of_a_hypervisor_are_refused_again(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct meddler answer;
    struct attack attack;

    size_t len = begin_with_a_refusal(&attack, world, bytes, &answer);
    attack_expect(&attack, HM_SIM_A, "control-repeats", 1);
    assert_int_equal(ask(world, bytes, len, &answer), HM_CONTROL_REFUSED);
    hm_sim_run_for(&world->sim, 8 * HM_SIM_S);
    attack_expect(&attack, HM_SIM_A, "drop-control-clock", 1);
    attack_expect(&attack, HM_SIM_A, "control-resyncs", 1);
    assert_int_equal(ask(world, bytes, len, &answer), HM_CONTROL_CLOCK);
    attack_end(&attack);
}

static void test_key_reflected_answers_to_a_hypervisor_are_answers_to_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct meddler answer;
    struct attack attack;

    size_t len = begin_with_a_refusal(&attack, world, bytes, &answer);
    attack_expect(&attack, HM_SIM_A, "drop-control-unexpected", 1);
    const uint8_t *said = forge_mip_of(&answer, &len);
    send(world, said, len);
    attack_end(&attack);
}

/* Cut as it was signed, and signed as it was cut: then what is left is refused as a command, or is none. */
static void test_key_truncated_commands_of_a_hypervisor_get_no_further(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_hypervisor_config *of = &world->sites[HM_SIM_A].hypervisors[1];
    uint8_t whole[HM_CONTROL_MAX_LEN], cut[HM_CONTROL_MAX_LEN];
    struct hm_control_message message;
    struct attack attack;

    attack_begin(&attack, world);
    size_t whole_len = make_command(world, 0, whole);
    for (size_t len = 0; len < whole_len; len++) {
        attack_expect(&attack, HM_SIM_A, attack_fate(HM_CONTROL_PORT, whole, len, of->key_id), 1);
        send(world, whole, len);
    }
    for (size_t len = 0; len < whole_len - HM_CONTROL_AUTHENTICATOR_LEN; len++) {
        make_command(world, len, cut);
        hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &of->key, cut, len, cut + len);
        if (hm_control_decode(cut, len + HM_CONTROL_AUTHENTICATOR_LEN, &message) == 0)
            expect_refusal(&attack, 1);
        else
            attack_expect(&attack, HM_SIM_A, "drop-control-malformed", 1);
        send(world, cut, len + HM_CONTROL_AUTHENTICATOR_LEN);
    }
    hm_sim_run_for(&world->sim, 6 * HM_SIM_S); /* what named nothing that is known has been looked for */
    attack_end(&attack);
}

static void test_key_oversized_commands_of_a_hypervisor_are_malformed(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_hypervisor_config *of = &world->sites[HM_SIM_A].hypervisors[1];
    uint8_t bytes[HM_CONTROL_MAX_LEN + 8];
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-control-malformed", 1);
    size_t len = make_command(world, 0, bytes) - HM_CONTROL_AUTHENTICATOR_LEN;
    for (; len + HM_CONTROL_AUTHENTICATOR_LEN <= HM_CONTROL_MAX_LEN; len += 8)
        memcpy(bytes + len, (const uint8_t[]){SKIPPED, 6, 0, 0, 0, 0, 0, 0}, 8);
    hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &of->key, bytes, len, bytes + len);
    send(world, bytes, len + HM_CONTROL_AUTHENTICATOR_LEN);
    attack_end(&attack);
}

/* In two parts it is what it was; beginnings without an end are given up. */
static void test_key_fragmented_commands_of_a_hypervisor_get_no_further(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t udp[8 + HM_CONTROL_MAX_LEN] = {HM_CONTROL_PORT >> 8, HM_CONTROL_PORT & 0xff, HM_CONTROL_PORT >> 8,
                                           HM_CONTROL_PORT & 0xff};
    struct hm_ipv4 ip = {.ttl = 60,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = world->sites[HM_SIM_A].net + 21,
                         .dst = ATTACK_AGENT_A};
    struct attack attack;

    attack_begin(&attack, world);
    size_t len = 8 + make_command(world, 0, udp + 8);
    udp[4] = (uint8_t)(len >> 8);
    udp[5] = (uint8_t)len;
    expect_refusal(&attack, 1);
    ip.fragment = HM_IPV4_MF;
    forge_ip(world, &ip, udp, 64);
    ip.fragment = 8;
    forge_ip(world, &ip, udp + 64, len - 64);
    attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", FLOOD);
    for (unsigned i = 1; i <= FLOOD; i++) {
        ip.id = (uint16_t)i;
        ip.fragment = HM_IPV4_MF | 8;
        forge_ip(world, &ip, udp + 64, 8);
        assert_reassembly_bounded();
    }
    assert_reassembly_empty(world);
    attack_end(&attack);
}

/* Each is refused, none is kept for good, and who may move the VM is served. */
static void test_key_flooding_commands_of_a_hypervisor_shuts_nobody_out(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message status = hm_sim_about(HM_OP_STATUS, &world->vm);
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct meddler answer;
    struct attack attack;

    attack_begin(&attack, world);
    expect_refusal(&attack, FLOOD);
    for (unsigned i = 0; i < FLOOD; i++) {
        size_t len = make_command(world, i, bytes);
        assert_int_equal(ask(world, bytes, len, &answer), HM_CONTROL_REFUSED);
        if (i % COMMANDS != 0)
            continue;
        attack_expect(&attack, HM_SIM_A, "control-requests", 1);
        assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &status), HM_CONTROL_OK);
    }
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_key_replayed_commands_of_a_hypervisor_are_refused_again),
        SCENARIO(test_key_reflected_answers_to_a_hypervisor_are_answers_to_nothing),
        SCENARIO(test_key_truncated_commands_of_a_hypervisor_get_no_further),
        SCENARIO(test_key_oversized_commands_of_a_hypervisor_are_malformed),
        SCENARIO(test_key_fragmented_commands_of_a_hypervisor_get_no_further),
        SCENARIO(test_key_flooding_commands_of_a_hypervisor_shuts_nobody_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
