/* SPDX-License-Identifier: BSD-3-Clause */
/* The outbox: small frames on their way out, written to their devices when several are there.
 *
 * While frames are read, looked at and written in turn, each of these three drives the others out of the
 * processor's caches. All of a batch read, then all looked at, then all written costs a tenth less. The
 * frames leave in the order in which they came here, whichever their devices. */
#ifndef HM_LINUX_OUTBOX_H
#define HM_LINUX_OUTBOX_H

#include "platform/linux/tap.h"

#define HM_OUTBOX_FRAMES 64
#define HM_OUTBOX_FRAME_MAX 2048 /* of a frame that is worth a copy */

struct hm_outbox {
    void *ctx;
    /* A frame of that length, put for that link, was not taken by its device. */
    void (*on_unsent)(void *ctx, unsigned link, size_t len);
    unsigned count;
    size_t used_len;
    struct hm_outbox_frame {
        const struct hm_tap *tap;
        unsigned link;
        size_t at, len; /* in bytes, with its header */
    } frames[HM_OUTBOX_FRAMES];
    uint8_t bytes[HM_OUTBOX_FRAMES * (HM_TAP_HEADER_MAX + HM_OUTBOX_FRAME_MAX)];
};

/* Copies a frame of at most HM_OUTBOX_FRAME_MAX bytes; one that is full is sent before. The device stays open
 * until hm_outbox_send. */
void hm_outbox_put(struct hm_outbox *outbox, const struct hm_tap *tap, unsigned link,
                   const struct hm_frame *frame);
/* Writes all, and is empty. */
void hm_outbox_send(struct hm_outbox *outbox);

#endif
