/* SPDX-License-Identifier: BSD-3-Clause */
/* Segmentation offload, simulated. */
#include "platform/sim/segments.h"

#include "firmware/path/super_frame.h"
#include "platform/sim/sim.h"

static void complete_sum(struct hm_frame *frame)
{
    size_t at = (size_t)frame->offload.csum_start + frame->offload.csum_offset;
    size_t len = frame->len - frame->offload.csum_start;
    uint16_t sum = (uint16_t)~hm_checksum_add(0, frame->data + frame->offload.csum_start, len);

    frame->data[at] = (uint8_t)(sum >> 8);
    frame->data[at + 1] = (uint8_t)sum;
}

bool hm_sim_segments(struct hm_frame *frame, hm_sim_take_segment *take, void *ctx)
{
    struct hm_super_frame super;
    uint8_t segment[HM_SIM_FRAME_MAX];

    if (frame->offload.gso_type == HM_OFFLOAD_GSO_NONE) {
        if (frame->len > HM_SIM_FRAME_MAX)
            return false;
        if ((frame->offload.flags & HM_OFFLOAD_NEEDS_CSUM) != 0)
            complete_sum(frame);
        take(ctx, frame->data, frame->len);
        return true;
    }
    if (!hm_super_frame_read(frame, &super) || super.headers_len + super.piece_len > HM_SIM_FRAME_MAX)
        return false;
    for (unsigned number = 0; number < hm_super_frame_count(&super); number++) {
        size_t len = hm_super_frame_write_piece(&super, number, segment);
        take(ctx, segment, len);
    }
    return true;
}
