/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the packet path with IPv4 options: carried, cut, or refused. */
#include "firmware/path/path.h"

#include "tests/unit/rig/path_rig.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup_absent, path_rig_teardown)

/* A packet with options and len bytes of payload, to an absent node (or, with outer_src, out of B's tunnel).
 */
static void send_with(struct path_rig *f, const char *options, size_t len, uint32_t outer_src)
{
    uint8_t bytes[4096] = {0}, *at = bytes + HM_ETHERNET_LEN;
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {.id = 9, .ttl = 64, .protocol = HM_IP_PROTO_UDP, .src = RIG_FAR, .dst = RIG_VM};
    struct hm_ipv4 outer = {.ttl = 60, .protocol = HM_IP_PROTO_IPIP, .src = outer_src, .dst = RIG_AGENT};
    size_t options_len = (strlen(options) + 1) / 3,
           header_len = HM_IPV4_LEN + ((options_len + 3) & ~(size_t)3);

    if (outer_src != 0) {
        ip.src = RIG_VM;
        ip.dst = RIG_FAR;
        outer.total_len = (uint16_t)(HM_IPV4_LEN + header_len + len);
        hm_ipv4_encode(at, &outer);
        at += HM_IPV4_LEN;
    }
    ip.total_len = (uint16_t)(header_len + len);
    hm_ipv4_encode(at, &ip);
    at[0] = (uint8_t)(0x40 | header_len / 4);
    assert_int_equal(unit_hex(options, at + HM_IPV4_LEN, 40), options_len);
    hm_ipv4_fix_checksum(at, header_len);
    for (size_t i = 0; i < len; i++)
        at[header_len + i] = i == 6 || i == 7 ? 0 : (uint8_t)(i * 7); /* without a checksum */
    hm_ethernet_encode(bytes, &ethernet);
    path_rig_frame(f, 0, bytes, (size_t)(at - bytes) + header_len + len);
}

static void test_source_routed_packets_are_dropped_everywhere(void **state)
{
    static const char *const OPTIONS[] = {"83 07 04 0a 09 00 01 00", "89 07 04 0a 09 00 01 00",
                                          "01 01 01 01 83 07 04 0a 09 00 01 00"};
    struct path_rig *f = *state;

    for (unsigned i = 0; i < UNIT_COUNT(OPTIONS); i++) {
        send_with(f, OPTIONS[i], 40, 0);
        send_with(f, OPTIONS[i], 40, RIG_PEER_B);
        assert_int_equal(path_rig_dropped(f, HM_DROP_IP_SOURCE_ROUTE), 2 * (i + 1));
    }
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_options_with_impossible_lengths_are_dropped(void **state)
{
    struct path_rig *f = *state;

    send_with(f, "07 00 04 00", 40, 0);
    send_with(f, "07 0c 04 00", 40, RIG_PEER_B);
    assert_int_equal(path_rig_dropped(f, HM_DROP_IP_OPTIONS), 2);
    assert_int_equal(f->rig.frame_count, 0);
}

/* Record route and time stamp are the inner packet's own business: the tunnel is one hop. */
static void test_i1_other_options_are_carried_inside_and_not_copied_outside(void **state)
{
    static const char *const OPTIONS[] = {"07 07 04 00 00 00 00 00", "44 08 05 00 00 00 00 00",
                                          "94 04 00 00"};
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;

    for (unsigned i = 0; i < UNIT_COUNT(OPTIONS); i++) {
        uint8_t expected[40];
        size_t len = unit_hex(OPTIONS[i], expected, sizeof(expected));
        rig_forget_frames(&f->rig);
        send_with(f, OPTIONS[i], 40, 0);
        assert_int_equal(f->rig.frame_count, 1);
        assert_int_equal(path_rig_sent(f, 0, &ethernet).header_len, HM_IPV4_LEN);
        assert_int_equal(path_rig_sent_inner(f, 0).header_len, HM_IPV4_LEN + len);
        assert_memory_equal(f->rig.frames[0].bytes + HM_ETHERNET_LEN + 2 * HM_IPV4_LEN, expected, len);
        rig_forget_frames(&f->rig);
        send_with(f, OPTIONS[i], 40, RIG_PEER_B);
        assert_int_equal(path_rig_sent(f, 0, &ethernet).header_len, HM_IPV4_LEN + len);
    }
}

/* Record route (not copied) and router alert (copied), in a packet that needs three pieces. */
static void test_q12_fragments_repeat_the_options_with_the_copied_flag(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;
    size_t at = 0, total = 3000;

    f->rig.config.links[0].mtu = 1500;
    send_with(f, "07 07 04 00 00 00 00 94 04 00 00 00", total, 0);
    assert_int_equal(f->rig.frame_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct hm_ipv4 inner = path_rig_sent_inner(f, i);
        const uint8_t *bytes = f->rig.frames[i].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
        assert_true(path_rig_sent(f, i, &ethernet).total_len <= 1500);
        assert_int_equal(inner.header_len, i == 0 ? 32 : 24);
        assert_int_equal(bytes[HM_IPV4_LEN], i == 0 ? 0x07 : 0x94);
        assert_int_equal((inner.fragment & HM_IPV4_OFFSET) * 8, at);
        assert_int_equal(inner.fragment & HM_IPV4_MF, i < 2 ? HM_IPV4_MF : 0);
        assert_int_equal(inner.id, 9);
        for (size_t k = 0; k < (size_t)inner.total_len - inner.header_len; k++)
            assert_int_equal(bytes[inner.header_len + k],
                             at + k == 6 || at + k == 7 ? 0 : (uint8_t)((at + k) * 7));
        at += (size_t)inner.total_len - inner.header_len;
    }
    assert_int_equal(at, total);
}

/* A fragment that is cut again: offsets go on from its own, and only the last piece of the last one is a
 * last. */
static void test_q12_a_fragment_is_cut_again_at_the_right_offsets(void **state)
{
    struct path_rig *f = *state;

    path_rig_packet(f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC,
                    &(struct rig_packet){
                        .src = RIG_FAR, .dst = RIG_VM, .payload_len = 1480, .fragment = HM_IPV4_MF | 100});
    path_rig_packet(
        f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC,
        &(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM, .payload_len = 1480, .fragment = 285});
    assert_int_equal(f->rig.frame_count, 4);
    assert_int_equal(path_rig_sent_inner(f, 0).fragment, HM_IPV4_MF | 100);
    assert_int_equal(path_rig_sent_inner(f, 1).fragment, HM_IPV4_MF | (100 + 1456 / 8));
    assert_int_equal(path_rig_sent_inner(f, 2).fragment, HM_IPV4_MF | 285);
    assert_int_equal(path_rig_sent_inner(f, 3).fragment, 285 + 1456 / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_source_routed_packets_are_dropped_everywhere),
        TEST(test_options_with_impossible_lengths_are_dropped),
        TEST(test_i1_other_options_are_carried_inside_and_not_copied_outside),
        TEST(test_q12_fragments_repeat_the_options_with_the_copied_flag),
        TEST(test_q12_a_fragment_is_cut_again_at_the_right_offsets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
