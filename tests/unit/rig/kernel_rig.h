/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel makes of a frame with an offload header (offload.md): plain frames, each with all its sums.
 * It is written apart from the code under test, and refuses what the kernel refuses. */
#ifndef HM_UNIT_RIG_KERNEL_RIG_H
#define HM_UNIT_RIG_KERNEL_RIG_H

#include "firmware/base/frame.h"
#ifndef KERNEL_CHECK /* of a program that is no unit test: its own */
#include "tests/unit/unit.h"
#define KERNEL_CHECK assert_true
#endif

#define KERNEL_FRAMES 4096
#define KERNEL_FRAME_LEN 1514

struct kernel_frame {
    unsigned link;
    size_t len;
    uint8_t bytes[KERNEL_FRAME_LEN];
};

struct kernel_rig {
    struct kernel_frame frames[KERNEL_FRAMES];
    unsigned count;
    unsigned writes; /* system calls */
};

static inline unsigned kernel_u16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static inline void kernel_set_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline uint32_t kernel_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static inline uint32_t kernel_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
    return kernel_sum((uint32_t)(protocol + len), ip + 12, 8);
}

static inline void kernel_fix_ip(uint8_t *ip, size_t len, unsigned number)
{
    kernel_set_u16(ip + 2, len);
    kernel_set_u16(ip + 4, kernel_u16(ip + 4) + number);
    kernel_set_u16(ip + 10, 0);
    kernel_set_u16(ip + 10, ~kernel_sum(0, ip, (ip[0] & 15) * 4u));
}

static inline void kernel_fix_transport(const uint8_t *ip, uint8_t *at, size_t len, uint8_t protocol)
{
    uint8_t *field = at + (protocol == 17 ? 6 : 16);

    if (protocol == 17)
        kernel_set_u16(at + 4, len);
    kernel_set_u16(field, 0);
    uint32_t sum = ~kernel_sum(kernel_pseudo(ip, protocol, len), at, len) & 0xffff;
    kernel_set_u16(field, sum == 0 && protocol == 17 ? 0xffff : sum);
}

static inline void kernel_piece(struct kernel_rig *rig, unsigned link, const struct hm_frame *frame,
                                size_t headers_len, size_t at, size_t len, unsigned number)
{
    const struct hm_offload *offload = &frame->offload;
    bool is_tunnel = (offload->gso_type & 0x20) != 0, is_tcp = (offload->gso_type & 0x1f) == 1;
    struct kernel_frame *piece = &rig->frames[rig->count++];
    size_t ip_at = is_tunnel ? offload->inner_network_at : 14;
    uint8_t *transport = piece->bytes + offload->csum_start;

    KERNEL_CHECK(rig->count <= KERNEL_FRAMES && headers_len + len <= KERNEL_FRAME_LEN);
    piece->link = link;
    piece->len = headers_len + len;
    memcpy(piece->bytes, frame->data, headers_len);
    memcpy(piece->bytes + headers_len, frame->data + headers_len + at, len);
    kernel_fix_ip(piece->bytes + ip_at, piece->len - ip_at, number);
    if (is_tcp) {
        uint32_t seq = (uint32_t)kernel_u16(transport + 4) << 16 | kernel_u16(transport + 6);
        kernel_set_u16(transport + 4, (seq + at) >> 16);
        kernel_set_u16(transport + 6, seq + at);
        if (at + len < frame->len - headers_len)
            transport[13] &= (uint8_t)~0x09; /* FIN, PSH */
        if (at > 0)
            transport[13] &= (uint8_t)~0x80; /* CWR */
    }
    kernel_fix_transport(piece->bytes + ip_at, transport, piece->len - offload->csum_start, is_tcp ? 6 : 17);
    if (is_tunnel) {
        kernel_fix_ip(piece->bytes + 14, piece->len - 14, number);
        kernel_fix_transport(piece->bytes + 14, piece->bytes + offload->outer_transport_at,
                             piece->len - offload->outer_transport_at, 17);
    }
}

