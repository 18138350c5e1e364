/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of path/arp_input: who is answered, with whose MAC, and what is learnt. */
#include "firmware/path/path.h"

#include "tests/unit/rig/path_rig.h"

#define NEIGHBOUR 0x0a010009u
#define NEIGHBOUR_MAC RIG_MAC(0x09)

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup, path_rig_teardown)

static void ask(struct path_rig *f, struct hm_mac mac, uint32_t addr, uint32_t target)
{
    rig_forget_frames(&f->rig);
    path_rig_arp(f, 0, &HM_MAC_BROADCAST,
                 &(struct hm_arp){
                     .op = HM_ARP_REQUEST, .sender_mac = mac, .sender_addr = addr, .target_addr = target});
}

/* How many answers were sent (questions of the agent's own do not count); the last one. */
static unsigned answers(const struct path_rig *f, const struct rig_frame **last, struct hm_arp *arp)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->rig.frame_count; i++) {
        struct hm_arp sent;
        if (!rig_arp(&f->rig.frames[i], &sent) || sent.op != HM_ARP_REPLY)
            continue;
        *arp = sent;
        *last = &f->rig.frames[i];
        count++;
    }
    return count;
}

static void assert_no_answer(const struct path_rig *f)
{
    const struct rig_frame *frame;
    struct hm_arp arp;

    assert_int_equal(answers(f, &frame, &arp), 0);
}

/* Exactly one answer left, to who asked, with its fields swapped (RFC 826): this address has this MAC; the
 * frame comes from there, too. */
static void assert_answer(const struct path_rig *f, uint32_t addr, struct hm_mac mac, struct hm_mac to,
                          uint32_t to_addr)
{
    const struct rig_frame *frame = NULL;
    struct hm_arp arp;

    assert_int_equal(answers(f, &frame, &arp), 1);
    assert_int_equal(arp.sender_addr, addr);
    assert_memory_equal(&arp.sender_mac, &mac, 6);
    assert_memory_equal(&arp.target_mac, &to, 6);
    assert_int_equal(arp.target_addr, to_addr);
    assert_memory_equal(frame->bytes, &to, 6);
    assert_memory_equal(frame->bytes + 6, &mac, 6);
}

static void test_l1_the_agents_own_address_is_answered(void **state)
{
    struct path_rig *f = *state;

    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, RIG_AGENT);
    assert_answer(f, RIG_AGENT, RIG_AGENT_MAC, NEIGHBOUR_MAC, NEIGHBOUR);
    ask(f, NEIGHBOUR_MAC, 0, RIG_AGENT); /* a probe: the address is not free */
    assert_answer(f, RIG_AGENT, RIG_AGENT_MAC, NEIGHBOUR_MAC, 0);
}

static void test_l1_an_absent_node_is_answered_for_probes_included(void **state)
{
    struct path_rig *f = *state;

    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, RIG_VM);
    assert_no_answer(f);
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, RIG_VM);
    assert_answer(f, RIG_VM, RIG_VM_MAC, NEIGHBOUR_MAC, NEIGHBOUR);
    ask(f, NEIGHBOUR_MAC, 0, RIG_VM);
    assert_answer(f, RIG_VM, RIG_VM_MAC, NEIGHBOUR_MAC, 0);
}

static void test_a_staged_node_is_not_answered_for(void **state)
{
    struct path_rig *f = *state;
    struct hm_binding *binding = hm_binding_add(&f->agent.home.bindings, RIG_VM, &RIG_VM_MAC);

    hm_binding_apply(binding, HM_BINDING_STAGE, "test");
    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, RIG_VM);
    assert_no_answer(f);
}

/* A VM that has come back asks whether its address is free: an answer would make it give the address up. */
static void test_the_node_itself_is_never_told_that_its_address_is_taken(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    ask(f, RIG_VM_MAC, 0, RIG_VM);
    assert_no_answer(f);
    ask(f, RIG_VM_MAC, RIG_VM, RIG_VM);
    assert_no_answer(f);
}

/* It is back (RESUME at home, perhaps): its own answers must not be contradicted. */
static void test_no_answer_for_a_node_that_was_seen_at_home_again(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_pass_ms(f, 2000); /* what it sent before it left is no longer under way */
    ask(f, RIG_VM_MAC, RIG_VM, NEIGHBOUR);
    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, RIG_VM);
    assert_no_answer(f);
}

static void test_another_host_that_claims_an_absent_nodes_address_is_not_believed(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    ask(f, NEIGHBOUR_MAC, RIG_VM, RIG_VM);
    assert_int_equal(path_rig_dropped(f, HM_DROP_HOME_SOURCE), 1);
    assert_null(hm_neighbour_lookup(&f->neighbours, 0, RIG_VM));
}

