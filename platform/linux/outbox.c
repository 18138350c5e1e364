/* SPDX-License-Identifier: BSD-3-Clause */
/* The outbox: frames side by side in memory, in their order. */
#include "platform/linux/outbox.h"

#include <assert.h>

#include "firmware/base/err.h"

void hm_outbox_put(struct hm_outbox *outbox, const struct hm_tap *tap, unsigned link,
                   const struct hm_frame *frame)
{
    struct hm_outbox_frame *own;

    assert(frame->len <= HM_OUTBOX_FRAME_MAX);
    if (outbox->count == HM_OUTBOX_FRAMES)
        hm_outbox_send(outbox);
    own = &outbox->frames[outbox->count++];
    *own = (struct hm_outbox_frame){.tap = tap, .link = link, .at = outbox->used_len};
    own->len = hm_tap_encode(tap, frame, outbox->bytes + own->at);
    outbox->used_len += own->len;
}

void hm_outbox_send(struct hm_outbox *outbox)
{
    for (unsigned i = 0; i < outbox->count; i++) {
        const struct hm_outbox_frame *own = &outbox->frames[i];

        if (hm_tap_write_encoded(own->tap, outbox->bytes + own->at, own->len) != HM_OK)
            outbox->on_unsent(outbox->ctx, own->link, own->len - own->tap->header_len);
    }
    outbox->count = 0;
    outbox->used_len = 0;
}
