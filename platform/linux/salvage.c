/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the stream of salvaged frames on its way to the agent (firmware/wire/control.h: offset, is_last).
 *
 * Pieces are sent in order, up to HM_SALVAGE_WINDOW of them unanswered; each answer names the byte that the
 * agent expects next. Where it expects one that is under way, there is nothing to do; one that is not is sent
 * again, with all behind it. The stream is over when the last piece is answered by the stream's length. */
#include "platform/linux/salvage.h"

#include <string.h>

void hm_salvage_begin(struct hm_salvage *salvage, struct hm_dialogue *dialogue,
                      const struct hm_control_message *request, const uint8_t *stream, uint64_t len,
                      enum hm_cut cut, uint32_t tap_dropped)
{
    memset(salvage, 0, sizeof(*salvage));
    salvage->dialogue = dialogue;
    salvage->request = *request;
    salvage->request.op = HM_OP_SALVAGE;
    salvage->stream = stream;
    salvage->len = len;
    salvage->cut = cut;
    salvage->tap_dropped = tap_dropped;
    hm_salvage_work(salvage);
}

static bool is_under_way(const struct hm_salvage *salvage, uint64_t offset)
{
    for (unsigned i = 0; i < HM_SALVAGE_WINDOW; i++) {
        const struct hm_dialogue_slot *slot = salvage->slots[i];

        if (slot != NULL && offset >= slot->request.offset &&
            offset <= slot->request.offset + slot->request.data_len &&
            (offset < slot->request.offset + slot->request.data_len || slot->request.is_last))
            return true;
    }
    return false;
}

static void take_answer(struct hm_salvage *salvage, struct hm_dialogue_slot **place)
{
    struct hm_dialogue_slot *slot = *place;
    uint64_t expected = slot->result.reply.offset;

    *place = NULL;
    if (!hm_dialogue_is_ok(slot) || expected > salvage->len) {
        salvage->is_over = salvage->is_refused = true;
        salvage->refusal = slot->result;
    } else {
        salvage->is_over = slot->request.is_last && expected == salvage->len;
        salvage->is_held = salvage->is_held || expected < slot->request.offset;
        if (expected > salvage->expected) {
            salvage->expected = expected;
            salvage->is_held = false;
        }
    }
    hm_dialogue_end(slot);
}

/* What the agent expects is under way, or will be sent next. */
static void go_back(struct hm_salvage *salvage)
{
    if (is_under_way(salvage, salvage->expected))
        return;
    salvage->next = salvage->expected;
    salvage->is_held = false;
}

static bool has_last_under_way(const struct hm_salvage *salvage)
{
    for (unsigned i = 0; i < HM_SALVAGE_WINDOW; i++) {
        if (salvage->slots[i] != NULL && salvage->slots[i]->request.is_last)
            return true;
    }
    return false;
}

static void send_piece(struct hm_salvage *salvage, struct hm_dialogue_slot **place)
{
    struct hm_control_message *request = &salvage->request;
    uint64_t left = salvage->len - salvage->next;

    request->offset = salvage->next;
    request->data_len = left < HM_CONTROL_DATA_LEN ? (unsigned)left : HM_CONTROL_DATA_LEN;
    request->is_last = request->data_len == left;
    request->cut = request->is_last ? salvage->cut : HM_CUT_NONE;
    request->tap_dropped = request->is_last ? salvage->tap_dropped : 0;
    if (request->data_len > 0)
        memcpy(request->data, salvage->stream + salvage->next, request->data_len);
    *place = hm_dialogue_begin(salvage->dialogue, request, &HM_DIALOGUE_HASTY);
    if (*place != NULL)
        salvage->next += request->data_len;
}

void hm_salvage_work(struct hm_salvage *salvage)
{
    for (unsigned i = 0; i < HM_SALVAGE_WINDOW && !salvage->is_over; i++) {
        if (salvage->slots[i] != NULL && salvage->slots[i]->is_over)
            take_answer(salvage, &salvage->slots[i]);
    }
    go_back(salvage);
    for (unsigned i = 0; i < HM_SALVAGE_WINDOW && !salvage->is_over; i++) {
        /* the last piece is sent once, and may be empty */
        if (salvage->is_held || (salvage->next == salvage->len && has_last_under_way(salvage)))
            return;
        if (salvage->slots[i] == NULL)
            send_piece(salvage, &salvage->slots[i]);
    }
}

void hm_salvage_end(struct hm_salvage *salvage)
{
    for (unsigned i = 0; i < HM_SALVAGE_WINDOW; i++) {
        hm_dialogue_end(salvage->slots[i]);
        salvage->slots[i] = NULL;
    }
}
