/* SPDX-License-Identifier: BSD-3-Clause */
/* Black-box tests of a home agent's registrations (RFC 5944 sections 3.3, 3.4 and 3.8, RFC 5563): what goes
 * in on UDP 434, what comes out, and what the binding is afterwards. */
#include "firmware/router.h"

#include "tests/unit/rig/home_rig.h"

static int setup(void **state)
{
    return home_rig_begin(home_rig_create(), state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, home_rig_teardown)
#define C (&f->rig.peers[1])

static void assert_binding(struct home_rig *f, const char *state, const char *care_of)
{
    assert_string_equal(home_binding(f, "state"), state);
    if (care_of != NULL)
        assert_string_equal(home_binding(f, "care_of"), care_of);
}

/* --- the wire ------------------------------------------------------------------------------------------- */

/* Written out by hand, but for the authenticator: all fields where the RFC's figures have them. */
static void test_m1_m2_m3_m7_fields_are_where_the_rfc_has_them(void **state)
{
    struct home_rig *f = *state;
    uint8_t bytes[128];
    struct hm_writer writer;
    struct home_reply reply;
    size_t len = unit_hex("01 02 012c 0a010005 0a010002 0a020002 ee6b2800 0000abcd"
                          "830376 6d31 2f01000101 9307 01 525400000005",
                          bytes, sizeof(bytes));

    hm_writer_init(&writer, bytes, sizeof(bytes));
    writer.len = len;
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, 1001, HM_ALGORITHM_HMAC_SHA256, &f->rig.peers[0].key);
    home_deliver(f, &(struct home_ask){0}, bytes, writer.len);
    home_find_reply(f, &reply);
    assert_true(reply.came);
    static const uint8_t FIXED[] = {3, 0, 1,    0x2c, 10,   1, 0, 5, 10,   1,
                                    0, 2, 0xee, 0x6b, 0x28, 0, 0, 0, 0xab, 0xcd};
    assert_memory_equal(reply.bytes, FIXED, sizeof(FIXED));
    assert_binding(f, "away", "10.2.0.2");
}

static void test_m1_a_request_cut_anywhere_is_never_processed(void **state)
{
    struct home_rig *f = *state;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct home_ask what = {.lifetime_s = 300};
    size_t len = home_write(f, &what, bytes, sizeof(bytes));
    struct home_reply reply;

    for (size_t cut = 0; cut < len; cut++) {
        home_deliver(f, &what, bytes, cut);
        home_find_reply(f, &reply);
        assert_false(reply.came);
    }
    assert_binding(f, "none", NULL);
}

static void test_m4_m5_an_extension_that_passes_the_end_is_malformed(void **state)
{
    struct home_rig *f = *state;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct home_ask what = {.lifetime_s = 300};
    size_t len = home_write(f, &what, bytes, sizeof(bytes));
    struct home_reply reply;

    bytes[len - 37] += 1; /* the length of the authentication extension */
    home_deliver(f, &what, bytes, len);
    home_find_reply(f, &reply);
    assert_false(reply.came);
    assert_int_equal(home_counter(f, "drop-mip-malformed"), 1);
}

static void test_m6_unknown_extensions_below_128_drop_the_message_and_others_do_not(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .extra = 99), -1);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .extra = 127), -1);
    assert_int_equal(home_counter(f, "drop-mip-extension"), 2);
    assert_binding(f, "none", NULL);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .extra = 128), 0);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .extra = 255), 0);
}

static void test_m8_a_zero_udp_checksum_is_taken_and_a_wrong_one_is_not(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .checksum = CHECKSUM_WRONG), -1);
    assert_binding(f, "none", NULL);
    assert_int_equal(home_counter(f, "rrq-received"), 0);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .checksum = CHECKSUM_ZERO), 0);
    assert_binding(f, "away", NULL);
}

/* --- replies -------------------------------------------------------------------------------------------- */

static void test_h1_nothing_is_said_when_a_binding_expires(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 5), 0);
    rig_forget_frames(&f->rig);
    home_rig_pass_ms(f, 6000);
    home_find_reply(f, &reply);
    assert_false(reply.came);
    assert_binding(f, "home", "");
}

