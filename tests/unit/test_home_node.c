/* SPDX-License-Identifier: BSD-3-Clause */
/* Black-box tests of a home agent's security associations: who vouches for a request, and what becomes of one
 * that nobody, or only one of two, vouches for. */
#include "firmware/router.h"

#include "tests/unit/rig/home_rig.h"
#include "tests/unit/vectors.h"

#define NODE(...) .node = true, .lifetime_s = 300, __VA_ARGS__

static int setup(void **state)
{
    return home_rig_begin(home_rig_create(), state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, home_rig_teardown)

/* The extension types of a reply, in their order. */
static void types_of(const struct home_reply *reply, uint8_t types[8])
{
    unsigned count = 0;

    memset(types, 0, 8);
    for (size_t at = HM_REPLY_FIXED_LEN; at < reply->len && count < 8;) {
        bool is_long = reply->bytes[at] == HM_EXT_PMIP;
        types[count++] = reply->bytes[at];
        at += is_long ? 4u + reply->bytes[at + 3] : 2u + reply->bytes[at + 1];
    }
}

static void assert_nothing_changed(struct home_rig *f)
{
    assert_string_equal(home_binding(f, "state"), "none");
}

/* A request and a reply that other programs have made (scapy, Python's hmac, openssl). */
static void test_a1_a2_a4_a7_the_sample_request_gets_the_sample_reply(void **state)
{
    struct home_rig *f = calloc(1, sizeof(*f));
    struct hm_key key = {.len = 16};
    uint8_t bytes[256], expected[256];
    struct home_reply reply;

    (void)state;
    home_rig_init(f);
    unit_hex(VECTOR_MIP_KEY, key.bytes, sizeof(key.bytes));
    f->rig.now.ntp = 0xe000000000000000u;
    f->rig.config.links[0].addr = RIG_ROUTER;
    f->rig.config.home_router = RIG_AGENT;
    f->rig.config.routes[0].gateway = RIG_AGENT;
    f->rig.peers[0].addr = 0x0a020001u;
    f->rig.peers[0].spi = 257;
    f->rig.peers[0].algorithm = HM_ALGORITHM_HMAC_MD5;
    f->rig.peers[0].key = key;
    strcpy(f->mobiles[0].nai, "vm1@dc.example");
    f->mobiles[0].association =
        (struct hm_association_config){.spi = 256, .algorithm = HM_ALGORITHM_HMAC_MD5, .key = key};
    home_rig_start(f);
    size_t len = unit_hex(VECTOR_REQUEST, bytes, sizeof(bytes));
    home_rig_arp(f, &RIG_ROUTER_MAC, RIG_AGENT, RIG_ROUTER);
    home_deliver(f, &(struct home_ask){.to = RIG_ROUTER}, bytes, len);
    home_find_reply(f, &reply);
    assert_true(reply.came);
    assert_int_equal(reply.len, unit_hex(VECTOR_REPLY, expected, sizeof(expected)));
    assert_memory_equal(reply.bytes, expected, reply.len);
    hm_router_destroy(f->router);
    free(f);
}

static void test_a3_a5_each_spi_of_a_peer_is_its_own_key_and_algorithm(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_int_equal(home_ask_for(f, &(struct home_ask){.lifetime_s = 300, .spi = HOME_NEW_SPI}, &reply), 0);
    assert_int_equal(reply.reply.ext.fa_ha.spi, HOME_NEW_SPI);
    assert_true(hm_extension_auth_is_right(&reply.reply.ext.fa_ha, reply.bytes, HM_ALGORITHM_HMAC_MD5,
                                           &f->rig.peers[0].more[0].key));
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .spi = 1002), -1); /* peer C's */
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .spi = 1004), -1);
    assert_int_equal(home_counter(f, "drop-mip-no-sa"), 2);
}

static void test_a5_the_agents_association_is_found_by_the_source_address(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .from = RIG_PEER_C), -1);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .from = RIG_FAR), -1);
    assert_nothing_changed(f);
}

static void test_a6_x7_without_extension_47_the_nodes_authenticator_authorizes(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    uint8_t types[8];

    assert_int_equal(home_ask_for(f, &(struct home_ask){NODE(.flags = 0)}, &reply), 0);
    types_of(&reply, types);
    assert_int_equal(types[0], HM_EXT_MN_HA_AUTH);
    assert_int_equal(types[1], HM_EXT_FA_HA_AUTH);
    assert_int_equal(types[2], 0);
    assert_true(hm_extension_auth_is_right(&reply.reply.ext.mn_ha, reply.bytes, HM_ALGORITHM_HMAC_MD5,
                                           &f->mobiles[0].association.key));
    assert_string_equal(home_binding(f, "care_of"), "10.2.0.2");
}

