/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet path with its agent, put together as router.c does, open to the test; packets in and out. */
#ifndef HM_UNIT_RIG_PATH_RIG_H
#define HM_UNIT_RIG_PATH_RIG_H

#include "tests/unit/rig/rig.h"

#include "firmware/link/output.h"
#include "firmware/path/path.h"

#define RIG_PAYLOAD 64 /* of rig_packet, behind a UDP header */

struct path_rig {
    struct rig rig;
    struct hm_env env;
    struct hm_neighbours neighbours;
    struct hm_agent agent;
    struct hm_path path;
};

/* An IP packet that came out of a tunnel or is to go into one. */
struct rig_packet {
    uint32_t src, dst;
    uint8_t ttl;       /* 0: 64 */
    uint16_t fragment; /* as on the wire */
    uint8_t tos;
    uint8_t protocol;   /* 0: UDP */
    size_t payload_len; /* 0: RIG_PAYLOAD */
    uint32_t outer_src; /* 0: no tunnel */
    uint32_t outer_dst; /* 0: RIG_AGENT */
    uint8_t outer_tos;
    bool spoil_checksum; /* of the (inner) header */
};

static inline void path_rig_tunnel(void *arg, unsigned link, struct hm_frame *frame)
{
    (void)link;
    hm_path_decapsulate(arg, frame);
}

/* The configuration may be changed between rig_init and this. */
static inline void path_rig_start(struct path_rig *f)
{
    struct hm_stack_path hooks = {.arg = &f->path, .tunnel = path_rig_tunnel, .output = hm_path_output};

    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_neighbours_init(&f->neighbours, &f->env), 0);
    assert_int_equal(hm_path_init(&f->path, &f->env, &f->neighbours, &f->agent), 0);
    assert_int_equal(hm_agent_init(&f->agent, &f->env, &f->neighbours, &hooks), 0);
    hm_timer_cancel(&f->env.wheel,
                    &f->agent.begin); /* what it tells its peers at the start is not asked here */
    hm_neighbour_learn(&f->neighbours, f->env.home_link, RIG_ROUTER, &RIG_ROUTER_MAC);
    rig_forget_frames(&f->rig);
}

static inline void path_rig_stop(struct path_rig *f)
{
    hm_agent_fini(&f->agent);
    hm_path_fini(&f->path);
    hm_neighbours_fini(&f->neighbours);
}

/* Its router answers meanwhile, whatever it is asked. */
static inline void path_rig_pass_ms(struct path_rig *f, uint64_t ms)
{
    for (; ms > 0; ms--) {
        rig_pass_us(&f->rig, 1000);
        f->env.now = f->rig.now;
        if (f->rig.now.mono_us / 1000 % 1000 == 0)
            hm_neighbour_learn(&f->neighbours, f->env.home_link, RIG_ROUTER, &RIG_ROUTER_MAC);
        while (hm_wheel_advance(&f->env.wheel, f->rig.now.mono_us / 1000, 64))
            ;
    }
}

/* Hands in a frame of exactly these bytes. */
static inline void path_rig_frame(struct path_rig *f, unsigned link, const void *bytes, size_t len)
{
    uint8_t *memory = malloc(HM_FRAME_HEADROOM + len);
    struct hm_frame frame;

    assert_non_null(memory);
    hm_frame_init(&frame, memory, HM_FRAME_HEADROOM + len, len);
    memcpy(frame.data, bytes, len);
    f->env.now = f->rig.now;
    hm_path_frame(&f->path, link, &frame);
    hm_output_flush(&f->env);
    free(memory);
}

/* A tunnel is left by none that is wrong. UDP has none, that of others is made right. */
static inline void rig_fix_checksum(const struct hm_ipv4 *ip, uint8_t *payload)
{
    size_t len = (size_t)ip->total_len - HM_IPV4_LEN;
    size_t at = ip->protocol == HM_IP_PROTO_UDP ? 6 : ip->protocol == HM_IP_PROTO_TCP ? 16 : 2;
    uint16_t sum = 0;

    if (len < at + 2)
        return;
    memset(payload + at, 0, 2);
    if (ip->protocol == HM_IP_PROTO_UDP)
        return;
    if (ip->protocol == HM_IP_PROTO_TCP)
        sum = hm_ipv4_pseudo_sum(ip->src, ip->dst, HM_IP_PROTO_TCP, (uint16_t)len);
    sum = (uint16_t)~hm_checksum_add(sum, payload, len);
    payload[at] = (uint8_t)(sum >> 8);
    payload[at + 1] = (uint8_t)sum;
}

static inline size_t rig_write_packet(const struct rig_packet *packet, uint8_t *bytes)
{
    size_t payload_len = packet->payload_len != 0 ? packet->payload_len : RIG_PAYLOAD;
    struct hm_ipv4 ip = {.tos = packet->tos,
                         .total_len = (uint16_t)(HM_IPV4_LEN + payload_len),
                         .id = 77,
                         .fragment = packet->fragment,
                         .ttl = packet->ttl != 0 ? packet->ttl : 64,
                         .protocol = packet->protocol != 0 ? packet->protocol : HM_IP_PROTO_UDP,
                         .src = packet->src,
                         .dst = packet->dst};
    struct hm_ipv4 outer = {.tos = packet->outer_tos,
                            .total_len = (uint16_t)(HM_IPV4_LEN + ip.total_len),
                            .ttl = 60,
                            .protocol = HM_IP_PROTO_IPIP,
                            .src = packet->outer_src,
                            .dst = packet->outer_dst != 0 ? packet->outer_dst : RIG_AGENT};
    uint8_t *at = bytes;

    if (packet->outer_src != 0) {
        hm_ipv4_encode(at, &outer);
        at += HM_IPV4_LEN;
    }
    hm_ipv4_encode(at, &ip);
    if (packet->spoil_checksum)
        at[10] ^= 0x55;
    for (size_t i = 0; i < payload_len; i++)
        at[HM_IPV4_LEN + i] = (uint8_t)i;
    if (packet->outer_src != 0)
        rig_fix_checksum(&ip, at + HM_IPV4_LEN);
    return (size_t)(at - bytes) + ip.total_len;
}

