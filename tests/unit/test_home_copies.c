/* SPDX-License-Identifier: BSD-3-Clause */
/* Black-box tests of simultaneous bindings: which care-of addresses a node has after which requests, and
 * where what comes for it goes. */
#include "firmware/router.h"

#include "firmware/wire/ethernet.h"
#include "tests/unit/rig/home_rig.h"

#define B (&f->rig.peers[0])
#define C (&f->rig.peers[1])
#define D_ADDR 0x0a040002u /* a node's care-of address at no peer of ours */

static int setup_max(void **state, unsigned max)
{
    struct home_rig *f = home_rig_create();

    f->rig.config.max_simultaneous = max;
    return home_rig_begin(f, state);
}

static int setup(void **state)
{
    return setup_max(state, 2);
}

static int setup_one(void **state)
{
    return setup_max(state, 1);
}

static int setup_three(void **state)
{
    return setup_max(state, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, home_rig_teardown)
#define TEST_ONE(name) cmocka_unit_test_setup_teardown(name, setup_one, home_rig_teardown)
#define TEST_THREE(name) cmocka_unit_test_setup_teardown(name, setup_three, home_rig_teardown)

static int add(struct home_rig *f, const struct hm_peer_config *peer, uint16_t lifetime_s)
{
    return HOME_ASK(f, .peer = peer, .lifetime_s = lifetime_s, .flags = HM_RRQ_S);
}

static void assert_care_of(struct home_rig *f, const char *care_of)
{
    assert_string_equal(home_binding(f, "care_of"), care_of);
}

/* Hands in a packet, plain or (with an outer source) tunnelled, as the home router gives it to us. */
static void hand_in(struct home_rig *f, uint32_t src, uint32_t dst, uint32_t outer_src)
{
    uint8_t bytes[256] = {0};
    uint8_t *at = bytes + HM_ETHERNET_LEN;
    struct hm_ethernet ethernet = {
        .dst = outer_src != 0 ? RIG_AGENT_MAC : RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {
        .total_len = HM_IPV4_LEN + 40, .ttl = 9, .protocol = HM_IP_PROTO_UDP, .src = src, .dst = dst};
    struct hm_ipv4 outer = {.total_len = 2 * HM_IPV4_LEN + 40,
                            .ttl = 60,
                            .protocol = HM_IP_PROTO_IPIP,
                            .src = outer_src,
                            .dst = RIG_AGENT};

    hm_ethernet_encode(bytes, &ethernet);
    if (outer_src != 0) {
        hm_ipv4_encode(at, &outer);
        at += HM_IPV4_LEN;
    }
    hm_ipv4_encode(at, &ip);
    memset(at + HM_IPV4_LEN, 0x5a, 40);
    memset(at + HM_IPV4_LEN + 6, 0, 2); /* without a checksum */
    home_rig_arp(f, &RIG_ROUTER_MAC, RIG_ROUTER, RIG_AGENT);
    rig_forget_frames(&f->rig);
    home_rig_frame(f, bytes, (size_t)(at - bytes) + HM_IPV4_LEN + 40);
}

/* How many whole copies of such a packet went into the tunnel to that address. */
static unsigned copies_to(const struct home_rig *f, uint32_t care_of_addr)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        const struct rig_frame *frame = &f->rig.frames[i];
        const uint8_t *at = frame->bytes + HM_ETHERNET_LEN;
        struct hm_ipv4 outer, inner;

        if (frame->len != HM_ETHERNET_LEN + 2 * HM_IPV4_LEN + 40 ||
            hm_ipv4_decode(at, frame->len - HM_ETHERNET_LEN, &outer) != 0 || outer.dst != care_of_addr)
            continue;
        assert_int_equal(outer.src, RIG_AGENT); /* h17: the home agent's address of the reply */
        assert_int_equal(hm_ipv4_decode(at + HM_IPV4_LEN, HM_IPV4_LEN + 40, &inner), 0);
        assert_true(hm_ipv4_checksum_is_right(at + HM_IPV4_LEN, HM_IPV4_LEN));
        assert_int_equal(inner.dst, RIG_VM);
        assert_int_equal(inner.ttl, 8);
        assert_int_equal(at[2 * HM_IPV4_LEN + 39], 0x5a);
        count++;
    }
    return count;
}

