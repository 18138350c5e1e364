/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the stream of waiting frames on its way from the agent (firmware/wire/control.h: FETCH).
 *
 * At the stream's end one question is under way, which the agent holds for a while when there is nothing.
 * When more than a piece is known to be there, the following pieces are asked for as well; an answer is taken
 * when all before it are, and stays in its slot until then. An answer that is shorter than what was asked
 * behind it was planned for makes those questions useless: they are dropped, and the next begins where the
 * stream goes on. Every question confirms what was written until then. */
#include "platform/linux/fetch.h"

#include <string.h>

static const struct hm_dialogue_pace PACE = {.first_ms = 20, .last_ms = 80};

void hm_fetch_begin(struct hm_fetch *fetch, struct hm_dialogue *dialogue,
                    const struct hm_control_message *request, hm_fetch_write write, void *ctx)
{
    memset(fetch, 0, sizeof(*fetch));
    fetch->dialogue = dialogue;
    fetch->request = *request;
    fetch->request.op = HM_OP_FETCH;
    fetch->write = write;
    fetch->ctx = ctx;
    hm_fetch_work(fetch);
}

/* Writes the whole frames that are held. */
static void write_held(struct hm_fetch *fetch)
{
    size_t begin = 0;

    while (fetch->held_len - begin >= 2) {
        size_t len = (size_t)fetch->held[begin] << 8 | fetch->held[begin + 1];

        if (fetch->held_len - begin - 2 < len || !fetch->write(fetch->ctx, fetch->held + begin + 2, len))
            break;
        begin += 2 + len;
        fetch->frames++;
    }
    fetch->confirmed += begin;
    fetch->held_len -= begin;
    memmove(fetch->held, fetch->held + begin, fetch->held_len);
}

static void refuse(struct hm_fetch *fetch, const struct hm_notify_result *result)
{
    fetch->is_refused = true;
    fetch->refusal = *result;
}

static struct hm_dialogue_slot **slot_at(struct hm_fetch *fetch, uint64_t offset)
{
    for (unsigned i = 0; i < HM_FETCH_WINDOW; i++) {
        if (fetch->slots[i] != NULL && fetch->slots[i]->request.offset == offset)
            return &fetch->slots[i];
    }
    return NULL;
}

static void drop(struct hm_dialogue_slot **place)
{
    hm_dialogue_end(*place);
    *place = NULL;
}

/* What an answer says besides its piece; it holds for the answer's own time, so nothing goes back. */
static void take_marks(struct hm_fetch *fetch, const struct hm_dialogue_slot *slot)
{
    const struct hm_control_message *reply = &slot->result.reply;

    if (reply->limit > fetch->limit ||
        reply->is_last) /* what the agent delivers itself is not ours any more */
        fetch->limit = reply->limit;
    if (reply->is_ready && !fetch->is_ready) {
        fetch->is_ready = true;
        fetch->ready_at = reply->limit;
    }
    fetch->is_last = fetch->is_last || reply->is_last;
    if (slot->request.confirmed > fetch->told)
        fetch->told = slot->request.confirmed;
}

/* The piece at `offset`, if it is there and there is room for it. */
static bool take_next(struct hm_fetch *fetch)
{
    struct hm_dialogue_slot **place = slot_at(fetch, fetch->offset);
    const struct hm_control_message *reply;

    if (place == NULL || !(*place)->is_over)
        return false;
    reply = &(*place)->result.reply;
    if (!hm_dialogue_is_ok(*place) || (reply->offset != fetch->offset && reply->data_len > 0)) {
        refuse(fetch, &(*place)->result);
        return false;
    }
    if (fetch->held_len + reply->data_len > sizeof(fetch->held))
        return false;
    take_marks(fetch, *place);
    memcpy(fetch->held + fetch->held_len, reply->data, reply->data_len);
    fetch->held_len += reply->data_len;
    fetch->offset += reply->data_len;
    drop(place);
    return true;
}

/* Questions that no piece will reach: behind a short one. */
static void drop_useless(struct hm_fetch *fetch)
{
    for (unsigned i = 0; i < HM_FETCH_WINDOW; i++) {
        const struct hm_dialogue_slot *slot = fetch->slots[i];

        if (slot != NULL && (slot->request.offset < fetch->offset ||
                             (slot->request.offset - fetch->offset) % HM_CONTROL_DATA_LEN != 0))
            drop(&fetch->slots[i]);
    }
}

static void ask(struct hm_fetch *fetch, struct hm_dialogue_slot **place, uint64_t offset)
{
    fetch->request.offset = offset;
    fetch->request.confirmed = fetch->confirmed;
    *place = hm_dialogue_begin(fetch->dialogue, &fetch->request, &PACE);
}

static void ask_more(struct hm_fetch *fetch)
{
    for (unsigned i = 0; i < HM_FETCH_WINDOW; i++) {
        uint64_t offset = fetch->offset + (uint64_t)i * HM_CONTROL_DATA_LEN;
        struct hm_dialogue_slot **place = NULL;

        if (i > 0 && offset >= fetch->limit)
            return;
        if (slot_at(fetch, offset) != NULL)
            continue;
        for (unsigned k = 0; k < HM_FETCH_WINDOW && place == NULL; k++)
            place = fetch->slots[k] == NULL ? &fetch->slots[k] : NULL;
        if (place != NULL)
            ask(fetch, place, offset);
    }
}

void hm_fetch_work(struct hm_fetch *fetch)
{
    do {
        write_held(fetch);
    } while (!fetch->is_refused && take_next(fetch));
    drop_useless(fetch);
    if (!fetch->is_refused && !hm_fetch_is_complete(fetch))
        ask_more(fetch);
}

void hm_fetch_end(struct hm_fetch *fetch)
{
    for (unsigned i = 0; i < HM_FETCH_WINDOW; i++)
        drop(&fetch->slots[i]);
}

bool hm_fetch_is_ready(const struct hm_fetch *fetch)
{
    return fetch->is_ready && fetch->told >= fetch->ready_at;
}

bool hm_fetch_is_complete(const struct hm_fetch *fetch)
{
    return fetch->is_last && fetch->told >= fetch->limit;
}

bool hm_fetch_is_held_up(const struct hm_fetch *fetch)
{
    return fetch->held_len >= 2 && fetch->held_len - 2 >= ((size_t)fetch->held[0] << 8 | fetch->held[1]);
}
