/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of path/dhcp_relay: what is carried, whose it must be, and who gets it. */
#include "firmware/path/path.h"

#include "tests/unit/rig/dhcp_message.h"
#include "tests/unit/rig/path_rig.h"

#define SERVER 0x0a010043u /* on the LAN of this agent */
#define SERVER_MAC RIG_MAC(0x43)
#define FAR_SERVER 0x0a020043u /* at B's */

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup, path_rig_teardown)

static struct dhcp_message request_of(struct hm_mac mac)
{
    return (struct dhcp_message){.type = HM_DHCP_REQUEST, .client_mac = mac};
}

static struct dhcp_message answer_to(struct hm_mac mac, uint32_t addr)
{
    return (struct dhcp_message){.type = HM_DHCP_ACK, .is_reply = true, .client_mac = mac, .your_addr = addr};
}

static void send_frame(struct path_rig *f, struct hm_mac dst, struct hm_mac src,
                       const struct dhcp_message *message, uint32_t src_addr, uint32_t dst_addr)
{
    uint8_t bytes[1024];
    const struct hm_ethernet ethernet = {.dst = dst, .src = src, .type = HM_ETHERTYPE_IPV4};
    size_t len = dhcp_message_packet(message, src_addr, dst_addr, bytes + HM_ETHERNET_LEN);

    rig_forget_frames(&f->rig);
    hm_ethernet_encode(bytes, &ethernet);
    path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
}

static void send_tunnelled(struct path_rig *f, uint32_t outer_src, const struct dhcp_message *message,
                           uint32_t src, uint32_t dst)
{
    uint8_t bytes[1024];
    const struct hm_ethernet ethernet = {
        .dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t at = HM_ETHERNET_LEN + HM_IPV4_LEN;
    size_t len = dhcp_message_packet(message, src, dst, bytes + at);
    const struct hm_ipv4 outer = {.total_len = (uint16_t)(HM_IPV4_LEN + len),
                                  .ttl = 64,
                                  .protocol = HM_IP_PROTO_IPIP,
                                  .src = outer_src,
                                  .dst = RIG_AGENT};

    rig_forget_frames(&f->rig);
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &outer);
    path_rig_frame(f, 0, bytes, at + len);
}

/* Exactly one frame left: a tunnelled packet to `care_of` with these inner addresses. */
static void assert_tunnelled(const struct path_rig *f, uint32_t care_of, uint32_t src, uint32_t dst)
{
    struct hm_ethernet ethernet;

    assert_int_equal(f->rig.frame_count, 1);
    struct hm_ipv4 outer = path_rig_sent(f, 0, &ethernet);
    struct hm_ipv4 inner = path_rig_sent_inner(f, 0);
    assert_int_equal(outer.protocol, HM_IP_PROTO_IPIP);
    assert_int_equal(outer.dst, care_of);
    assert_int_equal(inner.src, src);
    assert_int_equal(inner.dst, dst);
}

/* Exactly one frame left: this packet, not tunnelled, between these MACs. */
static void assert_sent(const struct path_rig *f, struct hm_mac dst, struct hm_mac src, uint32_t src_addr,
                        uint32_t dst_addr)
{
    struct hm_ethernet ethernet;

    assert_int_equal(f->rig.frame_count, 1);
    struct hm_ipv4 ip = path_rig_sent(f, 0, &ethernet);
    assert_int_equal(ip.protocol, HM_IP_PROTO_UDP);
    assert_int_equal(ip.src, src_addr);
    assert_int_equal(ip.dst, dst_addr);
    assert_memory_equal(&ethernet.dst, &dst, 6);
    assert_memory_equal(&ethernet.src, &src, 6);
}

static void assert_refused(const struct path_rig *f, enum hm_drop reason, uint64_t count)
{
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(path_rig_dropped(f, reason), count);
}

