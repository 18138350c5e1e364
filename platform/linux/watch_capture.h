/* SPDX-License-Identifier: BSD-3-Clause */
/* The source's knowledge of what the guest has got: the capture, the device's counter, and the salvage made
 * of them. */
#ifndef HM_LINUX_WATCH_CAPTURE_H
#define HM_LINUX_WATCH_CAPTURE_H

#include "platform/linux/cut.h"
#include "platform/linux/rx_filter.h"
#include "platform/linux/segmentation.h"
#include "platform/linux/watch_loop.h"
#include "platform/linux/watch_nic.h"
#include "platform/linux/watch_still.h"

struct hm_watch_capture {
    struct hm_watch *watch;
    struct hm_rx_filter filter;
    size_t max_frame_len;       /* a longer one may fill several buffers */
    char path[HM_NIC_PATH_LEN]; /* of the virtio device; empty: its counter cannot be asked for */
    uint32_t dropped_before;    /* by the TAP, when the watch began */
    uint32_t dropped;           /* since then */
    bool is_drained;            /* the last sample: the guest had all that was captured */
    uint64_t lost;              /* frames not captured, up to the last sample */
    struct hm_segmentation segmentation;
    struct hm_cut_counter cut;
    struct hm_watch_still still;
};

/* Finds the NIC and begins to capture. False, and said as a warning, when there will be no salvage. */
bool hm_watch_capture_open(struct hm_watch_capture *capture, struct hm_watch *watch);
/* The TAP is as it was. */
void hm_watch_capture_close(struct hm_watch_capture *capture);
/* A migration begins: a guest that has set its device anew since we came has switched segmentation on again.
 */
void hm_watch_capture_renew(struct hm_watch_capture *capture);
/* While the guest runs: one sample of the counters. */
void hm_watch_capture_sample(struct hm_watch_capture *capture, uint64_t until_us);
/* Where the device's counter is not known, and the socket is one past the TAP's qdisc: puts a filler there,
 * which the capture does not see, and reckons with it. */
void hm_watch_capture_fill(struct hm_watch_capture *capture, int fd);
/* The guest has stopped: where was it? `was_drained`: it had got all before, and nothing more was handed to
 * it. */
void hm_watch_capture_find_cut(struct hm_watch_capture *capture, uint64_t until_us, bool was_drained,
                               struct hm_cut_finding *finding);

/* Looks for the end of the old path among the frames from *index on: the takeover's ARP or the handover's
 * marker. True: *index is it. False: *index is the first frame not yet looked at. */
bool hm_watch_capture_find_end(const struct hm_watch_capture *capture, uint64_t handover_id, uint64_t *index);
/* A frame that the guest would have got, without markers; false: it is none, or not kept. The bytes stay
 * until the next is captured. */
bool hm_watch_capture_get(const struct hm_watch_capture *capture, uint64_t index, const uint8_t **bytes,
                          size_t *len);
/* The stream (to be freed) of the frames from `begin` up to `end` that the guest would have got, without
 * markers; NULL: no memory. */
uint8_t *hm_watch_capture_stream(const struct hm_watch_capture *capture, uint64_t begin, uint64_t end,
                                 size_t *len, unsigned *frames, unsigned *skipped);

#endif
