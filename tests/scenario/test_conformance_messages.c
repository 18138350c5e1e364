/* SPDX-License-Identifier: BSD-3-Clause */
/* Conformance, seen on the wire: the bytes of registration messages, and what becomes of odd ones (RFC 5944
 * sections 1.8 and 3.3 to 3.5, RFC 2794, RFC 3024, RFC 5563). */
#include "tests/scenario/forge.h"

#include "firmware/wire/registration.h"

#define AGENT_A 0x0a010002u
#define AGENT_B 0x0a020002u
#define AGENT_C 0x0a030002u

/* The last request that B's agent sent in a handover of the VM to it. */
static const uint8_t *request_of(struct hm_sim_world *world, struct meddler *watcher, size_t *len)
{
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;

    meddler_start(watcher, lan, pattern_registration(HM_MIP_REQUEST), MEDDLE_WATCH, 0);
    watcher->from = &world->sites[HM_SIM_B].agent.links[0];
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_stop(watcher, lan);
    return forge_mip_of(watcher, len);
}

/* Where the first extension of a type begins; layouts as section 0.2 of the table has them. 0: nowhere. */
static size_t extension_at(const uint8_t *mip, size_t len, size_t at, uint8_t type)
{
    while (at + 2 <= len && mip[at] != type) {
        if (mip[at] == HM_EXT_PAD)
            at++;
        else if (mip[at] == HM_EXT_PMIP || mip[at] == HM_EXT_CRITICAL_VENDOR)
            at += 4u + ((size_t)mip[at + 2] << 8 | mip[at + 3]);
        else
            at += 2u + mip[at + 1];
    }
    return at + 2 <= len ? at : 0;
}

static void test_m1_a_request_has_its_fields_in_their_order(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;
    size_t len;
    const uint8_t *mip = request_of(world, &watcher, &len);
    uint64_t now = hm_sim_agent_time(&world->sites[HM_SIM_B].agent).ntp;

    assert_true(len > HM_REQUEST_FIXED_LEN);
    assert_int_equal(mip[0], 1);
    assert_int_equal(mip[2] << 8 | mip[3], 300);
    assert_int_equal(forge_u32(mip + 4), HM_SIM_VM_ADDR);
    assert_int_equal(forge_u32(mip + 8), AGENT_A);
    assert_int_equal(forge_u32(mip + 12), AGENT_B);
    assert_in_range(forge_u32(mip + 16), (now >> 32) - 2, now >> 32);
}

static void test_m1_a_request_shorter_than_24_bytes_is_not_processed(void **state)
{
    struct hm_sim_world *world = *state;

    for (size_t len = 1; len < HM_REQUEST_FIXED_LEN; len++)
        assert_int_equal(
            forge_request(world, &(struct forged_request){.lifetime_s = 60, .cut_to = len}, NULL),
            FORGE_SILENCE);
    assert_int_equal(counter(world, HM_SIM_A, "drop-mip-malformed"), HM_REQUEST_FIXED_LEN - 1);
    assert_int_equal(counter(world, HM_SIM_A, "rrq-received"), 0);
}

static void test_m2_x1_requests_ask_for_a_reverse_tunnel_and_nothing_reserved(void **state)
{
    struct meddler watcher;
    size_t len;

    assert_int_equal(request_of(*state, &watcher, &len)[1],
                     0x02); /* T; D is 0: the proxy is no mobile node */
}

static void test_m2_a_reserved_bit_is_refused_and_the_old_compression_bit_ignored(void **state)
{
    struct hm_sim_world *world = *state;

    assert_int_equal(forge_request(world, &(struct forged_request){.lifetime_s = 60, .flags = 0x01}, NULL),
                     134);
    assert_int_equal(forge_request(world, &(struct forged_request){.lifetime_s = 60, .flags = 0x04}, NULL),
                     0);
}

static void test_m3_a_reply_has_its_fields_in_their_order(void **state)
{
    struct hm_sim_world *world = *state;
    uint64_t identification = hm_sim_agent_time(&world->sites[HM_SIM_A].agent).ntp;
    struct meddler reply;
    size_t len;

    assert_int_equal(
        forge_request(world, &(struct forged_request){.lifetime_s = 60, .identification = identification},
                      &reply),
        0);
    const uint8_t *mip = forge_mip_of(&reply, &len);
    assert_true(len > HM_REPLY_FIXED_LEN);
    assert_int_equal(mip[0], 3);
    assert_int_equal(mip[1], 0);
    assert_int_equal(mip[2] << 8 | mip[3], 60);
    assert_int_equal(forge_u32(mip + 4), HM_SIM_VM_ADDR);
    assert_int_equal(forge_u32(mip + 8), AGENT_A);
    assert_int_equal(forge_u32(mip + 12), identification >> 32);
    assert_int_equal(forge_u32(mip + 16), (uint32_t)identification);
}

