/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of what is broken on its way through a tunnel, of each kind: each byte, outside and inside.
 * Where a checksum covers it, it ends at the tunnel's exit and is counted; nowhere is a wrong sum made right.
 */
#include "firmware/path/path.h"

#include "firmware/wire/transport.h"
#include "tests/unit/rig/super_rig.h"

#define INNER_LEN 68 /* an odd number of words */

enum form {
    IPIP,
    GRE,
    GRE_WITH_SUM,
    UDP,
    UDP_WITHOUT_SUM,
    FORM_COUNT
};

static const uint8_t PROTOCOLS[] = {HM_IP_PROTO_TCP, HM_IP_PROTO_UDP, HM_IP_PROTO_ICMP, 132};

static int setup(void **state)
{
    return super_rig_setup(state, HM_TUNNEL_WAY_WHOLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, super_rig_teardown)

/* To the guest, with sums that are right. */
static void write_inner(uint8_t *packet, uint8_t protocol, bool has_sum)
{
    const struct hm_ipv4 ip = {.total_len = INNER_LEN,
                               .fragment = HM_IPV4_DF,
                               .ttl = 64,
                               .protocol = protocol,
                               .src = RIG_FAR,
                               .dst = RIG_GUEST};
    uint8_t *at = packet + HM_IPV4_LEN;
    size_t len = INNER_LEN - HM_IPV4_LEN;

    hm_ipv4_encode(packet, &ip);
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(3 * i + 1);
    at[12] = 5 << 4; /* of TCP: its header's length */
    at[13] = HM_TCP_ACK;
    if (protocol == HM_IP_PROTO_TCP || protocol == HM_IP_PROTO_UDP)
        kernel_fix_transport(packet, at, len, protocol);
    if (protocol == HM_IP_PROTO_ICMP) {
        kernel_set_u16(at + 2, 0);
        kernel_set_u16(at + 2, ~kernel_sum(0, at, len));
    }
    if (protocol == HM_IP_PROTO_UDP && !has_sum)
        kernel_set_u16(at + 6, 0);
}

/* Of a form, from B; gives the frame's length, and where the inner packet is. */
static size_t write_frame(uint8_t *bytes, enum form form, uint8_t protocol, bool has_sum, size_t *inner_at)
{
    static const size_t BETWEEN[FORM_COUNT] = {0, 4, 8, 12, 12};
    const struct hm_ethernet ethernet = {
        .dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    uint8_t *outer = bytes + HM_ETHERNET_LEN, *between = outer + HM_IPV4_LEN;
    size_t len = BETWEEN[form] + INNER_LEN;
    struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + len),
                         .ttl = 60,
                         .protocol = form == IPIP ? HM_IP_PROTO_IPIP
                                     : form < UDP ? HM_IP_PROTO_GRE
                                                  : HM_IP_PROTO_UDP,
                         .src = RIG_PEER_B,
                         .dst = RIG_AGENT};

    *inner_at = HM_ETHERNET_LEN + HM_IPV4_LEN + BETWEEN[form];
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(outer, &ip);
    write_inner(bytes + *inner_at, protocol, has_sum);
    memset(between, 0, BETWEEN[form]);
    if (form == GRE || form == GRE_WITH_SUM)
        kernel_set_u16(between + 2, 0x0800);
    if (form == GRE_WITH_SUM) {
        kernel_set_u16(between, 0x8000);
        kernel_set_u16(between + 4, ~kernel_sum(0, between, len));
    }
    if (form == UDP || form == UDP_WITHOUT_SUM) {
        kernel_set_u16(between, 434);
        kernel_set_u16(between + 2, 434);
        memcpy(between + 8, "\x04\x04\0", 4);
        kernel_fix_transport(outer, between, len, 17);
    }
    if (form == UDP_WITHOUT_SUM)
        kernel_set_u16(between + 6, 0);
    return HM_ETHERNET_LEN + HM_IPV4_LEN + len;
}

/* How many packets it has led to at the guest. */
static unsigned hand_in(struct path_rig *f, const uint8_t *bytes, size_t len)
{
    super_rig_sent.count = 0;
    super_rig_hand_in(f, bytes, len, NULL);
    super_rig_finish(f);
    return super_rig_sent.count;
}

static uint64_t drops(const struct path_rig *f)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < HM_DROP_COUNT; i++)
        sum += f->env.counters.drops[i];
    return sum;
}

/* Is the inner packet's byte number `at` covered: by a sum around it, by its header's or by its own? */
static bool is_covered(enum form form, uint8_t protocol, bool has_sum, size_t at)
{
    bool is_own = protocol != 132 && (protocol != HM_IP_PROTO_UDP || has_sum);

    return at < HM_IPV4_LEN || form == GRE_WITH_SUM || form == UDP || is_own;
}

static void break_each_byte(struct path_rig *f, enum form form, uint8_t protocol, bool has_sum)
{
    uint8_t bytes[256];
    size_t inner_at, len = write_frame(bytes, form, protocol, has_sum, &inner_at);

    assert_int_equal(hand_in(f, bytes, len), 1);
    for (size_t at = HM_ETHERNET_LEN; at < len; at++) {
        uint64_t before = drops(f);
        bool is_inside = at >= inner_at, is_header = at < HM_ETHERNET_LEN + HM_IPV4_LEN;
        bytes[at] ^= 0x20;
        unsigned sent = hand_in(f, bytes, len);
        if (is_header || (is_inside && is_covered(form, protocol, has_sum, at - inner_at)))
            assert_int_equal(sent, 0);
        if (is_header || is_inside)
            assert_int_equal(drops(f) - before, sent == 0);
        if (sent == 1 && is_inside) /* as it came: no sum was made right */
            assert_memory_equal(super_rig_sent.frames[0].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN,
                                bytes + inner_at + HM_IPV4_LEN, INNER_LEN - HM_IPV4_LEN);
        bytes[at] ^= 0x20;
    }
}

