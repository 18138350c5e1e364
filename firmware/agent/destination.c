/* SPDX-License-Identifier: BSD-3-Clause */
/* The destination's side of a handover, once it is being prepared (agent/prepare). The source is answered
 * when the last outcome is in: all, or none. The landing of one NIC is the landing of the VM. */
#include "firmware/agent/destination.h"

#include <stdio.h>

#include "firmware/agent/call.h"
#include "firmware/agent/destination_parts.h"
#include "firmware/agent/fetch.h"
#include "firmware/agent/replay.h"
#include "firmware/agent/rollback.h"
#include "firmware/agent/source.h"
#include "firmware/agent/waiting.h"

#define ARRIVED_WAIT_MS 30000
#define RUNS_HERE_MS 10000

/* Undoes what one address has staged. */
static void undo_node(struct hm_agent *agent, const struct hm_handover *handover,
                      const struct hm_control_node *node, const char *reason)
{
    if (hm_agent_is_home_of(agent, node)) {
        hm_home_unstage(&agent->home, node->home_addr, handover->id, reason);
        return;
    }
    struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (visitor != NULL && visitor->handover_id == handover->id &&
        (visitor->state == HM_VISITOR_EXPECTED || visitor->state == HM_VISITOR_BUFFERING))
        hm_foreign_withdraw(&agent->foreign, visitor, reason);
}

static void undo(struct hm_agent *agent, const struct hm_handover *handover, const char *reason)
{
    for (unsigned i = 0; i < handover->node_count; i++)
        undo_node(agent, handover, &handover->nodes[i], reason);
}

void hm_destination_undo(struct hm_agent *agent, struct hm_handover *handover)
{
    undo(agent, handover, handover->reason);
}

static void answer(struct hm_agent *agent, struct hm_handover *handover, enum hm_control_code code,
                   const char *text)
{
    struct hm_control_request *request = handover->request;
    handover->request = NULL;
    if (request != NULL)
        hm_control_answer_text(&agent->server, request, code, "%s", text);
}

void hm_destination_fail(struct hm_agent *agent, struct hm_handover *handover, enum hm_control_code code,
                         const char *text)
{
    hm_handover_apply(handover, HM_HANDOVER_FAIL, text);
    hm_waiting_end(agent, handover);
    undo(agent, handover, "staged all or none");
    answer(agent, handover, code, text);
}

/* All outcomes are in. */
void hm_destination_conclude(struct hm_agent *agent, struct hm_handover *handover)
{
    char text[HM_CONTROL_TEXT_LEN];
    if (!hm_handover_is_ahead(handover)) /* it has landed meanwhile: that is better than staged */
        answer(agent, handover, HM_CONTROL_OK, "landed");
    else if (!handover->refused) {
        handover->is_staged = true;
        hm_handover_apply(handover, HM_HANDOVER_STAGED, "all addresses registered");
        answer(agent, handover, HM_CONTROL_OK, "staged");
    } else if (handover->refusal == HM_REGISTRATION_SILENT)
        hm_destination_fail(agent, handover, HM_CONTROL_UNREACHABLE, "the home agent does not answer");
    else {
        snprintf(text, sizeof(text), "the home agent refuses: %s (code %u)",
                 hm_reply_code_text((uint8_t)handover->refusal), handover->refusal);
        hm_destination_fail(agent, handover, HM_CONTROL_REFUSED, text);
    }
}

static void on_arrived_answer(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent = arg;
    if (message == NULL)
        hm_env_log(agent->env, HM_LOG_WARNING, "a source agent was not reached after a landing");
}

void hm_destination_tell_source(struct hm_agent *agent, uint32_t source, const char *vm, uint64_t handover_id,
                                uint32_t epoch)
{
    struct hm_control_message message = {.op = HM_OP_ARRIVED, .handover_id = handover_id, .epoch = epoch};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, source);
    snprintf(message.vm, sizeof(message.vm), "%s", vm);
    if (peer != NULL)
        hm_control_call(&agent->calls, peer, &message, ARRIVED_WAIT_MS, on_arrived_answer, agent);
}

struct hm_handover *hm_destination_told(struct hm_agent *agent, struct hm_control_request *request)
{
    struct hm_handover *handover =
        hm_handover_lookup(&agent->handovers, request->message.handover_id, HM_ROLE_DESTINATION);
    if (handover != NULL && handover->other == request->peer->config->addr)
        return handover;
    hm_control_answer_text(&agent->server, request, HM_CONTROL_UNKNOWN_VM, "no such handover here");
    return NULL;
}

