/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the waiting for an agent's answers: notify_dialogue.c, with a clock and a poll around it. */
#include "platform/linux/notify_client.h"

#include <poll.h>
#include <string.h>

#include "platform/linux/clock.h"

static uint64_t now_ms(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return now.mono_us / 1000;
}

/* Requests that go by one dialogue, as many at a time as it has slots. */
struct group {
    struct hm_dialogue dialogue;
    const struct hm_control_message *requests;
    struct hm_notify_result *results;
    unsigned count, begun;
    struct hm_dialogue_slot *slots[HM_DIALOGUE_SLOTS]; /* NULL: free */
    unsigned of[HM_DIALOGUE_SLOTS];                    /* whose request is in it */
};

static void take_result(struct group *group, unsigned at)
{
    const struct hm_dialogue_slot *slot = group->slots[at];
    struct hm_notify_result *result = &group->results[group->of[at]];

    *result = slot->result;
    if (result->outcome == HM_NOTIFY_SILENT && slot->has_hint)
        result->outcome = HM_NOTIFY_BAD_KEY;
    hm_dialogue_end(group->slots[at]);
    group->slots[at] = NULL;
}

/* Takes what is answered and begins what there is room for; false when nothing is under way any more. */
static bool go_on(struct group *group)
{
    bool is_under_way = false;

    for (unsigned at = 0; at < HM_DIALOGUE_SLOTS; at++) {
        if (group->slots[at] != NULL && group->slots[at]->is_over)
            take_result(group, at);
        if (group->slots[at] == NULL && group->begun < group->count) {
            group->of[at] = group->begun++;
            group->slots[at] =
                hm_dialogue_begin(&group->dialogue, &group->requests[group->of[at]], &HM_DIALOGUE_CALM);
        }
        is_under_way |= group->slots[at] != NULL;
    }
    return is_under_way;
}

static void converse(struct group *group, uint64_t end_ms)
{
    struct pollfd ready = {.fd = group->dialogue.fd, .events = POLLIN};

    while (go_on(group)) {
        uint64_t now = now_ms();
        int due = hm_dialogue_due_ms(&group->dialogue);

        if (now >= end_ms)
            return;
        if (due < 0) /* one that could not even be sent is over */
            continue;
        if ((uint64_t)due > end_ms - now)
            due = (int)(end_ms - now);
        poll(&ready, 1, due);
        hm_dialogue_work(&group->dialogue);
    }
}

void hm_notify_ask_all(const struct hm_notify_target *target, const struct hm_control_message *requests,
                       unsigned count, uint64_t wait_ms, struct hm_notify_result *results)
{
    static struct group group;
    int error;

    group = (struct group){.requests = requests, .results = results, .count = count};
    error = hm_dialogue_open(&group.dialogue, target);
    for (unsigned i = 0; i < count; i++)
        results[i] = (struct hm_notify_result){.outcome = error != 0 ? HM_NOTIFY_BROKEN : HM_NOTIFY_SILENT,
                                               .error = error};
    if (error != 0)
        return;
    converse(&group, now_ms() + wait_ms);
    for (unsigned at = 0; at < HM_DIALOGUE_SLOTS; at++)
        if (group.slots[at] != NULL)
            take_result(&group, at);
    hm_dialogue_close(&group.dialogue);
}

void hm_notify_ask(const struct hm_notify_target *target, const struct hm_control_message *request,
                   uint64_t wait_ms, struct hm_notify_result *result)
{
    hm_notify_ask_all(target, request, 1, wait_ms, result);
}
