/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors to and by an agent of path_rig.h. */
#ifndef HM_UNIT_RIG_ICMP_RIG_H
#define HM_UNIT_RIG_ICMP_RIG_H

#include "tests/unit/rig/path_rig.h"

#include "firmware/wire/icmp.h"

#define RIG_INSIDE 0xc6336401u /* 198.51.100.1, a router between the agents */

/* An ICMP error that a router sends to the agent. */
struct rig_error {
    uint8_t type, code;
    uint8_t pointer;
    uint16_t mtu;
    const uint8_t *quote;
    size_t quote_len;
    bool spoil_checksum;
};

static inline size_t rig_write_error(const struct rig_error *error, uint32_t dst, uint8_t *bytes)
{
    size_t len = HM_ICMP_LEN + error->quote_len;
    struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + len),
                         .ttl = 60,
                         .protocol = HM_IP_PROTO_ICMP,
                         .src = RIG_INSIDE,
                         .dst = dst};
    uint8_t *icmp = bytes + HM_IPV4_LEN;
    uint16_t sum;

    hm_ipv4_encode(bytes, &ip);
    memset(icmp, 0, HM_ICMP_LEN);
    icmp[0] = error->type;
    icmp[1] = error->code;
    icmp[4] = error->pointer;
    icmp[6] = (uint8_t)(error->mtu >> 8);
    icmp[7] = (uint8_t)error->mtu;
    memcpy(icmp + HM_ICMP_LEN, error->quote, error->quote_len);
    sum = (uint16_t)~hm_checksum_add(0, icmp, len);
    icmp[2] = (uint8_t)(sum >> 8);
    icmp[3] = (uint8_t)(sum ^ (error->spoil_checksum ? 0x11 : 0));
    return HM_IPV4_LEN + len;
}

static inline void icmp_rig_error(struct path_rig *f, const struct rig_error *error)
{
    uint8_t bytes[4096];
    struct hm_ethernet ethernet = {
        .dst = f->rig.config.links[0].mac, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t len = rig_write_error(error, f->env.agent_addr, bytes + HM_ETHERNET_LEN);

    hm_ethernet_encode(bytes, &ethernet);
    path_rig_frame(f, 0, bytes, HM_ETHERNET_LEN + len);
}

/* The ICMP message of the frame number i that was sent, which is bare (or, with depth 1, in a tunnel): an
 * error with a right checksum. *ip: the header before it. */
static inline const uint8_t *icmp_rig_sent(const struct path_rig *f, unsigned i, unsigned depth,
                                           struct hm_ipv4 *ip)
{
    const struct rig_frame *frame = &f->rig.frames[i];
    size_t at = HM_ETHERNET_LEN + depth * HM_IPV4_LEN;

    assert_true(i < f->rig.frame_count);
    assert_int_equal(hm_ipv4_decode(frame->bytes + at, frame->len - at, ip), 0);
    assert_true(hm_ipv4_checksum_is_right(frame->bytes + at, ip->header_len));
    assert_int_equal(ip->protocol, HM_IP_PROTO_ICMP);
    const uint8_t *icmp = frame->bytes + at + ip->header_len;
    assert_int_equal(hm_checksum_add(0, icmp, ip->total_len - ip->header_len), 0xffff);
    assert_true(hm_icmp_is_error(icmp[0]));
    return icmp;
}

static inline unsigned icmp_rig_mtu(const uint8_t *icmp)
{
    return (unsigned)(icmp[6] << 8 | icmp[7]);
}

/* A packet for the node that is away; gives how many frames left for it. */
static inline unsigned icmp_rig_send_down(struct path_rig *f, size_t len, uint16_t fragment)
{
    rig_forget_frames(&f->rig);
    path_rig_packet(
        f, 0, &RIG_VM_MAC, &RIG_ROUTER_MAC,
        &(struct rig_packet){
            .src = RIG_FAR, .dst = RIG_VM, .payload_len = len - HM_IPV4_LEN, .fragment = fragment});
    return f->rig.frame_count;
}

/* Sends such a packet and remembers the outer packet, which must have left. */
static inline size_t icmp_rig_send_and_keep(struct path_rig *f, size_t len, uint16_t fragment, uint8_t *outer)
{
    assert_int_equal(icmp_rig_send_down(f, len, fragment), 1);
    size_t outer_len = f->rig.frames[0].len - HM_ETHERNET_LEN;
    assert_int_equal(outer_len, len + HM_IPV4_LEN);
    memcpy(outer, f->rig.frames[0].bytes + HM_ETHERNET_LEN, outer_len);
    rig_forget_frames(&f->rig);
    return outer_len;
}

static inline void icmp_rig_too_big(struct path_rig *f, const uint8_t *quote, size_t quote_len, uint16_t mtu)
{
    icmp_rig_error(f, &(struct rig_error){.type = HM_ICMP_UNREACHABLE,
                                          .code = HM_ICMP_FRAGMENTATION_NEEDED,
                                          .mtu = mtu,
                                          .quote = quote,
                                          .quote_len = quote_len});
}

/* The largest packet that may not be cut and enters the tunnel. */
static inline size_t icmp_rig_tunnel_mtu(struct path_rig *f)
{
    struct hm_ipv4 ip;

    icmp_rig_send_down(f, 1480 + 8, HM_IPV4_DF);
    return icmp_rig_mtu(icmp_rig_sent(f, 0, 0, &ip));
}

#endif
