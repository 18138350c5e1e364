/* SPDX-License-Identifier: BSD-3-Clause */
/* Progress: what is said of a handover that is known, handed to the module that carries it out. */
#include "firmware/agent/progress.h"

#include <stdio.h>

#include "firmware/agent/destination.h"
#include "firmware/agent/end_marker.h"
#include "firmware/agent/fetch.h"
#include "firmware/agent/notice.h"
#include "firmware/agent/resolve.h"
#include "firmware/agent/salvage.h"
#include "firmware/agent/source.h"
#include "firmware/agent/stop.h"

static void refuse(struct hm_agent *agent, struct hm_control_request *request, enum hm_control_code code,
                   const char *text)
{
    hm_control_answer_text(&agent->server, request, code, "%s", text);
}

/* --- landed, cancel, status --------------------------------------------------------------------------- */

static void answer_state(struct hm_agent *agent, struct hm_control_request *request,
                         const struct hm_handover *handover, enum hm_control_code code, const char *text)
{
    struct hm_control_message answer = {.code = code, .handover_id = handover->id, .epoch = handover->epoch};
    snprintf(answer.vm, sizeof(answer.vm), "%s", handover->vm);
    snprintf(answer.host, sizeof(answer.host), "%s", handover->host);
    snprintf(answer.state, sizeof(answer.state), "%s", hm_handover_state_name(handover->state));
    snprintf(answer.text, sizeof(answer.text), "%s", text);
    hm_control_answer(&agent->server, request, &answer);
}

static void handle_landed(struct hm_agent *agent, struct hm_control_request *request,
                          struct hm_handover *handover)
{
    if (!hm_handover_is_ahead(handover)) {
        bool has_landed = handover->state == HM_HANDOVER_FORWARDING || handover->state == HM_HANDOVER_DONE;
        answer_state(agent, request, handover, has_landed ? HM_CONTROL_OK : HM_CONTROL_REFUSED,
                     handover->reason);
    } else if (handover->role == HM_ROLE_SOURCE) {
        hm_source_landed(agent, handover, request);
    } else {
        hm_destination_landed(agent, handover, "notice");
        answer_state(agent, request, handover, HM_CONTROL_OK, "landed");
    }
}

static void cancel_at_destination(struct hm_agent *agent, struct hm_control_request *request,
                                  struct hm_handover *handover)
{
    hm_destination_call_off(agent, handover, "cancelled");
    answer_state(agent, request, handover, HM_CONTROL_OK, "cancelled");
}

static void handle_cancel(struct hm_agent *agent, struct hm_control_request *request,
                          struct hm_handover *handover)
{
    if (handover->state == HM_HANDOVER_CANCELLED || handover->state == HM_HANDOVER_FAILED)
        answer_state(agent, request, handover, HM_CONTROL_OK, handover->reason);
    else if (!hm_handover_is_ahead(handover))
        answer_state(agent, request, handover, HM_CONTROL_REFUSED, "it has landed");
    else if (handover->role == HM_ROLE_SOURCE)
        hm_source_cancel(agent, handover, request, "cancelled");
    else
        cancel_at_destination(agent, request, handover);
}

/* No handover is known; but a VM that is here needs none, and has landed as far as anybody can say. */
static void handle_unmoved(struct hm_agent *agent, struct hm_control_request *request)
{
    char text[HM_CONTROL_TEXT_LEN];
    struct hm_resolved resolved;
    hm_resolve(agent, &request->message, false, &resolved);
    if (resolved.verdict != HM_RESOLVE_HERE)
        refuse(agent, request, HM_CONTROL_UNKNOWN_VM, "no handover of this VM is known here");
    else if (!hm_notice_is_allowed(request, resolved.nodes, resolved.node_count, text, sizeof(text)))
        refuse(agent, request, HM_CONTROL_REFUSED, text);
    else
        refuse(agent, request, HM_CONTROL_OK, "it is in this subnet, and no handover of it is known");
}

