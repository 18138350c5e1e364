/* SPDX-License-Identifier: BSD-3-Clause */
/* The answer of a destination to PREPARE: may the VM come, is it new, and what is staged for it.
 *
 * Of the VM's addresses each that belongs elsewhere becomes an expected visitor, staged with its home agent;
 * each that belongs here is an absent node whose return is staged: all, or none. */
#include "firmware/agent/prepare.h"

#include <stdio.h>

#include "firmware/agent/admission.h"
#include "firmware/agent/destination_parts.h"
#include "firmware/agent/waiting.h"

/* --- staging ------------------------------------------------------------------------------------------ */

static uint32_t staged_lifetime_s(const struct hm_agent *agent, const struct hm_control_message *message)
{
    uint32_t own_s = agent->env->config->staged_lifetime_s;
    return message->lifetime_s != 0 && message->lifetime_s < own_s ? message->lifetime_s : own_s;
}

/* Stages one address; false when there is no room. */
static bool stage_node(struct hm_agent *agent, struct hm_handover *handover,
                       const struct hm_control_node *node, const struct hm_control_message *message)
{
    uint32_t lifetime_s = staged_lifetime_s(agent, message);
    if (hm_agent_is_home_of(agent, node))
        return hm_home_stage_return(&agent->home, node, handover->id, handover->epoch, lifetime_s) == HM_OK;
    handover->awaited++;
    struct hm_visitor *visitor = hm_foreign_expect(
        &agent->foreign, node, handover->vm, handover->id, handover->epoch, message->neighbours,
        message->neighbour_count, message->has_stop_notice, lifetime_s);
    if (visitor == NULL) {
        handover->awaited--;
        return false;
    }
    visitor->delivery = handover->delivery;
    return true;
}

static void stage(struct hm_agent *agent, struct hm_handover *handover,
                  const struct hm_control_message *message)
{
    handover->awaited = 1; /* this function: outcomes that come from within must not conclude */
    handover->nodes[0] = message->nodes[0];
    if (!hm_waiting_begin(agent, handover)) {
        hm_destination_fail(agent, handover, HM_CONTROL_REFUSED, "too many handovers at once");
        return;
    }
    for (unsigned i = 0; i < message->node_count; i++) {
        handover->nodes[handover->node_count++] = message->nodes[i];
        if (!stage_node(agent, handover, &message->nodes[i], message)) {
            hm_destination_fail(agent, handover, HM_CONTROL_REFUSED, "no room for another visitor");
            return;
        }
    }
    hm_timer_arm(&agent->env->wheel, &handover->lifetime, (uint64_t)staged_lifetime_s(agent, message) * 1000);
    if (--handover->awaited == 0)
        hm_destination_conclude(agent, handover);
}

/* --- admission ---------------------------------------------------------------------------------------- */

/* A handover that is known already: a repetition whose request id was forgotten. Nothing is redone. */
static void answer_again(struct hm_agent *agent, const struct hm_handover *handover,
                         struct hm_control_request *request)
{
    bool is_fine = handover->state >= HM_HANDOVER_PREPARED && handover->state <= HM_HANDOVER_DONE &&
                   handover->other == request->peer->config->addr;
    hm_control_answer_text(&agent->server, request, is_fine ? HM_CONTROL_OK : HM_CONTROL_REFUSED, "%s",
                           hm_handover_state_name(handover->state));
}

static bool is_landed(const struct hm_agent *agent, const struct hm_control_node *node, uint64_t id)
{
    if (hm_agent_is_home_of(agent, node)) {
        const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
        return binding != NULL && binding->state == HM_BINDING_HOME && binding->handover_id == id;
    }
    const struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    return visitor != NULL && visitor->handover_id == id &&
           (visitor->state == HM_VISITOR_PRESENT || visitor->awaits_sign);
}

/* It has landed by this handover, whose record an agent has lost by a restart: the source is told again. */
static bool has_landed_before(struct hm_agent *agent, const struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    for (unsigned i = 0; i < message->node_count; i++)
        if (!is_landed(agent, &message->nodes[i], message->handover_id))
            return false;
    hm_destination_tell_source(agent, request->peer->config->addr, message->vm, message->handover_id,
                               message->epoch);
    return true;
}

/* An earlier move of a node of this home is not over: it will be asked again. */
static bool is_early(const struct hm_agent *agent, const struct hm_control_message *message)
{
    for (unsigned i = 0; i < message->node_count; i++) {
        const struct hm_binding *binding =
            hm_binding_lookup(&agent->home.bindings, message->nodes[i].home_addr);
        if (binding != NULL && hm_agent_is_home_of(agent, &message->nodes[i]) &&
            hm_binding_is_under_way(binding, message->handover_id))
            return true;
    }
    return false;
}

static void begin(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    struct hm_handover *handover =
        hm_handover_add(&agent->handovers, message->handover_id, message->epoch, HM_ROLE_DESTINATION);
    if (handover == NULL) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED,
                               "too many handovers at once (max_handovers)");
        return;
    }
    snprintf(handover->vm, sizeof(handover->vm), "%s", message->vm);
    snprintf(handover->host, sizeof(handover->host), "%s", message->host);
    handover->other = request->peer->config->addr;
    handover->has_stop_notice = message->has_stop_notice;
    handover->request = request;
    stage(agent, handover, message);
}

void hm_prepare_asked(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    char text[HM_CONTROL_TEXT_LEN];
    if (message->node_count == 0 || message->handover_id == 0) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_MALFORMED, "no address, or no handover");
        return;
    }
    struct hm_handover *known =
        hm_handover_lookup(&agent->handovers, message->handover_id, HM_ROLE_DESTINATION);
    if (known != NULL) {
        answer_again(agent, known, request);
        return;
    }
    if (has_landed_before(agent, request)) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "landed");
        return;
    }
    if (is_early(agent, message)) {
        hm_control_defer(&agent->server, request);
        return;
    }
    if (hm_admission_is_refused(agent, request->peer->config->addr, message, text, sizeof(text))) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "%s", text);
        return;
    }
    if (message->dry_run) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "would be staged");
        return;
    }
    begin(agent, request);
}