static void test_h3_simultaneous_bindings_are_granted_with_code_0(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 0);
    assert_care_of(f, "10.2.0.2");
    assert_int_equal(add(f, C, 300), 0);
    assert_care_of(f, "10.2.0.2, 10.3.0.2");
}

static void test_h3_where_they_are_not_supported_code_1_and_the_last_one_counts(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 1);
    assert_int_equal(add(f, C, 300), 1);
    assert_care_of(f, "10.3.0.2");
    assert_int_equal(HOME_ASK(f, .peer = B, .lifetime_s = 300), 0);
    assert_care_of(f, "10.2.0.2");
}

static void test_h4_a_deregistration_ends_one_or_with_the_home_address_all(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(add(f, C, 300), 0);
    assert_int_equal(HOME_ASK(f, .peer = B), 0); /* the first: the other takes its place */
    assert_care_of(f, "10.3.0.2");
    assert_int_equal(add(f, B, 300), 0);
    assert_care_of(f, "10.3.0.2, 10.2.0.2");
    assert_int_equal(HOME_ASK(f, .peer = B), 0); /* the second */
    assert_care_of(f, "10.3.0.2");
    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(HOME_ASK(f, .peer = B, .care_of_addr = RIG_VM), 0);
    assert_string_equal(home_binding(f, "state"), "home");
    assert_care_of(f, "");
}

static void test_h4_a_node_ends_any_of_its_care_of_addresses(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(HOME_ASK(f, .node = true, .from = RIG_FAR, .no_agent = true, .lifetime_s = 300,
                              .flags = HM_RRQ_S, .care_of_addr = D_ADDR),
                     0);
    assert_care_of(f, "10.2.0.2, 10.4.0.2");
    assert_int_equal(HOME_ASK(f, .node = true, .from = RIG_FAR, .no_agent = true, .care_of_addr = RIG_PEER_C),
                     0);
    assert_care_of(f, "10.2.0.2, 10.4.0.2"); /* it never had that one */
    assert_int_equal(HOME_ASK(f, .node = true, .from = RIG_FAR, .no_agent = true, .care_of_addr = RIG_PEER_B),
                     0);
    assert_care_of(f, "10.4.0.2");
    assert_int_equal(HOME_ASK(f, .node = true, .from = RIG_FAR, .no_agent = true, .care_of_addr = RIG_VM), 0);
    assert_string_equal(home_binding(f, "state"), "home");
}

static void test_h4_an_agent_cannot_end_what_it_has_not_registered(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(HOME_ASK(f, .peer = C, .care_of_addr = RIG_VM), 0);
    assert_int_equal(HOME_ASK(f, .peer = C), 0);
    assert_care_of(f, "10.2.0.2");
}

static void test_h5_without_s_a_request_replaces_all(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(add(f, C, 300), 0);
    assert_int_equal(HOME_ASK(f, .peer = C, .lifetime_s = 300), 0);
    assert_care_of(f, "10.3.0.2");
    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(HOME_ASK(f, .peer = C, .lifetime_s = 300), 0); /* the first one's renewal too */
    assert_care_of(f, "10.3.0.2");
}

static void test_h5_one_more_than_the_limit_gets_135_and_changes_nothing(void **state)
{
    struct home_rig *f = *state;
    struct home_ask more = {.node = true,
                            .from = RIG_FAR,
                            .no_agent = true,
                            .lifetime_s = 300,
                            .flags = HM_RRQ_S,
                            .care_of_addr = D_ADDR};

    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(add(f, C, 300), 0);
    assert_int_equal(home_ask_for(f, &more, NULL), 135);
    assert_care_of(f, "10.2.0.2, 10.3.0.2");
    assert_int_equal(add(f, B, 300), 0); /* renewals are none */
    assert_int_equal(add(f, C, 300), 0);
    more.flags = 0;
    assert_int_equal(home_ask_for(f, &more, NULL), 0);
    assert_care_of(f, "10.4.0.2");
}