static void assert_authenticator(struct hm_sim_world *world, uint8_t authenticator_len)
{
    struct meddler watcher;
    size_t len, at;
    const uint8_t *mip = request_of(world, &watcher, &len);

    at = extension_at(mip, len, HM_REQUEST_FIXED_LEN, 34);
    assert_true(at != 0);
    assert_int_equal(mip[at + 1], 4 + authenticator_len);
    assert_int_equal(forge_u32(mip + at + 2), forge_peer(world, HM_SIM_B, HM_SIM_A)->spi);
    assert_int_equal(at + 6 + authenticator_len, len);
}

static void test_m4_an_authentication_extension_counts_its_spi(void **state)
{
    assert_authenticator(*state, 32);
}

static void test_m4_an_authentication_extension_of_hmac_md5_is_as_long_as_that(void **state)
{
    const struct hm_sim_world_options md5 = {.algorithm = HM_ALGORITHM_HMAC_MD5};
    struct hm_sim_world *world = scenario_create(&md5);

    (void)state;
    assert_authenticator(world, 16);
    hm_sim_world_destroy(world);
}

static void test_m5_an_extension_that_passes_the_end_makes_the_message_malformed(void **state)
{
    struct hm_sim_world *world = *state;
    static const uint8_t BEYOND[][4] = {
        {200, 255, 0, 0}, {47, 0, 255, 255}, {131, 250, 'v', 'm'}, {38, 0, 255, 0}};
    uint64_t before = counter(world, HM_SIM_A, "drop-mip-malformed");

    for (unsigned i = 0; i < sizeof(BEYOND) / sizeof(BEYOND[0]); i++)
        assert_int_equal(
            forge_request(
                world, &(struct forged_request){.lifetime_s = 60, .extra = BEYOND[i], .extra_len = 4}, NULL),
            FORGE_SILENCE);
    assert_int_equal(counter(world, HM_SIM_A, "drop-mip-malformed"), before + 4);
}

static void test_m6_unknown_extensions_are_refused_or_skipped_by_their_number(void **state)
{
    struct hm_sim_world *world = *state;
    static const uint8_t TYPES[] = {1, 31, 100, 127, 128, 129, 200, 255};

    for (unsigned i = 0; i < sizeof(TYPES); i++) {
        const uint8_t extension[] = {TYPES[i], 3, 1, 2, 3};
        struct forged_request request = {
            .lifetime_s = 60, .extra = extension, .extra_len = sizeof(extension)};
        assert_int_equal(forge_request(world, &request, NULL), TYPES[i] < 128 ? FORGE_SILENCE : 0);
    }
    assert_int_equal(counter(world, HM_SIM_A, "drop-mip-extension"), 4);
}

/* Padding, type-length-value (NAI), long (47, 38) and short (147) layouts in one message. */
static void test_m7_all_layouts_are_read_in_one_message(void **state)
{
    struct hm_sim_world *world = *state;
    static const uint8_t EXTRA[] = {0, 0, 134, 8, 0, 0, 0, 0, 0, 9, 0, 1, 147, 2, 3, 1, 0};
    static const uint8_t CRITICAL[] = {38, 0, 0, 6, 0, 0, 0, 9, 0, 1};

    assert_int_equal(
        forge_request(world,
                      &(struct forged_request){.lifetime_s = 60, .extra = EXTRA, .extra_len = sizeof(EXTRA)},
                      NULL),
        0);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "vm", "vm");
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "mac", "52:54:00:00:01:05");
    assert_int_equal(forge_request(world,
                                   &(struct forged_request){
                                       .lifetime_s = 60, .extra = CRITICAL, .extra_len = sizeof(CRITICAL)},
                                   NULL),
                     140); /* read, and not understood (RFC 3115) */
}

static void test_m8_requests_and_replies_have_udp_checksums(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler seen[2];
    size_t len;

    (void)request_of(world, &seen[0], &len);
    (void)forge_request(world, &(struct forged_request){.lifetime_s = 60}, &seen[1]);
    for (unsigned i = 0; i < 2; i++) {
        struct hm_ipv4 ip = forge_ip_of(&seen[i]);
        const uint8_t *udp = seen[i].frame + FORGE_UDP_AT;
        uint16_t udp_len = (uint16_t)(ip.total_len - HM_IPV4_LEN);
        assert_true(udp[6] != 0 || udp[7] != 0);
        assert_int_equal(
            hm_checksum_add(hm_ipv4_pseudo_sum(ip.src, ip.dst, HM_IP_PROTO_UDP, udp_len), udp, udp_len),
            0xffff);
    }
}

static void test_m8_a_wrong_udp_checksum_is_dropped_and_none_is_accepted(void **state)
{
    struct hm_sim_world *world = *state;

    assert_int_equal(
        forge_request(world, &(struct forged_request){.lifetime_s = 60, .bad_checksum = true}, NULL),
        FORGE_SILENCE);
    assert_int_equal(counter(world, HM_SIM_A, "rrq-received"), 0);
    assert_int_equal(
        forge_request(world, &(struct forged_request){.lifetime_s = 60, .no_checksum = true}, NULL), 0);
}

