/* SPDX-License-Identifier: BSD-3-Clause */
/* Admission: may this VM come here, to visit or to return? */
#include "firmware/agent/admission.h"

#include <stdio.h>
#include <string.h>

#include "firmware/agent/node.h"

static bool has_node(const struct hm_control_message *message, uint32_t home_agent, uint32_t addr)
{
    for (unsigned i = 0; i < message->node_count; i++)
        if (message->nodes[i].home_addr == addr && message->nodes[i].home_agent == home_agent)
            return true;
    return false;
}

/* Bridges cannot tell two machines with one MAC apart. */
static const char *refusal_of_mac(const struct hm_agent *agent, const struct hm_control_message *message,
                                  const struct hm_mac *mac)
{
    const struct hm_visitor *visitor = hm_visitor_of_mac(&agent->foreign.visitors, mac, NULL);
    for (; visitor != NULL; visitor = hm_visitor_of_mac(&agent->foreign.visitors, mac, visitor))
        if (visitor->state != HM_VISITOR_LEAVING && strcmp(visitor->vm, message->vm) != 0 &&
            !has_node(message, visitor->node.home_agent, visitor->node.home_addr))
            return "another VM here has its MAC";
    char vm[HM_NAME_LEN];
    const struct hm_binding *binding = hm_binding_of_mac(&agent->home.bindings, mac, NULL);
    for (; binding != NULL; binding = hm_binding_of_mac(&agent->home.bindings, mac, binding))
        if (hm_binding_is_absent(binding) && strcmp(hm_binding_vm(binding, vm), message->vm) != 0 &&
            !has_node(message, agent->env->agent_addr, binding->home_addr))
            return "another VM of this home has its MAC";
    return NULL;
}

static const char *refusal_of_return(const struct hm_agent *agent, const struct hm_control_node *node,
                                     uint32_t from_addr, uint32_t epoch)
{
    const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
    if (!hm_home_serves(&agent->home, node->home_addr))
        return "it does not belong here";
    if (!hm_node_mac_is_possible(agent->env, agent->neighbours, &node->mac))
        return "its MAC is not one that a node may have here";
    if (binding != NULL && hm_binding_is_absent(binding) && !hm_binding_is_at(binding, from_addr))
        return "it is not at the agent that asks";
    return binding != NULL && hm_binding_is_overtaken(binding, epoch) ? "a newer handover is known here"
                                                                      : NULL;
}

static const char *refusal_of_visit(const struct hm_agent *agent, const struct hm_control_node *node,
                                    uint32_t epoch, char text[HM_CONTROL_TEXT_LEN])
{
    const struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (visitor != NULL && (int32_t)(epoch - visitor->epoch) < 0)
        return "a newer handover is known here";
    return hm_foreign_refusal(&agent->foreign, node, text);
}

bool hm_admission_is_refused(const struct hm_agent *agent, uint32_t from_addr,
                             const struct hm_control_message *message, char *text, size_t len)
{
    char addr[HM_IP_TEXT_LEN], found[HM_CONTROL_TEXT_LEN];
    for (unsigned i = 0; i < message->node_count; i++) {
        const struct hm_control_node *node = &message->nodes[i];
        const char *why = refusal_of_mac(agent, message, &node->mac);
        if (why == NULL)
            why = hm_agent_is_home_of(agent, node) ? refusal_of_return(agent, node, from_addr, message->epoch)
                                                   : refusal_of_visit(agent, node, message->epoch, found);
        if (why != NULL) {
            snprintf(text, len, "%s: %s", hm_ip_text(node->home_addr, addr), why);
            return true;
        }
    }
    return false;
}
