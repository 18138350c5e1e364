/* SPDX-License-Identifier: BSD-3-Clause */
/* Black-box tests of what a home agent with `takeover = own` does on its home LAN (RFC 5944 section 4.6). */
#include "firmware/router.h"

#include "tests/unit/rig/home_rig.h"

#define NEIGHBOUR 0x0a010014u
#define NEIGHBOUR_MAC RIG_MAC(0x14)

static int setup(void **state)
{
    struct home_rig *f = home_rig_create();

    f->rig.config.takeover = HM_TAKEOVER_OWN;
    return home_rig_begin(f, state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, home_rig_teardown)

/* How many gratuitous ARP packets for the node told this MAC; each must be one as the RFC has it. */
static unsigned announcements(const struct home_rig *f, const struct hm_mac *mac)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        struct hm_ethernet ethernet;
        struct hm_arp arp;

        if (!rig_arp(&f->rig.frames[i], &arp) || arp.sender_addr != RIG_VM || arp.target_addr != RIG_VM)
            continue;
        assert_int_equal(hm_ethernet_decode(f->rig.frames[i].bytes, f->rig.frames[i].len, &ethernet), 0);
        assert_memory_equal(&ethernet.dst, &HM_MAC_BROADCAST, 6); /* p3 */
        assert_int_equal(arp.op, HM_ARP_REQUEST);
        assert_memory_equal(&ethernet.src, &RIG_AGENT_MAC, 6); /* p8: whatever it tells */
        count += hm_mac_equal(&arp.sender_mac, mac);
    }
    return count;
}

/* The MAC that a neighbour is told for the node; false without an answer. */
static bool is_answered_with(struct home_rig *f, const struct hm_mac *mac)
{
    bool is_answered = false;

    rig_forget_frames(&f->rig);
    home_rig_arp(f, &NEIGHBOUR_MAC, NEIGHBOUR, RIG_VM);
    for (unsigned i = 0; i < f->rig.frame_count; i++) {
        struct hm_arp arp;

        if (rig_arp(&f->rig.frames[i], &arp) && arp.op == HM_ARP_REPLY && arp.sender_addr == RIG_VM) {
            assert_memory_equal(&arp.sender_mac, mac, 6);
            assert_memory_equal(&arp.target_mac, &NEIGHBOUR_MAC, 6);
            assert_memory_equal(f->rig.frames[i].bytes, &NEIGHBOUR_MAC, 6);
            is_answered = true;
        }
    }
    return is_answered;
}

static void test_p1_arp_for_an_absent_node_is_answered_with_the_agents_mac(void **state)
{
    struct home_rig *f = *state;

    assert_false(is_answered_with(f, &RIG_AGENT_MAC));
    assert_int_equal(HOME_ASK(f, .lifetime_s = 10), 0);
    assert_true(is_answered_with(f, &RIG_AGENT_MAC));
    home_rig_pass_ms(f, 11000);
    assert_false(is_answered_with(f, &RIG_AGENT_MAC));
}

static void test_p2_p3_p8_the_first_binding_is_announced_a_few_times(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_int_equal(announcements(f, &RIG_AGENT_MAC), 1);
    home_rig_pass_ms(f, 5000);
    assert_int_equal(announcements(f, &RIG_AGENT_MAC), 3);
    assert_int_equal(announcements(f, &RIG_VM_MAC), 0);
}

static void test_p2_a_refused_registration_is_not_announced(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300, .flags = HM_RRQ_M), 139);
    home_rig_pass_ms(f, 5000);
    assert_int_equal(announcements(f, &RIG_AGENT_MAC), 0);
    assert_false(is_answered_with(f, &RIG_AGENT_MAC));
}

static void test_p4_p8_after_a_deregistration_the_nodes_mac_is_announced(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    home_rig_pass_ms(f, 5000);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 0), 0);
    assert_int_equal(announcements(f, &RIG_VM_MAC), 1); /* with the reply */
    home_rig_pass_ms(f, 5000);
    assert_int_equal(announcements(f, &RIG_VM_MAC), 3);
    assert_int_equal(announcements(f, &RIG_AGENT_MAC), 0);
    assert_false(is_answered_with(f, &RIG_AGENT_MAC));
    home_rig_pass_ms(f, 120000);
    assert_int_equal(announcements(f, &RIG_VM_MAC), 0);
}

static void test_p5_a_refused_deregistration_changes_no_arp(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    home_rig_pass_ms(f, 5000);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 0, .home_agent = RIG_ROUTER), 136);
    home_rig_pass_ms(f, 5000);
    assert_int_equal(announcements(f, &RIG_VM_MAC), 0);
    assert_true(is_answered_with(f, &RIG_AGENT_MAC));
}

static void test_p6_a_renewal_or_a_move_keeps_the_place_and_announces_nothing(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    home_rig_pass_ms(f, 5000);
    assert_int_equal(HOME_ASK(f, .lifetime_s = 300), 0);
    assert_int_equal(HOME_ASK(f, .peer = &f->rig.peers[1], .lifetime_s = 300), 0);
    home_rig_pass_ms(f, 5000);
    assert_int_equal(announcements(f, &RIG_AGENT_MAC) + announcements(f, &RIG_VM_MAC), 0);
    assert_true(is_answered_with(f, &RIG_AGENT_MAC));
}

/* It still runs at home until it has landed elsewhere. */
static void test_p9_nothing_is_announced_while_a_move_is_only_prepared(void **state)
{
    struct home_rig *f = *state;

    assert_int_equal(HOME_ASK(f, .lifetime_s = 60, .hold = 7), 0);
    assert_string_equal(home_binding(f, "state"), "staged");
    home_rig_pass_ms(f, 5000);
    assert_int_equal(announcements(f, &RIG_AGENT_MAC), 0);
    assert_false(is_answered_with(f, &RIG_AGENT_MAC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_p1_arp_for_an_absent_node_is_answered_with_the_agents_mac),
        TEST(test_p2_p3_p8_the_first_binding_is_announced_a_few_times),
        TEST(test_p2_a_refused_registration_is_not_announced),
        TEST(test_p4_p8_after_a_deregistration_the_nodes_mac_is_announced),
        TEST(test_p5_a_refused_deregistration_changes_no_arp),
        TEST(test_p6_a_renewal_or_a_move_keeps_the_place_and_announces_nothing),
        TEST(test_p9_nothing_is_announced_while_a_move_is_only_prepared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