static void test_a7_x7_x8_a_proxy_reply_has_extension_47_and_the_agents_authenticator(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    static const uint8_t METHOD[] = {0x2f, 1, 0, 1, 1};

    assert_int_equal(home_ask_for(f, &(struct home_ask){.lifetime_s = 300}, &reply), 0);
    assert_memory_equal(reply.bytes + HM_REPLY_FIXED_LEN, METHOD, sizeof(METHOD));
    assert_int_equal(reply.bytes[HM_REPLY_FIXED_LEN + 5], HM_EXT_FA_HA_AUTH);
    assert_int_equal(reply.len, HM_REPLY_FIXED_LEN + 5 + 2 + 36);
    assert_true(hm_extension_auth_is_right(&reply.reply.ext.fa_ha, reply.bytes, HM_ALGORITHM_HMAC_SHA256,
                                           &f->rig.peers[0].key));
}

static void test_a8_without_an_authorizing_authenticator_or_association_nothing_is_answered(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .no_agent = true), -1);
    assert_int_equal(HOME_ASK(f, NODE(.home_addr = RIG_VM2, .nai = "")), -1);
    assert_int_equal(HOME_ASK(f, NODE(.node_spi = HOME_SPI + 1)), -1);
    assert_int_equal(HOME_ASK(f, NODE(.nai = "somebody.else")), -1);
    assert_nothing_changed(f);
    assert_int_equal(home_counter(f, "drop-mip-no-sa"), 4);
    assert_int_equal(home_counter(f, "rrp-sent"), 0);
}

static void test_a9_a_wrong_node_gets_131_only_with_a_right_agent(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(home_ask_for(f, &(struct home_ask){NODE(.spoil_node = true)}, &reply), 131);
    assert_true(hm_extension_auth_is_right(&reply.reply.ext.mn_ha, reply.bytes, HM_ALGORITHM_HMAC_MD5,
                                           &f->mobiles[0].association.key));
    assert_int_equal(HOME_ASK(f, NODE(.spoil_node = true, .spoil_agent = true)), -1);
    assert_int_equal(HOME_ASK(f, NODE(.spoil_node = true, .no_agent = true, .from = RIG_FAR)), -1);
    assert_int_equal(home_counter(f, "drop-mip-auth"), 3);
    assert_nothing_changed(f);
}

static void test_a10_a_known_agent_must_authenticate_a_registration(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, NODE(.no_agent = true)), 132);
    assert_int_equal(HOME_ASK(f, NODE(.spoil_agent = true)), 132);
    assert_int_equal(HOME_ASK(f, NODE(.spi = 1002)), 132);
    assert_nothing_changed(f);
    assert_int_equal(home_counter(f, "drop-mip-auth"), 3);
}

static void test_a10_two_authenticators_of_the_agent_are_as_wrong_as_none(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, NODE(.agent_twice = true)), 132);
    assert_int_equal(home_counter(f, "drop-mip-auth"), 1);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .agent_twice = true), -1);
    assert_int_equal(home_counter(f, "drop-mip-no-sa"), 1);
    assert_nothing_changed(f);
}

static void test_a8_two_authenticators_of_the_node_are_as_wrong_as_none(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, NODE(.node_twice = true)), -1);
    assert_int_equal(home_counter(f, "drop-mip-no-sa"), 1);
    assert_nothing_changed(f);
}

static void test_a11_an_agents_authenticator_without_an_association_is_discarded(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, NODE(.from = RIG_FAR)), -1);
    assert_nothing_changed(f);
    assert_int_equal(HOME_ASK(f, NODE(.from = RIG_FAR, .no_agent = true, .care_of_addr = RIG_FAR)), 0);
}

static void test_a12_a_nodes_deregistration_needs_and_gets_no_agents_authenticator(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    uint8_t types[8];

    assert_int_equal(HOME_ASK(f, NODE(.flags = 0)), 0);
    assert_int_equal(home_ask_for(f, &(struct home_ask){.node = true, .no_agent = true}, &reply), 0);
    types_of(&reply, types);
    assert_int_equal(types[0], HM_EXT_MN_HA_AUTH);
    assert_int_equal(types[1], 0);
    assert_string_equal(home_binding(f, "state"), "home");
}

static void test_a12_an_agents_deregistration_needs_its_authenticator(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_int_equal(HOME_ASK(f, .no_agent = true), -1);
    assert_int_equal(HOME_ASK(f, .spoil_agent = true), -1);
    assert_string_equal(home_binding(f, "state"), "away");
}

