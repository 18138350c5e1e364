/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker with the key of a mobile node, "vm2", whose home agent is A, while the node "vm" is
 * at B by proxy. vm2 asks from the stranger's place, for itself or for vm. */
#include "tests/scenario/attack.h"

#define VM2_SPI (HM_SIM_MOBILE_SPI + 1)
#define SKIPPED 200
#define FLOOD 300

/* A request by vm2's key. Zero is a good value of each: a deregistration of vm2 itself. */
struct node_request {
    uint32_t home_addr;
    bool no_home_addr;
    const char *nai; /* NULL: none */
    uint32_t spi;
    uint32_t care_of_addr; /* 0: where it asks from */
    uint16_t lifetime_s;
    uint8_t flags;   /* beside D and T */
    unsigned padded; /* extensions that may be skipped, 200 bytes each */
    bool spoil;
};

static size_t write_request(const struct hm_sim_world *world, const struct node_request *what, uint8_t *bytes,
                            size_t cap)
{
    const struct hm_mobile_config *vm2 = &world->sites[HM_SIM_A].mobiles[1];
    struct hm_registration_request request = {
        .flags = (uint8_t)(HM_RRQ_D | HM_RRQ_T | what->flags),
        .lifetime_s = what->lifetime_s,
        .home_addr = what->home_addr != 0 ? what->home_addr : HM_SIM_VM2_ADDR,
        .home_agent = ATTACK_AGENT_A,
        .care_of_addr = what->care_of_addr != 0 ? what->care_of_addr : FORGE_STRANGER,
        .identification = hm_sim_agent_time(&world->sites[HM_SIM_A].agent).ntp};
    struct hm_writer writer;

    if (what->no_home_addr)
        request.home_addr = 0;
    hm_writer_init(&writer, bytes, cap);
    hm_registration_write_request(&writer, &request);
    if (what->nai != NULL)
        hm_extension_write_nai(&writer, what->nai);
    for (unsigned i = 0; i < what->padded; i++) {
        hm_write_u8(&writer, SKIPPED);
        hm_write_u8(&writer, SKIPPED);
        hm_write_zeros(&writer, SKIPPED);
    }
    hm_extension_write_auth(&writer, HM_EXT_MN_HA_AUTH, what->spi != 0 ? what->spi : VM2_SPI,
                            vm2->association.algorithm, &vm2->association.key);
    assert_false(writer.failed);
    bytes[writer.len - 1] ^= what->spoil;
    return writer.len;
}

/* The code of A's reply to these bytes, or FORGE_SILENCE. reply: NULL, or gets the reply's frame. */
static int ask_bytes(struct hm_sim_world *world, const uint8_t *bytes, size_t len, struct meddler *reply)
{
    struct meddler watcher;

    meddler_start(&watcher, &world->sites[HM_SIM_A].lan, pattern_registration(HM_MIP_REPLY), MEDDLE_WATCH, 0);
    watcher.from = &world->sites[HM_SIM_A].agent.links[0];
    forge_udp(world, FORGE_STRANGER, ATTACK_AGENT_A, HM_MIP_PORT, bytes, len);
    meddler_stop(&watcher, &world->sites[HM_SIM_A].lan);
    if (reply != NULL)
        *reply = watcher;
    return watcher.seen == 0 ? FORGE_SILENCE : watcher.frame[FORGE_PAYLOAD_AT + 1];
}

static int ask(struct hm_sim_world *world, const struct node_request *what)
{
    uint8_t bytes[2048];

    return ask_bytes(world, bytes, write_request(world, what, bytes, sizeof(bytes)), NULL);
}

static int setup(void **state)
{
    *state = scenario_create(&(struct hm_sim_world_options){.mobiles = true});
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scenario_teardown)

/* --- forged ------------------------------------------------------------------------------------------- */

