/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of router.c and env: whole routers on a port that remembers. */
#include "firmware/router.h"

#include "firmware/wire/icmp.h"
#include "firmware/wire/tcp.h"
#include "tests/unit/rig/rig.h"

struct fixture {
    struct rig rig;
    struct hm_router *router;
};

static void start(struct fixture *f)
{
    assert_int_equal(hm_router_create(&f->rig.config, &f->rig.port, &f->rig.now, &f->router), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    f->rig.config.peer_count = 0; /* nobody is told that it began */
    start(f);
    *state = f;
    return 0;
}

static int setup_gateway(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init_gateway(&f->rig);
    f->rig.config.peer_count = 0;
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_router_destroy(f->router);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define GATEWAY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_gateway, teardown)

static void tick(struct fixture *f)
{
    while (hm_router_tick(f->router, &f->rig.now))
        ;
}

static void hand_in(struct fixture *f, unsigned link, const void *bytes, size_t len)
{
    uint8_t *memory = malloc(HM_FRAME_HEADROOM + len);
    struct hm_frame frame;

    hm_frame_init(&frame, memory, HM_FRAME_HEADROOM + len, len);
    memcpy(frame.data, bytes, len);
    hm_router_frame(f->router, link, &frame, &f->rig.now);
    free(memory);
}

static void hand_in_arp(struct fixture *f, unsigned link, const struct hm_arp *arp)
{
    uint8_t bytes[HM_ARP_FRAME_LEN];

    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &arp->sender_mac, HM_ETHERTYPE_ARP, arp);
    hand_in(f, link, bytes, sizeof(bytes));
}

static void ping_agent_from_far(struct fixture *f)
{
    uint8_t bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + 8] = {0};
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {.total_len = HM_IPV4_LEN + 8,
                         .ttl = 64,
                         .protocol = HM_IP_PROTO_ICMP,
                         .src = RIG_FAR,
                         .dst = f->rig.config.links[0].addr};

    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    bytes[HM_ETHERNET_LEN + HM_IPV4_LEN] = 8;
    bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + 2] = 0xf7;
    bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + 3] = 0xff;
    hand_in(f, 0, bytes, sizeof(bytes));
}

static unsigned questions(const struct fixture *f, uint32_t addr)
{
    unsigned count = 0;

    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        struct hm_arp arp;
        if (rig_arp(&f->rig.frames[i], &arp))
            count += arp.op == HM_ARP_REQUEST && arp.target_addr == addr;
    }
    return count;
}

/* Time that passed since the last tick must not be taken off what a frame arms: the answer to the ping has
 * to wait for the router's MAC, and the question must not be repeated at once. */
static void test_a_timer_that_a_frame_arms_counts_from_the_frame(void **state)
{
    struct fixture *f = *state;

    tick(f);
    rig_forget_frames(&f->rig);
    rig_pass_us(&f->rig, 700000);
    ping_agent_from_far(f);
    assert_int_equal(questions(f, RIG_ROUTER), 1);
    tick(f);
    assert_int_equal(questions(f, RIG_ROUTER), 1);
    assert_true(hm_router_next_ms(f->router) >= f->rig.now.mono_us / 1000);
    rig_pass_us(&f->rig, 250000);
    tick(f);
    assert_int_equal(questions(f, RIG_ROUTER), 2);
}

static void test_a_frame_waits_for_its_next_hop(void **state)
{
    struct fixture *f = *state;
    struct hm_ethernet ethernet;

    ping_agent_from_far(f);
    assert_int_equal(f->rig.frame_count, 1);
    hand_in_arp(f, 0,
                &(struct hm_arp){.op = HM_ARP_REPLY,
                                 .sender_mac = RIG_ROUTER_MAC,
                                 .sender_addr = RIG_ROUTER,
                                 .target_mac = RIG_AGENT_MAC,
                                 .target_addr = RIG_AGENT});
    assert_int_equal(f->rig.frame_count, 2);
    assert_int_equal(hm_ethernet_decode(f->rig.frames[1].bytes, f->rig.frames[1].len, &ethernet), 0);
    assert_memory_equal(&ethernet.dst, &RIG_ROUTER_MAC, 6);
}

