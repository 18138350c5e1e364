/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of ours that are put into a VM's TAP. */
#ifndef HM_LINUX_TAP_WRITER_H
#define HM_LINUX_TAP_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "firmware/base/addr.h"

#define HM_FILLER_SHORT_LEN 60

/* A socket, the caller's to close, that sends to the TAP, through its qdisc or past it; -1 and errno. */
int hm_tap_writer_open(unsigned ifindex, bool is_past_qdisc);
/* 0, or errno; ENOBUFS: there is no room. */
int hm_tap_writer_send(int fd, const void *frame, size_t len);
/* A frame that is there to be read, and nothing else: it has the type that markers have (wire/marker.h), and
 * is no marker. A guest drops it. As hm_tap_writer_send. */
int hm_tap_writer_fill(int fd, const struct hm_mac *dst, size_t len);

#endif
