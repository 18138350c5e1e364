/* SPDX-License-Identifier: BSD-3-Clause */
/* Which tunnel a home agent grants (RFC 3519, RFC 5944 section 3.3), as its replies and its report say. */
#include "firmware/router.h"

#include "tests/unit/rig/home_rig.h"

#define FORCED                                                                             \
    {                                                                                      \
        .is_given = true, .flags = HM_UDP_TUNNEL_FORCED, .encapsulation = HM_IP_PROTO_IPIP \
    }

static int setup(void **state)
{
    struct home_rig *f = home_rig_create();

    f->rig.peers[0].tunnel = HM_ENCAPSULATION_UDP;
    return home_rig_begin(f, state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, home_rig_teardown)

static const char *tunnel(struct home_rig *f, const char *peer)
{
    return home_report(f, "peers", peer, "tunnel");
}

static void test_u1_u2_a_tunnel_that_is_asked_for_is_granted_and_said(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_string_equal(tunnel(f, "b"), "ipip");
    assert_int_equal(home_ask_for(f, &(struct home_ask){.lifetime_s = 300, .udp = FORCED}, &reply), 0);
    assert_true(reply.reply.ext.udp_reply.is_given);
    assert_int_equal(reply.reply.ext.udp_reply.code, HM_UDP_TUNNEL_AGREED);
    assert_int_equal(reply.reply.ext.udp_reply.flags, HM_UDP_TUNNEL_FORCED);
    assert_string_equal(tunnel(f, "b"), "udp");
    assert_string_equal(tunnel(f, "c"), "ipip");
}

static void test_u5_what_stands_behind_the_authenticator_asks_for_nothing(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(
        home_ask_for(f, &(struct home_ask){.lifetime_s = 300, .udp = FORCED, .udp_is_last = true}, &reply),
        0);
    assert_false(reply.reply.ext.udp_reply.is_given);
    assert_string_equal(tunnel(f, "b"), "ipip");
}

static void test_u4_without_need_it_is_declined_and_the_registration_accepted(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    struct home_ask ask = {.lifetime_s = 300, .udp = FORCED};

    ask.udp.flags = 0;
    assert_int_equal(home_ask_for(f, &ask, &reply), 0);
    assert_true(reply.reply.ext.udp_reply.is_given);
    assert_int_equal(reply.reply.ext.udp_reply.code, HM_UDP_TUNNEL_DECLINED);
    assert_string_equal(tunnel(f, "b"), "ipip");
}

static void test_a_registration_without_it_goes_back_to_ip_in_ip(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .udp = FORCED), 0);
    assert_int_equal(home_ask_for(f, &(struct home_ask){.lifetime_s = 300}, &reply), 0);
    assert_false(reply.reply.ext.udp_reply.is_given);
    assert_string_equal(tunnel(f, "b"), "ipip");
}

static void test_u6_refusals_have_their_codes_and_change_nothing(void **state)
{
    struct home_rig *f = *state;
    struct home_ask ask = {.lifetime_s = 300, .udp = FORCED};
    struct home_reply reply;

    ask.peer = &f->rig.peers[1]; /* with C it is not configured */
    assert_int_equal(home_ask_for(f, &ask, &reply), 129);
    assert_false(reply.reply.ext.udp_reply.is_given);
    ask.peer = NULL;
    ask.udp.encapsulation = HM_IP_PROTO_GRE;
    assert_int_equal(home_ask_for(f, &ask, NULL), 142);
    ask.udp.encapsulation = 55;
    assert_int_equal(home_ask_for(f, &ask, NULL), 142);
    ask.udp.encapsulation = 0;
    ask.flags = HM_RRQ_G; /* as the flags say: GRE within UDP */
    assert_int_equal(home_ask_for(f, &ask, NULL), 142);
    ask.flags = 0;
    ask.udp.has_reserved = true;
    assert_int_equal(home_ask_for(f, &ask, NULL), 134);
    assert_string_equal(tunnel(f, "b"), "ipip");
    assert_string_equal(tunnel(f, "c"), "ipip");
    assert_string_equal(home_binding(f, "state"), "none");
    ask.udp.has_reserved = false;
    assert_int_equal(home_ask_for(f, &ask, NULL), 0);
}

static void test_u6_a_node_that_asks_for_itself_gets_none(void **state)
{
    struct home_rig *f = *state;
    struct home_ask ask = {.lifetime_s = 300, .node = true, .no_agent = true, .from = RIG_FAR, .udp = FORCED};

    ask.care_of_addr = RIG_FAR;
    ask.flags = HM_RRQ_D;
    assert_int_equal(home_ask_for(f, &ask, NULL), 129);
}