static void test_arp_for_the_agents_address_is_answered_and_for_others_not(void **state)
{
    struct fixture *f = *state;
    struct hm_arp arp = {
        .op = HM_ARP_REQUEST, .sender_mac = RIG_VM_MAC, .sender_addr = RIG_VM, .target_addr = RIG_AGENT};
    struct hm_arp answer;

    tick(f);
    rig_forget_frames(&f->rig);
    hand_in_arp(f, 0, &arp);
    assert_int_equal(f->rig.frame_count, 1);
    assert_true(rig_arp(&f->rig.frames[0], &answer));
    assert_int_equal(answer.op, HM_ARP_REPLY);
    assert_memory_equal(&answer.sender_mac, &RIG_AGENT_MAC, 6);
    arp.target_addr = RIG_VM2;
    rig_forget_frames(&f->rig);
    hand_in_arp(f, 0, &arp);
    for (unsigned i = 0; i < f->rig.frame_count; i++)
        assert_true(rig_arp(&f->rig.frames[i], &answer) && answer.op == HM_ARP_REQUEST);
}

/* A clock that is set back by an hour goes on at its own pace, however many events there are. */
static void test_a_clock_that_is_set_back_does_not_stand_still(void **state)
{
    struct fixture *f = *state;
    struct hm_env env;
    uint64_t begin = f->rig.now.ntp;
    struct hm_time now = f->rig.now;

    hm_env_init(&env, &f->rig.config, &f->rig.port, &now);
    now.ntp -= (uint64_t)3600 << 32;
    for (unsigned i = 0; i < 40000; i++) {
        now.mono_us += 250;
        now.ntp += ((uint64_t)250 << 32) / 1000000;
        hm_env_set_time(&env, &now);
    }
    int64_t passed_ms = hm_ntp_diff_ms(env.now.ntp, begin);
    assert_true(passed_ms > 9900 && passed_ms < 10100);
}

static size_t write_transit(uint8_t *bytes, uint8_t protocol, uint8_t ttl, uint16_t fragment, size_t len)
{
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_VM_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + len),
                         .ttl = ttl,
                         .fragment = fragment,
                         .protocol = protocol,
                         .src = RIG_VM,
                         .dst = RIG_FAR};

    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    for (size_t i = 0; i < len; i++)
        bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + i] = (uint8_t)(i * 7 + 1);
    return HM_ETHERNET_LEN + HM_IPV4_LEN + len;
}

static void know_the_wan(struct fixture *f)
{
    hand_in_arp(f, 1,
                &(struct hm_arp){.op = HM_ARP_REPLY,
                                 .sender_mac = RIG_MAC(0xfe),
                                 .sender_addr = 0xc00002feu,
                                 .target_mac = RIG_WAN_MAC,
                                 .target_addr = 0xc0000201u});
    hand_in_arp(f, 0,
                &(struct hm_arp){.op = HM_ARP_REPLY,
                                 .sender_mac = RIG_VM_MAC,
                                 .sender_addr = RIG_VM,
                                 .target_mac = RIG_AGENT_MAC,
                                 .target_addr = RIG_ROUTER});
    rig_forget_frames(&f->rig);
}

/* What is not mobile passes a gateway with all its bytes, but for TTL and header checksum. */
static void test_a_gateway_forwards_what_is_not_mobile_unchanged(void **state)
{
    static const uint8_t PROTOCOLS[] = {HM_IP_PROTO_UDP, HM_IP_PROTO_TCP, HM_IP_PROTO_ICMP, 47};
    struct fixture *f = *state;
    uint8_t bytes[2048];

    know_the_wan(f);
    for (unsigned i = 0; i < UNIT_COUNT(PROTOCOLS); i++) {
        size_t len = write_transit(bytes, PROTOCOLS[i], 64, 0, 100);
        const struct rig_frame *sent = &f->rig.frames[i];
        hand_in(f, 0, bytes, len);
        assert_int_equal(f->rig.frame_count, i + 1);
        assert_int_equal(sent->link, 1);
        assert_int_equal(sent->len, len);
        hm_ipv4_lower_ttl(bytes + HM_ETHERNET_LEN);
        assert_memory_equal(sent->bytes + HM_ETHERNET_LEN, bytes + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN);
    }
}

static void let_things_end(struct fixture *f)
{
    hm_router_destroy(f->router);
    f->router = NULL;
}

