/* SPDX-License-Identifier: BSD-3-Clause */
/* The source's side of a handover.
 *
 * The source may be the VM's home agent or the foreign agent where it visits; it does not matter here:
 * bindings move by the destination's registrations alone. When the destination says that the VM has arrived,
 * a visitor is let go; if the VM went home, its home agent is told by a deregistration. */
#include "firmware/agent/source.h"

#include <stdio.h>
#include <string.h>

#include "firmware/agent/call.h"
#include "firmware/agent/rollback.h"
#include "firmware/agent/stop.h"

#define ABORT_WAIT_MS 3000
#define GRACE_MS 1000

/* What an answer of the destination needs to find its way back. Handover records may be reused meanwhile,
 * so they are named by id. */
struct pending {
    struct hm_agent *agent;
    uint64_t handover_id;
    struct hm_control_request *request;
    bool dry_run;
};

static struct pending *take_pending(struct hm_agent *agent, uint64_t handover_id,
                                    struct hm_control_request *request)
{
    struct pending *pending = hm_slab_take(&agent->pendings);
    if (pending != NULL)
        *pending = (struct pending){.agent = agent, .handover_id = handover_id, .request = request};
    return pending;
}

static struct pending give_pending(struct pending *pending)
{
    struct pending copy = *pending;
    hm_slab_give(&copy.agent->pendings, pending);
    return copy;
}

void *hm_source_take_pending(struct hm_agent *agent, uint64_t handover_id, struct hm_control_request *request)
{
    return take_pending(agent, handover_id, request);
}

struct hm_control_request *hm_source_give_pending(void *pending, struct hm_agent **agent)
{
    struct pending copy = give_pending(pending);
    *agent = copy.agent;
    return copy.request;
}

uint64_t hm_source_pending_id(const void *pending)
{
    return ((const struct pending *)pending)->handover_id;
}

size_t hm_source_pending_len(void)
{
    return sizeof(struct pending);
}

static void answer(struct hm_agent *agent, struct hm_control_request *request, enum hm_control_code code,
                   uint64_t handover_id, const char *state, const char *text)
{
    struct hm_control_message message = {.code = code, .handover_id = handover_id};
    snprintf(message.state, sizeof(message.state), "%s", state);
    snprintf(message.text, sizeof(message.text), "%s", text);
    if (request != NULL)
        hm_control_answer(&agent->server, request, &message);
}

/* --- staging ------------------------------------------------------------------------------------------ */

/* Newer than all that was heard of these addresses, and than anything forgotten: epochs start from the clock.
 */
static uint32_t next_epoch(struct hm_agent *agent, const struct hm_source_plan *plan)
{
    uint32_t epoch = (uint32_t)(agent->env->now.ntp >> 32);
    if (agent->last_epoch != 0 && (int32_t)(agent->last_epoch - epoch) >= 0)
        epoch = agent->last_epoch + 1;
    for (unsigned i = 0; i < plan->node_count; i++) {
        const struct hm_control_node *node = &plan->nodes[i];
        const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
        const struct hm_visitor *visitor = hm_agent_visitor(agent, node);
        if (binding != NULL && binding->handover_id != 0 && (int32_t)(binding->epoch - epoch) >= 0)
            epoch = binding->epoch + 1;
        const struct hm_motion *motion = binding != NULL ? hm_binding_motion(binding) : &HM_MOTION_NONE;
        if (motion->staged_handover_id != 0 && (int32_t)(motion->staged_epoch - epoch) >= 0)
            epoch = motion->staged_epoch + 1;
        if (visitor != NULL && (int32_t)(visitor->epoch - epoch) >= 0)
            epoch = visitor->epoch + 1;
    }
    agent->last_epoch = epoch;
    hm_store_note_agent(agent->env->store);
    return epoch;
}

static void add_neighbours(const struct hm_agent *agent, const struct hm_source_plan *plan,
                           struct hm_control_message *message)
{
    const struct hm_control_node *node = &plan->nodes[0];
    const struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (visitor != NULL) {
        memcpy(message->neighbours, visitor->neighbours, sizeof(message->neighbours));
        message->neighbour_count = visitor->neighbour_count;
    } else {
        message->neighbour_count = hm_neighbour_recent(agent->neighbours, agent->env->home_link, &node->mac,
                                                       message->neighbours, HM_CONTROL_MAX_NEIGHBOURS);
    }
}

