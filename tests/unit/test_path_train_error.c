/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of ICMP errors about packets that went into the tunnel together: a router of this host, which
 * sees them before they are taken apart, quotes one header for all of them. */
#include "firmware/path/path.h"
#include "tests/unit/rig/icmp_rig.h"
#include "tests/unit/rig/super_rig.h"

#define PACKETS 3u
#define LEN 1400u                  /* of each, */
#define OUTER_LEN (LEN + OVERHEAD) /* and in the tunnel */
#define QUOTE_LEN 60u

/* Sends some packets of one length; keeps what a router would quote of them. */
static struct path_rig *send_some(enum hm_tunnel_way way, uint8_t quote[QUOTE_LEN])
{
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    uint8_t bytes[HM_ETHERNET_LEN + LEN];
    void *state;

    super_rig_setup(&state, way);
    struct path_rig *f = state;
    super_rig_sent.writes = 0;
    for (unsigned i = 0; i < PACKETS; i++) {
        hm_ethernet_encode(bytes, &ethernet);
        rig_write_packet(
            &(struct rig_packet){
                .src = RIG_FAR, .dst = RIG_VM, .payload_len = LEN - HM_IPV4_LEN, .fragment = HM_IPV4_DF},
            bytes + HM_ETHERNET_LEN);
        super_rig_hand_in(f, bytes, sizeof(bytes), NULL);
    }
    super_rig_finish(f);
    assert_int_equal(super_rig_sent.count, PACKETS);
    assert_int_equal(super_rig_sent.writes, way == HM_TUNNEL_WAY_SINGLE ? PACKETS : 1);
    assert_int_equal(super_rig_sent.frames[0].len, HM_ETHERNET_LEN + OUTER_LEN);
    memcpy(quote, super_rig_sent.frames[0].bytes + HM_ETHERNET_LEN, QUOTE_LEN);
    kernel_fix_ip(quote, PACKETS * OUTER_LEN, 0);
    super_rig_sent.count = 0;
    return f;
}

static void hand_in(struct path_rig *f, const uint8_t *quote, uint16_t mtu)
{
    const struct rig_error error = {.type = HM_ICMP_UNREACHABLE,
                                    .code = HM_ICMP_FRAGMENTATION_NEEDED,
                                    .mtu = mtu,
                                    .quote = quote,
                                    .quote_len = QUOTE_LEN};
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    uint8_t bytes[256];
    size_t len = rig_write_error(&error, f->env.agent_addr, bytes + HM_ETHERNET_LEN);

    hm_ethernet_encode(bytes, &ethernet);
    super_rig_hand_in(f, bytes, HM_ETHERNET_LEN + len, NULL);
    super_rig_finish(f);
}

/* Of the tunnel; 0: that of its link. */
static unsigned told_mtu(struct path_rig *f)
{
    return hm_tunnel_state_find(&f->path.tunnels, RIG_PEER_B)->path_mtu;
}

static void test_i8_an_error_about_all_of_a_train_lowers_the_tunnels_mtu(void **state)
{
    uint8_t quote[QUOTE_LEN];

    (void)state;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_TRAIN; way <= HM_TUNNEL_WAY_WHOLE; way++) {
        void *own = send_some(way, quote);
        struct path_rig *f = own;
        hand_in(f, quote, 1300);
        assert_int_equal(told_mtu(f), 1300);
        assert_int_equal(f->env.counters.events[HM_COUNT_TUNNEL_ERRORS], 1);
        assert_int_equal(path_rig_dropped(f, HM_DROP_ICMP_FORGED), 0);
        assert_int_equal(super_rig_sent.count, 1); /* and the inner sender is told */
        const uint8_t *ip = super_rig_sent.frames[0].bytes + HM_ETHERNET_LEN;
        assert_int_equal(ip[9], HM_IP_PROTO_ICMP);
        assert_int_equal(kernel_u16(ip + HM_IPV4_LEN + 6), 1300 - OVERHEAD);
        super_rig_teardown(&own);
    }
}

/* An MTU of 0 stands for "the next lower usual one": than that of one packet, not of all. */
static void test_i9_the_length_of_one_counts(void **state)
{
    uint8_t quote[QUOTE_LEN];
    void *own = send_some(HM_TUNNEL_WAY_WHOLE, quote);

    (void)state;
    hand_in(own, quote, 0);
    assert_in_range(told_mtu(own), 1000, OUTER_LEN - 1);
    super_rig_teardown(&own);
}

static void test_what_cannot_be_about_what_was_sent_is_forged(void **state)
{
    uint8_t quote[QUOTE_LEN], spoilt[QUOTE_LEN];
    void *own = send_some(HM_TUNNEL_WAY_SINGLE, quote);

    (void)state;
    hand_in(own, quote, 1300); /* nothing ever goes together */
    assert_int_equal(told_mtu(own), 0);
    assert_int_equal(path_rig_dropped(own, HM_DROP_ICMP_FORGED), 1);
    super_rig_teardown(&own);

    own = send_some(HM_TUNNEL_WAY_WHOLE, quote);
    hand_in(own, quote, OUTER_LEN); /* each would fit */
    memcpy(spoilt, quote, sizeof(spoilt));
    kernel_fix_ip(spoilt + OVERHEAD, PACKETS * OUTER_LEN, 0); /* longer than all of it */
    hand_in(own, spoilt, 1300);
    memcpy(spoilt, quote, sizeof(spoilt));
    spoilt[OVERHEAD + 19] ^= 1; /* not a node of this tunnel */
    kernel_fix_ip(spoilt + OVERHEAD, LEN, 0);
    hand_in(own, spoilt, 1300);
    assert_int_equal(told_mtu(own), 0);
    assert_int_equal(path_rig_dropped(own, HM_DROP_ICMP_FORGED), 3);
    super_rig_teardown(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i8_an_error_about_all_of_a_train_lowers_the_tunnels_mtu),
        cmocka_unit_test(test_i9_the_length_of_one_counts),
        cmocka_unit_test(test_what_cannot_be_about_what_was_sent_is_forged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