static void test_pairs_are_learnt_but_not_those_of_visitors(void **state)
{
    struct path_rig *f = *state;

    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, RIG_FAR);
    assert_non_null(hm_neighbour_lookup(&f->neighbours, 0, NEIGHBOUR));
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    ask(f, RIG_GUEST_MAC, RIG_ROUTER, RIG_FAR); /* a visitor that claims our router's address */
    assert_memory_equal(&hm_neighbour_lookup(&f->neighbours, 0, RIG_ROUTER)->mac, &RIG_ROUTER_MAC, 6);
}

static void test_l1_a_visitor_is_answered_for_its_whole_home(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    ask(f, RIG_GUEST_MAC, RIG_GUEST, 0x0a020001u);
    assert_answer(f, 0x0a020001u, RIG_AGENT_MAC, RIG_GUEST_MAC, RIG_GUEST);
    ask(f, RIG_GUEST_MAC, RIG_GUEST, 0x0a020063u);
    assert_answer(f, 0x0a020063u, RIG_AGENT_MAC, RIG_GUEST_MAC, RIG_GUEST);
}

static void test_a_visitor_is_not_answered_for_itself_for_probes_or_for_this_lan(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_present(f, RIG_GUEST + 1, &RIG_GUEST_MAC); /* another address of the same NIC */
    ask(f, RIG_GUEST_MAC, RIG_GUEST, RIG_GUEST);
    assert_no_answer(f);
    ask(f, RIG_GUEST_MAC, RIG_GUEST, RIG_GUEST + 1);
    assert_no_answer(f);
    ask(f, RIG_GUEST_MAC, 0, RIG_GUEST);
    assert_no_answer(f);
    ask(f, RIG_GUEST_MAC, 0, 0x0a020063u);
    assert_no_answer(f);
    ask(f, RIG_GUEST_MAC, RIG_GUEST, RIG_ROUTER);
    assert_no_answer(f);
}

/* A VM that has one address here and another that is still announced is here with the first. */
static void test_one_address_that_is_not_here_yet_does_not_silence_the_others(void **state)
{
    struct path_rig *f = *state;
    struct hm_visitor *leaving;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    leaving = path_rig_present(f, RIG_GUEST + 1, &RIG_GUEST_MAC);
    hm_visitor_apply(leaving, HM_VISITOR_LEAVE, "test");
    ask(f, RIG_GUEST_MAC, RIG_GUEST, 0x0a020001u);
    assert_answer(f, 0x0a020001u, RIG_AGENT_MAC, RIG_GUEST_MAC, RIG_GUEST);
}

static void test_the_home_lan_is_not_answered_for_visitors_homes(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, RIG_GUEST);
    assert_no_answer(f);
    ask(f, NEIGHBOUR_MAC, NEIGHBOUR, 0x0a020001u);
    assert_no_answer(f);
}

static void test_group_macs_and_broken_packets_are_dropped_and_counted(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[HM_ARP_FRAME_LEN];
    struct hm_arp arp = {.op = HM_ARP_REQUEST,
                         .sender_mac = NEIGHBOUR_MAC,
                         .sender_addr = NEIGHBOUR,
                         .target_addr = RIG_AGENT};
    const struct hm_mac group = {{0x01, 0, 0x5e, 0, 0, 1}};

    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &NEIGHBOUR_MAC, HM_ETHERTYPE_ARP, &arp);
    for (size_t cut = HM_ETHERNET_LEN; cut < HM_ETHERNET_LEN + HM_ARP_LEN; cut++)
        path_rig_frame(f, 0, bytes, cut);
    assert_int_equal(path_rig_dropped(f, HM_DROP_ARP_MALFORMED), HM_ARP_LEN);
    arp.sender_mac = group;
    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &NEIGHBOUR_MAC, HM_ETHERTYPE_ARP, &arp);
    path_rig_frame(f, 0, bytes, sizeof(bytes));
    assert_int_equal(path_rig_dropped(f, HM_DROP_ARP_GROUP_MAC), 1);
    assert_no_answer(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_l1_the_agents_own_address_is_answered),
        TEST(test_l1_an_absent_node_is_answered_for_probes_included),
        TEST(test_a_staged_node_is_not_answered_for),
        TEST(test_the_node_itself_is_never_told_that_its_address_is_taken),
        TEST(test_no_answer_for_a_node_that_was_seen_at_home_again),
        TEST(test_another_host_that_claims_an_absent_nodes_address_is_not_believed),
        TEST(test_pairs_are_learnt_but_not_those_of_visitors),
        TEST(test_l1_a_visitor_is_answered_for_its_whole_home),
        TEST(test_a_visitor_is_not_answered_for_itself_for_probes_or_for_this_lan),
        TEST(test_one_address_that_is_not_here_yet_does_not_silence_the_others),
        TEST(test_the_home_lan_is_not_answered_for_visitors_homes),
        TEST(test_group_macs_and_broken_packets_are_dropped_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
