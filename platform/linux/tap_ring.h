/* SPDX-License-Identifier: BSD-3-Clause */
/* The capture of what is handed to a VM's TAP, with the newest frames kept. */
#ifndef HM_LINUX_TAP_RING_H
#define HM_LINUX_TAP_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HM_TAP_RING_HISTORY 65536 /* frames kept at most */

struct hm_tap_frame {
    uint64_t offset; /* where its bytes are, in the stream of all bytes ever kept */
    uint32_t len;    /* on the wire */
    bool is_whole;   /* its bytes are kept; else it was too long, or tagged */
};

struct hm_tap_ring {
    int fd; /* poll it for reading */
    unsigned ifindex;
    uint8_t *map; /* shared with the kernel */
    size_t map_len;
    unsigned slot_len, slot_count, next;
    struct hm_tap_frame *frames; /* frame i at i % HM_TAP_RING_HISTORY */
    uint64_t frame_count;        /* ever captured: the next frame's index */
    uint8_t *bytes;
    size_t bytes_len;
    uint64_t bytes_end; /* of the stream */
    uint64_t lost;      /* frames that the kernel had no slot for: all indices behind are wrong */
};

/* Begins to capture; keeps up to history_len bytes. The frames are as long as `mtu` allows. 0 or errno. */
int hm_tap_ring_open(struct hm_tap_ring *ring, unsigned ifindex, uint32_t mtu, size_t history_len);
void hm_tap_ring_close(struct hm_tap_ring *ring);

/* Takes the next frame out of the kernel's hands; false when there is none. Its index is frame_count - 1. */
bool hm_tap_ring_next(struct hm_tap_ring *ring);
/* Renews `lost`. */
void hm_tap_ring_count_lost(struct hm_tap_ring *ring);

/* The device was down, or has gone. */
void hm_tap_ring_clear_error(struct hm_tap_ring *ring);

/* A frame that was captured: false when it is not kept (any more). The bytes stay until the next
 * hm_tap_ring_next. */
bool hm_tap_ring_get(const struct hm_tap_ring *ring, uint64_t index, const uint8_t **bytes, size_t *len);
/* Its length on the wire; 0: not known any more. */
size_t hm_tap_ring_len(const struct hm_tap_ring *ring, uint64_t index);

#endif
