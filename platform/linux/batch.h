/* SPDX-License-Identifier: BSD-3-Clause */
/* A batch: the frames that wait at a device, through the router, to where it sends them.
 *
 * Small frames are all read, then all handed over, and what becomes of them is written at the end (outbox),
 * or before something large or a datagram leaves; while they are read, what they will be looked up in comes
 * from memory. A large one is handed over as soon as it is read: it would displace the small ones from the
 * cache. The router works in place, in the memory that a frame was read into; nothing is allocated for a
 * frame. */
#ifndef HM_LINUX_BATCH_H
#define HM_LINUX_BATCH_H

#include "firmware/router.h"
#include "platform/linux/outbox.h"

struct hm_batch {
    struct hm_router *router;
    bool is_running; /* what the router sends now waits in the outbox */
    struct hm_outbox outbox;
    struct hm_frame frames[HM_ROUTER_AHEAD];
    uint8_t memory[HM_ROUTER_AHEAD][HM_TAP_BUFFER_LEN];
};

/* The router is borrowed, and has hm_batch_send as its port's send_frame. */
void hm_batch_init(struct hm_batch *batch, struct hm_router *router);

/* Takes at most HM_ROUTER_AHEAD frames from the device, which is that link of the router. 0, or
 * HM_ERR_PLATFORM when the device is gone. */
int hm_batch_run(struct hm_batch *batch, const struct hm_tap *tap, unsigned link, const struct hm_time *now);

/* Sends a frame, or keeps a copy until the end of the batch that runs: 0, or HM_ERR_PLATFORM when the device
 * did not take it. Of one that is kept the router is told then. */
int hm_batch_send(struct hm_batch *batch, const struct hm_tap *tap, unsigned link,
                  const struct hm_frame *frame);
/* Sends what is kept: before anything else leaves that came later. */
void hm_batch_flush(struct hm_batch *batch);

#endif
