/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of ARP by rows of the protocol table: answers, probes, conflicts, bad packets. */
#include "firmware/path/path.h"

#include "tests/unit/rig/path_rig.h"

#define NEIGHBOUR 0x0a010009u
#define NEIGHBOUR_MAC RIG_MAC(0x09)
#define OTHER_MAC RIG_MAC(0x0a)

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup, path_rig_teardown)

static void say(struct path_rig *f, uint16_t op, struct hm_mac mac, uint32_t addr, uint32_t target)
{
    rig_forget_frames(&f->rig);
    path_rig_arp(f, 0, &HM_MAC_BROADCAST,
                 &(struct hm_arp){.op = op, .sender_mac = mac, .sender_addr = addr, .target_addr = target});
}

static unsigned count(const struct path_rig *f, uint16_t op, uint32_t sender_addr)
{
    unsigned found = 0;

    for (unsigned i = 0; i < f->rig.frame_count; i++) {
        struct hm_arp sent;
        found += rig_arp(&f->rig.frames[i], &sent) && sent.op == op && sent.sender_addr == sender_addr;
    }
    return found;
}

static void test_l1_only_requests_are_answered_and_every_sender_is_merged_first(void **state)
{
    struct path_rig *f = *state;

    say(f, HM_ARP_REPLY, NEIGHBOUR_MAC, NEIGHBOUR, RIG_AGENT);
    assert_int_equal(f->rig.frame_count, 0);
    assert_memory_equal(&hm_neighbour_lookup(&f->neighbours, 0, NEIGHBOUR)->mac, &NEIGHBOUR_MAC, 6);
    say(f, HM_ARP_REQUEST, OTHER_MAC, NEIGHBOUR, RIG_AGENT);
    assert_int_equal(count(f, HM_ARP_REPLY, RIG_AGENT), 1);
    assert_memory_equal(f->rig.frames[0].bytes, &OTHER_MAC, 6); /* unicast */
    assert_memory_equal(&hm_neighbour_lookup(&f->neighbours, 0, NEIGHBOUR)->mac, &OTHER_MAC, 6);
}

static void test_l1_another_hardware_or_protocol_is_dropped(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } CHANGES[] = {{1, 6}, {2, 0x86}, {4, 8}, {5, 16}};
    struct path_rig *f = *state;
    uint8_t bytes[HM_ARP_FRAME_LEN];
    const struct hm_arp arp = {.op = HM_ARP_REQUEST,
                               .sender_mac = NEIGHBOUR_MAC,
                               .sender_addr = NEIGHBOUR,
                               .target_addr = RIG_AGENT};

    for (unsigned i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
        hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &NEIGHBOUR_MAC, HM_ETHERTYPE_ARP, &arp);
        bytes[HM_ETHERNET_LEN + CHANGES[i].at] = CHANGES[i].value;
        path_rig_frame(f, 0, bytes, sizeof(bytes));
        assert_int_equal(path_rig_dropped(f, HM_DROP_ARP_MALFORMED), i + 1);
    }
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_l2_l3_on_one_lan_hosts_answer_for_themselves(void **state)
{
    struct path_rig *f = *state;

    hm_neighbour_learn(&f->neighbours, 0, NEIGHBOUR, &NEIGHBOUR_MAC);
    say(f, HM_ARP_REQUEST, OTHER_MAC, 0x0a01000au, NEIGHBOUR); /* case 1: it is on this LAN */
    assert_int_equal(f->rig.frame_count, 0);
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    say(f, HM_ARP_REQUEST, OTHER_MAC, 0x0a01000au, RIG_VM); /* case 2: it is on another */
    assert_int_equal(count(f, HM_ARP_REPLY, RIG_VM), 1);
}

static void test_l3_no_answer_for_other_networks_or_broadcast_addresses(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    say(f, HM_ARP_REQUEST, NEIGHBOUR_MAC, NEIGHBOUR, RIG_FAR);
    say(f, HM_ARP_REQUEST, NEIGHBOUR_MAC, NEIGHBOUR, 0x0a0100ffu);
    assert_int_equal(f->rig.frame_count, 0);
    say(f, HM_ARP_REQUEST, RIG_GUEST_MAC, RIG_GUEST, RIG_FAR);
    assert_int_equal(f->rig.frame_count, 0);
    say(f, HM_ARP_REQUEST, RIG_GUEST_MAC, RIG_GUEST, 0x0a0200ffu);
    assert_int_equal(f->rig.frame_count, 0);
    say(f, HM_ARP_REQUEST, RIG_GUEST_MAC, RIG_GUEST, 0x0a020000u);
    assert_int_equal(f->rig.frame_count, 0);
    say(f, HM_ARP_REQUEST, RIG_GUEST_MAC, RIG_GUEST, UINT32_MAX);
    assert_int_equal(f->rig.frame_count, 0);
}

