/* SPDX-License-Identifier: BSD-3-Clause */
/* Fetching: a stream of frames for the VM's own TAP, piece by piece as it is asked for.
 *
 * The stream ends once the VM runs here and nothing more can come that must go before what reaches it
 * directly: on a foreign LAN everything comes through this agent, so at once; on its home LAN when a frame of
 * it has moved the bridges. When all of the stream was written, what has come meanwhile is delivered over the
 * LAN. */
#include "firmware/agent/fetch.h"

#include <stdio.h>

#define MAX_WAIT_MS 50

static bool is_at_home(const struct hm_agent *agent, const struct hm_handover *handover)
{
    return hm_agent_is_home_of(agent, &handover->nodes[0]);
}

/* Does nothing wait that has to be waited for? */
static bool is_ready(const struct hm_handover *handover)
{
    const struct hm_delivery *delivery = handover->delivery;
    if (!handover->has_stop_notice && !handover->is_stopped) /* nobody will tell more before it runs */
        return true;
    return handover->is_stopped && hm_delivery_is_closed(delivery) &&
           hm_buffer_len(&delivery->ways[HM_WAY_NEW]) == 0;
}

static bool may_end(const struct hm_agent *agent, const struct hm_handover *handover)
{
    bool has_landed = !hm_handover_is_ahead(handover);
    return has_landed && hm_delivery_is_closed(handover->delivery) &&
           (handover->is_seen || !is_at_home(agent, handover));
}

static void answer_state(struct hm_agent *agent, struct hm_control_request *request,
                         const struct hm_handover *handover, struct hm_control_message *answer)
{
    answer->code = HM_CONTROL_OK;
    answer->handover_id = handover->id;
    answer->epoch = handover->epoch;
    snprintf(answer->state, sizeof(answer->state), "%s", hm_handover_state_name(handover->state));
    hm_control_answer(&agent->server, request, answer);
}

void hm_fetch_attach(struct hm_agent *agent, struct hm_control_request *request, struct hm_handover *handover)
{
    struct hm_control_message answer = {0};
    if (handover->role != HM_ROLE_DESTINATION || !hm_handover_is_ahead(handover) ||
        handover->delivery == NULL) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_UNKNOWN_VM,
                               "no handover of this VM to here is under way");
        return;
    }
    handover->delivery->is_fetched = true;
    answer_state(agent, request, handover, &answer);
}

/* All is delivered, and the agent goes on by itself. */
static void answer_over(struct hm_agent *agent, struct hm_control_request *request,
                        const struct hm_handover *handover)
{
    struct hm_control_message answer = {.offset = request->message.offset,
                                        .limit = request->message.confirmed,
                                        .is_ready = true,
                                        .is_last = true};
    answer_state(agent, request, handover, &answer);
}

/* What was confirmed is written, and delivered once the VM has landed: before, it may be needed elsewhere. */
static void release(struct hm_handover *handover)
{
    struct hm_delivery *delivery = handover->delivery;
    if (hm_handover_is_ahead(handover) || delivery->confirmed <= delivery->stream.begin)
        return;
    hm_buffer_release(&delivery->stream, delivery->confirmed);
    hm_handover_stamp(handover, HM_STEP_DELIVERED);
}

/* Answers the fetch with what there is; false when that is nothing and it may wait. Whoever is told that the
 * stream has ended, and has confirmed all of it, does not ask again: the rest goes over the LAN. */
static bool try_answer(struct hm_agent *agent, struct hm_handover *handover,
                       struct hm_control_request *request, bool may_wait)
{
    struct hm_delivery *delivery = handover->delivery;
    struct hm_control_message answer = {.offset = request->message.offset};
    hm_delivery_fill_stream(delivery);
    if (may_end(agent, handover))
        delivery->is_final = true;
    release(handover);
    if (delivery->is_final && hm_buffer_len(&delivery->stream) == 0) {
        answer_over(agent, request, handover);
        hm_delivery_end_fetching(delivery);
        return true;
    }
    answer.limit = delivery->stream.end;
    answer.is_ready = is_ready(handover);
    answer.is_last = delivery->is_final;
    answer.data_len =
        (unsigned)hm_buffer_read(&delivery->stream, answer.offset, answer.data, sizeof(answer.data));
    if (answer.data_len == 0 && may_wait && !answer.is_last && (!answer.is_ready || delivery->is_ready_told))
        return false;
    delivery->is_ready_told = answer.is_ready;
    answer_state(agent, request, handover, &answer);
    return true;
}

static void on_fetch_end(void *arg);

static void wait(struct hm_agent *agent, struct hm_handover *handover, struct hm_control_request *request)
{
    handover->fetch = request;
    if (hm_timer_is_armed(&handover->fetch_end))
        return;
    hm_timer_init(&handover->fetch_end, on_fetch_end, handover);
    hm_timer_arm(&agent->env->wheel, &handover->fetch_end, request->message.wait_ms);
}

static void wake(struct hm_agent *agent, struct hm_handover *handover, bool may_wait)
{
    struct hm_control_request *request = handover->fetch;
    if (request == NULL)
        return;
    handover->fetch = NULL; /* the end of the fetching wakes it, too */
    if (handover->delivery == NULL)
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "nothing waits any more");
    else if (!try_answer(agent, handover, request, may_wait))
        wait(agent, handover, request);
    if (handover->fetch == NULL)
        hm_timer_cancel(&agent->env->wheel, &handover->fetch_end);
}

void hm_fetch_wake(struct hm_agent *agent, struct hm_handover *handover)
{
    wake(agent, handover, true);
}

static void on_fetch_end(void *arg)
{
    struct hm_handover *handover = arg;
    wake(handover->owner->arg, handover, false);
}

static bool confirm(struct hm_delivery *delivery, uint64_t confirmed)
{
    if (confirmed > delivery->stream.end)
        return false;
    if (confirmed > delivery->confirmed)
        delivery->confirmed = confirmed;
    return true;
}

void hm_fetch_notice(struct hm_agent *agent, struct hm_control_request *request, struct hm_handover *handover)
{
    struct hm_delivery *delivery = handover->delivery;
    if (handover->role != HM_ROLE_DESTINATION || handover->is_returning ||
        (handover->state > HM_HANDOVER_DONE && delivery == NULL)) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "%s", handover->reason);
        return;
    }
    if (delivery == NULL || (!delivery->is_fetched && !hm_handover_is_ahead(handover))) {
        answer_over(agent, request, handover);
        return;
    }
    bool is_progress = request->message.confirmed > delivery->confirmed;
    if (!confirm(delivery, request->message.confirmed)) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_MALFORMED,
                               "more is confirmed than was given");
        return;
    }
    hm_delivery_be_fetched(delivery);
    wake(agent, handover, false);     /* one waits at a time */
    if (handover->delivery == NULL) { /* the answer to that one was the last */
        answer_over(agent, request, handover);
        return;
    }
    if (request->message.wait_ms > MAX_WAIT_MS)
        request->message.wait_ms = MAX_WAIT_MS;
    if (!try_answer(agent, handover, request, request->message.wait_ms > 0 && !is_progress))
        wait(agent, handover, request);
}