/* What a hypervisor says of a handover that is known, by its id or its VM's name. */
static void answer_known(struct hm_agent *agent, struct hm_control_request *request,
                         struct hm_handover *handover)
{
    switch (request->message.op) {
    case HM_OP_LANDED:
        handle_landed(agent, request, handover);
        return;
    case HM_OP_CANCEL:
        handle_cancel(agent, request, handover);
        return;
    case HM_OP_STOPPED:
        hm_stop_notice(agent, request, handover);
        return;
    case HM_OP_SALVAGE:
        hm_salvage_notice(agent, request, handover);
        return;
    case HM_OP_ATTACH:
        hm_fetch_attach(agent, request, handover);
        return;
    case HM_OP_FETCH:
        hm_fetch_notice(agent, request, handover);
        return;
    default:
        answer_state(agent, request, handover, HM_CONTROL_OK, handover->reason);
    }
}

/* Two hypervisors may use one name for different VMs: the newest that this one may move, else the newest. */
static struct hm_handover *named_and_allowed(const struct hm_agent *agent,
                                             const struct hm_control_request *request)
{
    char text[HM_CONTROL_TEXT_LEN];
    struct hm_handover *at = agent->handovers.newest;
    for (; at != NULL; at = at->older)
        if (hm_handover_is_named(at, &request->message) &&
            hm_notice_is_allowed(request, at->nodes, at->node_count, text, sizeof(text)))
            return at;
    return hm_handover_named(&agent->handovers, &request->message);
}

static struct hm_handover *find_known(const struct hm_agent *agent, const struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    bool is_of_arrival =
        message->op == HM_OP_LANDED || message->op == HM_OP_ATTACH || message->op == HM_OP_FETCH;
    if (message->handover_id == 0)
        return named_and_allowed(agent, request);
    struct hm_handover *handover = hm_handover_lookup(&agent->handovers, message->handover_id,
                                                      is_of_arrival ? HM_ROLE_DESTINATION : HM_ROLE_SOURCE);
    if (handover == NULL)
        handover = hm_handover_lookup(&agent->handovers, message->handover_id,
                                      is_of_arrival ? HM_ROLE_SOURCE : HM_ROLE_DESTINATION);
    return handover;
}

void hm_progress_notice(struct hm_agent *agent, struct hm_control_request *request)
{
    char text[HM_CONTROL_TEXT_LEN];
    struct hm_handover *handover = find_known(agent, request);
    if (handover == NULL && request->message.op >= HM_OP_STOPPED) {
        refuse(agent, request, HM_CONTROL_UNKNOWN_VM, "no handover of this VM is known here");
        return;
    }
    if (handover == NULL) {
        handle_unmoved(agent, request);
        return;
    }
    if (!hm_notice_is_allowed(request, handover->nodes, handover->node_count, text, sizeof(text))) {
        refuse(agent, request, HM_CONTROL_REFUSED, text);
        return;
    }
    answer_known(agent, request, handover);
}

/* --- from the other agent of a handover --------------------------------------------------------------- */

void hm_progress_abort(struct hm_agent *agent, struct hm_control_request *request)
{
    uint64_t id = request->message.handover_id;
    uint32_t peer_addr = request->peer->config->addr;
    struct hm_handover *handover = hm_handover_lookup(&agent->handovers, id, HM_ROLE_DESTINATION);
    if (handover != NULL && handover->other == peer_addr) {
        handover->is_stopped |= request->message.has_stop_notice; /* STOP may be lost: things are under way */
        hm_destination_cancel(agent, handover, "cancelled by the source");
    } else if ((handover = hm_handover_lookup(&agent->handovers, id, HM_ROLE_SOURCE)) != NULL &&
               handover->other == peer_addr) {
        hm_source_undo(agent, handover, "cancelled at the destination");
    } else {
        refuse(agent, request, HM_CONTROL_OK, "nothing is known of it");
        if (request->message.has_stop_notice) /* so nothing of it will come back */
            hm_end_marker_send(agent, peer_addr, id, request->message.epoch);
        return;
    }
    bool has_landed = handover->state == HM_HANDOVER_FORWARDING || handover->state == HM_HANDOVER_DONE;
    answer_state(agent, request, handover, has_landed ? HM_CONTROL_REFUSED : HM_CONTROL_OK,
                 has_landed ? "it has landed" : "cancelled");
}

void hm_progress_land(struct hm_agent *agent, struct hm_control_request *request)
{
    struct hm_handover *handover = hm_destination_told(agent, request);
    if (handover != NULL)
        handle_landed(agent, request, handover);
}
