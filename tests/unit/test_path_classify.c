/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of path/classify: whose frame is this, and what is dropped for which reason. */
#include "firmware/path/path.h"

#include "tests/unit/rig/path_rig.h"

#define NEIGHBOUR_MAC RIG_MAC(0x09)
#define NEIGHBOUR 0x0a010009u

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup, path_rig_teardown)

/* Nothing was sent, and this reason was counted once more. */
static void assert_dropped(struct path_rig *f, enum hm_drop reason)
{
    if (f->rig.frame_count != 0 || path_rig_dropped(f, reason) != 1)
        fail_msg("%s: counted %u times, %u frames sent", hm_drop_name(reason),
                 (unsigned)path_rig_dropped(f, reason), f->rig.frame_count);
    f->env.counters.drops[reason] = 0;
}

static void test_q8_martians_are_dropped(void **state)
{
    static const struct rig_packet CASES[] = {
        {.src = 0x7f000001u, .dst = RIG_AGENT},
        {.src = 0xe0000001u, .dst = RIG_AGENT},
        {.src = UINT32_MAX, .dst = RIG_AGENT},
        {.src = 0xf0000001u, .dst = RIG_AGENT},
        {.src = 0, .dst = RIG_AGENT},
        {.src = RIG_AGENT, .dst = RIG_AGENT},
        {.src = RIG_AGENT, .dst = RIG_FAR},
        {.src = RIG_FAR, .dst = 0x7f000001u},
        {.src = RIG_FAR, .dst = 0},
        {.src = RIG_FAR, .dst = 0xf0000001u},
    };
    struct path_rig *f = *state;

    for (unsigned i = 0; i < UNIT_COUNT(CASES); i++) {
        path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_ROUTER_MAC, &CASES[i]);
        assert_dropped(f, HM_DROP_IP_MARTIAN);
    }
}

static void test_what_a_bridge_floods_is_not_ours(void **state)
{
    struct path_rig *f = *state;

    path_rig_packet(f, 0, &NEIGHBOUR_MAC, &RIG_ROUTER_MAC,
                    &(struct rig_packet){.src = RIG_FAR, .dst = NEIGHBOUR});
    assert_dropped(f, HM_DROP_NOT_OURS);
    /* Not even one of our own addresses in somebody else's frame. */
    path_rig_packet(f, 0, &NEIGHBOUR_MAC, &RIG_ROUTER_MAC,
                    &(struct rig_packet){.src = RIG_FAR, .dst = RIG_AGENT});
    assert_dropped(f, HM_DROP_NOT_OURS);
}

static void test_a_one_armed_agent_routes_for_nobody(void **state)
{
    struct path_rig *f = *state;

    path_rig_packet(f, 0, &RIG_AGENT_MAC, &NEIGHBOUR_MAC,
                    &(struct rig_packet){.src = NEIGHBOUR, .dst = RIG_FAR});
    assert_dropped(f, HM_DROP_NOT_A_ROUTER);
}

static void test_q2_wrong_checksums_and_offloads_are_dropped(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[256];
    const struct rig_packet packet = {.src = RIG_FAR, .dst = RIG_VM};
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_frame frame;
    uint8_t memory[HM_FRAME_HEADROOM + 256];

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_ROUTER_MAC,
                    &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM, .spoil_checksum = true});
    assert_dropped(f, HM_DROP_IP_CHECKSUM);
    hm_ethernet_encode(bytes, &ethernet);
    size_t len = HM_ETHERNET_LEN + rig_write_packet(&packet, bytes + HM_ETHERNET_LEN);
    for (unsigned i = 0; i < 2; i++) {
        hm_frame_init(&frame, memory, sizeof(memory), len);
        memcpy(frame.data, bytes, len);
        *(i == 0 ? &frame.offload.flags : &frame.offload.gso_type) = 1;
        hm_path_frame(&f->path, 0, &frame);
        assert_dropped(f, HM_DROP_OFFLOAD);
    }
}

static void test_padding_does_not_enter_the_tunnel(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    uint8_t bytes[60] = {0};
    struct hm_ipv4 ip = {
        .total_len = HM_IPV4_LEN + 1, .ttl = 9, .protocol = HM_IP_PROTO_UDP, .src = RIG_FAR, .dst = RIG_VM};

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    path_rig_frame(f, 0, bytes, sizeof(bytes));
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(f->rig.frames[0].len, HM_ETHERNET_LEN + 2 * HM_IPV4_LEN + 1);
}

static void test_r10_a_visitor_with_another_address_is_dropped(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM});
    assert_dropped(f, HM_DROP_VISITOR_SOURCE);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = NEIGHBOUR, .dst = RIG_AGENT});
    assert_dropped(f, HM_DROP_VISITOR_SOURCE);
}

static void test_r10_a_visitors_address_with_another_mac_is_nobodys(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &NEIGHBOUR_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_FAR});
    assert_dropped(f, HM_DROP_NOT_A_ROUTER);
}