static void test_a_broken_byte_ends_at_the_exit_of_each_kind_of_tunnel(void **state)
{
    for (enum form form = 0; form < FORM_COUNT; form++)
        for (unsigned i = 0; i < UNIT_COUNT(PROTOCOLS); i++) {
            break_each_byte(*state, form, PROTOCOLS[i], true);
            if (PROTOCOLS[i] == HM_IP_PROTO_UDP)
                break_each_byte(*state, form, PROTOCOLS[i], false);
        }
}

/* A begun sum vouches for what it covers, and not for the header before it, nor for a length that is wrong.
 */
static void test_a_begun_datagram_with_a_broken_header_ends_here(void **state)
{
    struct path_rig *f = *state;
    static struct kernel_rig datagrams;
    struct segment_rig segment = {.src = RIG_FAR,
                                  .dst = RIG_GUEST,
                                  .flags = HM_TCP_ACK,
                                  .header_len = HM_TCP_LEN,
                                  .payload_len = 2000,
                                  .fragment = HM_IPV4_DF};
    struct hm_frame frame = super_rig_tunnelled(&segment, 1000);
    const struct hm_offload begun = {.flags = 1, .csum_start = 34, .csum_offset = 6};
    uint8_t *bytes = datagrams.frames[0].bytes;

    kernel_take(&datagrams, 0, &frame);
    for (size_t at = HM_ETHERNET_LEN; at < 40; at++) {
        uint64_t before = drops(f);
        if (at >= 34 && at < 38) /* a port: then it is for another program */
            continue;
        kernel_set_u16(bytes + 40, kernel_pseudo(bytes + 14, 17, datagrams.frames[0].len - 34));
        bytes[at] ^= 0x20;
        super_rig_sent.count = 0;
        super_rig_hand_in(f, bytes, datagrams.frames[0].len, &begun);
        super_rig_finish(f);
        assert_int_equal(super_rig_sent.count, 0);
        assert_int_equal(drops(f), before + 1);
        bytes[at] ^= 0x20;
    }
}

/* What was broken before it came into the tunnel is its receiver's to see, and is not merged. */
static void test_what_was_broken_before_stays_so(void **state)
{
    static const enum super_rig_arrival ARRIVALS[] = {AS_TRAIN, AS_BEGUN_DATAGRAMS, AS_DATAGRAMS};
    struct path_rig *f = *state;
    static struct kernel_rig datagrams;

    for (unsigned i = 0; i < UNIT_COUNT(ARRIVALS); i++) {
        struct segment_rig segment = {.src = RIG_FAR,
                                      .dst = RIG_GUEST,
                                      .flags = HM_TCP_ACK,
                                      .header_len = HM_TCP_LEN,
                                      .payload_len = 3000,
                                      .fragment = HM_IPV4_DF};
        struct hm_frame frame = super_rig_tunnelled(&segment, 1000);
        datagrams.count = super_rig_sent.count = 0;
        kernel_take(&datagrams, 0, &frame);
        for (unsigned k = 0; k < datagrams.count; k++) {
            uint8_t *bytes = datagrams.frames[k].bytes;
            bytes[500] ^= k == 1;
            kernel_fix_transport(bytes + 14, bytes + 34, datagrams.frames[k].len - 34, 17);
            if (ARRIVALS[i] != AS_TRAIN)
                super_rig_hand_in_datagram(f, ARRIVALS[i], &datagrams.frames[k], 14 + OVERHEAD);
        }
        if (ARRIVALS[i] == AS_TRAIN)
            super_rig_hand_in_train(f, &datagrams);
        super_rig_finish(f);
        assert_int_equal(super_rig_sent.count, 3);
        for (unsigned k = 0; k < 3; k++) {
            const uint8_t *packet = super_rig_sent.frames[k].bytes + HM_ETHERNET_LEN;
            struct hm_ipv4 ip;
            assert_int_equal(hm_ipv4_decode(packet, super_rig_sent.frames[k].len - HM_ETHERNET_LEN, &ip), 0);
            assert_int_equal(hm_transport_checksum_is_right(&ip, packet), k != 1);
        }
    }
}

/* Of a whole that is no whole: nobody can tell where its sum would be. */
static void test_a_fragment_inside_is_nobodys_to_judge(void **state)
{
    uint8_t bytes[256];
    size_t inner_at, len = write_frame(bytes, IPIP, HM_IP_PROTO_UDP, true, &inner_at);

    bytes[inner_at + 6] = HM_IPV4_MF >> 8;
    bytes[inner_at + 50] ^= 1;
    hm_ipv4_fix_checksum(bytes + inner_at, HM_IPV4_LEN);
    assert_int_equal(hand_in(*state, bytes, len), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_broken_byte_ends_at_the_exit_of_each_kind_of_tunnel),
        TEST(test_a_begun_datagram_with_a_broken_header_ends_here),
        TEST(test_what_was_broken_before_stays_so),
        TEST(test_a_fragment_inside_is_nobodys_to_judge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