static void test_key_forged_requests_of_a_node_for_another_are_refused(void **state)
{
    struct hm_sim_world *world = *state;
    static const struct {
        struct node_request request;
        int code;
        const char *counter;
    } CASES[] = {
        {{.home_addr = HM_SIM_VM_ADDR, .lifetime_s = 60}, FORGE_SILENCE, "drop-mip-no-sa"},
        {{.home_addr = HM_SIM_VM_ADDR}, FORGE_SILENCE, "drop-mip-no-sa"},
        {{.home_addr = HM_SIM_VM_ADDR, .nai = "vm"}, FORGE_SILENCE, "drop-mip-no-sa"},
        {{.home_addr = HM_SIM_VM_ADDR, .nai = "vm2"}, FORGE_SILENCE, "drop-mip-no-sa"},
        {{.nai = "vm"}, FORGE_SILENCE, "drop-mip-no-sa"},
        {{.no_home_addr = true, .nai = "vm"}, FORGE_SILENCE, "drop-mip-no-sa"},
        {{.home_addr = 0x0a010007u, .lifetime_s = 60}, FORGE_SILENCE, "drop-mip-no-sa"},
        {{.home_addr = HM_SIM_VM_ADDR, .spi = HM_SIM_MOBILE_SPI, .lifetime_s = 60},
         FORGE_SILENCE,
         "drop-mip-auth"},
        {{.home_addr = HM_SIM_VM_ADDR, .spi = HM_SIM_MOBILE_SPI}, FORGE_SILENCE, "drop-mip-auth"},
        {{.no_home_addr = true, .nai = "vm", .spi = HM_SIM_MOBILE_SPI}, FORGE_SILENCE, "drop-mip-auth"},
        {{.spoil = true}, FORGE_SILENCE, "drop-mip-auth"},
        {{.care_of_addr = ATTACK_AGENT_A, .lifetime_s = 60}, 129, NULL},
        {{.care_of_addr = HM_SIM_VM2_ADDR, .lifetime_s = 60}, 134, NULL},
        {{.care_of_addr = 0xe0000001u, .lifetime_s = 60}, 134, NULL},
        {{.lifetime_s = 60, .flags = HM_RRQ_G}, 139, NULL},
    };
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        int code = ask(world, &CASES[i].request);
        if (code != CASES[i].code)
            print_message("case %u: %d\n", i, code);
        assert_int_equal(code, CASES[i].code);
        attack_expect(&attack, HM_SIM_A, "rrp-denied", code != FORGE_SILENCE);
        if (CASES[i].counter != NULL)
            attack_expect(&attack, HM_SIM_A, CASES[i].counter, 1);
    }
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", 0);
    attack_end(&attack);
}

/* --- replayed, reflected ------------------------------------------------------------------------------ */

static void test_key_replayed_requests_of_a_node_are_refused(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t bytes[256];
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", 1); /* it has nothing to deregister */
    size_t len = write_request(world, &(struct node_request){.nai = "vm2"}, bytes, sizeof(bytes));
    assert_int_equal(ask_bytes(world, bytes, len, NULL), 0);
    attack_expect(&attack, HM_SIM_A, "drop-mip-replay", 3);
    attack_expect(&attack, HM_SIM_A, "rrp-denied", 3);
    for (unsigned i = 0; i < 3; i++, hm_sim_run_for(&world->sim, 5 * HM_SIM_S))
        assert_int_equal(ask_bytes(world, bytes, len, NULL), 133);
    attack_expect(&attack, HM_SIM_B, "drop-mip-no-sa", 1); /* it is no home of it */
    forge_udp(world, FORGE_STRANGER, ATTACK_AGENT_B, HM_MIP_PORT, bytes, len);
    attack_end(&attack);
}

static void test_key_reflected_replies_to_a_node_are_replies_to_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t bytes[256];
    struct meddler reply;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", 1);
    size_t len = write_request(world, &(struct node_request){0}, bytes, sizeof(bytes));
    assert_int_equal(ask_bytes(world, bytes, len, &reply), 0);
    attack_expect(&attack, HM_SIM_A, "drop-mip-unexpected", 1);
    const uint8_t *said = forge_mip_of(&reply, &len);
    forge_udp(world, FORGE_STRANGER, ATTACK_AGENT_A, HM_MIP_PORT, said, len);
    attack_end(&attack);
}

/* --- truncated, oversized, fragmented ----------------------------------------------------------------- */

static void test_key_truncated_requests_of_a_node_are_never_accepted(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t bytes[256];
    struct attack attack;

    attack_begin(&attack, world);
    size_t len = write_request(world, &(struct node_request){.nai = "vm2"}, bytes, sizeof(bytes));
    for (size_t cut = 0; cut < len; cut++) {
        attack_expect(&attack, HM_SIM_A, attack_fate(HM_MIP_PORT, bytes, cut, 0), 1);
        assert_int_equal(ask_bytes(world, bytes, cut, NULL), FORGE_SILENCE);
    }
    attack_expect(&attack, HM_SIM_A, "rrq-received", 0);
    attack_end(&attack);
}