static void test_h2_a_binding_holds_what_was_registered(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_binding(f, "away", "10.2.0.2");
    assert_string_equal(home_report(f, "bindings", "", "vm"), "vm1");
    assert_string_equal(home_binding(f, "mac"), "52:54:00:00:00:05");
    assert_string_equal(home_binding(f, "lifetime_s"), "300");
}

/* The agent that sends it need not be the one that the care-of address belongs to. */
static void test_h6_the_reply_goes_to_the_source_and_not_to_the_care_of_address(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    struct home_ask what = {.node = true, .lifetime_s = 300, .peer = C, .care_of_addr = RIG_PEER_B};

    assert_int_equal(home_ask_for(f, &what, &reply), 0);
    assert_int_equal(reply.ip.dst, RIG_PEER_C);
    assert_binding(f, "away", "10.2.0.2");
}

static void test_h14_addresses_and_ports_of_the_reply_are_the_requests_exchanged(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(home_ask_for(f, &(struct home_ask){.lifetime_s = 300, .port = 5050}, &reply), 0);
    assert_int_equal(reply.ip.src, RIG_AGENT);
    assert_int_equal(reply.ip.dst, RIG_PEER_B);
    assert_int_equal(reply.src_port, HM_MIP_PORT);
    assert_int_equal(reply.dst_port, 5050);
    assert_int_equal(reply.reply.home_agent, RIG_AGENT);
}

/* Refused, so its binding remains; the answer must not go where that leads. */
static void test_h15_a_returning_node_is_answered_on_the_home_link_even_when_refused(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    struct home_ask back = {.node = true,
                            .no_agent = true,
                            .from = RIG_VM,
                            .from_mac = &RIG_VM_MAC,
                            .care_of_addr = RIG_VM,
                            .identification = 1};

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    home_rig_arp(f, &RIG_VM_MAC, RIG_VM, RIG_AGENT);
    assert_int_equal(home_ask_for(f, &back, &reply), 133);
    assert_int_equal(reply.ip.dst, RIG_VM);
    assert_memory_equal(&reply.ethernet.dst, &RIG_VM_MAC, 6);
    assert_binding(f, "away", NULL);
    back.identification = 0;
    assert_int_equal(home_ask_for(f, &back, &reply), 0);
    assert_memory_equal(&reply.ethernet.dst, &RIG_VM_MAC, 6);
    assert_binding(f, "home", "");
}

/* --- decisions ------------------------------------------------------------------------------------------ */

static void test_h7_f17_lifetimes_are_lowered_never_raised_and_end(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(home_ask_for(f, &(struct home_ask){.lifetime_s = 0xffff}, &reply), 0);
    assert_int_equal(reply.reply.lifetime_s, 1800);
    assert_int_equal(home_ask_for(f, &(struct home_ask){.lifetime_s = 20}, &reply), 0);
    assert_int_equal(reply.reply.lifetime_s, 20);
    home_rig_pass_ms(f, 19000);
    assert_binding(f, "away", NULL);
    home_rig_pass_ms(f, 2000);
    assert_binding(f, "home", "");
}

static void test_h8_a_duplicate_does_not_extend_the_lifetime(void **state)
{
    struct home_rig *f = *state;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct home_ask what = {.lifetime_s = 10};
    size_t len = home_write(f, &what, bytes, sizeof(bytes));

    home_deliver(f, &what, bytes, len);
    assert_binding(f, "away", NULL);
    home_rig_pass_ms(f, 6000);
    home_deliver(f, &what, bytes, len);
    assert_binding(f, "away", NULL);
    home_rig_pass_ms(f, 5000);
    assert_binding(f, "home", NULL);
}