static void test_u6_a_node_does_not_choose_the_tunnel_of_the_agent_that_relays_it(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .node = true, .udp = FORCED), 134);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .node = true, .flags = HM_RRQ_G), 139);
    assert_string_equal(tunnel(f, "b"), "ipip");
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .udp = FORCED), 0);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .node = true), 0); /* that one asks for nothing */
    assert_string_equal(tunnel(f, "b"), "udp");
}

static void test_u5_an_agent_that_relays_a_node_asks_for_its_own_tunnel(void **state)
{
    struct home_rig *f = *state;
    struct home_reply reply;
    struct home_ask ask = {.lifetime_s = 300, .node = true, .udp = FORCED, .udp_is_agents = true};

    assert_int_equal(home_ask_for(f, &ask, &reply), 0);
    assert_int_equal(reply.reply.ext.udp_reply.code, HM_UDP_TUNNEL_AGREED);
    assert_string_equal(tunnel(f, "b"), "udp");
    ask.flags = HM_RRQ_D;
    assert_int_equal(home_ask_for(f, &ask, &reply), 134);
}

static void test_a_forged_request_changes_no_tunnel(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .udp = FORCED, .spoil_agent = true), -1);
    assert_string_equal(tunnel(f, "b"), "ipip");
}

static void test_the_status_tells_the_way_of_super_frames_and_why(void **state)
{
    static const struct {
        enum hm_tunnel_way kernel;
        unsigned config;
        const char *way, *why;
    } CASES[] = {
        {HM_TUNNEL_WAY_WHOLE, HM_TUNNEL_WAY_AUTO, "whole", "the best that the kernel takes"},
        {HM_TUNNEL_WAY_TRAIN, HM_TUNNEL_WAY_AUTO, "train", "the best that the kernel takes"},
        {HM_TUNNEL_WAY_SINGLE, HM_TUNNEL_WAY_AUTO, "single", "the best that the kernel takes"},
        {HM_TUNNEL_WAY_WHOLE, HM_TUNNEL_WAY_WHOLE, "whole", "as configured"},
        {HM_TUNNEL_WAY_WHOLE, HM_TUNNEL_WAY_TRAIN, "train", "as configured"},
        {HM_TUNNEL_WAY_WHOLE, HM_TUNNEL_WAY_SINGLE, "single", "as configured"},
        {HM_TUNNEL_WAY_TRAIN, HM_TUNNEL_WAY_SINGLE, "single", "as configured"},
        {HM_TUNNEL_WAY_TRAIN, HM_TUNNEL_WAY_WHOLE, "train", "the kernel takes no better one"},
        {HM_TUNNEL_WAY_SINGLE, HM_TUNNEL_WAY_WHOLE, "single", "the kernel takes no better one"},
        {HM_TUNNEL_WAY_SINGLE, HM_TUNNEL_WAY_TRAIN, "single", "the kernel takes no better one"},
    };

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(CASES); i++) {
        struct home_rig *f = home_rig_create();
        void *own;
        f->rig.port.takes_super_frames = true;
        f->rig.port.tunnel_way = CASES[i].kernel;
        f->rig.config.tunnel_way = CASES[i].config;
        home_rig_begin(f, &own);
        assert_string_equal(home_report(f, "status", "", "tunnel_way"), CASES[i].way);
        assert_string_equal(home_report(f, "status", "", "tunnel_why"), CASES[i].why);
        home_rig_teardown(&own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_u1_u2_a_tunnel_that_is_asked_for_is_granted_and_said),
        TEST(test_u5_what_stands_behind_the_authenticator_asks_for_nothing),
        TEST(test_u4_without_need_it_is_declined_and_the_registration_accepted),
        TEST(test_a_registration_without_it_goes_back_to_ip_in_ip),
        TEST(test_u6_refusals_have_their_codes_and_change_nothing),
        TEST(test_u6_a_node_that_asks_for_itself_gets_none),
        TEST(test_u6_a_node_does_not_choose_the_tunnel_of_the_agent_that_relays_it),
        TEST(test_u5_an_agent_that_relays_a_node_asks_for_its_own_tunnel),
        TEST(test_a_forged_request_changes_no_tunnel),
        cmocka_unit_test(test_the_status_tells_the_way_of_super_frames_and_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