/* What may be skipped is no way round: for itself it is nothing, for another node it is refused as before. */
static void test_key_oversized_requests_of_a_node_get_no_further(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", 1);
    assert_int_equal(ask(world, &(struct node_request){.padded = 6}), 0);
    attack_expect(&attack, HM_SIM_A, "drop-mip-no-sa", 1);
    assert_int_equal(ask(world, &(struct node_request){.padded = 6, .home_addr = HM_SIM_VM_ADDR}),
                     FORGE_SILENCE);
    attack_expect(&attack, HM_SIM_A, "drop-mip-auth", 1);
    assert_int_equal(
        ask(world,
            &(struct node_request){.padded = 6, .home_addr = HM_SIM_VM_ADDR, .spi = HM_SIM_MOBILE_SPI}),
        FORGE_SILENCE);
    attack_end(&attack);
}

static void test_key_fragmented_requests_of_a_node_get_no_further(void **state)
{
    struct hm_sim_world *world = *state;
    uint8_t udp[512] = {HM_MIP_PORT >> 8, HM_MIP_PORT & 0xff, HM_MIP_PORT >> 8, HM_MIP_PORT & 0xff};
    struct hm_ipv4 ip = {.id = 5,
                         .ttl = 60,
                         .fragment = HM_IPV4_MF,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = FORGE_STRANGER,
                         .dst = ATTACK_AGENT_A};
    const struct node_request request = {.home_addr = HM_SIM_VM_ADDR, .spi = HM_SIM_MOBILE_SPI};
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-mip-auth", 1);
    size_t len = 8 + write_request(world, &request, udp + 8, sizeof(udp) - 8);
    udp[5] = (uint8_t)len;
    forge_ip(world, &ip, udp, 48);
    ip.fragment = 6;
    forge_ip(world, &ip, udp + 48, len - 48);
    attack_expect(&attack, ATTACK_ANYWHERE, "drop-ip-reassembly", 1);
    ip = (struct hm_ipv4){.id = 6,
                          .ttl = 60,
                          .fragment = HM_IPV4_MF | 6,
                          .protocol = HM_IP_PROTO_UDP,
                          .src = FORGE_STRANGER,
                          .dst = ATTACK_AGENT_A};
    forge_ip(world, &ip, udp + 48, 8);
    assert_reassembly_empty(world);
    attack_end(&attack);
}

/* --- flooding ----------------------------------------------------------------------------------------- */

/* It moves as often as it likes, and has one entry: its own. */
static void test_key_flooding_registrations_of_a_node_costs_one_binding(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_sim_agent *agent = &world->sites[HM_SIM_A].agent;
    static struct hm_sim_host vm2;
    struct attack attack;

    hm_sim_world_add_vm(world, &vm2, "vm2", HM_SIM_A, HM_SIM_VM2_ADDR & 0xff);
    attack_begin(&attack, world);
    unsigned before = hm_sim_agent_rows(agent, "bindings");
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", FLOOD);
    for (unsigned i = 0; i < FLOOD; i++)
        assert_int_equal(
            ask(world, &(struct node_request){.care_of_addr = FORGE_STRANGER + i, .lifetime_s = 60}), 0);
    assert_int_equal(hm_sim_agent_rows(agent, "bindings"), before + 1);
    attack_end_counted(&attack);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_key_flooding_wrong_requests_of_a_node_costs_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-mip-auth", FLOOD);
    attack_expect(&attack, HM_SIM_A, "rrp-sent", 0);
    for (unsigned i = 0; i < FLOOD; i++)
        assert_int_equal(ask(world, &(struct node_request){.home_addr = HM_SIM_VM_ADDR,
                                                           .spi = HM_SIM_MOBILE_SPI,
                                                           .lifetime_s = 60}),
                         FORGE_SILENCE);
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_key_forged_requests_of_a_node_for_another_are_refused),
        TEST(test_key_replayed_requests_of_a_node_are_refused),
        TEST(test_key_reflected_replies_to_a_node_are_replies_to_nothing),
        TEST(test_key_truncated_requests_of_a_node_are_never_accepted),
        TEST(test_key_oversized_requests_of_a_node_get_no_further),
        TEST(test_key_fragmented_requests_of_a_node_get_no_further),
        TEST(test_key_flooding_registrations_of_a_node_costs_one_binding),
        TEST(test_key_flooding_wrong_requests_of_a_node_costs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