static struct hm_handover *add_handover(struct hm_agent *agent, const struct hm_source_plan *plan,
                                        uint64_t id, uint32_t epoch)
{
    struct hm_handover *handover = hm_handover_add(&agent->handovers, id, epoch, HM_ROLE_SOURCE);
    if (handover == NULL)
        return NULL;
    snprintf(handover->vm, sizeof(handover->vm), "%s", plan->vm);
    snprintf(handover->host, sizeof(handover->host), "%s", plan->host);
    handover->other = plan->destination->config->addr;
    handover->has_stop_notice = plan->has_stop_notice;
    memcpy(handover->nodes, plan->nodes, plan->node_count * sizeof(*plan->nodes));
    handover->node_count = plan->node_count;
    return handover;
}

/* An earlier handover of the same VM that has not landed gives way. */
static void supersede(struct hm_agent *agent, const struct hm_handover *newer)
{
    struct hm_handover *handover = newer->older;
    for (; handover != NULL; handover = handover->older)
        if (handover->role == HM_ROLE_SOURCE && hm_handover_is_ahead(handover) &&
            hm_handover_shares_node(handover, newer))
            hm_source_cancel(agent, handover, NULL, "a newer handover began");
}

static void on_aborted(void *arg, const struct hm_control_message *message)
{
    struct pending pending = give_pending(arg);
    if (message == NULL)
        answer(
            pending.agent, pending.request, HM_CONTROL_UNREACHABLE, pending.handover_id, "cancelled",
            "cancelled here; the destination does not answer and forgets at the end of the staged lifetime");
    else
        answer(pending.agent, pending.request, message->code, pending.handover_id,
               message->code == HM_CONTROL_OK ? "cancelled" : message->state, message->text);
}

/* Tells the destination to undo its part; the request is answered by its word. After a stop the message goes
 * behind what was sent there. */
static void abort_destination(struct hm_agent *agent, const struct hm_handover *handover,
                              struct hm_control_request *request, const char *reason)
{
    struct hm_control_message message = {.op = HM_OP_ABORT,
                                         .handover_id = handover->id,
                                         .epoch = handover->epoch,
                                         .has_stop_notice = handover->is_returning};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, handover->other);
    struct pending *pending = peer == NULL ? NULL : take_pending(agent, handover->id, request);
    snprintf(message.text, sizeof(message.text), "%s", reason);
    if (peer == NULL || (pending == NULL && request != NULL))
        answer(agent, request, HM_CONTROL_UNREACHABLE, handover->id, "cancelled", reason);
    else if (pending == NULL)
        hm_env_log(agent->env, HM_LOG_WARNING,
                   "too many requests at once: a destination was not told of a cancel");
    else
        (handover->is_returning ? hm_control_call_by_tunnel : hm_control_call)(
            &agent->calls, peer, &message, ABORT_WAIT_MS, on_aborted, pending);
}

/* The handover has gone on, or ended, before the destination's answer came. */
static void answer_overtaken(struct hm_agent *agent, const struct hm_handover *handover,
                             struct hm_control_request *request, enum hm_control_code code)
{
    bool has_landed = handover->state == HM_HANDOVER_FORWARDING || handover->state == HM_HANDOVER_DONE;
    answer(agent, request, has_landed ? HM_CONTROL_OK : HM_CONTROL_REFUSED, handover->id,
           hm_handover_state_name(handover->state), handover->reason);
    if (!has_landed && code == HM_CONTROL_OK) /* it prepared after it had been told off */
        abort_destination(agent, handover, NULL, handover->reason);
}

/* A little longer than the destination's: that knows whether the VM was seen there. */
static void arm_lifetime(struct hm_agent *agent, struct hm_handover *handover)
{
    hm_timer_arm(&agent->env->wheel, &handover->lifetime,
                 (uint64_t)agent->env->config->staged_lifetime_s * 1000 + GRACE_MS);
}

/* The destination is ready; the VM may have been stopped before it was. */
static void go_on(struct hm_agent *agent, struct hm_handover *handover)
{
    handover->is_staged = true;
    for (unsigned i = 0; i < handover->node_count; i++) {
        struct hm_visitor *visitor = hm_visitor_by_home(
            &agent->foreign.visitors, handover->nodes[i].home_agent, handover->nodes[i].home_addr);
        if (visitor != NULL)
            visitor->next_handover_id = handover->id;
    }
    hm_handover_apply(handover, HM_HANDOVER_STAGED, "the destination is ready");
    hm_handover_stamp(handover, HM_STEP_STAGED);
    arm_lifetime(agent, handover);
    if (handover->is_stopped)
        hm_stop_divert(agent, handover);
}