static void test_h9_a_request_to_all_of_the_lan_is_told_the_agents_address(void **state)
{
    struct home_rig *f = *state;
    static const uint32_t TO[] = {0x0a0100ffu, UINT32_MAX};

    for (unsigned i = 0; i < UNIT_COUNT(TO); i++) {
        struct home_reply reply;
        struct home_ask what = {.lifetime_s = 300, .to = TO[i], .home_agent = TO[i]};

        assert_int_equal(home_ask_for(f, &what, &reply), 136);
        assert_int_equal(reply.reply.home_agent, RIG_AGENT);
        assert_int_equal(reply.ip.src, RIG_AGENT); /* h14 */
        what.home_agent = RIG_AGENT;
        assert_int_equal(home_ask_for(f, &what, &reply), 136);
    }
    assert_binding(f, "none", NULL);
}

static void test_h10_another_home_agents_address_gets_136_and_ours(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    struct home_ask what = {.lifetime_s = 300, .home_agent = RIG_ROUTER};

    assert_int_equal(home_ask_for(f, &what, &reply), 136);
    assert_int_equal(reply.reply.home_agent, RIG_AGENT);
    assert_binding(f, "none", NULL);
}

static void test_h11_addresses_that_are_not_served_get_129(void **state)
{
    struct home_rig *f = *state;
    static const uint32_t ADDRS[] = {RIG_FAR, RIG_AGENT, RIG_ROUTER, 0x0a010000u, 0x0a0100ffu};

    for (unsigned i = 0; i < UNIT_COUNT(ADDRS); i++)
        assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .home_addr = ADDRS[i]), 129);
    assert_string_equal(home_report(f, "status", "", "bindings"), "0");
}

static void test_h12_reserved_bits_get_134_but_for_the_old_r(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .flags = HM_RRQ_x), 134);
    assert_binding(f, "none", NULL);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .flags = HM_RRQ_r), 0);
}

static void test_h13_asking_for_broadcasts_is_no_reason_to_refuse(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .flags = HM_RRQ_B), 0);
}

/* RFC 3115 section 2.3: the code tells whose extension it is. */
static void test_y10_critical_vendor_extensions_get_140_or_behind_the_nodes_authenticator_141(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .node = true, .lifetime_s = 300, .vendor = true), 140);
    assert_int_equal(HOME_ASK(f, .node = true, .lifetime_s = 300, .agents_vendor = true), 141);
    assert_int_equal(HOME_ASK(f, .node = true, .lifetime_s = 300, .vendor = true, .agents_vendor = true),
                     140);
    /* A proxy speaks in the node's name. */
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .vendor = true), 140);
    assert_binding(f, "none", NULL);
}

static void test_r4_encapsulations_and_reverse_tunnel_have_their_codes(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .flags = HM_RRQ_M), 139);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .no_reverse_tunnel = true), 138);
    assert_binding(f, "none", NULL);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .flags = HM_RRQ_G), 0);
    assert_string_equal(home_report(f, "peers", "b", "tunnel"), "gre");
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_string_equal(home_report(f, "peers", "b", "tunnel"), "ipip");
}

static void test_h2_a_full_table_gets_130_and_keeps_its_bindings(void **state)
{
    struct home_rig *f = *state;

    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .home_addr = RIG_VM + i, .nai = ""), 0);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .home_addr = RIG_VM + 8, .nai = ""), 130);
    assert_string_equal(home_report(f, "status", "", "bindings"), "8");
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
}

static void test_impossible_care_of_addresses_of_a_node_are_refused(void **state)
{
    struct home_rig *f = *state;
    struct home_ask what = {.node = true, .lifetime_s = 300};

    what.care_of_addr = 0xe0000001u;
    assert_int_equal(home_ask_for(f, &what, NULL), 134);
    what.care_of_addr = RIG_VM;
    assert_int_equal(home_ask_for(f, &what, NULL), 134);
    what.care_of_addr = RIG_AGENT;
    assert_int_equal(home_ask_for(f, &what, NULL), 129);
    assert_binding(f, "none", NULL);
}

/* --- RFC 5563 ------------------------------------------------------------------------------------------- */

static void test_x4_another_agents_request_moves_the_binding(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_int_equal(home_ask_for(f, &(struct home_ask){.peer = C, .lifetime_s = 300}, &reply), 0);
    assert_int_equal(reply.reply.home_addr, RIG_VM);
    assert_binding(f, "away", "10.3.0.2");
}

