/* SPDX-License-Identifier: BSD-3-Clause */
/* Segmentation offload, simulated. Super-frames are cut as the router itself would (path/super_frame):
 * whether that is right is not seen here, but by the unit tests' own kernel (kernel_rig.h). */
#include "platform/sim/segments.h"

#include "firmware/path/super_frame.h"
#include "firmware/wire/udp.h"
#include "platform/sim/sim.h"

static bool complete_sum(struct hm_frame *frame)
{
    size_t start = frame->offload.csum_start, at = start + frame->offload.csum_offset;
    uint16_t sum;

    if (at + 2 > frame->len)
        return false;
    sum = (uint16_t)~hm_checksum_add(0, frame->data + start, frame->len - start);
    if (sum == 0 && frame->offload.csum_offset == HM_UDP_CHECKSUM_AT)
        sum = 0xffff; /* RFC 768: 0 says that there is none */
    frame->data[at] = (uint8_t)(sum >> 8);
    frame->data[at + 1] = (uint8_t)sum;
    return true;
}

bool hm_sim_segments(struct hm_frame *frame, hm_sim_take_segment *take, void *ctx)
{
    struct hm_super_frame super;
    uint8_t segment[HM_SIM_FRAME_MAX];

    if (frame->offload.gso_type == HM_OFFLOAD_GSO_NONE) {
        if (frame->len > HM_SIM_FRAME_MAX ||
            ((frame->offload.flags & HM_OFFLOAD_NEEDS_CSUM) != 0 && !complete_sum(frame)))
            return false;
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