/* The destination refuses or is silent. In the latter case it may have staged, and its answer was lost. */
static void give_up(struct hm_agent *agent, struct hm_handover *handover, const char *text, bool is_silent)
{
    bool was_stopped = handover->is_stopped;
    hm_handover_apply(handover, HM_HANDOVER_FAIL, text);
    if (was_stopped)
        hm_rollback_begin(agent, handover);
    if (is_silent)
        abort_destination(agent, handover, NULL, text);
}

static void on_prepared(void *arg, const struct hm_control_message *message)
{
    struct pending pending = give_pending(arg);
    struct hm_agent *agent = pending.agent;
    struct hm_handover *handover = hm_handover_lookup(&agent->handovers, pending.handover_id, HM_ROLE_SOURCE);
    const char *text = message == NULL ? "the destination's agent does not answer" : message->text;
    enum hm_control_code code = message == NULL ? HM_CONTROL_UNREACHABLE : message->code;
    if (pending.dry_run) {
        answer(agent, pending.request, code, 0, "dry-run", text);
        return;
    }
    bool is_open = handover != NULL && !handover->is_staged && hm_handover_is_ahead(handover);
    if (handover != NULL && !is_open) {
        answer_overtaken(agent, handover, pending.request, code);
        return;
    }
    if (is_open && code == HM_CONTROL_OK)
        go_on(agent, handover);
    else if (is_open)
        give_up(agent, handover, text, message == NULL);
    answer(agent, pending.request, code, pending.handover_id,
           handover != NULL ? hm_handover_state_name(handover->state) : "", text);
}

void hm_source_prepare(struct hm_agent *agent, const struct hm_source_plan *plan,
                       struct hm_control_request *request)
{
    struct hm_control_message message = {.op = HM_OP_PREPARE,
                                         .handover_id = hm_env_random(agent->env) | 1,
                                         .epoch = next_epoch(agent, plan),
                                         .lifetime_s = agent->env->config->staged_lifetime_s,
                                         .node_count = plan->node_count,
                                         .has_stop_notice = plan->has_stop_notice,
                                         .dry_run = plan->dry_run};
    snprintf(message.vm, sizeof(message.vm), "%s", plan->vm);
    snprintf(message.host, sizeof(message.host), "%s", plan->host);
    memcpy(message.nodes, plan->nodes, plan->node_count * sizeof(*plan->nodes));
    add_neighbours(agent, plan, &message);
    struct pending *pending = take_pending(agent, message.handover_id, request);
    struct hm_handover *handover = pending == NULL || plan->dry_run
                                       ? NULL
                                       : add_handover(agent, plan, message.handover_id, message.epoch);
    if (pending == NULL) {
        hm_control_defer_full(&agent->server, request);
        return;
    }
    if (handover == NULL && !plan->dry_run) {
        give_pending(pending);
        answer(agent, request, HM_CONTROL_REFUSED, 0, "", "too many handovers at once (max_handovers)");
        return;
    }
    pending->dry_run = plan->dry_run;
    if (handover != NULL)
        supersede(agent, handover);
    hm_control_call(&agent->calls, plan->destination, &message, plan->wait_ms, on_prepared, pending);
}

static void on_prepared_again(void *arg, const struct hm_control_message *message)
{
    struct pending pending = give_pending(arg);
    struct hm_handover *handover =
        hm_handover_lookup(&pending.agent->handovers, pending.handover_id, HM_ROLE_SOURCE);
    if (message != NULL && message->code != HM_CONTROL_OK && handover != NULL &&
        hm_handover_is_ahead(handover))
        hm_source_cancel(pending.agent, handover, NULL, message->text);
    else if (message != NULL && handover != NULL && hm_handover_is_ahead(handover))
        arm_lifetime(pending.agent, handover);
    if (message != NULL && handover != NULL && handover->state == HM_HANDOVER_STOPPED)
        hm_stop_divert(pending.agent, handover); /* it has forgotten that as well */
}

static void prepare_again(struct hm_agent *agent, const struct hm_handover *handover, struct hm_peer *peer)
{
    struct hm_source_plan plan = {.nodes = handover->nodes, .node_count = handover->node_count};
    struct hm_control_message message = {.op = HM_OP_PREPARE,
                                         .handover_id = handover->id,
                                         .epoch = handover->epoch,
                                         .lifetime_s = agent->env->config->staged_lifetime_s,
                                         .node_count = handover->node_count,
                                         .has_stop_notice = handover->has_stop_notice};
    struct pending *pending = take_pending(agent, handover->id, NULL);
    if (pending == NULL)
        return;
    snprintf(message.vm, sizeof(message.vm), "%s", handover->vm);
    snprintf(message.host, sizeof(message.host), "%s", handover->host);
    memcpy(message.nodes, handover->nodes, handover->node_count * sizeof(*handover->nodes));
    add_neighbours(agent, &plan, &message);
    hm_control_call(&agent->calls, peer, &message, agent->env->config->wait_ms, on_prepared_again, pending);
}

