/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet path with tunnels of UDP, on a port that takes super-frames; and super-frames, bare and out of a
 * tunnel, as each kind of kernel hands them over. */
#ifndef HM_UNIT_RIG_WHOLE_RIG_H
#define HM_UNIT_RIG_WHOLE_RIG_H

#include "firmware/link/merge.h"
#include "firmware/path/path.h"
#include "tests/unit/rig/kernel_rig.h"
#include "tests/unit/rig/segment_rig.h"

#define OVERHEAD 32u /* IP, UDP, data message */
#define OUTER_ID_AT 18
#define OUTER_SUM_AT 24

static uint8_t whole_rig_memory[HM_FRAME_HEADROOM + 65536 + 64];
static struct kernel_rig whole_rig_kernel;

static inline int whole_rig_send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    (void)ctx;
    kernel_take(&whole_rig_kernel, link, frame);
    memset(frame->data, 0xdd, frame->len);
    return 0;
}

/* The configuration may be changed between rig_init and this. */
static inline void whole_rig_start(struct path_rig *f, enum hm_tunnel_way way)
{
    f->rig.port.send_frame = whole_rig_send_frame;
    f->rig.port.takes_super_frames = true;
    f->rig.port.tunnel_way = HM_TUNNEL_WAY_WHOLE;
    f->rig.config.tunnel_way = way;
    path_rig_start(f);
    f->env.merge = hm_merge_create(&f->env);
    hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B)->tunnel = HM_ENCAPSULATION_UDP;
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    hm_merge_flush(f->env.merge);
    whole_rig_kernel.count = 0;
}

static inline int whole_rig_setup(void **state, enum hm_tunnel_way way)
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    whole_rig_start(f, way);
    *state = f;
    return 0;
}

static inline int whole_rig_teardown(void **state)
{
    struct path_rig *f = *state;

    hm_merge_destroy(f->env.merge);
    return path_rig_teardown(state);
}

/* The segment behind `before` bytes for outer headers, as a kernel hands it over; its checksum is begun only.
 */
static inline struct hm_frame whole_rig_super_frame(const struct segment_rig *segment,
                                                    const struct hm_mac *dst, const struct hm_mac *src,
                                                    uint16_t gso_size, size_t before)
{
    struct hm_ethernet ethernet = {.dst = *dst, .src = *src, .type = HM_ETHERTYPE_IPV4};
    uint8_t *ip = whole_rig_memory + HM_FRAME_HEADROOM + HM_ETHERNET_LEN + before;
    size_t len = HM_ETHERNET_LEN + before + segment_rig_write(segment, ip);
    struct hm_frame frame;

    hm_frame_init(&frame, whole_rig_memory, sizeof(whole_rig_memory), len);
    hm_ethernet_encode(frame.data, &ethernet);
    kernel_set_u16(ip + HM_IPV4_LEN + 16, kernel_pseudo(ip, 6, segment->header_len + segment->payload_len));
    frame.offload = (struct hm_offload){.flags = 1,
                                        .gso_type = (uint8_t)(1 | (segment->flags & HM_TCP_CWR ? 0x80 : 0)),
                                        .hdr_len = (uint16_t)(34 + before + segment->header_len),
                                        .gso_size = gso_size,
                                        .csum_start = (uint16_t)(34 + before),
                                        .csum_offset = 16};
    return frame;
}

/* The same out of the tunnel from peer B, as its kernel has it before it cuts; behind `before` bytes. */
static inline struct hm_frame whole_rig_tunnelled_behind(const struct segment_rig *segment, uint16_t gso_size,
                                                         size_t before)
{
    struct hm_frame frame = whole_rig_super_frame(segment, &RIG_AGENT_MAC, &RIG_ROUTER_MAC, gso_size, before);
    uint8_t *outer = frame.data + HM_ETHERNET_LEN, *udp = outer + HM_IPV4_LEN;
    struct hm_ipv4 ip = {.tos = 0x28,
                         .total_len = (uint16_t)(frame.len - HM_ETHERNET_LEN),
                         .fragment = HM_IPV4_DF,
                         .ttl = 60,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = RIG_PEER_B,
                         .dst = RIG_AGENT};

    hm_ipv4_encode(outer, &ip);
    kernel_set_u16(udp, 434);
    kernel_set_u16(udp + 2, 434);
    kernel_set_u16(udp + 4, frame.len - 34);
    kernel_set_u16(udp + 6, kernel_pseudo(outer, 17, frame.len - 34));
    memset(udp + 8, 0, before - 28);
    memcpy(udp + 8, "\x04\x04", 2);
    frame.offload.flags = 1 | 8;
    frame.offload.gso_type |= 0x20;
    frame.offload.outer_transport_at = 34;
    frame.offload.inner_network_at = (uint16_t)(14 + before);
    return frame;
}