/* Of its home, and of a network that its home is not: the VM may have addresses of its own making. */
static void test_l3_a_visitor_is_answered_only_at_addresses_of_its_home(void **state)
{
    static const struct {
        uint32_t sender;
        unsigned answers;
    } CASES[] = {
        {RIG_GUEST, 1},   {0x0a020063u, 1}, /* another address of its NIC, not known yet */
        {NEIGHBOUR, 0},   {RIG_FAR, 0},     {0xa9fe0101u, 0}, {0x7f000001u, 0},
        {0xe0000001u, 0}, {UINT32_MAX, 0},  {0x0a020000u, 0}, {0x0a0200ffu, 0},
        {0x0a0100ffu, 0}, {0x0a030005u, 0}, {0, 0}, /* a probe: not answered either */
    };
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        say(f, HM_ARP_REQUEST, RIG_GUEST_MAC, CASES[i].sender, 0x0a020001u);
        assert_int_equal(count(f, HM_ARP_REPLY, 0x0a020001u), CASES[i].answers);
        assert_int_equal(f->rig.frame_count, CASES[i].answers);
    }
}

/* RFC 5944 section 4.6 (row P1) asks for an answer to every request, RFC 1027 for none to another network's:
 * the first wins, for whoever has the node in its cache must learn where it is. */
static void test_p1_l3_an_absent_node_is_answered_for_whatever_network_asks(void **state)
{
    static const uint32_t SENDERS[] = {NEIGHBOUR, 0, RIG_FAR, RIG_GUEST, 0xa9fe0101u};
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    for (unsigned i = 0; i < sizeof(SENDERS) / sizeof(SENDERS[0]); i++) {
        say(f, HM_ARP_REQUEST, OTHER_MAC, SENDERS[i], RIG_VM);
        assert_int_equal(count(f, HM_ARP_REPLY, RIG_VM), 1);
    }
}

static void test_l4_a_probe_for_an_absent_nodes_address_is_answered_by_its_owner(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    say(f, HM_ARP_REQUEST, OTHER_MAC, 0, RIG_VM);
    assert_int_equal(count(f, HM_ARP_REPLY, RIG_VM), 1);
}

static void test_l4_the_nodes_own_probe_at_home_is_not_answered_and_ends_the_takeover(void **state)
{
    struct path_rig *f = *state;
    struct hm_binding *binding = path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);

    path_rig_pass_ms(f, 2000);
    say(f, HM_ARP_REQUEST, RIG_VM_MAC, 0, RIG_VM);
    assert_int_equal(count(f, HM_ARP_REPLY, RIG_VM), 0);
    assert_true(binding->takeover.paused);
    assert_int_equal(f->env.counters.events[HM_COUNT_HOME_AGAIN], 1);
}

static void test_l4_a_visitors_probe_of_its_own_address_is_not_answered(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    say(f, HM_ARP_REQUEST, RIG_GUEST_MAC, 0, RIG_GUEST);
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_l5_a_conflict_is_defended_once_in_ten_seconds_for_each_node(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_C);
    say(f, HM_ARP_REQUEST, OTHER_MAC, RIG_VM, RIG_VM); /* an announcement */
    assert_int_equal(count(f, HM_ARP_REQUEST, RIG_VM), 1);
    assert_memory_equal(f->rig.frames[0].bytes, &HM_MAC_BROADCAST, 6);
    assert_memory_equal(f->rig.frames[0].bytes + 6, &RIG_VM_MAC, 6);
    say(f, HM_ARP_REPLY, OTHER_MAC, RIG_VM, RIG_ROUTER);
    assert_int_equal(f->rig.frame_count, 0);
    say(f, HM_ARP_REQUEST, OTHER_MAC, RIG_VM2, RIG_ROUTER); /* another node's */
    assert_int_equal(count(f, HM_ARP_REQUEST, RIG_VM2), 1);
    path_rig_pass_ms(f, 9900);
    say(f, HM_ARP_REQUEST, OTHER_MAC, RIG_VM, RIG_ROUTER);
    assert_int_equal(count(f, HM_ARP_REQUEST, RIG_VM), 0);
    path_rig_pass_ms(f, 200);
    say(f, HM_ARP_REQUEST, OTHER_MAC, RIG_VM, RIG_ROUTER);
    assert_int_equal(count(f, HM_ARP_REQUEST, RIG_VM), 1);
    assert_int_equal(f->env.counters.events[HM_COUNT_ARP_CONFLICTS], 3);
    assert_int_equal(path_rig_dropped(f, HM_DROP_HOME_SOURCE), 5);
    assert_null(hm_neighbour_lookup(&f->neighbours, 0, RIG_VM));
}

