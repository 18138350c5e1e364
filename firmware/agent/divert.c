/* SPDX-License-Identifier: BSD-3-Clause */
/* Diverting at the home agent: traffic turns to the place that is staged, and the old way is ended behind it.
 */
#include "firmware/agent/divert.h"

#include "firmware/agent/end_marker.h"

/* The binding, if it is one of a node that is where the message comes from. */
static struct hm_binding *binding_of(const struct hm_agent *agent, const struct hm_control_request *request,
                                     uint32_t addr)
{
    struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, addr);
    bool is_theirs = binding != NULL && hm_binding_is_absent(binding) &&
                     binding->care_of_addr == request->peer->config->addr &&
                     hm_binding_motion(binding)->staged_handover_id == request->message.handover_id &&
                     request->message.handover_id != 0;
    return is_theirs ? binding : NULL;
}

/* What waits for the node's return home; NULL: nothing does. */
static struct hm_delivery *delivery_of(const struct hm_agent *agent, const struct hm_control_request *request,
                                       uint32_t addr)
{
    const struct hm_handover *handover =
        hm_handover_lookup(&agent->handovers, request->message.handover_id, HM_ROLE_DESTINATION);
    for (unsigned i = 0; handover != NULL && i < handover->node_count; i++)
        if (handover->nodes[i].home_addr == addr && hm_agent_is_home_of(agent, &handover->nodes[i]) &&
            handover->other == request->peer->config->addr)
            return handover->delivery;
    return NULL;
}

/* It has landed before its stop was heard of here: what it has sent from there is all here now. */
static bool ends_old_way(const struct hm_agent *agent, const struct hm_control_request *request,
                         uint32_t addr)
{
    struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, addr);
    if (binding == NULL || binding->handover_id != request->message.handover_id ||
        request->message.handover_id == 0 || binding->previous_addr != request->peer->config->addr)
        return false;
    hm_home_end_old_way(binding);
    return true;
}

void hm_divert_told(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    unsigned count = 0;
    bool is_news = false;
    for (unsigned i = 0; i < message->addr_count; i++) {
        struct hm_binding *binding = binding_of(agent, request, message->addrs[i]);
        if (binding == NULL && ends_old_way(agent, request, message->addrs[i])) {
            is_news = true;
            count++;
        }
        if (binding == NULL)
            continue;
        struct hm_control_node node = {.home_addr = binding->home_addr, .mac = binding->mac};
        is_news |= binding->state != HM_BINDING_DIVERTED;
        count += hm_home_divert(&agent->home, &node, message->handover_id,
                                delivery_of(agent, request, binding->home_addr)) == HM_OK;
    }
    if (is_news)
        hm_end_marker_send(agent, request->peer->config->addr, message->handover_id, message->epoch);
    hm_control_answer_text(&agent->server, request, count > 0 ? HM_CONTROL_OK : HM_CONTROL_REFUSED, "%s",
                           count > 0 ? "diverted" : "no node that is at you is staged for this handover");
}

void hm_divert_undo(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    uint32_t staged_at = 0;
    for (unsigned i = 0; i < message->addr_count; i++) {
        struct hm_binding *binding = binding_of(agent, request, message->addrs[i]);
        if (binding == NULL)
            continue;
        staged_at = hm_binding_motion(binding)->staged_care_of_addr;
        if (binding->state == HM_BINDING_DIVERTED)
            hm_home_stay(&agent->home, binding, "it goes on where it was");
        else /* so that a DIVERT which is late finds nothing */
            hm_home_unstage(&agent->home, binding->home_addr, message->handover_id,
                            "it goes on where it was");
    }
    if (staged_at != 0 && !hm_env_is_own_addr(agent->env, staged_at))
        hm_end_marker_send(agent, staged_at, message->handover_id, message->epoch);
    hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "noted");
}