static void test_h5_three_can_be_allowed(void **state)
{
    struct home_rig *f = *state;
    struct home_ask more = {.node = true,
                            .from = RIG_FAR,
                            .no_agent = true,
                            .lifetime_s = 300,
                            .flags = HM_RRQ_S,
                            .care_of_addr = D_ADDR};

    assert_int_equal(add(f, B, 300), 0);
    assert_int_equal(add(f, C, 300), 0);
    assert_int_equal(home_ask_for(f, &more, NULL), 0);
    assert_care_of(f, "10.2.0.2, 10.3.0.2, 10.4.0.2");
    more.care_of_addr++;
    assert_int_equal(home_ask_for(f, &more, NULL), 135);
    hand_in(f, RIG_FAR, RIG_VM, 0);
    assert_int_equal(copies_to(f, RIG_PEER_B) + copies_to(f, RIG_PEER_C) + copies_to(f, D_ADDR), 3);
}

static void test_h7_each_care_of_address_has_its_own_lifetime(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 10), 0);
    assert_int_equal(add(f, C, 20), 0);
    home_rig_pass_ms(f, 11000);
    assert_care_of(f, "10.3.0.2");
    assert_string_equal(home_binding(f, "state"), "away");
    assert_int_equal(add(f, B, 4), 0);
    home_rig_pass_ms(f, 5000);
    assert_care_of(f, "10.3.0.2");
    home_rig_pass_ms(f, 5000);
    assert_string_equal(home_binding(f, "state"), "home");
}

static void test_h8_duplicates_extend_no_care_of_addresss_lifetime(void **state)
{
    struct home_rig *f = *state;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct home_ask what = {.peer = C, .lifetime_s = 10, .flags = HM_RRQ_S};

    assert_int_equal(add(f, B, 300), 0);
    size_t len = home_write(f, &what, bytes, sizeof(bytes));
    home_deliver(f, &what, bytes, len);
    assert_care_of(f, "10.2.0.2, 10.3.0.2");
    home_rig_pass_ms(f, 6000);
    home_deliver(f, &what, bytes, len);
    home_rig_pass_ms(f, 5000);
    assert_care_of(f, "10.2.0.2");
}

static void test_h17_t3_each_care_of_address_gets_a_copy(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 0);
    hand_in(f, RIG_FAR, RIG_VM, 0);
    assert_int_equal(copies_to(f, RIG_PEER_B), 1);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(add(f, C, 300), 0);
    hand_in(f, RIG_FAR, RIG_VM, 0);
    assert_int_equal(copies_to(f, RIG_PEER_B), 1);
    assert_int_equal(copies_to(f, RIG_PEER_C), 1);
    assert_int_equal(f->rig.frame_count, 2);
    assert_int_equal(HOME_ASK(f, .peer = B), 0);
    hand_in(f, RIG_FAR, RIG_VM, 0);
    assert_int_equal(copies_to(f, RIG_PEER_B), 0);
    assert_int_equal(copies_to(f, RIG_PEER_C), 1);
}

static void test_r8_t3_the_reverse_tunnel_is_open_from_each_and_from_no_other(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(add(f, B, 300), 0);
    hand_in(f, RIG_VM, RIG_ROUTER, RIG_PEER_C);
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(add(f, C, 300), 0);
    hand_in(f, RIG_VM, RIG_ROUTER, RIG_PEER_C);
    assert_int_equal(f->rig.frame_count, 1);
    hand_in(f, RIG_VM, RIG_ROUTER, RIG_PEER_B);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(HOME_ASK(f, .peer = C), 0);
    hand_in(f, RIG_VM, RIG_ROUTER, RIG_PEER_C);
    assert_int_equal(f->rig.frame_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_h3_simultaneous_bindings_are_granted_with_code_0),
        TEST_ONE(test_h3_where_they_are_not_supported_code_1_and_the_last_one_counts),
        TEST(test_h4_a_deregistration_ends_one_or_with_the_home_address_all),
        TEST(test_h4_a_node_ends_any_of_its_care_of_addresses),
        TEST(test_h4_an_agent_cannot_end_what_it_has_not_registered),
        TEST(test_h5_without_s_a_request_replaces_all),
        TEST(test_h5_one_more_than_the_limit_gets_135_and_changes_nothing),
        TEST_THREE(test_h5_three_can_be_allowed),
        TEST(test_h7_each_care_of_address_has_its_own_lifetime),
        TEST(test_h8_duplicates_extend_no_care_of_addresss_lifetime),
        TEST(test_h17_t3_each_care_of_address_gets_a_copy),
        TEST(test_r8_t3_the_reverse_tunnel_is_open_from_each_and_from_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