/* Of a checksum only the addresses' part may be there. */
static inline void kernel_check_begun(const struct hm_frame *frame, size_t ip_at, size_t at, uint8_t protocol)
{
    const uint8_t *field = frame->data + at + (protocol == 17 ? 6 : 16);

    KERNEL_CHECK(kernel_u16(field) == kernel_pseudo(frame->data + ip_at, protocol, frame->len - at));
    KERNEL_CHECK(frame->data[ip_at + 9] == protocol);
    KERNEL_CHECK(kernel_u16(frame->data + ip_at + 2) == frame->len - ip_at);
    KERNEL_CHECK(kernel_sum(0, frame->data + ip_at, (frame->data[ip_at] & 15) * 4u) == 0xffff);
}

static inline void kernel_super(struct kernel_rig *rig, unsigned link, const struct hm_frame *frame)
{
    const struct hm_offload *offload = &frame->offload;
    bool is_tunnel = (offload->gso_type & 0x20) != 0, is_tcp = (offload->gso_type & 0x1f) == 1;
    size_t headers_len =
        offload->csum_start + (is_tcp ? (size_t)(frame->data[offload->csum_start + 12] >> 4) * 4 : 8);
    unsigned number = 0;

    KERNEL_CHECK(offload->flags == (is_tunnel ? 1 | 8 : 1) && frame->len <= 65535);
    KERNEL_CHECK(is_tcp || (offload->gso_type & 0x1f) == 5);
    if (is_tcp) /* ECN, CWR */
        KERNEL_CHECK((offload->gso_type & 0x80) == (frame->data[offload->csum_start + 13] & 0x80));
    KERNEL_CHECK(offload->hdr_len == headers_len);
    KERNEL_CHECK(offload->csum_offset == (is_tcp ? 16 : 6));
    kernel_check_begun(frame, is_tunnel ? offload->inner_network_at : 14, offload->csum_start,
                       is_tcp ? 6 : 17);
    /* else each piece would have the mark */
    KERNEL_CHECK(!is_tcp || (frame->data[offload->csum_start + 13] & 0x80) == 0 ||
                 (offload->gso_type & 0x80) != 0);
    if (is_tunnel)
        kernel_check_begun(frame, 14, offload->outer_transport_at, 17);
    for (size_t at = 0, len; at < frame->len - headers_len; at += len, number++) {
        len = frame->len - headers_len - at;
        len = len < offload->gso_size ? len : offload->gso_size;
        kernel_piece(rig, link, frame, headers_len, at, len, number);
    }
    KERNEL_CHECK(number > 1 && (is_tcp || number <= 64)); /* of one alone the outer sum would stay begun */
}

static inline void kernel_take(struct kernel_rig *rig, unsigned link, const struct hm_frame *frame)
{
    const struct hm_offload *offload = &frame->offload;
    struct kernel_frame *plain = &rig->frames[rig->count];

    rig->writes++;
    if (offload->gso_type != 0) {
        kernel_super(rig, link, frame);
        return;
    }
    KERNEL_CHECK(rig->count++ < KERNEL_FRAMES && frame->len <= KERNEL_FRAME_LEN);
    plain->link = link;
    plain->len = frame->len;
    memcpy(plain->bytes, frame->data, frame->len);
    KERNEL_CHECK((offload->flags & ~1) == 0); /* nothing is claimed to have been verified */
    if (offload->flags & 1) {
        KERNEL_CHECK(offload->csum_start == 34 &&
                     offload->csum_offset == (plain->bytes[14 + 9] == 6 ? 16 : 6));
        kernel_check_begun(frame, 14, offload->csum_start, plain->bytes[14 + 9]);
        kernel_fix_transport(plain->bytes + 14, plain->bytes + offload->csum_start,
                             frame->len - offload->csum_start, plain->bytes[14 + 9]);
    }
}

#endif
