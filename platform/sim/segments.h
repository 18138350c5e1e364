/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated kernel's part of segmentation offload: the plain frames that a frame stands for. */
#ifndef HM_SIM_SEGMENTS_H
#define HM_SIM_SEGMENTS_H

#include <stdbool.h>

#include "firmware/base/frame.h"

/* Takes each of them, in order; the bytes are valid during the call. */
typedef void hm_sim_take_segment(void *ctx, const uint8_t *bytes, size_t len);

/* With whole checksums, also where the frame is one already. False, and nothing taken: none of those that a
 * device takes. The frame's bytes may change. */
bool hm_sim_segments(struct hm_frame *frame, hm_sim_take_segment *take, void *ctx);

#endif