static void test_a_visitors_broadcasts_stay_here(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_packet(f, 0, &HM_MAC_BROADCAST, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = UINT32_MAX});
    assert_dropped(f, HM_DROP_MOBILE_BROADCAST);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = 0x0a0200ffu});
    assert_dropped(f, HM_DROP_MOBILE_BROADCAST);
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = 0xe00000fbu});
    assert_dropped(f, HM_DROP_MOBILE_BROADCAST);
}

/* Two visitors are on one LAN and know each other's MAC: what a bridge floods of it was delivered already. */
static void test_what_one_visitor_sends_to_anothers_mac_is_not_doubled(void **state)
{
    struct path_rig *f = *state;
    const struct hm_mac second = RIG_MAC(0x26);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    path_rig_present(f, RIG_GUEST + 1, &second);
    path_rig_packet(f, 0, &second, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = RIG_GUEST, .dst = RIG_GUEST + 1});
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_an_absent_nodes_packets_from_its_home_lan_to_another_absent_node_are_dropped(void **state)
{
    struct path_rig *f = *state;

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_C);
    path_rig_packet(f, 0, &RIG_VM2_MAC, &NEIGHBOUR_MAC, &(struct rig_packet){.src = RIG_VM, .dst = RIG_VM2});
    assert_dropped(f, HM_DROP_HOME_SOURCE);
}

/* What a node that has come home still sends to the MAC of the agent where it was. */
static void test_misdirected_frames_after_a_return_are_routed(void **state)
{
    struct path_rig *f = *state;
    const struct hm_mac foreign = RIG_MAC(0xb2);
    struct hm_binding *binding = path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);

    binding->agent_mac = foreign;
    hm_binding_apply(binding, HM_BINDING_RETURN, "test");
    path_rig_packet(f, 0, &foreign, &RIG_VM_MAC, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR});
    assert_int_equal(f->rig.frame_count, 1);
    assert_memory_equal(f->rig.frames[0].bytes, &RIG_ROUTER_MAC, 6);
    rig_forget_frames(&f->rig);
    path_rig_packet(f, 0, &foreign, &NEIGHBOUR_MAC, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR});
    assert_dropped(f, HM_DROP_NOT_OURS);
}

static void test_i14_fragments_of_a_tunnelled_packet_are_put_together(void **state)
{
    struct path_rig *f = *state;
    uint8_t whole[1024], bytes[1024];
    const struct rig_packet packet = {
        .src = RIG_FAR, .dst = RIG_GUEST, .outer_src = RIG_PEER_B, .payload_len = 600};
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t len = rig_write_packet(&packet, whole), first = 320;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    for (unsigned i = 0; i < 2; i++) {
        size_t at = i == 0 ? HM_IPV4_LEN : HM_IPV4_LEN + first;
        size_t piece = i == 0 ? first : len - HM_IPV4_LEN - first;
        struct hm_ipv4 outer = {.total_len = (uint16_t)(HM_IPV4_LEN + piece),
                                .id = 5,
                                .fragment = (uint16_t)(i == 0 ? HM_IPV4_MF : first / 8),
                                .ttl = 60,
                                .protocol = HM_IP_PROTO_IPIP,
                                .src = RIG_PEER_B,
                                .dst = RIG_AGENT};
        hm_ethernet_encode(bytes, &ethernet);
        hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &outer);
        memcpy(bytes + HM_ETHERNET_LEN + HM_IPV4_LEN, whole + at, piece);
        path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + HM_IPV4_LEN + piece);
    }
    assert_int_equal(f->rig.frame_count, 1);
    assert_memory_equal(f->rig.frames[0].bytes, &RIG_GUEST_MAC, 6);
    assert_int_equal(f->rig.frames[0].len, HM_ETHERNET_LEN + HM_IPV4_LEN + 600);
    assert_memory_equal(f->rig.frames[0].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN, whole + 2 * HM_IPV4_LEN, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_q8_martians_are_dropped),
        TEST(test_what_a_bridge_floods_is_not_ours),
        TEST(test_a_one_armed_agent_routes_for_nobody),
        TEST(test_q2_wrong_checksums_and_offloads_are_dropped),
        TEST(test_padding_does_not_enter_the_tunnel),
        TEST(test_r10_a_visitor_with_another_address_is_dropped),
        TEST(test_r10_a_visitors_address_with_another_mac_is_nobodys),
        TEST(test_a_visitors_broadcasts_stay_here),
        TEST(test_what_one_visitor_sends_to_anothers_mac_is_not_doubled),
        TEST(test_an_absent_nodes_packets_from_its_home_lan_to_another_absent_node_are_dropped),
        TEST(test_misdirected_frames_after_a_return_are_routed),
        TEST(test_i14_fragments_of_a_tunnelled_packet_are_put_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