void hm_destination_staged(struct hm_agent *agent, struct hm_visitor *visitor, unsigned code)
{
    struct hm_handover *handover =
        hm_handover_lookup(&agent->handovers, visitor->handover_id, HM_ROLE_DESTINATION);
    if (handover == NULL || handover->awaited == 0 || hm_handover_has_ended(handover))
        return;
    if (code != HM_CODE_ACCEPTED && code != HM_CODE_ACCEPTED_NO_SIMULTANEOUS && !handover->refused) {
        handover->refused = true;
        handover->refusal = code;
    }
    if (--handover->awaited == 0)
        hm_destination_conclude(agent, handover);
}

/* --- landing ------------------------------------------------------------------------------------------ */

static void land_node(struct hm_agent *agent, struct hm_handover *handover,
                      const struct hm_control_node *node, const char *reason)
{
    if (hm_agent_is_home_of(agent, node)) {
        struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
        if (binding != NULL && hm_binding_motion(binding)->staged_handover_id == handover->id)
            hm_home_landed(&agent->home, binding, reason);
        return;
    }
    struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (visitor == NULL || visitor->handover_id != handover->id ||
        (visitor->state != HM_VISITOR_EXPECTED && visitor->state != HM_VISITOR_BUFFERING))
        return;
    handover->awaited++;
    hm_foreign_landed(&agent->foreign, visitor, reason);
}

static void finish(struct hm_handover *handover)
{
    hm_handover_stamp(handover, HM_STEP_REGISTERED);
    hm_handover_apply(handover, HM_HANDOVER_FINISH, "landed");
}

/* Over the LAN. On its home LAN the VM's first frame has moved the bridges, and what waits may be overtaken
 * by what reaches it directly. */
static void drain(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_delivery *delivery = handover->delivery;
    if (hm_agent_is_home_of(agent, &handover->nodes[0]) && !delivery->is_fetched)
        delivery->counts.overtaken =
            delivery->counts.waited[HM_WAY_OLD] + delivery->counts.waited[HM_WAY_NEW];
    hm_delivery_drain(delivery);
}

/* The VM runs here: what waits for it goes out, once its bridges know where it is. */
static void deliver(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_delivery *delivery = handover->delivery;
    if (delivery == NULL)
        return;
    hm_delivery_send_up(delivery);
    if (!handover->is_stopped && !handover->has_stop_notice) { /* nobody will tell what came before */
        hm_replay_deliver(agent, handover);
        hm_delivery_close(delivery, HM_WAY_SALVAGE);
        hm_delivery_close(delivery, HM_WAY_OLD);
    }
    hm_delivery_be_patient(delivery);
    if (delivery->is_fetched)
        hm_delivery_be_fetched(delivery);
    if (handover->is_seen)
        drain(agent, handover);
    else
        hm_call_start(agent, handover);
    hm_fetch_wake(agent, handover);
}

static void land(struct hm_agent *agent, struct hm_handover *handover, const char *reason)
{
    hm_handover_apply(handover, HM_HANDOVER_LAND, reason);
    handover->awaited = 1;
    for (unsigned i = 0; i < handover->node_count; i++)
        land_node(agent, handover, &handover->nodes[i], reason);
    answer(agent, handover, HM_CONTROL_OK, "landed");
    hm_destination_tell_source(agent, handover->other, handover->vm, handover->id, handover->epoch);
    deliver(agent, handover);
    if (--handover->awaited == 0)
        finish(handover);
    else
        hm_timer_arm(&agent->env->wheel, &handover->lifetime,
                     (uint64_t)agent->env->config->lifetime_s * 1000);
}

/* On its home LAN everything is intercepted until a frame of it has moved the bridges: what they have sent
 * here before would be lost. */
void hm_destination_landed(struct hm_agent *agent, struct hm_handover *handover, const char *reason)
{
    if (!hm_handover_is_ahead(handover))
        return;
    if (!hm_agent_is_home_of(agent, &handover->nodes[0]) || handover->is_seen) {
        land(agent, handover, reason);
        return;
    }
    handover->is_told_landed = true;
    hm_call_start(agent, handover);
}

void hm_destination_unseen(struct hm_agent *agent, struct hm_handover *handover)
{
    if (hm_handover_is_ahead(handover) && !handover->is_told_landed)
        return;
    handover->is_seen = true;
    if (hm_handover_is_ahead(handover))
        land(agent, handover, "told by its hypervisor; it was not seen");
    else if (handover->delivery != NULL)
        drain(agent, handover);
}

