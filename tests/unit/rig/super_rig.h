/* SPDX-License-Identifier: BSD-3-Clause */
/* Super-frames as a kernel hands them over, and an agent whose device takes and brings them: what it sends is
 * kept as the plain frames that the kernel makes of it. */
#ifndef HM_UNIT_RIG_SUPER_RIG_H
#define HM_UNIT_RIG_SUPER_RIG_H

#include "firmware/link/output.h"
#include "firmware/path/path.h"
#include "tests/unit/rig/kernel_rig.h"
#include "tests/unit/rig/segment_rig.h"

#define OVERHEAD 32u /* IP, UDP, data message */

static uint8_t super_rig_memory[HM_FRAME_HEADROOM + 65536 + 64];
static struct kernel_rig super_rig_sent;

static inline int super_rig_send(void *ctx, unsigned link, struct hm_frame *frame)
{
    (void)ctx;
    kernel_take(&super_rig_sent, link, frame);
    memset(frame->data, 0xdd, frame->len);
    return 0;
}

/* The configuration may be changed between rig_init and this. */
static inline void super_rig_start(struct path_rig *f, enum hm_tunnel_way way)
{
    f->rig.port.send_frame = super_rig_send;
    f->rig.port.takes_super_frames = true;
    f->rig.port.tunnel_way = HM_TUNNEL_WAY_WHOLE;
    f->rig.config.tunnel_way = way;
    path_rig_start(f);
    hm_output_init(&f->env);
    hm_security_peer_by_addr(&f->agent.security, RIG_PEER_B)->tunnel = HM_ENCAPSULATION_UDP;
    path_rig_absent(f, RIG_VM, &RIG_VM_MAC, RIG_PEER_B);
    path_rig_present(f, RIG_GUEST, &RIG_GUEST_MAC);
    hm_output_flush(&f->env);
    super_rig_sent.count = 0;
}

/* configure: may be NULL. */
static inline int super_rig_setup_as(void **state, enum hm_tunnel_way way, void (*configure)(struct rig *rig))
{
    struct path_rig *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    f->rig.config.buffer_len = 1 << 20;
    f->rig.config.buffers_len = 4 << 20;
    f->rig.config.drain_burst = f->rig.config.drain_per_s = 1000;
    f->rig.config.reorder_wait_ms = 250;
    f->rig.config.max_simultaneous = 2;
    f->rig.config.max_handovers = 4;
    if (configure != NULL)
        configure(&f->rig);
    super_rig_start(f, way);
    *state = f;
    return 0;
}

static inline int super_rig_setup(void **state, enum hm_tunnel_way way)
{
    return super_rig_setup_as(state, way, NULL);
}

static inline int super_rig_teardown(void **state)
{
    struct path_rig *f = *state;

    hm_output_fini(&f->env);
    return path_rig_teardown(state);
}

/* The segment behind `before` bytes for outer headers, as a kernel hands it over; its checksum is begun only.
 */
static inline struct hm_frame super_rig_frame(const struct segment_rig *segment, const struct hm_mac *dst,
                                              const struct hm_mac *src, uint16_t gso_size, size_t before)
{
    struct hm_ethernet ethernet = {.dst = *dst, .src = *src, .type = HM_ETHERTYPE_IPV4};
    uint8_t *ip = super_rig_memory + HM_FRAME_HEADROOM + HM_ETHERNET_LEN + before;
    size_t len = HM_ETHERNET_LEN + before + segment_rig_write(segment, ip);
    struct hm_frame frame;

    hm_frame_init(&frame, super_rig_memory, sizeof(super_rig_memory), len);
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
static inline struct hm_frame super_rig_tunnelled_behind(const struct segment_rig *segment, uint16_t gso_size,
                                                         size_t before)
{
    struct hm_frame frame = super_rig_frame(segment, &RIG_AGENT_MAC, &RIG_ROUTER_MAC, gso_size, before);
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

static inline struct hm_frame super_rig_tunnelled(const struct segment_rig *segment, uint16_t gso_size)
{
    return super_rig_tunnelled_behind(segment, gso_size, OVERHEAD);
}

static inline void super_rig_input(struct path_rig *f, struct hm_frame *frame)
{
    f->env.now = f->rig.now;
    hm_path_frame(&f->path, 0, frame);
}

static inline void super_rig_finish(struct path_rig *f)
{
    hm_output_flush(&f->env);
}

enum super_rig_arrival {
    AS_SUPER_FRAME,
    AS_TRAIN,
    AS_BEGUN_DATAGRAMS, /* as a train arrives where the kernel had to take it apart, */
    AS_BEGUN_INSIDE,    /* and as a super-frame does: the inner checksum is begun, the outer one complete */
    AS_DATAGRAMS,
    ARRIVAL_COUNT
};

static inline void super_rig_hand_in(struct path_rig *f, const uint8_t *bytes, size_t len,
                                     const struct hm_offload *offload)
{
    static uint8_t copy[HM_FRAME_HEADROOM + 65536];
    struct hm_frame frame;

    hm_frame_init(&frame, copy, sizeof(copy), len);
    memcpy(frame.data, bytes, len);
    if (offload != NULL)
        frame.offload = *offload;
    super_rig_input(f, &frame);
}

/* The datagrams as one frame, as the sender's kernel has it before it cuts. */
static inline void super_rig_hand_in_train(struct path_rig *f, const struct kernel_rig *datagrams)
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
        super_rig_hand_in(f, bytes, len, &offload);
    }
}

