/* SPDX-License-Identifier: BSD-3-Clause */
/* An Ethernet frame on its way through the router: bytes with headroom, and its offload header.
 *
 * The platform owns the memory and lends it for the length of a call; a module that keeps a frame
 * copies it. Headroom is large enough for an outer Ethernet, IP, UDP and tunnel header. The
 * offload fields are the values of virtio_net_hdr in host order (offload.md); zero: a plain frame
 * whose checksums are complete. */
#ifndef HM_BASE_FRAME_H
#define HM_BASE_FRAME_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define HM_FRAME_HEADROOM 128
#define HM_FRAME_MAX 65535 /* bytes that a device takes: a longer one is cut short, or lost */

#define HM_OFFLOAD_NEEDS_CSUM 1  /* flags: the checksum is only begun */
#define HM_OFFLOAD_TUNNEL_CSUM 8 /* flags: of a tunnel, its own UDP checksum is wanted too */
#define HM_OFFLOAD_GSO_NONE 0    /* gso_type */
#define HM_OFFLOAD_GSO_TCPV4 1
#define HM_OFFLOAD_GSO_UDP 5       /* a train of datagrams */
#define HM_OFFLOAD_GSO_TUNNEL 0x20 /* beside TCPV4: within a UDP tunnel over IPv4 */
#define HM_OFFLOAD_GSO_ECN 0x80    /* beside it: CWR is for the first segment alone */

struct hm_offload {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t outer_transport_at; /* of a tunnel: where its UDP header begins, */
    uint16_t inner_network_at;   /* and the inner IP header */
};

struct hm_frame {
    uint8_t *memory; /* start of the buffer */
    size_t cap;      /* bytes from memory on */
    uint8_t *data;   /* first byte of the frame, within the buffer */
    size_t len;      /* bytes of the frame */
    struct hm_offload offload;
};

/* A frame of len bytes (to be filled in) at HM_FRAME_HEADROOM in memory of cap bytes. */
static inline void hm_frame_init(struct hm_frame *frame, uint8_t *memory, size_t cap, size_t len)
{
    assert(cap >= HM_FRAME_HEADROOM + len);
    *frame = (struct hm_frame){.memory = memory, .cap = cap, .data = memory + HM_FRAME_HEADROOM, .len = len};
}

/* Grows at the front; NULL (and nothing changed) when the headroom is used up. */
static inline uint8_t *hm_frame_push(struct hm_frame *frame, size_t len)
{
    if ((size_t)(frame->data - frame->memory) < len)
        return NULL;
    frame->data -= len;
    frame->len += len;
    return frame->data;
}

/* Shrinks at the front; len must be there. */
static inline void hm_frame_pull(struct hm_frame *frame, size_t len)
{
    assert(frame->len >= len);
    frame->data += len;
    frame->len -= len;
}

#endif