void hm_destination_seen(struct hm_agent *agent, struct hm_handover *handover, const struct hm_mac *mac)
{
    bool is_ahead = hm_handover_is_ahead(handover);
    if (handover->is_returning || (!is_ahead && handover->is_seen))
        return;
    if (is_ahead && handover->has_stop_notice && !handover->is_stopped && !handover->is_told_landed) {
        handover->early++;
        handover->early_ms = hm_env_ms(agent->env);
        return;
    }
    if (mac != NULL && hm_agent_is_home_of(agent, &handover->nodes[0]) &&
        !hm_call_note_answer(agent, handover, mac))
        return;
    handover->is_seen = true;
    hm_call_stop(agent, handover);
    if (is_ahead)
        land(agent, handover, "first frame");
    else if (handover->delivery != NULL)
        drain(agent, handover);
}

/* It was seen to run here though nobody told its stop: rather that than nowhere. */
static bool runs_here(const struct hm_agent *agent, const struct hm_handover *handover)
{
    return handover->early > 0 && hm_env_ms(agent->env) - handover->early_ms < RUNS_HERE_MS;
}

void hm_destination_expire(struct hm_agent *agent, struct hm_handover *handover)
{
    if (hm_handover_is_ahead(handover) && runs_here(agent, handover)) {
        handover->is_seen = true;
        handover->has_stop_notice = false; /* none will come */
        land(agent, handover, "it runs here, and its stop was never told");
    } else if (hm_handover_is_ahead(handover) && handover->is_told_landed) {
        hm_destination_unseen(agent, handover);
    } else if (hm_handover_is_ahead(handover)) {
        hm_destination_call_off(agent, handover, "staged lifetime over");
    } else {
        hm_handover_apply(handover, HM_HANDOVER_FAIL, "no registration after the landing");
    }
}

void hm_destination_activated(struct hm_agent *agent, struct hm_visitor *visitor, unsigned code)
{
    struct hm_handover *handover =
        hm_handover_lookup(&agent->handovers, visitor->handover_id, HM_ROLE_DESTINATION);
    if (handover == NULL || handover->awaited == 0 || hm_handover_has_ended(handover))
        return;
    if (code != HM_CODE_ACCEPTED && code != HM_CODE_ACCEPTED_NO_SIMULTANEOUS)
        hm_handover_apply(handover, HM_HANDOVER_FAIL, "registration after landing failed");
    else if (--handover->awaited == 0)
        finish(handover);
}

/* --- the end ------------------------------------------------------------------------------------------ */

/* Either it knows, or it is not there: what waits here for it goes back. */
static void on_source_told(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent;
    uint64_t id = hm_source_pending_id(arg);
    hm_source_give_pending(arg, &agent);
    struct hm_handover *handover = hm_handover_lookup(&agent->handovers, id, HM_ROLE_DESTINATION);
    if (message == NULL)
        hm_env_log(agent->env, HM_LOG_WARNING, "a source agent was not reached after a cancel");
    if (handover != NULL)
        hm_rollback_release(agent, handover);
}

static void abort_source(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_control_message message = {
        .op = HM_OP_ABORT, .handover_id = handover->id, .epoch = handover->epoch};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, handover->other);
    void *pending = peer == NULL ? NULL : hm_source_take_pending(agent, handover->id, NULL);
    if (pending == NULL) {
        hm_env_log(agent->env, HM_LOG_WARNING, "a source agent was not told of a cancel");
        hm_rollback_release(agent, handover);
        return;
    }
    hm_control_call(&agent->calls, peer, &message, agent->env->config->wait_ms, on_source_told, pending);
}

/* True when something waits that must go back. */
static bool cancel(struct hm_agent *agent, struct hm_handover *handover, const char *reason)
{
    uint32_t home_agent = handover->nodes[0].home_agent;
    bool is_one_way = home_agent == handover->other || hm_env_is_own_addr(agent->env, home_agent);
    hm_call_stop(agent, handover);
    hm_handover_apply(handover, HM_HANDOVER_CANCEL, reason);
    answer(agent, handover, HM_CONTROL_REFUSED, reason);
    if (handover->is_stopped || (handover->delivery != NULL && !hm_delivery_is_empty(handover->delivery))) {
        hm_rollback_return(agent, handover, is_one_way);
        return true;
    }
    hm_waiting_end(agent, handover);
    undo(agent, handover, reason);
    return false;
}

void hm_destination_cancel(struct hm_agent *agent, struct hm_handover *handover, const char *reason)
{
    if (hm_handover_is_ahead(handover) && cancel(agent, handover, reason))
        hm_rollback_release(agent, handover);
}

void hm_destination_call_off(struct hm_agent *agent, struct hm_handover *handover, const char *reason)
{
    if (!hm_handover_is_ahead(handover))
        return;
    cancel(agent, handover, reason);
    abort_source(agent, handover);
}