static void test_a15_a17_time_stamps_out_of_the_window_or_not_newer_are_refused(void **state)
{
    struct home_rig *f = *state;
    uint64_t now = f->rig.now.ntp;

    home_rig_pass_ms(f, 20000);
    now = f->rig.now.ntp;
    assert_int_equal(HOME_ASK(f, NODE(.identification = hm_ntp_add_ms(now, 7500))), 133);
    assert_int_equal(HOME_ASK(f, NODE(.identification = hm_ntp_add_ms(now, -7500))), 133);
    assert_nothing_changed(f);
    assert_int_equal(HOME_ASK(f, NODE(.identification = hm_ntp_add_ms(now, -6500))), 0);
    assert_int_equal(HOME_ASK(f, NODE(.identification = hm_ntp_add_ms(now, 6500))), 0);
    assert_int_equal(HOME_ASK(f, NODE(.identification = hm_ntp_add_ms(now, 6500))), 133);
    assert_int_equal(HOME_ASK(f, NODE(.identification = hm_ntp_add_ms(now, 6400))), 133);
    assert_int_equal(home_counter(f, "drop-mip-replay"), 4);
}

static void test_a18_replies_echo_the_identification_or_tell_the_clock(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    uint64_t hour_off = f->rig.now.ntp + ((uint64_t)3600 << 32) + 0x1234;

    assert_int_equal(home_ask_for(f, &(struct home_ask){NODE(.identification = hour_off)}, &reply), 133);
    assert_int_equal((uint32_t)reply.reply.identification, 0x1234);
    assert_true((reply.reply.identification >> 32) - (f->rig.now.ntp >> 32) <= 1);
    assert_nothing_changed(f);
    uint64_t told = reply.reply.identification & 0xffffffff00000000u;
    assert_int_equal(home_ask_for(f, &(struct home_ask){NODE(.identification = told | 0x77)}, &reply), 0);
    assert_true(reply.reply.identification == (told | 0x77));
}

/* The node is long forgotten as a binding, its last identification is not. */
static void test_a23_identifications_outlive_the_binding(void **state)
{
    struct home_rig *f = *state;
    uint64_t newest;

    assert_int_equal(HOME_ASK(f, NODE(.identification = hm_ntp_add_ms(f->rig.now.ntp, 6000))), 0);
    newest = hm_ntp_add_ms(f->rig.now.ntp, 6000);
    assert_int_equal(HOME_ASK(f, .node = true, .identification = newest + 1), 0);
    home_rig_pass_ms(f, 70000);
    assert_nothing_changed(f);
    f->rig.now.ntp = newest - 1; /* a replay in its window, were the clock set back */
    assert_int_equal(HOME_ASK(f, NODE(.identification = newest)), 133);
    assert_nothing_changed(f);
}

/* What a predecessor may have accepted is not taken again by an agent that has just started. */
static void test_a23_requests_of_before_the_start_are_refused(void **state)
{
    struct home_rig *f = *state;

    home_rig_pass_ms(f, 3000);
    assert_int_equal(HOME_ASK(f, NODE(.identification = ((uint64_t)RIG_EPOCH_S << 32) - 1)), 133);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .identification = ((uint64_t)RIG_EPOCH_S << 32) - 1),
                     133);
    assert_nothing_changed(f);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .identification = ((uint64_t)RIG_EPOCH_S << 32) + 1), 0);
}

/* An entry that is dropped because the table is full must not open the door to what it had kept out. */
static void test_a23_a_node_that_was_forgotten_for_room_cannot_be_replayed(void **state)
{
    struct home_rig *f = *state;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct home_ask what = {.lifetime_s = 300};
    size_t len = home_write(f, &what, bytes, sizeof(bytes));
    struct home_reply reply;

    home_deliver(f, &what, bytes, len);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 0), 0);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .home_addr = RIG_VM + 1 + i, .nai = ""), 0);
    assert_nothing_changed(f);
    assert_int_equal(HOME_ASK(f, .home_addr = RIG_VM + 1, .nai = ""), 0);
    home_deliver(f, &what, bytes, len);
    home_find_reply(f, &reply);
    assert_int_equal(reply.reply.code, 133);
    assert_nothing_changed(f);
}

/* 2036-02-07: the seconds begin again at 0. */
static void test_a24_the_end_of_the_era_is_just_another_second(void **state)
{
    struct home_rig *f = calloc(1, sizeof(*f));

    (void)state;
    home_rig_init(f);
    f->rig.now.ntp = 0xfffffffe00000000u;
    home_rig_start(f);
    assert_int_equal(HOME_ASK(f, NODE(.flags = 0)), 0);
    home_rig_pass_ms(f, 4000);
    assert_true(f->rig.now.ntp >> 32 < 4);
    f->identification = 0;
    assert_int_equal(HOME_ASK(f, NODE(.flags = 0)), 0);
    assert_int_equal(HOME_ASK(f, NODE(.identification = 0xfffffffe00000001u)), 133);
    hm_router_destroy(f->router);
    free(f);
}

static char log_text[65536];

