/* SPDX-License-Identifier: BSD-3-Clause */
/* The fetching of what waits for a VM at its agent: a stream of bytes, asked for in pieces, taken apart into
 * frames. */
#ifndef HM_LINUX_FETCH_H
#define HM_LINUX_FETCH_H

#include "platform/linux/notify_dialogue.h"

#define HM_FETCH_WINDOW 8
#define HM_FETCH_MAX_FRAME 65535
#define HM_FETCH_ROOM (HM_FETCH_MAX_FRAME + 2 + HM_CONTROL_DATA_LEN)

/* Writes a frame; false: there is no room just now, and it will be offered again. */
typedef bool (*hm_fetch_write)(void *ctx, const uint8_t *frame, size_t len);

struct hm_fetch {
    struct hm_dialogue *dialogue;
    struct hm_control_message request; /* what all questions have in common */
    hm_fetch_write write;
    void *ctx;
    uint64_t offset;    /* the stream's bytes taken so far */
    uint64_t confirmed; /* those whose frames are written */
    uint64_t told;      /* what the agent has heard of `confirmed`, and answered */
    uint64_t limit;     /* where the stream ends so far */
    unsigned frames;    /* written */
    uint64_t ready_at;  /* with is_ready: where the stream ended then */
    bool is_ready;
    bool is_last;    /* it ends at `limit` */
    bool is_refused; /* the agent does not go on: `refusal` */
    struct hm_notify_result refusal;
    struct hm_dialogue_slot *slots[HM_FETCH_WINDOW];
    size_t held_len;
    uint8_t held[HM_FETCH_ROOM]; /* taken and not yet written: whole frames and the beginning of one */
};

/* `request` names the VM and the handover; wait_ms in it is how long the agent may wait with an empty answer.
 */
void hm_fetch_begin(struct hm_fetch *fetch, struct hm_dialogue *dialogue,
                    const struct hm_control_message *request, hm_fetch_write write, void *ctx);
/* After each hm_dialogue_work. */
void hm_fetch_work(struct hm_fetch *fetch);
void hm_fetch_end(struct hm_fetch *fetch);

/* All that must be there before the VM runs is written, and the agent knows it. */
bool hm_fetch_is_ready(const struct hm_fetch *fetch);
/* The stream has ended, is written, and the agent knows it. */
bool hm_fetch_is_complete(const struct hm_fetch *fetch);
/* Frames wait that `write` had no room for. */
bool hm_fetch_is_held_up(const struct hm_fetch *fetch);

#endif
