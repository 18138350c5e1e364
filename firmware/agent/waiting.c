/* SPDX-License-Identifier: BSD-3-Clause */
/* What waits for the VM of a handover: its delivery, from the reservation to the record of what became of it.
 */
#include "firmware/agent/waiting.h"

#include "firmware/agent/call.h"
#include "firmware/agent/destination.h"
#include "firmware/agent/end_marker.h"
#include "firmware/agent/fetch.h"

bool hm_waiting_begin(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_delivery *delivery = hm_delivery_add(&agent->deliveries, handover);
    if (delivery == NULL)
        return false;
    delivery->link = agent->env->home_link;
    handover->delivery = delivery;
    return true;
}

void hm_waiting_connect(struct hm_agent *agent, struct hm_handover *handover)
{
    for (unsigned i = 0; i < handover->node_count; i++) {
        const struct hm_control_node *node = &handover->nodes[i];
        struct hm_visitor *visitor = hm_agent_visitor(agent, node);
        if (visitor == NULL || visitor->handover_id != handover->id)
            continue;
        visitor->delivery = handover->delivery;
        visitor->has_stop_notice = handover->has_stop_notice;
    }
}

/* Nothing of the nodes goes to the delivery any more. */
static void disconnect(struct hm_agent *agent, const struct hm_handover *handover)
{
    for (unsigned i = 0; i < handover->node_count; i++) {
        const struct hm_control_node *node = &handover->nodes[i];
        struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
        struct hm_visitor *visitor = hm_agent_visitor(agent, node);
        if (binding != NULL && hm_binding_motion(binding)->delivery == handover->delivery)
            hm_binding_set_delivery(binding, NULL);
        if (visitor != NULL && visitor->delivery == handover->delivery)
            visitor->delivery = NULL;
    }
}

void hm_waiting_end(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_delivery *delivery = handover->delivery;
    if (delivery == NULL)
        return;
    disconnect(agent, handover);
    handover->delivery = NULL;
    handover->counts = hm_delivery_remove(delivery);
    hm_fetch_wake(agent, handover);
}

static bool is_of_node(const struct hm_handover *handover, const struct hm_control_node *node)
{
    for (unsigned i = 0; i < handover->node_count; i++)
        if (handover->nodes[i].home_addr == node->home_addr &&
            handover->nodes[i].home_agent == node->home_agent)
            return true;
    return false;
}

/* Nobody closes its ways any more: the VM goes on, and what comes late is sent after it as all the rest. */
void hm_waiting_inherit(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_delivery *delivery = agent->deliveries.first;
    struct hm_handover *earlier = NULL;
    for (; delivery != NULL && handover->delivery == NULL; delivery = delivery->next) {
        if (delivery->target != HM_TARGET_VM)
            continue;
        earlier = delivery->of;
        if (earlier != handover && !hm_handover_is_ahead(earlier) && is_of_node(earlier, &handover->nodes[0]))
            handover->delivery = delivery;
    }
    if (handover->delivery == NULL)
        return;
    delivery = handover->delivery;
    hm_call_stop(agent, earlier);
    disconnect(agent, earlier);
    earlier->delivery = NULL;
    hm_fetch_wake(agent, earlier);
    delivery->of = handover;
    hm_delivery_hold(delivery);
    hm_delivery_end_fetching(delivery);
    delivery->needs_end = false;
    hm_delivery_close(delivery, HM_WAY_SALVAGE);
    hm_delivery_close(delivery, HM_WAY_OLD);
}

static void end_upward(struct hm_delivery *delivery)
{
    struct hm_binding *binding = delivery->of;
    hm_binding_set_upward(binding, NULL);
    hm_delivery_remove(delivery);
}

void hm_waiting_done(void *arg, struct hm_delivery *delivery)
{
    struct hm_agent *agent = arg;
    if (delivery->target == HM_TARGET_FORWARD) {
        end_upward(delivery);
        return;
    }
    struct hm_handover *handover = delivery->of;
    bool is_home = hm_agent_is_home_of(agent, &handover->nodes[0]);
    /* What came back to its home LAN: neighbours may have reached it past us meanwhile. */
    if (handover->role == HM_ROLE_SOURCE && handover->is_returning && is_home)
        delivery->counts.overtaken =
            delivery->counts.waited[HM_WAY_OLD] + delivery->counts.waited[HM_WAY_NEW];
    hm_waiting_end(agent, handover);
    if (handover->role == HM_ROLE_DESTINATION && handover->is_returning) {
        hm_end_marker_send(agent, handover->other, handover->id, handover->epoch);
        hm_destination_undo(agent, handover);
    }
    if (handover->role == HM_ROLE_SOURCE && !handover->is_returning && handover->is_old_path_over)
        hm_end_marker_send(agent, handover->other, handover->id, handover->epoch);
    hm_handover_log(handover);
}

void hm_waiting_changed(void *arg, struct hm_delivery *delivery)
{
    if (delivery->target != HM_TARGET_FORWARD)
        hm_fetch_wake(arg, delivery->of);
}

void hm_waiting_delivered(struct hm_agent *agent, struct hm_delivery *delivery)
{
    struct hm_handover *handover = delivery->of;
    (void)agent;
    hm_handover_stamp(handover, HM_STEP_DELIVERED);
}
