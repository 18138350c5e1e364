/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of shields: what a shielded port permits at staging, and how the agent speaks to it. */
#include "firmware/path/path.h"

#include "tests/unit/rig/path_rig.h"

#define LAN_TWIN 0x0a010063u /* 10.1.0.99, an address of this LAN's prefix, at home at B */

#define HYPERVISOR 2000u /* the rig's, which may move all */
#define POOR 2001u       /* which may move nothing */

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup, path_rig_teardown)

static struct hm_control_node node_of(uint32_t addr, struct hm_mac mac, uint32_t home_agent)
{
    return (struct hm_control_node){.home_addr = addr,
                                    .mac = mac,
                                    .home_agent = home_agent,
                                    .home_prefix = {.addr = addr & 0xffffff00u, .len = 24},
                                    .router = (addr & 0xffffff00u) + 1};
}

static const char *refusal(struct path_rig *f, const struct hm_control_node *node)
{
    static char text[HM_CONTROL_TEXT_LEN];

    return hm_foreign_refusal(&f->agent.foreign, node, text);
}

static int add(struct path_rig *f, struct hm_mac mac, uint32_t key_id)
{
    return hm_shield_add(&f->agent.foreign.shields, &(struct hm_shield_record){.mac = mac, .key_id = key_id});
}

static bool take_back(struct path_rig *f, struct hm_mac mac, uint32_t key_id)
{
    return hm_shield_remove(&f->agent.foreign.shields,
                            &(struct hm_shield_record){.mac = mac, .key_id = key_id});
}

static void shield(struct path_rig *f, struct hm_mac mac)
{
    assert_int_equal(add(f, mac, HYPERVISOR), HM_OK);
}

static bool covers(struct path_rig *f, const struct hm_control_node *node)
{
    return hm_shield_covers(&f->agent.foreign.shields, node);
}

static void test_a_home_with_this_lans_addresses_is_taken_only_with_a_shield(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_node node = node_of(LAN_TWIN, RIG_GUEST_MAC, RIG_PEER_B);

    assert_non_null(strstr(refusal(f, &node), "not shielded"));
    shield(f, RIG_GUEST_MAC);
    assert_null(refusal(f, &node));
    assert_true(take_back(f, RIG_GUEST_MAC, HYPERVISOR));
    assert_non_null(refusal(f, &node));
}

static void test_a_home_agent_with_an_address_of_this_lan_is_refused_also_with_a_shield(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_node node = node_of(LAN_TWIN, RIG_GUEST_MAC, RIG_PEER_B);

    shield(f, RIG_GUEST_MAC);
    node.home_prefix = (struct hm_prefix){.addr = 0x0a000000u, .len = 8};
    assert_null(refusal(f, &node));
    f->agent.security.peers[0].config = &f->rig.peers[0];
    f->rig.peers[0].addr = 0x0a010042u;
    node.home_agent = 0x0a010042u;
    assert_non_null(refusal(f, &node));
}

static void test_two_visitors_with_one_address_need_two_shields(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_node node = node_of(RIG_GUEST, RIG_VM2_MAC, RIG_PEER_C);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC); /* B's */
    assert_non_null(strstr(refusal(f, &node), "not both ports are shielded"));
    shield(f, RIG_VM2_MAC);
    assert_non_null(refusal(f, &node));
    shield(f, RIG_GUEST_MAC);
    assert_null(refusal(f, &node));
}

/* Each by its own home agent, both ways: they are told apart by MAC and by the tunnel's other end. */
static void test_two_shielded_visitors_with_one_address_are_told_apart(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_node node = node_of(RIG_GUEST, RIG_VM2_MAC, RIG_PEER_C);
    struct hm_ethernet ethernet;

    shield(f, RIG_VM2_MAC);
    shield(f, RIG_GUEST_MAC);
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    struct hm_visitor *other = hm_visitor_add(&f->agent.foreign.visitors, &node, 0);
    hm_visitor_apply(other, HM_VISITOR_LAND, "test");
    rig_forget_frames(&f->rig);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR});
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_VM2_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR});
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_PEER_B);
    assert_int_equal(path_rig_sent(f, 1, &ethernet).dst, RIG_PEER_C);
    rig_forget_frames(&f->rig);
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B});
    path_rig_tunnelled(f, &(struct rig_packet){.src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_C});
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_GUEST);
    assert_memory_equal(&ethernet.dst, &RIG_GUEST_MAC, 6);
    assert_int_equal(path_rig_sent(f, 1, &ethernet).dst, RIG_GUEST);
    assert_memory_equal(&ethernet.dst, &RIG_VM2_MAC, 6);
}