static void take_a_datagram(struct fixture *f)
{
    const struct hm_endpoint from = {.addr = RIG_FAR, .port = 1};

    hm_router_datagram(f->router, &from, "?", 1, &f->rig.now);
}

static void end_the_batch(struct fixture *f)
{
    hm_router_flush(f->router);
}

/* Where segments wait for others, whatever else happens sends them. */
static void test_what_waits_is_sent_with_whatever_happens(void **state)
{
    static void (*const HAPPENINGS[])(struct fixture * f) = {end_the_batch, tick, take_a_datagram,
                                                             let_things_end};
    struct fixture *f = *state;
    uint8_t bytes[2048], *tcp = bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
    size_t len = write_transit(bytes, HM_IP_PROTO_TCP, 64, HM_IPV4_DF, 100);

    memset(tcp, 0, HM_TCP_LEN);
    tcp[12] = 5 << 4;
    hm_tcp_set_piece(tcp, 100, RIG_VM, RIG_FAR, 1, HM_TCP_ACK);
    f->rig.port.takes_super_frames = true;
    for (unsigned i = 0; i < UNIT_COUNT(HAPPENINGS); i++) {
        hm_router_destroy(f->router);
        start(f);
        know_the_wan(f);
        end_the_batch(f);
        rig_forget_frames(&f->rig);
        hand_in(f, 0, bytes, len);
        assert_int_equal(f->rig.frame_count, 0);
        HAPPENINGS[i](f);
        assert_true(f->rig.frame_count >= 1); /* the agent's own are behind it */
        assert_int_equal(f->rig.frames[0].len, len);
        assert_int_equal(f->rig.frames[0].bytes[HM_ETHERNET_LEN + 9], HM_IP_PROTO_TCP);
    }
}

static void test_a_gateway_tells_what_it_cannot_forward(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[2048];
    size_t len;
    const uint8_t *icmp = f->rig.frames[0].bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;

    f->rig.config.links[1].mtu = 1400;
    know_the_wan(f);
    len = write_transit(bytes, HM_IP_PROTO_UDP, 64, HM_IPV4_DF, 1480);
    hand_in(f, 0, bytes, len);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
    assert_int_equal(icmp[1], HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(icmp[6] << 8 | icmp[7], 1400);
    rig_forget_frames(&f->rig);
    len = write_transit(bytes, HM_IP_PROTO_UDP, 1, 0, 100);
    hand_in(f, 0, bytes, len);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(icmp[0], HM_ICMP_TIME_EXCEEDED);
    /* RFC 1812 section 5.2.7.1 */
    rig_forget_frames(&f->rig);
    f->rig.config.route_count = 0;
    len = write_transit(bytes, HM_IP_PROTO_UDP, 64, 0, 100);
    hand_in(f, 0, bytes, len);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(icmp[0], HM_ICMP_UNREACHABLE);
}

/* --- what is for the agent itself ------------------------------------------------------------------------
 */

#define ECHO_LEN 1008 /* with its header */
#define PIECE_LEN (ECHO_LEN / 2)

static void write_echo(uint8_t *echo, uint16_t id)
{
    uint16_t sum;

    memset(echo, 0, 8);
    echo[0] = 8;
    echo[4] = (uint8_t)(id >> 8);
    echo[5] = (uint8_t)id;
    for (unsigned i = 8; i < ECHO_LEN; i++)
        echo[i] = (uint8_t)(i * 7 + id);
    sum = (uint16_t)~hm_checksum_add(0, echo, ECHO_LEN);
    echo[2] = (uint8_t)(sum >> 8);
    echo[3] = (uint8_t)sum;
}

static void hand_in_piece(struct fixture *f, const uint8_t *echo, uint16_t id, size_t at, size_t len)
{
    uint8_t bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + ECHO_LEN];
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + len),
                         .id = id,
                         .fragment = (uint16_t)((at + len < ECHO_LEN ? HM_IPV4_MF : 0) | at / 8),
                         .ttl = 64,
                         .protocol = HM_IP_PROTO_ICMP,
                         .src = RIG_FAR,
                         .dst = RIG_AGENT};

    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    memcpy(bytes + HM_ETHERNET_LEN + HM_IPV4_LEN, echo + at, len);
    hand_in(f, 0, bytes, HM_ETHERNET_LEN + HM_IPV4_LEN + len);
}