static inline void path_rig_packet(struct path_rig *f, unsigned link, const struct hm_mac *dst,
                                   const struct hm_mac *src, const struct rig_packet *packet)
{
    uint8_t bytes[4096];
    struct hm_ethernet ethernet = {.dst = *dst, .src = *src, .type = HM_ETHERTYPE_IPV4};
    size_t len = rig_write_packet(packet, bytes + HM_ETHERNET_LEN);

    hm_ethernet_encode(bytes, &ethernet);
    path_rig_frame(f, link, bytes, HM_ETHERNET_LEN + len);
}

/* Out of a tunnel: as the home router hands it to us. */
static inline void path_rig_tunnelled(struct path_rig *f, const struct rig_packet *packet)
{
    path_rig_packet(f, 0, &RIG_AGENT_MAC, &RIG_ROUTER_MAC, packet);
}

static inline void path_rig_arp(struct path_rig *f, unsigned link, const struct hm_mac *dst,
                                const struct hm_arp *arp)
{
    uint8_t bytes[HM_ARP_FRAME_LEN];

    hm_arp_encode_frame(bytes, dst, &arp->sender_mac, HM_ETHERTYPE_ARP, arp);
    path_rig_frame(f, link, bytes, sizeof(bytes));
}

/* The IP header of the frame number i that was sent. */
static inline struct hm_ipv4 path_rig_sent(const struct path_rig *f, unsigned i, struct hm_ethernet *ethernet)
{
    const struct rig_frame *frame = &f->rig.frames[i];
    struct hm_ipv4 ip;

    assert_true(i < f->rig.frame_count);
    assert_int_equal(hm_ethernet_decode(frame->bytes, frame->len, ethernet), 0);
    assert_int_equal(ethernet->type, HM_ETHERTYPE_IPV4);
    assert_int_equal(hm_ipv4_decode(frame->bytes + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN, &ip), 0);
    assert_true(hm_ipv4_checksum_is_right(frame->bytes + HM_ETHERNET_LEN, ip.header_len));
    return ip;
}

static inline struct hm_ipv4 path_rig_sent_inner(const struct path_rig *f, unsigned i)
{
    const struct rig_frame *frame = &f->rig.frames[i];
    size_t at = HM_ETHERNET_LEN + HM_IPV4_LEN;
    struct hm_ipv4 ip;

    assert_int_equal(hm_ipv4_decode(frame->bytes + at, frame->len - at, &ip), 0);
    assert_true(hm_ipv4_checksum_is_right(frame->bytes + at, ip.header_len));
    return ip;
}

static inline uint64_t path_rig_dropped(const struct path_rig *f, enum hm_drop reason)
{
    return f->env.counters.drops[reason];
}

/* A node of this home that is at peer B or C. */
static inline struct hm_binding *path_rig_absent(struct path_rig *f, uint32_t addr, const struct hm_mac *mac,
                                                 uint32_t care_of_addr)
{
    struct hm_binding *binding = hm_binding_add(&f->agent.home.bindings, addr, mac);

    assert_non_null(binding);
    binding->care_of_addr = care_of_addr;
    hm_binding_apply(binding, HM_BINDING_ACTIVATE, "test");
    hm_takeover_start(&binding->takeover, f->env.home_link, addr, mac);
    rig_forget_frames(&f->rig);
    return binding;
}

/* A node of B's home: expected here; present after hm_visitor_apply(LAND). */
static inline struct hm_visitor *path_rig_expected(struct path_rig *f, uint32_t addr,
                                                   const struct hm_mac *mac)
{
    struct hm_control_node node = {.home_addr = addr,
                                   .mac = *mac,
                                   .home_agent = RIG_PEER_B,
                                   .home_prefix = {.addr = 0x0a020000u, .len = 24},
                                   .router = 0x0a020001u};
    struct hm_visitor *visitor = hm_visitor_add(&f->agent.foreign.visitors, &node, f->env.home_link);

    assert_non_null(visitor);
    return visitor;
}

static inline struct hm_visitor *path_rig_present(struct path_rig *f, uint32_t addr, const struct hm_mac *mac)
{
    struct hm_visitor *visitor = path_rig_expected(f, addr, mac);

    hm_visitor_apply(visitor, HM_VISITOR_LAND, "test");
    rig_forget_frames(&f->rig);
    return visitor;
}

/* For TEST: nothing is known but the router; or RIG_VM is at peer B; or that, and RIG_GUEST is here. */
static inline int path_rig_setup(void **state)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    rig_init(&f->rig);
    path_rig_start(f);
    *state = f;
    return 0;
}

static inline int path_rig_setup_absent(void **state)
{
    path_rig_setup(state);
    path_rig_absent(*state, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    return 0;
}

static inline int path_rig_setup_both(void **state)
{
    path_rig_setup_absent(state);
    path_rig_present(*state, RIG_GUEST, &RIG_GUEST_MAC);
    return 0;
}

static inline int path_rig_teardown(void **state)
{
    path_rig_stop(*state);
    free(*state);
    return 0;
}

#endif