static void keep_log(void *ctx, enum hm_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    size_t len = strlen(log_text);
    snprintf(log_text + len, sizeof(log_text) - len, "%s\n", line);
}

static void test_a25_keys_and_authenticators_are_never_logged(void **state)
{
    struct home_rig *f = *state;

    f->rig.port.log = keep_log;
    assert_int_equal(HOME_ASK(f, NODE(.spoil_node = true)), 131);
    assert_int_equal(HOME_ASK(f, NODE(.spoil_agent = true)), 132);
    assert_int_equal(HOME_ASK(f, NODE(.flags = 0)), 0);
    assert_true(strlen(log_text) > 0);
    assert_null(strstr(log_text, "7777"));
    assert_null(strstr(log_text, "w"
                                 "www"));
    assert_null(strstr(log_text, "9999"));
}

static void test_x2_a_node_without_a_home_address_is_given_its_own(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(home_ask_for(f, &(struct home_ask){NODE(.home_is_zero = true)}, &reply), 0);
    assert_int_equal(reply.reply.home_addr, RIG_VM);
    assert_string_equal(reply.reply.ext.nai, "vm1");
    assert_string_equal(home_binding(f, "state"), "away");
}

/* Nobody has told where to send what comes for it on the home LAN: refused, until its MAC was seen there. */
static void test_h2_a_node_whose_mac_nobody_knows_is_refused(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, NODE(.home_addr = HOME_VM3, .nai = "vm3", .no_mac = true)), 129);
    home_rig_arp(f, &RIG_MAC(0x07), HOME_VM3, RIG_AGENT);
    assert_int_equal(HOME_ASK(f, NODE(.home_addr = HOME_VM3, .nai = "vm3", .no_mac = true)), 0);
    assert_string_equal(home_report(f, "bindings", "10.1.0.7", "mac"), "52:54:00:00:00:07");
}

/* What stands behind the node's authenticator is believed of an agent that is known, and of nobody else. */
static void test_a6_extensions_that_no_authenticator_covers_are_not_believed(void **state)
{
    struct home_rig *f = *state;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct home_ask what = {NODE(.from = RIG_FAR, .no_agent = true, .care_of_addr = RIG_FAR)};
    size_t len = home_write(f, &what, bytes, sizeof(bytes));
    struct hm_writer writer;
    struct home_reply reply;

    hm_writer_init(&writer, bytes, sizeof(bytes));
    writer.len = len;
    hm_extension_write_nai(&writer, "evil");
    hm_write_bytes(&writer, (const uint8_t[]){HM_EXT_MN_FA_AUTH, 20, 0, 0, 1, 0}, 6);
    hm_write_bytes(&writer, bytes, 16);
    home_deliver(f, &what, bytes, writer.len);
    home_find_reply(f, &reply);
    assert_false(reply.came);
    assert_nothing_changed(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a1_a2_a4_a7_the_sample_request_gets_the_sample_reply),
        TEST(test_a3_a5_each_spi_of_a_peer_is_its_own_key_and_algorithm),
        TEST(test_a5_the_agents_association_is_found_by_the_source_address),
        TEST(test_a6_x7_without_extension_47_the_nodes_authenticator_authorizes),
        TEST(test_a6_extensions_that_no_authenticator_covers_are_not_believed),
        TEST(test_a7_x7_x8_a_proxy_reply_has_extension_47_and_the_agents_authenticator),
        TEST(test_a8_without_an_authorizing_authenticator_or_association_nothing_is_answered),
        TEST(test_a9_a_wrong_node_gets_131_only_with_a_right_agent),
        TEST(test_a10_a_known_agent_must_authenticate_a_registration),
        TEST(test_a10_two_authenticators_of_the_agent_are_as_wrong_as_none),
        TEST(test_a8_two_authenticators_of_the_node_are_as_wrong_as_none),
        TEST(test_a11_an_agents_authenticator_without_an_association_is_discarded),
        TEST(test_a12_a_nodes_deregistration_needs_and_gets_no_agents_authenticator),
        TEST(test_a12_an_agents_deregistration_needs_its_authenticator),
        TEST(test_a15_a17_time_stamps_out_of_the_window_or_not_newer_are_refused),
        TEST(test_a18_replies_echo_the_identification_or_tell_the_clock),
        TEST(test_a23_identifications_outlive_the_binding),
        TEST(test_a23_requests_of_before_the_start_are_refused),
        TEST(test_a23_a_node_that_was_forgotten_for_room_cannot_be_replayed),
        cmocka_unit_test(test_a24_the_end_of_the_era_is_just_another_second),
        TEST(test_a25_keys_and_authenticators_are_never_logged),
        TEST(test_x2_a_node_without_a_home_address_is_given_its_own),
        TEST(test_h2_a_node_whose_mac_nobody_knows_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