/* The one frame that was sent is the answer, with all that was sent in it. */
static void assert_echoed(const struct fixture *f, const uint8_t *echo)
{
    const struct rig_frame *sent = &f->rig.frames[0];
    const uint8_t *reply = sent->bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
    struct hm_ipv4 ip;

    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(hm_ipv4_decode(sent->bytes + HM_ETHERNET_LEN, sent->len - HM_ETHERNET_LEN, &ip), 0);
    assert_int_equal(ip.src, RIG_AGENT);
    assert_int_equal(ip.dst, RIG_FAR);
    assert_int_equal(ip.total_len, HM_IPV4_LEN + ECHO_LEN);
    assert_int_equal(reply[0], 0);
    assert_memory_equal(reply + 4, echo + 4, ECHO_LEN - 4);
    assert_int_equal(hm_checksum_add(0, reply, ECHO_LEN), 0xffff);
}

static void test_q12_a_fragmented_echo_request_to_the_agents_own_address_is_answered(void **state)
{
    struct fixture *f = *state;
    uint8_t echo[ECHO_LEN];

    hand_in_arp(f, 0,
                &(struct hm_arp){.op = HM_ARP_REQUEST,
                                 .sender_mac = RIG_ROUTER_MAC,
                                 .sender_addr = RIG_ROUTER,
                                 .target_addr = RIG_AGENT});
    for (uint16_t id = 1; id <= 2; id++) { /* in order, and out of order */
        size_t first_at = id == 1 ? 0 : PIECE_LEN, second_at = PIECE_LEN - first_at;
        write_echo(echo, id);
        rig_forget_frames(&f->rig);
        hand_in_piece(f, echo, id, first_at, PIECE_LEN);
        assert_int_equal(f->rig.frame_count, 0);
        hand_in_piece(f, echo, id, second_at, PIECE_LEN);
        assert_echoed(f, echo);
    }
    /* Half of one is none, and nothing is said of what lacks its first part. */
    write_echo(echo, 3);
    rig_forget_frames(&f->rig);
    hand_in_piece(f, echo, 3, PIECE_LEN, PIECE_LEN);
    for (unsigned s = 0; s < 60; s++) {
        rig_pass_us(&f->rig, 1000000);
        tick(f);
    }
    for (unsigned i = 0; i < f->rig.frame_count; i++)
        assert_int_not_equal(f->rig.frames[i].bytes[HM_ETHERNET_LEN + 9], HM_IP_PROTO_ICMP);
}

/* Random bytes behind a believable beginning: for the sanitizers to judge. */
static void test_noise_breaks_nothing(void **state)
{
    static const uint8_t PROTOCOLS[] = {1, 4, 6, 17, 47};
    struct fixture *f = *state;
    uint64_t chance = unit_seed(1);
    uint8_t bytes[1514];

    for (unsigned round = 0; round < 20000; round++) {
        size_t len = unit_below(&chance, 300);
        size_t payload_len = unit_below(&chance, 200);
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)unit_random(&chance);
        if (round % 2 == 0) {
            len = write_transit(bytes, PROTOCOLS[round / 2 % UNIT_COUNT(PROTOCOLS)], 64,
                                (uint16_t)unit_below(&chance, 4), payload_len);
            for (size_t i = HM_ETHERNET_LEN + HM_IPV4_LEN; i < len; i++)
                bytes[i] = (uint8_t)unit_random(&chance);
            bytes[HM_ETHERNET_LEN + 16] = 10;
            bytes[HM_ETHERNET_LEN + 17] = 1;
            bytes[HM_ETHERNET_LEN + 18] = 0;
            bytes[HM_ETHERNET_LEN + 19] = (uint8_t)unit_below(&chance, 4);
            hm_ipv4_fix_checksum(bytes + HM_ETHERNET_LEN, HM_IPV4_LEN);
        }
        hand_in(f, (unsigned)unit_below(&chance, f->rig.config.link_count), bytes, len);
        rig_pass_us(&f->rig, 1000);
        tick(f);
        rig_forget_frames(&f->rig);
    }
}

