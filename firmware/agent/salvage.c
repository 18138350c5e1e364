/* SPDX-License-Identifier: BSD-3-Clause */
/* Salvage: pieces of a stream, passed on by the source and put together by the destination. */
#include "firmware/agent/salvage.h"

#include <string.h>

#include "firmware/agent/destination.h"
#include "firmware/agent/source.h"

#define PASS_MS 3000

static void answer_offset(struct hm_agent *agent, struct hm_control_request *request, uint64_t offset)
{
    struct hm_control_message answer = {.code = HM_CONTROL_OK, .offset = offset};
    hm_control_answer(&agent->server, request, &answer);
}

/* --- the source --------------------------------------------------------------------------------------- */

static void on_passed(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent;
    struct hm_control_request *request = hm_source_give_pending(arg, &agent);
    if (message == NULL) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_UNREACHABLE,
                               "the destination's agent does not answer");
        return;
    }
    struct hm_control_message answer = *message;
    hm_control_answer(&agent->server, request, &answer);
}

void hm_salvage_notice(struct hm_agent *agent, struct hm_control_request *request,
                       struct hm_handover *handover)
{
    const struct hm_control_message *asked = &request->message;
    struct hm_control_message message = {.op = HM_OP_SALVAGED,
                                         .handover_id = handover->id,
                                         .epoch = handover->epoch,
                                         .offset = asked->offset,
                                         .data_len = asked->data_len,
                                         .is_last = asked->is_last,
                                         .cut = asked->cut,
                                         .tap_dropped = asked->tap_dropped};
    memcpy(message.data, asked->data, asked->data_len);
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, handover->other);
    if (handover->role != HM_ROLE_SOURCE || handover->is_returning || !handover->is_stopped || peer == NULL) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "it is not stopped here: %s",
                               hm_handover_state_name(handover->state));
        return;
    }
    void *pending = handover->is_staged ? hm_source_take_pending(agent, handover->id, request) : NULL;
    if (pending == NULL) { /* the destination is not ready: the piece will come again */
        hm_control_defer(&agent->server, request);
        return;
    }
    if (message.is_last) {
        handover->cut = message.cut;
        handover->tap_dropped = message.tap_dropped;
    }
    hm_control_call(&agent->calls, peer, &message, PASS_MS, on_passed, pending);
}

/* --- the destination ---------------------------------------------------------------------------------- */

/* Takes the piece, if it is the next one; false when there is no room. */
static bool take(struct hm_handover *handover, const struct hm_control_message *message)
{
    struct hm_delivery *delivery = handover->delivery;
    if (message->offset != delivery->ways[HM_WAY_SALVAGE].end || delivery->is_closed[HM_WAY_SALVAGE])
        return true;
    if (message->data_len > 0 &&
        !hm_delivery_append(delivery, HM_WAY_SALVAGE, message->data, message->data_len))
        return false;
    if (message->is_last) {
        handover->cut = message->cut;
        handover->tap_dropped = message->tap_dropped;
    }
    return true;
}

void hm_salvage_told(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    struct hm_handover *handover = hm_destination_told(agent, request);
    if (handover == NULL)
        return;
    struct hm_delivery *delivery = handover->delivery;
    if (delivery == NULL || handover->is_returning ||
        delivery->is_closed[HM_WAY_SALVAGE]) { /* it goes on without */
        answer_offset(agent, request, message->offset + message->data_len);
        return;
    }
    bool has_room = take(handover, message);
    uint64_t end = delivery->ways[HM_WAY_SALVAGE].end;
    bool is_whole = message->is_last && message->offset + message->data_len == end;
    if (!has_room) {
        hm_delivery_close(delivery, HM_WAY_SALVAGE);
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "no room for what was salvaged");
        return;
    }
    if (is_whole)
        hm_delivery_close(delivery, HM_WAY_SALVAGE);
    answer_offset(agent, request, end);
}
