/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the waiting for an agent's answers: notify_dialogue.c, with a clock and a poll around it. */
#include "platform/linux/notify_client.h"

#include <assert.h>
#include <poll.h>
#include <string.h>

#include "platform/linux/clock.h"

static uint64_t now_ms(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return now.mono_us / 1000;
}

static void converse(struct hm_dialogue *dialogue, uint64_t end_ms)
{
    struct pollfd ready = {.fd = dialogue->fd, .events = POLLIN};

    for (;;) {
        uint64_t now = now_ms();
        int due = hm_dialogue_due_ms(dialogue);

        if (due < 0 || now >= end_ms)
            return;
        if ((uint64_t)due > end_ms - now)
            due = (int)(end_ms - now);
        poll(&ready, 1, due);
        hm_dialogue_work(dialogue);
    }
}

void hm_notify_ask_all(const struct hm_notify_target *target, const struct hm_control_message *requests,
                       unsigned count, uint64_t wait_ms, struct hm_notify_result *results)
{
    static struct hm_dialogue dialogue;
    int error = hm_dialogue_open(&dialogue, target);

    assert(count <= HM_DIALOGUE_SLOTS);
    memset(results, 0, count * sizeof(*results));
    for (unsigned i = 0; i < count && error != 0; i++)
        results[i] = (struct hm_notify_result){.outcome = HM_NOTIFY_BROKEN, .error = error};
    if (error != 0)
        return;
    /* the slots of a fresh dialogue are given out from the first on */
    for (unsigned i = 0; i < count; i++)
        hm_dialogue_begin(&dialogue, &requests[i], &HM_DIALOGUE_CALM);
    converse(&dialogue, now_ms() + wait_ms);
    for (unsigned i = 0; i < count; i++) {
        results[i] = dialogue.slots[i].result;
        if (results[i].outcome == HM_NOTIFY_SILENT && dialogue.slots[i].has_hint)
            results[i].outcome = HM_NOTIFY_BAD_KEY;
    }
    hm_dialogue_close(&dialogue);
}

void hm_notify_ask(const struct hm_notify_target *target, const struct hm_control_message *request,
                   uint64_t wait_ms, struct hm_notify_result *result)
{
    hm_notify_ask_all(target, request, 1, wait_ms, result);
}