static inline struct hm_frame whole_rig_tunnelled(const struct segment_rig *segment, uint16_t gso_size)
{
    return whole_rig_tunnelled_behind(segment, gso_size, OVERHEAD);
}

static inline void whole_rig_input(struct path_rig *f, struct hm_frame *frame)
{
    f->env.now = f->rig.now;
    hm_path_frame(&f->path, 0, frame);
}

static inline void whole_rig_finish(struct path_rig *f)
{
    hm_merge_flush(f->env.merge);
}

/* Outer identifications are each way's own. */
static inline void whole_rig_hide_outer_ids(struct kernel_rig *rig)
{
    for (unsigned i = 0; i < rig->count; i++) {
        memset(rig->frames[i].bytes + OUTER_ID_AT, 0, 2);
        memset(rig->frames[i].bytes + OUTER_SUM_AT, 0, 2);
    }
}

static inline void whole_rig_expect_same(const struct kernel_rig *one, const struct kernel_rig *other)
{
    assert_int_equal(one->count, other->count);
    for (unsigned i = 0; i < one->count; i++) {
        assert_int_equal(one->frames[i].link, other->frames[i].link);
        assert_int_equal(one->frames[i].len, other->frames[i].len);
        assert_memory_equal(one->frames[i].bytes, other->frames[i].bytes, one->frames[i].len);
    }
}

enum arrival {
    AS_SUPER_FRAME,
    AS_TRAIN,
    AS_BEGUN_DATAGRAMS, /* as a train arrives where the kernel had to take it apart */
    AS_BEGUN_SEGMENTS, /* as a super-frame does: the sum outside is that of the whole, the one inside is begun
                        */
    AS_DATAGRAMS,
    ARRIVAL_COUNT
};

static inline void whole_rig_hand_in(struct path_rig *f, const uint8_t *bytes, size_t len,
                                     const struct hm_offload *offload)
{
    static uint8_t copy[HM_FRAME_HEADROOM + 65536];
    struct hm_frame frame;

    hm_frame_init(&frame, copy, sizeof(copy), len);
    memcpy(frame.data, bytes, len);
    if (offload != NULL)
        frame.offload = *offload;
    whole_rig_input(f, &frame);
}

/* The datagrams as one frame, as the sender's kernel has it before it cuts. */
static inline void whole_rig_hand_in_train(struct path_rig *f, const struct kernel_rig *datagrams)
{
    static uint8_t bytes[65536];
    struct hm_offload offload = {
        .flags = 1, .gso_type = 5, .hdr_len = 42, .csum_start = 34, .csum_offset = 6};

    for (unsigned first = 0, i; first < datagrams->count; first = i) {
        size_t len = 42;
        memcpy(bytes, datagrams->frames[first].bytes, len);
        for (i = first; i < datagrams->count && i < first + 40; i++) {
            memcpy(bytes + len, datagrams->frames[i].bytes + 42, datagrams->frames[i].len - 42);
            len += datagrams->frames[i].len - 42;
        }
        kernel_fix_ip(bytes + 14, len - 14, 0);
        kernel_set_u16(bytes + 38, len - 34);
        kernel_set_u16(bytes + 40, kernel_pseudo(bytes + 14, 17, len - 34));
        offload.gso_size = (uint16_t)(datagrams->frames[first].len - 42);
        whole_rig_hand_in(f, bytes, len, &offload);
    }
}

static inline void whole_rig_hand_in_as(struct path_rig *f, enum arrival arrival,
                                        const struct segment_rig *segment, uint16_t gso_size)
{
    static struct kernel_rig datagrams;
    struct hm_frame frame = whole_rig_tunnelled(segment, gso_size);

    if (arrival == AS_SUPER_FRAME) {
        whole_rig_input(f, &frame);
        return;
    }
    datagrams.count = 0;
    kernel_take(&datagrams, 0, &frame);
    if (arrival == AS_TRAIN) {
        whole_rig_hand_in_train(f, &datagrams);
        return;
    }
    for (unsigned i = 0; i < datagrams.count; i++) {
        struct kernel_frame *datagram = &datagrams.frames[i];
        struct hm_offload begun = {.flags = 1, .csum_start = 34, .csum_offset = 6};
        if (arrival == AS_BEGUN_DATAGRAMS)
            kernel_set_u16(datagram->bytes + 40, kernel_pseudo(datagram->bytes + 14, 17, datagram->len - 34));
        if (arrival == AS_BEGUN_SEGMENTS) {
            begun.csum_start = 34 + OVERHEAD;
            begun.csum_offset = 16;
            kernel_set_u16(datagram->bytes + 34 + OVERHEAD + 16,
                           kernel_pseudo(datagram->bytes + 14 + OVERHEAD, 6, datagram->len - 34 - OVERHEAD));
        }
        whole_rig_hand_in(f, datagram->bytes, datagram->len, arrival == AS_DATAGRAMS ? NULL : &begun);
    }
}

#endif