/* The old place's message was sent first and comes last. */
static void test_x5_the_newer_time_stamp_wins_whoever_comes_last(void **state)
{
    struct home_rig *f = *state;
    uint64_t now = f->rig.now.ntp + 100;

    assert_int_equal(HOME_ASK(f, .peer = C, .lifetime_s = 300, .identification = now + 1), 0);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .identification = now), 133);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 0, .identification = now), 133);
    assert_binding(f, "away", "10.3.0.2");
}

static void test_x6_proxies_that_are_not_supported_or_not_allowed_get_149_and_150(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .method = 2), 149);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .care_of_addr = RIG_PEER_C), 150);
    assert_int_equal(HOME_ASK(f, .care_of_addr = RIG_PEER_C), 150);
    assert_binding(f, "none", NULL);
}

static void test_x6_a_home_without_proxies_says_149_and_one_agent_without_the_right_150(void **state)
{
    struct home_rig *f = *state;

    f->rig.peers[0].may_not_proxy = true;
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 150);
    assert_binding(f, "none", NULL);
    assert_int_equal(HOME_ASK(f, .peer = C, .lifetime_s = 300), 0);
    f->rig.config.refuses_proxies = true;
    assert_int_equal(HOME_ASK(f, .peer = C, .lifetime_s = 300), 149);
    assert_binding(f, "away", "10.3.0.2");
    assert_int_equal(HOME_ASK(f, .peer = C), 0); /* what was allowed may be ended */
}

static void test_x1_a_proxy_never_has_a_co_located_care_of_address(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .flags = HM_RRQ_D), 150);
}

static void test_x9_the_nodes_mac_comes_with_its_first_registration(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .no_mac = true), 134);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_string_equal(home_binding(f, "mac"), "52:54:00:00:00:05");
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .no_mac = true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_m1_m2_m3_m7_fields_are_where_the_rfc_has_them),
        TEST(test_m1_a_request_cut_anywhere_is_never_processed),
        TEST(test_m4_m5_an_extension_that_passes_the_end_is_malformed),
        TEST(test_m6_unknown_extensions_below_128_drop_the_message_and_others_do_not),
        TEST(test_m8_a_zero_udp_checksum_is_taken_and_a_wrong_one_is_not),
        TEST(test_h1_nothing_is_said_when_a_binding_expires),
        TEST(test_h2_a_binding_holds_what_was_registered),
        TEST(test_h2_a_full_table_gets_130_and_keeps_its_bindings),
        TEST(test_h6_the_reply_goes_to_the_source_and_not_to_the_care_of_address),
        TEST(test_h7_f17_lifetimes_are_lowered_never_raised_and_end),
        TEST(test_h8_a_duplicate_does_not_extend_the_lifetime),
        TEST(test_h9_a_request_to_all_of_the_lan_is_told_the_agents_address),
        TEST(test_h10_another_home_agents_address_gets_136_and_ours),
        TEST(test_h11_addresses_that_are_not_served_get_129),
        TEST(test_h12_reserved_bits_get_134_but_for_the_old_r),
        TEST(test_h13_asking_for_broadcasts_is_no_reason_to_refuse),
        TEST(test_h14_addresses_and_ports_of_the_reply_are_the_requests_exchanged),
        TEST(test_h15_a_returning_node_is_answered_on_the_home_link_even_when_refused),
        TEST(test_y10_critical_vendor_extensions_get_140_or_behind_the_nodes_authenticator_141),
        TEST(test_r4_encapsulations_and_reverse_tunnel_have_their_codes),
        TEST(test_impossible_care_of_addresses_of_a_node_are_refused),
        TEST(test_x1_a_proxy_never_has_a_co_located_care_of_address),
        TEST(test_x4_another_agents_request_moves_the_binding),
        TEST(test_x5_the_newer_time_stamp_wins_whoever_comes_last),
        TEST(test_x6_a_home_without_proxies_says_149_and_one_agent_without_the_right_150),
        TEST(test_x6_proxies_that_are_not_supported_or_not_allowed_get_149_and_150),
        TEST(test_x9_the_nodes_mac_comes_with_its_first_registration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