/* A node of this home has landed by this handover, though nobody has said so yet. */
static bool is_registered(const struct hm_agent *agent, const struct hm_handover *handover)
{
    const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, handover->nodes[0].home_addr);
    return binding != NULL && binding->handover_id == handover->id;
}

void hm_source_repeat(struct hm_agent *agent, uint32_t destination)
{
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, destination);
    for (struct hm_handover *at = agent->handovers.newest; at != NULL; at = at->older)
        if (at->role == HM_ROLE_SOURCE && at->state == HM_HANDOVER_STOPPED && at->is_staged &&
            at->nodes[0].home_agent == destination)
            hm_stop_divert(agent, at);
    for (struct hm_handover *at = agent->handovers.newest; at != NULL && peer != NULL; at = at->older)
        if (at->role == HM_ROLE_SOURCE && at->is_staged && hm_handover_is_ahead(at) &&
            at->other == destination && !is_registered(agent, at))
            prepare_again(agent, at, peer);
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void let_go(struct hm_agent *agent, const struct hm_handover *handover,
                   const struct hm_control_node *node)
{
    struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (visitor == NULL || visitor->state == HM_VISITOR_LEAVING ||
        (int32_t)(visitor->epoch - handover->epoch) > 0)
        return;
    hm_foreign_left(&agent->foreign, visitor, handover->id, handover->epoch,
                    node->home_agent == handover->other, "landed elsewhere");
}

/* What waits here, for the destination to be ready or for the VM to go on here, goes after it. */
static void send_after(struct hm_agent *agent, struct hm_handover *handover)
{
    if (!handover->is_stopped || (handover->is_staged && !handover->is_returning))
        return;
    hm_call_stop(agent, handover);
    if (handover->answered != 0) /* its MAC was seen here: it must be taken anew */
        hm_rollback_seen(agent, handover, NULL);
    handover->is_staged = true;
    handover->is_returning = false;
    if (handover->delivery != NULL)
        hm_delivery_hold(handover->delivery);
    hm_stop_divert(agent, handover);
}

void hm_source_arrived(struct hm_agent *agent, struct hm_control_request *request)
{
    struct hm_handover *handover =
        hm_handover_lookup(&agent->handovers, request->message.handover_id, HM_ROLE_SOURCE);
    if (handover != NULL && handover->other != request->peer->config->addr) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "not your handover");
        return;
    }
    if (handover != NULL && handover->state != HM_HANDOVER_DONE) {
        hm_handover_apply(handover, HM_HANDOVER_LAND, "the destination's word");
        send_after(agent, handover);
        for (unsigned i = 0; i < handover->node_count; i++)
            let_go(agent, handover, &handover->nodes[i]);
        hm_handover_apply(handover, HM_HANDOVER_FINISH, "landed");
    }
    hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "noted");
}

void hm_source_undo(struct hm_agent *agent, struct hm_handover *handover, const char *reason)
{
    bool was_stopped = handover->state == HM_HANDOVER_STOPPED;
    hm_handover_apply(handover, HM_HANDOVER_CANCEL, reason);
    if (was_stopped)
        hm_rollback_begin(agent, handover);
}

void hm_source_cancel(struct hm_agent *agent, struct hm_handover *handover,
                      struct hm_control_request *request, const char *reason)
{
    hm_source_undo(agent, handover, reason);
    abort_destination(agent, handover, request, reason);
}

static void on_land_answer(void *arg, const struct hm_control_message *message)
{
    struct pending pending = give_pending(arg);
    if (message == NULL)
        answer(pending.agent, pending.request, HM_CONTROL_UNREACHABLE, pending.handover_id, "",
               "the destination's agent does not answer");
    else
        answer(pending.agent, pending.request, message->code, pending.handover_id, message->state,
               message->text);
}

void hm_source_landed(struct hm_agent *agent, struct hm_handover *handover,
                      struct hm_control_request *request)
{
    struct hm_control_message message = {
        .op = HM_OP_LAND, .handover_id = handover->id, .epoch = handover->epoch};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, handover->other);
    struct pending *pending = peer == NULL ? NULL : take_pending(agent, handover->id, request);
    if (pending == NULL)
        answer(agent, request, HM_CONTROL_REFUSED, handover->id, "", "too many requests at once");
    else
        hm_control_call(&agent->calls, peer, &message, agent->env->config->wait_ms, on_land_answer, pending);
}