/* A datagram of those that the kernel made. */
static inline void super_rig_hand_in_datagram(struct path_rig *f, enum super_rig_arrival arrival,
                                              struct kernel_frame *datagram, uint16_t inner_at)
{
    struct hm_offload begun = {.flags = 1, .csum_start = 34, .csum_offset = 6};
    uint8_t *inner = datagram->bytes + inner_at;

    if (arrival == AS_BEGUN_DATAGRAMS) {
        kernel_set_u16(datagram->bytes + 40, kernel_pseudo(datagram->bytes + 14, 17, datagram->len - 34));
    } else if (arrival == AS_BEGUN_INSIDE) {
        begun = (struct hm_offload){.flags = 1, .csum_start = (uint16_t)(inner_at + 20), .csum_offset = 16};
        kernel_set_u16(inner + 36, kernel_pseudo(inner, 6, datagram->len - inner_at - 20));
    }
    super_rig_hand_in(f, datagram->bytes, datagram->len, arrival == AS_DATAGRAMS ? NULL : &begun);
}

static inline void super_rig_arrive(struct path_rig *f, enum super_rig_arrival arrival,
                                    struct hm_frame *frame)
{
    static struct kernel_rig datagrams;

    if (arrival == AS_SUPER_FRAME) {
        super_rig_input(f, frame);
        return;
    }
    datagrams.count = 0;
    kernel_take(&datagrams, 0, frame);
    if (arrival == AS_TRAIN) {
        super_rig_hand_in_train(f, &datagrams);
        return;
    }
    for (unsigned i = 0; i < datagrams.count; i++)
        super_rig_hand_in_datagram(f, arrival, &datagrams.frames[i], frame->offload.inner_network_at);
}

static inline void super_rig_hand_in_as(struct path_rig *f, enum super_rig_arrival arrival,
                                        const struct segment_rig *segment, uint16_t gso_size)
{
    struct hm_frame frame = super_rig_tunnelled(segment, gso_size);

    super_rig_arrive(f, arrival, &frame);
}

static inline void super_rig_expect_same(const struct kernel_rig *one, const struct kernel_rig *other)
{
    assert_int_equal(one->count, other->count);
    for (unsigned i = 0; i < one->count; i++) {
        assert_int_equal(one->frames[i].link, other->frames[i].link);
        assert_int_equal(one->frames[i].len, other->frames[i].len);
        assert_memory_equal(one->frames[i].bytes, other->frames[i].bytes, one->frames[i].len);
    }
}

static inline bool super_rig_is_behind(const struct kernel_frame *one, const struct kernel_frame *other)
{
    int by_dst = memcmp(one->bytes + HM_ETHERNET_LEN + 16, other->bytes + HM_ETHERNET_LEN + 16, 4);

    return one->link != other->link ? one->link > other->link : by_dst > 0;
}

/* What goes to each stays in its order: tunnels do not wait for each other. */
static inline void super_rig_sort_by_destination(struct kernel_rig *rig)
{
    for (unsigned end = 1; end < rig->count; end++) {
        struct kernel_frame frame = rig->frames[end];
        unsigned at = end;
        for (; at > 0 && super_rig_is_behind(&rig->frames[at - 1], &frame); at--)
            rig->frames[at] = rig->frames[at - 1];
        rig->frames[at] = frame;
    }
}

/* Of what is sent: an agent's identifications are each way's own, and of atomic packets they mean nothing
 * (RFC 6864). */
static inline void super_rig_hide_ids(struct kernel_rig *rig)
{
    for (unsigned i = 0; i < rig->count; i++) {
        memset(rig->frames[i].bytes + 14 + 4, 0, 2);
        memset(rig->frames[i].bytes + 14 + 10, 0, 2);
    }
}

#endif
