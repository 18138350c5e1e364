/* SPDX-License-Identifier: BSD-3-Clause */
/* A TAP device: opened and set up by its configuration, then one frame in or out at a time. */
#ifndef HM_LINUX_TAP_H
#define HM_LINUX_TAP_H

#include <stdbool.h>

#include "config/platform_config.h"
#include "firmware/base/frame.h"

/* Of the buffer to read into: the largest super-frame, and its headroom. */
#define HM_TAP_FRAME_MAX (65536 + 64)
#define HM_TAP_BUFFER_LEN (HM_FRAME_HEADROOM + HM_TAP_FRAME_MAX)
#define HM_TAP_HEADER_MAX 24

struct hm_tap {
    int fd;
    size_t header_len;      /* before each frame: at most HM_TAP_HEADER_MAX */
    enum hm_tunnel_way way; /* the best that the kernel takes */
    char device[HM_DEVICE_LEN];
};

/* Creates the device or attaches to it, sets MTU, queue length and bridge, and brings it up. Logs what
 * failed and what to do, and gives HM_ERR_PLATFORM; or 0. */
int hm_tap_open(struct hm_tap *tap, const struct hm_tap_config *config);
/* A device that hm_tap_open created vanishes; one that was there stays. */
void hm_tap_close(struct hm_tap *tap);

/* Reads one frame into memory of HM_TAP_BUFFER_LEN bytes: 1 and the frame, 0 when none waits,
 * HM_ERR_PLATFORM when the device is gone. */
int hm_tap_read(const struct hm_tap *tap, uint8_t *memory, struct hm_frame *frame);
/* Writes one frame; its headroom is used when it is there. 0, or HM_ERR_PLATFORM when the device did not
 * take it. */
int hm_tap_write(const struct hm_tap *tap, const struct hm_frame *frame);

/* The same in two steps: the frame with its header is copied, header_len + frame->len bytes, which are given;
 * and written later. */
size_t hm_tap_encode(const struct hm_tap *tap, const struct hm_frame *frame, uint8_t *bytes);
int hm_tap_write_encoded(const struct hm_tap *tap, const uint8_t *bytes, size_t len);

#endif