/* The shield lets only frames from the agent's MAC pass; what they say may be the home's. */
static void test_a_shielded_visitor_keeps_its_homes_macs_in_frames_of_the_agent(void **state)
{
    struct path_rig *f = *state;
    struct hm_visitor *visitor = path_rig_expected(f, RIG_GUEST, &RIG_GUEST_MAC);
    const struct hm_arp question = {.op = HM_ARP_REQUEST,
                                    .sender_mac = RIG_GUEST_MAC,
                                    .sender_addr = RIG_GUEST,
                                    .target_addr = 0x0a020001u};
    struct hm_arp sent;

    visitor->node.router_mac = RIG_ROUTER_MAC; /* as this LAN's own router has it */
    hm_visitor_apply(visitor, HM_VISITOR_LAND, "test");
    rig_forget_frames(&f->rig);
    path_rig_arp(f, 0, &HM_MAC_BROADCAST, &question);
    assert_true(rig_arp(&f->rig.frames[0], &sent));
    assert_memory_equal(&sent.sender_mac, &RIG_AGENT_MAC, 6);
    shield(f, RIG_GUEST_MAC);
    rig_forget_frames(&f->rig);
    path_rig_arp(f, 0, &RIG_AGENT_MAC, &question);
    assert_int_equal(f->rig.frame_count, 1);
    assert_true(rig_arp(&f->rig.frames[0], &sent));
    assert_memory_equal(&sent.sender_mac, &RIG_ROUTER_MAC, 6);
    assert_memory_equal(f->rig.frames[0].bytes + 6, &RIG_AGENT_MAC, 6);
}

static void test_a_hypervisors_word_counts_for_what_it_may_move(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_node node = node_of(RIG_GUEST, RIG_GUEST_MAC, RIG_PEER_B);

    assert_int_equal(add(f, RIG_GUEST_MAC, POOR), HM_OK);
    assert_false(covers(f, &node));
    shield(f, RIG_GUEST_MAC);
    assert_true(covers(f, &node));
    f->rig.hypervisors[0].allow[0] = (struct hm_prefix){.addr = 0x0a030000u, .len = 24};
    assert_false(covers(f, &node));
    node.home_addr = 0x0a030005u;
    assert_true(covers(f, &node));
    node.mac = RIG_VM2_MAC;
    assert_false(covers(f, &node));
}

/* As while the machine moves between two hosts of this subnet. */
static void test_a_shield_stands_as_long_as_one_hypervisor_says_so(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_node node = node_of(RIG_GUEST, RIG_GUEST_MAC, RIG_PEER_B);

    f->rig.hypervisors[1].allow_count = 1;
    shield(f, RIG_GUEST_MAC);
    assert_false(take_back(f, RIG_GUEST_MAC, POOR));
    assert_int_equal(add(f, RIG_GUEST_MAC, POOR), HM_OK);
    assert_true(take_back(f, RIG_GUEST_MAC, HYPERVISOR));
    assert_false(take_back(f, RIG_GUEST_MAC, HYPERVISOR));
    assert_true(covers(f, &node));
    assert_true(take_back(f, RIG_GUEST_MAC, POOR));
    assert_false(covers(f, &node));
}

/* Its configuration has changed since; the port has not. */
static void test_the_word_of_a_hypervisor_that_is_gone_still_counts(void **state)
{
    struct path_rig *f = *state;
    struct hm_control_node node = node_of(RIG_GUEST, RIG_GUEST_MAC, RIG_PEER_B);

    assert_int_equal(add(f, RIG_GUEST_MAC, 0), HM_OK); /* of a store of before */
    assert_true(covers(f, &node));
    assert_true(take_back(f, RIG_GUEST_MAC, 0));
    assert_int_equal(add(f, RIG_GUEST_MAC, 77777), HM_OK);
    assert_true(covers(f, &node));
}

static void test_the_table_is_shared_by_those_who_may_move_something(void **state)
{
    struct path_rig *f = *state;
    const struct hm_shields *shields = &f->agent.foreign.shields;

    assert_int_equal(hm_shield_share(shields), HM_SHIELDS_MAX);
    f->rig.hypervisors[1].allow_count = 1;
    assert_int_equal(hm_shield_share(shields), HM_SHIELDS_MAX / 2);
}

static void test_a_full_table_takes_no_more(void **state)
{
    struct path_rig *f = *state;
    struct hm_mac mac = RIG_MAC(0);

    for (unsigned i = 0; i < HM_SHIELDS_MAX; i++) {
        mac.b[3] = (uint8_t)(i >> 8);
        mac.b[4] = (uint8_t)i;
        shield(f, mac);
    }
    shield(f, mac); /* once more */
    assert_int_equal(add(f, RIG_GUEST_MAC, HYPERVISOR), HM_ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_home_with_this_lans_addresses_is_taken_only_with_a_shield),
        TEST(test_a_home_agent_with_an_address_of_this_lan_is_refused_also_with_a_shield),
        TEST(test_two_visitors_with_one_address_need_two_shields),
        TEST(test_two_shielded_visitors_with_one_address_are_told_apart),
        TEST(test_a_shielded_visitor_keeps_its_homes_macs_in_frames_of_the_agent),
        TEST(test_a_hypervisors_word_counts_for_what_it_may_move),
        TEST(test_a_shield_stands_as_long_as_one_hypervisor_says_so),
        TEST(test_the_word_of_a_hypervisor_that_is_gone_still_counts),
        TEST(test_the_table_is_shared_by_those_who_may_move_something),
        TEST(test_a_full_table_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