static void test_y1_x1_x7_x8_x9_a_request_names_the_node_and_its_method_before_the_authenticator(void **state)
{
    struct hm_sim_world *world = *state;
    static const uint8_t METHOD[] = {0x2f, 0x01, 0x00, 0x01, 0x01};
    struct meddler watcher;
    size_t len, at, auth;
    const uint8_t *mip = request_of(world, &watcher, &len);

    auth = extension_at(mip, len, HM_REQUEST_FIXED_LEN, HM_EXT_FA_HA_AUTH);
    at = extension_at(mip, len, HM_REQUEST_FIXED_LEN, HM_EXT_NAI);
    assert_in_range(at, HM_REQUEST_FIXED_LEN, auth);
    at = extension_at(mip, len, HM_REQUEST_FIXED_LEN, HM_EXT_PMIP);
    assert_in_range(at, HM_REQUEST_FIXED_LEN, auth);
    assert_memory_equal(mip + at, METHOD, sizeof(METHOD));
    at = extension_at(mip, len, HM_REQUEST_FIXED_LEN, HM_EXT_PMIP_SKIPPABLE);
    assert_in_range(at, HM_REQUEST_FIXED_LEN, auth);
    assert_int_equal(mip[at + 2], 1); /* interface id */
    assert_memory_equal(mip + at + 3, world->vm.iface.mac.b, 6);
    assert_int_equal(extension_at(mip, len, HM_REQUEST_FIXED_LEN, HM_EXT_MN_HA_AUTH), 0);
}

static void test_x7_x8_a_reply_names_the_method_under_the_foreign_agents_association(void **state)
{
    static const uint8_t METHOD[] = {0x2f, 0x01, 0x00, 0x01, 0x01};
    struct meddler reply;
    size_t len, at;

    (void)forge_request(*state, &(struct forged_request){.lifetime_s = 60}, &reply);
    const uint8_t *mip = forge_mip_of(&reply, &len);
    at = extension_at(mip, len, HM_REPLY_FIXED_LEN, HM_EXT_PMIP);
    assert_true(at != 0);
    assert_memory_equal(mip + at, METHOD, sizeof(METHOD));
    assert_true(extension_at(mip, len, HM_REPLY_FIXED_LEN, HM_EXT_FA_HA_AUTH) > at);
}

static void test_x6_unsupported_and_disallowed_proxies_are_told(void **state)
{
    struct hm_sim_world *world = *state;

    assert_int_equal(forge_request(world, &(struct forged_request){.lifetime_s = 60, .method = 2}, NULL),
                     149);
    assert_int_equal(
        forge_request(world, &(struct forged_request){.lifetime_s = 60, .care_of_addr = AGENT_C}, NULL), 150);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "bindings"), 0);
}

static void test_r4_a_home_agent_tells_which_tunnels_it_has(void **state)
{
    struct hm_sim_world *world = *state;
    static const struct {
        struct forged_request request;
        int code;
    } CASES[] = {
        {{.lifetime_s = 60, .flags = HM_RRQ_M}, 139},
        {{.lifetime_s = 60, .flags = HM_RRQ_G | HM_RRQ_M}, 139},
        {{.lifetime_s = 60, .no_reverse_tunnel = true}, 138},
    };

    for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
        assert_int_equal(forge_request(world, &CASES[i].request, NULL), CASES[i].code);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "bindings"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_m1_a_request_has_its_fields_in_their_order),
        SCENARIO(test_m1_a_request_shorter_than_24_bytes_is_not_processed),
        SCENARIO(test_m2_x1_requests_ask_for_a_reverse_tunnel_and_nothing_reserved),
        SCENARIO(test_m2_a_reserved_bit_is_refused_and_the_old_compression_bit_ignored),
        SCENARIO(test_m3_a_reply_has_its_fields_in_their_order),
        SCENARIO(test_m4_an_authentication_extension_counts_its_spi),
        cmocka_unit_test(test_m4_an_authentication_extension_of_hmac_md5_is_as_long_as_that),
        SCENARIO(test_m5_an_extension_that_passes_the_end_makes_the_message_malformed),
        SCENARIO(test_m6_unknown_extensions_are_refused_or_skipped_by_their_number),
        SCENARIO(test_m7_all_layouts_are_read_in_one_message),
        SCENARIO(test_m8_requests_and_replies_have_udp_checksums),
        SCENARIO(test_m8_a_wrong_udp_checksum_is_dropped_and_none_is_accepted),
        SCENARIO(test_y1_x1_x7_x8_x9_a_request_names_the_node_and_its_method_before_the_authenticator),
        SCENARIO(test_x7_x8_a_reply_names_the_method_under_the_foreign_agents_association),
        SCENARIO(test_x6_unsupported_and_disallowed_proxies_are_told),
        SCENARIO(test_r4_a_home_agent_tells_which_tunnels_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
