/* SPDX-License-Identifier: BSD-3-Clause */
/* A batch: read, hand over, write. */
#include "platform/linux/batch.h"

#include "firmware/base/err.h"

static void on_unsent(void *ctx, unsigned link, size_t len)
{
    struct hm_batch *batch = ctx;

    hm_router_unsent(batch->router, link, len);
}

void hm_batch_init(struct hm_batch *batch, struct hm_router *router)
{
    batch->router = router;
    batch->is_running = false;
    batch->outbox.ctx = batch;
    batch->outbox.on_unsent = on_unsent;
}

/* Reads up to max small frames, or fewer and a large one, and counts them; gives what the last read gave. */
static int read_ahead(struct hm_batch *batch, const struct hm_tap *tap, unsigned link, unsigned max,
                      unsigned *count)
{
    struct hm_frame *frame = batch->frames;
    bool is_large = false;
    int got = 1;

    for (; frame < batch->frames + max && !is_large; frame++) {
        got = hm_tap_read(tap, batch->memory[frame - batch->frames], frame);
        if (got <= 0)
            break;
        is_large = frame->len > HM_OUTBOX_FRAME_MAX;
        hm_router_foresee(batch->router, link, frame, HM_TABLE_BUCKET);
    }
    *count = (unsigned)(frame - batch->frames);
    if (*count > 1) /* of one alone there is nothing to wait behind */
        for (frame = batch->frames; frame < batch->frames + *count; frame++)
            hm_router_foresee(batch->router, link, frame, HM_TABLE_OBJECT);
    return got;
}

int hm_batch_run(struct hm_batch *batch, const struct hm_tap *tap, unsigned link, const struct hm_time *now)
{
    int got = 1;

    batch->is_running = true;
    for (unsigned done = 0, count; done < HM_ROUTER_AHEAD && got > 0; done += count) {
        got = read_ahead(batch, tap, link, HM_ROUTER_AHEAD - done, &count);
        for (unsigned i = 0; i < count; i++)
            hm_router_frame(batch->router, link, &batch->frames[i], now);
    }
    hm_router_flush(batch->router);
    hm_outbox_send(&batch->outbox);
    batch->is_running = false;
    return got < 0 ? got : HM_OK;
}

int hm_batch_send(struct hm_batch *batch, const struct hm_tap *tap, unsigned link,
                  const struct hm_frame *frame)
{
    if (batch->is_running && frame->len <= HM_OUTBOX_FRAME_MAX) {
        hm_outbox_put(&batch->outbox, tap, link, frame);
        return HM_OK;
    }
    hm_outbox_send(&batch->outbox);
    return hm_tap_write(tap, frame);
}

void hm_batch_flush(struct hm_batch *batch)
{
    hm_outbox_send(&batch->outbox);
}
