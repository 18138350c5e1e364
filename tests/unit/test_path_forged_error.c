/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of path/tunnel_error and path/tunnel_state: errors that are not believed, and the bound of what
 * is remembered. */
#include "firmware/path/path.h"

#include "tests/unit/rig/icmp_rig.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup_absent, path_rig_teardown)

/* One byte or field of a true error is changed: none is believed, and all are counted. */
static void test_forged_errors_change_nothing_and_are_counted(void **state)
{
    static const struct {
        size_t at; /* in the quote */
        uint8_t value;
    } CHANGES[] = {
        {0, 0x46},              /* an outer header with options */
        {0, 0x55},              /* no IPv4 */
        {3, 0xff},              /* longer than anything sent */
        {6, 0x00},              /* DF clear: nobody had to ask */
        {7, 0x01},              /* not the first fragment */
        {12, 9},                /* another source */
        {15, 77},               /* the same LAN, but not us */
        {19, 9},                /* another destination */
        {HM_IPV4_LEN, 0x55},    /* no inner packet */
        {HM_IPV4_LEN + 3, 1},   /* an inner length that does not agree */
        {HM_IPV4_LEN + 19, 77}, /* a node that is not away */
    };
    struct path_rig *f = *state;
    uint8_t outer[2048], quote[2048];
    size_t len = icmp_rig_send_and_keep(f, 1470, HM_IPV4_DF, outer);
    uint64_t count = 0;

    for (unsigned i = 0; i < UNIT_COUNT(CHANGES); i++) {
        memcpy(quote, outer, len);
        quote[CHANGES[i].at] = CHANGES[i].value;
        icmp_rig_too_big(f, quote, len, 1000);
        if (path_rig_dropped(f, HM_DROP_ICMP_FORGED) != ++count || f->rig.frame_count != 0)
            fail_msg("change %u was believed", i);
    }
    icmp_rig_too_big(f, outer, len, 1490); /* it would have fitted */
    icmp_rig_too_big(f, outer, len, 2000);
    icmp_rig_error(
        f, &(struct rig_error){
               .type = 3, .code = 4, .mtu = 1000, .quote = outer, .quote_len = len, .spoil_checksum = true});
    for (size_t cut = 0; cut < HM_IPV4_LEN; cut++)
        icmp_rig_too_big(f, outer, cut, 1000);
    assert_int_equal(path_rig_dropped(f, HM_DROP_ICMP_FORGED), count + 3 + HM_IPV4_LEN);
    assert_int_equal(f->rig.frame_count, 0);
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1480);
}

/* An error about a tunnel that was never used. */
static void test_an_error_about_an_unused_tunnel_is_forged(void **state)
{
    struct path_rig *f = *state;
    uint8_t bytes[256];
    size_t len = rig_write_packet(&(struct rig_packet){.src = RIG_FAR,
                                                       .dst = RIG_VM,
                                                       .outer_src = RIG_AGENT,
                                                       .outer_dst = RIG_PEER_B,
                                                       .fragment = HM_IPV4_DF},
                                  bytes);

    icmp_rig_too_big(f, bytes, len, 100);
    assert_int_equal(path_rig_dropped(f, HM_DROP_ICMP_FORGED), 1);
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1480);
}

/* Errors of every cut, for the sanitizers to judge. */
static void test_every_cut_of_an_error_is_survived(void **state)
{
    struct path_rig *f = *state;
    uint8_t outer[2048];
    size_t len = icmp_rig_send_and_keep(f, 300, HM_IPV4_DF, outer);

    for (size_t cut = 0; cut <= len; cut++)
        for (uint8_t type = 3; type <= 12; type++)
            icmp_rig_error(f, &(struct rig_error){
                                  .type = type, .code = 1, .pointer = 1, .quote = outer, .quote_len = cut});
    assert_int_equal(icmp_rig_tunnel_mtu(f), 1480);
}

/* More tunnels than there are slots: memory is fixed, and each still works. */
static void test_t6_the_soft_state_is_bounded(void **state)
{
    struct path_rig *f = *state;
    struct hm_tunnel_states states;

    hm_tunnel_states_init(&states, &f->env, &f->agent.security);
    for (uint32_t i = 1; i <= 10 * HM_TUNNEL_STATES; i++) {
        f->env.now.mono_us += 1000;
        struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&states, RIG_FAR + i);
        assert_non_null(tunnel);
        assert_int_equal(tunnel->remote_addr, RIG_FAR + i);
        assert_int_equal(tunnel->path_mtu, 0);
        assert_true(hm_tunnel_state_lower(&states, tunnel, 1000, 1500));
        assert_int_equal(hm_tunnel_state_mtu(&states, hm_tunnel_state_find(&states, RIG_FAR + i)), 1000);
    }
    assert_null(hm_tunnel_state_find(&states, 0));
}

/* What was told of a tunnel of one kind counts for it when it is of a wider one: every packet fits in pieces.
 */
static void test_i9_a_path_mtu_of_another_kind_of_tunnel_leaves_room_for_any_packet(void **state)
{
    struct path_rig *f = *state;
    struct hm_peer *peer = hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B);
    uint8_t outer[2048], bytes[HM_ETHERNET_LEN + 200];
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t len = icmp_rig_send_and_keep(f, 1470, HM_IPV4_DF, outer);

    icmp_rig_too_big(f, outer, len, 68);
    for (enum hm_encapsulation kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++) {
        hm_security_agree_tunnel(&f->agent.security, peer, kind);
        assert_int_equal(
            hm_tunnel_state_room(&f->path.tunnels, hm_tunnel_state_find(&f->path.tunnels, RIG_PEER_B)), 68);
        for (size_t header_len = HM_IPV4_LEN; header_len <= HM_IPV4_HEADER_MAX_LEN; header_len += 4) {
            struct hm_ipv4 ip = {.ttl = 64,
                                 .protocol = HM_IP_PROTO_UDP,
                                 .src = RIG_FAR,
                                 .dst = RIG_VM,
                                 .total_len = (uint16_t)(header_len + 60)};
            memset(bytes, 1, sizeof(bytes)); /* options: no operation */
            hm_ethernet_encode(bytes, &ethernet);
            hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
            bytes[HM_ETHERNET_LEN] = (uint8_t)(0x40 | header_len / 4);
            hm_ipv4_set_extent(bytes + HM_ETHERNET_LEN, header_len, (uint16_t)(header_len + 60), 0);
            rig_forget_frames(&f->rig);
            path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + header_len + 60);
            assert_true(f->rig.frame_count > 1 && f->rig.frame_count <= 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_forged_errors_change_nothing_and_are_counted),
        TEST(test_an_error_about_an_unused_tunnel_is_forged),
        TEST(test_every_cut_of_an_error_is_survived),
        TEST(test_t6_the_soft_state_is_bounded),
        TEST(test_i9_a_path_mtu_of_another_kind_of_tunnel_leaves_room_for_any_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