static void test_l14_a_visitors_broadcast_goes_home_whatever_its_source(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message request = request_of(RIG_GUEST_MAC);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    send_frame(f, HM_MAC_BROADCAST, RIG_GUEST_MAC, &request, 0, UINT32_MAX); /* INIT-REBOOT */
    assert_tunnelled(f, RIG_PEER_B, 0, UINT32_MAX);
    send_frame(f, HM_MAC_BROADCAST, RIG_GUEST_MAC, &request, RIG_GUEST, UINT32_MAX); /* REBINDING */
    assert_tunnelled(f, RIG_PEER_B, RIG_GUEST, UINT32_MAX);
    assert_int_equal(f->env.counters.events[HM_COUNT_DHCP_CARRIED], 2);
}

static void test_l14_a_visitors_broadcast_with_another_clients_mac_is_refused(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message request = request_of(RIG_VM_MAC);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    send_frame(f, HM_MAC_BROADCAST, RIG_GUEST_MAC, &request, 0, UINT32_MAX);
    assert_refused(f, HM_DROP_DHCP_RELAY, 1);
    request.is_reply = true; /* from the client's port all the same */
    request.client_mac = RIG_GUEST_MAC;
    send_frame(f, HM_MAC_BROADCAST, RIG_GUEST_MAC, &request, RIG_GUEST, UINT32_MAX);
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_other_broadcasts_from_no_address_are_not_carried(void **state)
{
    struct path_rig *f = *state;

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    rig_forget_frames(&f->rig);
    path_rig_packet(f, 0, &HM_MAC_BROADCAST, &RIG_GUEST_MAC,
                    &(struct rig_packet){.src = 0, .dst = UINT32_MAX});
    assert_refused(f, HM_DROP_VISITOR_SOURCE, 1);
}

static void test_a_visitor_that_has_not_landed_sends_no_dhcp(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message request = request_of(RIG_GUEST_MAC);

    path_rig_expected(f, RIG_GUEST, &RIG_GUEST_MAC);
    send_frame(f, HM_MAC_BROADCAST, RIG_GUEST_MAC, &request, 0, UINT32_MAX);
    assert_refused(f, HM_DROP_VISITOR_SOURCE, 1);
}

static void test_l15b_the_home_agent_sends_the_request_in_the_nodes_place(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message request = request_of(RIG_VM_MAC);

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    send_tunnelled(f, RIG_PEER_B, &request, 0, UINT32_MAX);
    assert_sent(f, HM_MAC_BROADCAST, RIG_VM_MAC, 0, UINT32_MAX);
    send_tunnelled(f, RIG_PEER_B, &request, RIG_VM, UINT32_MAX);
    assert_sent(f, HM_MAC_BROADCAST, RIG_VM_MAC, RIG_VM, UINT32_MAX);
}

static void test_l15b_with_takeover_own_the_request_has_the_agents_mac(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message request = request_of(RIG_VM_MAC);

    f->rig.config.takeover = HM_TAKEOVER_OWN;
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    send_tunnelled(f, RIG_PEER_B, &request, 0, UINT32_MAX);
    assert_sent(f, HM_MAC_BROADCAST, RIG_AGENT_MAC, 0, UINT32_MAX);
}

static void test_a_request_out_of_a_tunnel_must_be_of_a_node_that_is_there(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message request = request_of(RIG_VM_MAC);

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    send_tunnelled(f, RIG_PEER_C, &request, 0, UINT32_MAX); /* it is at B's */
    assert_refused(f, HM_DROP_DHCP_RELAY, 1);
    send_tunnelled(f, RIG_PEER_B, &request, RIG_VM2, UINT32_MAX); /* not its address */
    assert_refused(f, HM_DROP_DHCP_RELAY, 2);
    request.client_mac = RIG_VM2_MAC; /* not its MAC */
    send_tunnelled(f, RIG_PEER_B, &request, RIG_VM, UINT32_MAX);
    assert_refused(f, HM_DROP_DHCP_RELAY, 3);
    send_tunnelled(f, RIG_FAR, &request, 0, UINT32_MAX); /* no agent at all */
    assert_refused(f, HM_DROP_DHCP_RELAY, 4);
}

static void test_l14_a_servers_answer_is_carried_to_where_the_node_is(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message answer = answer_to(RIG_VM_MAC, RIG_VM);

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    send_frame(f, HM_MAC_BROADCAST, SERVER_MAC, &answer, SERVER, UINT32_MAX);
    assert_tunnelled(f, RIG_PEER_B, SERVER, UINT32_MAX);
    send_frame(f, RIG_VM_MAC, SERVER_MAC, &answer, SERVER, RIG_VM);
    assert_tunnelled(f, RIG_PEER_B, SERVER, RIG_VM);
    answer.type = HM_DHCP_OFFER; /* of another address, by unicast to the client's MAC */
    send_frame(f, RIG_VM_MAC, SERVER_MAC, &answer, SERVER, RIG_VM2);
    assert_tunnelled(f, RIG_PEER_B, SERVER, RIG_VM2);
}

static void test_a_servers_answer_to_somebody_at_home_is_not_carried(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message answer = answer_to(RIG_VM2_MAC, RIG_VM2);

    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    send_frame(f, HM_MAC_BROADCAST, SERVER_MAC, &answer, SERVER, UINT32_MAX);
    assert_int_equal(f->rig.frame_count, 0);
    assert_non_null(hm_neighbour_lookup(&f->neighbours, 0, RIG_VM2)); /* but learnt from */
}

static void test_l14_the_foreign_agent_delivers_the_answer_to_the_visitor_alone(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message answer = answer_to(RIG_GUEST_MAC, RIG_GUEST);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    send_tunnelled(f, RIG_PEER_B, &answer, FAR_SERVER, UINT32_MAX);
    assert_sent(f, RIG_GUEST_MAC, RIG_AGENT_MAC, FAR_SERVER, UINT32_MAX);
}

static void test_an_answer_from_another_agent_than_the_visitors_is_refused(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message answer = answer_to(RIG_GUEST_MAC, RIG_GUEST);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    send_tunnelled(f, RIG_PEER_C, &answer, FAR_SERVER, UINT32_MAX);
    assert_refused(f, HM_DROP_DHCP_RELAY, 1);
    answer.client_mac = RIG_VM_MAC;
    send_tunnelled(f, RIG_PEER_B, &answer, FAR_SERVER, UINT32_MAX);
    assert_refused(f, HM_DROP_DHCP_RELAY, 2);
    send_tunnelled(f, RIG_FAR, &answer, FAR_SERVER, UINT32_MAX); /* no agent at all */
    assert_refused(f, HM_DROP_TUNNEL_PEER, 1);
}

static void test_l14_what_a_server_here_says_of_a_visitor_is_not_learnt(void **state)
{
    struct path_rig *f = *state;
    struct dhcp_message answer = answer_to(RIG_GUEST_MAC, SERVER + 1);

    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    send_frame(f, HM_MAC_BROADCAST, SERVER_MAC, &answer, SERVER, UINT32_MAX);
    assert_null(hm_neighbour_of_mac(&f->neighbours, 0, &RIG_GUEST_MAC, NULL));
    answer.client_mac = RIG_VM_MAC; /* of a machine of this LAN it is */
    send_frame(f, HM_MAC_BROADCAST, SERVER_MAC, &answer, SERVER, UINT32_MAX);
    assert_non_null(hm_neighbour_of_mac(&f->neighbours, 0, &RIG_VM_MAC, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_l14_a_visitors_broadcast_goes_home_whatever_its_source),
        TEST(test_l14_a_visitors_broadcast_with_another_clients_mac_is_refused),
        TEST(test_other_broadcasts_from_no_address_are_not_carried),
        TEST(test_a_visitor_that_has_not_landed_sends_no_dhcp),
        TEST(test_l15b_the_home_agent_sends_the_request_in_the_nodes_place),
        TEST(test_l15b_with_takeover_own_the_request_has_the_agents_mac),
        TEST(test_a_request_out_of_a_tunnel_must_be_of_a_node_that_is_there),
        TEST(test_l14_a_servers_answer_is_carried_to_where_the_node_is),
        TEST(test_a_servers_answer_to_somebody_at_home_is_not_carried),
        TEST(test_l14_the_foreign_agent_delivers_the_answer_to_the_visitor_alone),
        TEST(test_an_answer_from_another_agent_than_the_visitors_is_refused),
        TEST(test_l14_what_a_server_here_says_of_a_visitor_is_not_learnt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