/* Several routers in one process share lwIP: a packet goes to one of them only. */
static void test_two_routers_do_not_hear_each_others_packets(void **state)
{
    struct fixture *f = *state, *other = calloc(1, sizeof(*other));

    rig_init(&other->rig);
    other->rig.config.links[0].addr = 0x0a020002u;
    other->rig.config.links[0].prefix.addr = 0x0a020000u;
    other->rig.config.home = other->rig.config.links[0].prefix;
    other->rig.config.home_router = 0x0a020001u;
    other->rig.config.routes[0].gateway = 0x0a020001u;
    other->rig.config.peers = NULL;
    other->rig.config.peer_count = 0;
    start(other);
    ping_agent_from_far(f);
    ping_agent_from_far(other);
    assert_int_equal(questions(f, RIG_ROUTER), 1);
    assert_int_equal(questions(other, 0x0a020001u), 1);
    assert_int_equal(f->rig.frame_count + other->rig.frame_count, 2);
    hm_router_destroy(other->router);
    free(other);
    ping_agent_from_far(f);
    for (unsigned i = 0; i < 40; i++) {
        rig_pass_us(&f->rig, 100000);
        tick(f);
    }
}

/* Everything that one router sends on a link reaches the other's, and the reverse. */
static void cross(struct fixture *one, struct fixture *other, unsigned link, unsigned *total)
{
    struct fixture *both[] = {one, other};

    for (unsigned i = 0; i < 2; i++) {
        static struct rig_frame taken[RIG_FRAMES];
        unsigned count = both[i]->rig.frame_count < RIG_FRAMES ? both[i]->rig.frame_count : RIG_FRAMES;
        memcpy(taken, both[i]->rig.frames, count * sizeof(taken[0]));
        rig_forget_frames(&both[i]->rig);
        for (unsigned k = 0; k < count; k++) {
            if (taken[k].link != link)
                continue;
            hand_in(both[1 - i], link, taken[k].bytes, taken[k].len);
            ++*total;
        }
    }
}

/* Two gateways have one WAN. One asks there for an address that nobody has: the other's curiosity and its own
 * must not keep each other awake. */
static void test_two_agents_on_one_lan_do_not_go_on_asking_each_other(void **state)
{
    struct fixture *f = *state, *other = calloc(1, sizeof(*other));
    uint8_t bytes[2048];
    unsigned total = 0;

    rig_init_gateway(&other->rig);
    other->rig.config.links[0].addr = 0x0a020001u;
    other->rig.config.links[0].prefix.addr = 0x0a020000u;
    other->rig.config.links[0].mac = RIG_MAC(0x42);
    other->rig.config.links[1].addr = 0xc0000202u;
    other->rig.config.links[1].mac = RIG_MAC(0x83);
    other->rig.config.home = other->rig.config.links[0].prefix;
    other->rig.config.home_router = 0x0a020001u;
    other->rig.config.peer_count = 0;
    other->rig.chance = 99;
    start(other);
    hand_in(f, 0, bytes, write_transit(bytes, HM_IP_PROTO_UDP, 64, 0, 100));
    for (unsigned ms = 0; ms < 10000; ms++) {
        rig_pass_us(&f->rig, 1000);
        rig_pass_us(&other->rig, 1000);
        tick(f);
        tick(other);
        cross(f, other, 1, &total);
    }
    assert_true(total < 20);
    hm_router_destroy(other->router);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_timer_that_a_frame_arms_counts_from_the_frame),
        TEST(test_q12_a_fragmented_echo_request_to_the_agents_own_address_is_answered),
        TEST(test_a_frame_waits_for_its_next_hop),
        TEST(test_arp_for_the_agents_address_is_answered_and_for_others_not),
        TEST(test_a_clock_that_is_set_back_does_not_stand_still),
        GATEWAY_TEST(test_a_gateway_forwards_what_is_not_mobile_unchanged),
        GATEWAY_TEST(test_what_waits_is_sent_with_whatever_happens),
        GATEWAY_TEST(test_a_gateway_tells_what_it_cannot_forward),
        TEST(test_noise_breaks_nothing),
        GATEWAY_TEST(test_noise_breaks_nothing),
        TEST(test_two_routers_do_not_hear_each_others_packets),
        GATEWAY_TEST(test_two_agents_on_one_lan_do_not_go_on_asking_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