static void test_l5_the_nodes_own_mac_is_never_fought(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    say(f, HM_ARP_REQUEST, RIG_VM_MAC, RIG_VM, RIG_VM);
    assert_int_equal(f->rig.frame_count, 0);
    path_rig_pass_ms(f, 2000);
    say(f, HM_ARP_REQUEST, RIG_VM_MAC, RIG_VM, RIG_VM); /* it is back: the address is its own to defend */
    say(f, HM_ARP_REQUEST, OTHER_MAC, RIG_VM, RIG_VM);
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(f->env.counters.events[HM_COUNT_ARP_CONFLICTS], 0);
}

static void test_l5_nobody_is_defended_who_is_at_home(void **state)
{
    struct path_rig *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->agent.home.bindings, RIG_VM, &RIG_VM_MAC);

    hm_binding_apply(binding, HM_BINDING_STAGE, "test");
    say(f, HM_ARP_REQUEST, OTHER_MAC, RIG_VM, RIG_VM);
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_l8_an_arp_packet_with_a_group_mac_is_never_believed(void **state)
{
    struct path_rig *f = *state;
    const struct hm_mac group = {{0x01, 0, 0x5e, 0, 0, 1}};

    say(f, HM_ARP_REPLY, group, NEIGHBOUR, RIG_AGENT);
    say(f, HM_ARP_REPLY, HM_MAC_BROADCAST, NEIGHBOUR, RIG_AGENT);
    say(f, HM_ARP_REQUEST, group, NEIGHBOUR, RIG_AGENT);
    assert_int_equal(f->rig.frame_count, 0);
    assert_null(hm_neighbour_lookup(&f->neighbours, 0, NEIGHBOUR));
    assert_int_equal(path_rig_dropped(f, HM_DROP_ARP_GROUP_MAC), 3);
}

static void test_l9_an_announcement_by_rarp_gets_no_answer(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[HM_ARP_FRAME_LEN];
    const struct hm_arp rarp = {
        .op = HM_RARP_REQUEST, .sender_mac = RIG_GUEST_MAC, .target_mac = RIG_GUEST_MAC};

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &RIG_GUEST_MAC, HM_ETHERTYPE_RARP, &rarp);
    path_rig_frame(f, 0, bytes, sizeof(bytes));
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_l10_a_visitors_announcements_change_nothing_on_this_lan(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    say(f, HM_ARP_REQUEST, RIG_GUEST_MAC, RIG_GUEST, RIG_GUEST);
    say(f, HM_ARP_REPLY, RIG_GUEST_MAC, RIG_GUEST, RIG_GUEST);
    assert_int_equal(f->rig.frame_count, 0);
    assert_null(hm_neighbour_lookup(&f->neighbours, 0, RIG_GUEST));
    assert_int_equal(f->env.counters.events[HM_COUNT_ARP_CONFLICTS], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_l1_only_requests_are_answered_and_every_sender_is_merged_first),
        TEST(test_l1_another_hardware_or_protocol_is_dropped),
        TEST(test_l2_l3_on_one_lan_hosts_answer_for_themselves),
        TEST(test_l3_no_answer_for_other_networks_or_broadcast_addresses),
        TEST(test_l3_a_visitor_is_answered_only_at_addresses_of_its_home),
        TEST(test_p1_l3_an_absent_node_is_answered_for_whatever_network_asks),
        TEST(test_l4_a_probe_for_an_absent_nodes_address_is_answered_by_its_owner),
        TEST(test_l4_the_nodes_own_probe_at_home_is_not_answered_and_ends_the_takeover),
        TEST(test_l4_a_visitors_probe_of_its_own_address_is_not_answered),
        TEST(test_l5_a_conflict_is_defended_once_in_ten_seconds_for_each_node),
        TEST(test_l5_the_nodes_own_mac_is_never_fought),
        TEST(test_l5_nobody_is_defended_who_is_at_home),
        TEST(test_l8_an_arp_packet_with_a_group_mac_is_never_believed),
        TEST(test_l9_an_announcement_by_rarp_gets_no_answer),
        TEST(test_l10_a_visitors_announcements_change_nothing_on_this_lan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
