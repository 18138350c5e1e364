/* SPDX-License-Identifier: BSD-3-Clause */
/* The rollback of a stop.
 *
 * Frames in the VM's TAP at the source are read when it resumes; so what was salvaged is dropped, and only
 * what went to the destination comes back. There it waits once more: for the destination's end marker, and
 * for a frame of the VM. On its home LAN the bridges have learnt its MAC at this agent's port, and a resumed
 * VM announces nothing; anywhere it may have landed at the destination after all, which says so later. */
#include "firmware/agent/rollback.h"

#include "firmware/agent/call.h"
#include "firmware/agent/end_marker.h"
#include "firmware/agent/presence.h"
#include "firmware/agent/source.h"
#include "firmware/agent/waiting.h"

#define TELL_MS 10000
#define STALE_US 1000000 /* what it had sent before its stop has come by then */

/* --- the source --------------------------------------------------------------------------------------- */

static void on_told(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent = arg;
    if (message == NULL)
        hm_env_log(agent->env, HM_LOG_WARNING,
                   "a home agent was not reached to tell it that a VM goes on here");
}

static void tell_home(struct hm_agent *agent, const struct hm_handover *handover)
{
    struct hm_control_message message = {
        .op = HM_OP_UNDIVERT, .handover_id = handover->id, .epoch = handover->epoch};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, handover->nodes[0].home_agent);
    for (unsigned i = 0; i < handover->node_count; i++)
        message.addrs[message.addr_count++] = handover->nodes[i].home_addr;
    if (peer != NULL)
        hm_control_call(&agent->calls, peer, &message, TELL_MS, on_told, agent);
}

/* Whatever comes for the node from now on waits behind what comes back. */
static void keep_node(struct hm_agent *agent, struct hm_handover *handover,
                      const struct hm_control_node *node)
{
    struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
    struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (hm_agent_is_home_of(agent, node)) {
        if (binding != NULL && binding->care_of_addr == 0)
            hm_binding_set_delivery(binding, handover->delivery);
    } else if (visitor != NULL && visitor->state == HM_VISITOR_STOPPED) {
        hm_visitor_apply(visitor, HM_VISITOR_RESUME, handover->reason);
        hm_presence_seek(&agent->foreign, visitor, 0); /* its renewal may have fallen due meanwhile */
        visitor->delivery = handover->delivery;
        visitor->next_addr = 0;
    }
}

/* The delivery to the VM here: a new one, or the one that held for the destination. */
static struct hm_delivery *delivery_here(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_delivery *delivery = handover->delivery;
    const struct hm_visitor *visitor = hm_agent_visitor(agent, &handover->nodes[0]);
    if (delivery == NULL)
        delivery = hm_delivery_add(&agent->deliveries, handover);
    if (delivery == NULL)
        return NULL;
    hm_delivery_hold(delivery);
    delivery->target = HM_TARGET_VM;
    delivery->link = visitor != NULL ? visitor->link : agent->env->home_link;
    return delivery;
}

void hm_rollback_begin(struct hm_agent *agent, struct hm_handover *handover)
{
    bool is_home = hm_agent_is_home_of(agent, &handover->nodes[0]);
    handover->is_returning = true;
    handover->is_seen = false;
    hm_call_forget(handover);
    handover->delivery = delivery_here(agent, handover);
    for (unsigned i = 0; i < handover->node_count; i++)
        keep_node(agent, handover, &handover->nodes[i]);
    if (!is_home && handover->is_staged)
        tell_home(agent, handover);
    if (handover->delivery != NULL) {
        handover->delivery->is_closed[HM_WAY_SALVAGE] = true;
        handover->delivery->is_closed[HM_WAY_OLD] = !handover->is_staged;
        hm_delivery_be_patient(handover->delivery);
    }
    hm_call_start(agent, handover);
}

/* The node is at home, as far as anybody knows. */
static void stay(struct hm_agent *agent, const struct hm_handover *handover, const char *reason)
{
    for (unsigned i = 0; i < handover->node_count; i++) {
        struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, handover->nodes[i].home_addr);
        if (binding == NULL || binding->care_of_addr != 0)
            continue;
        hm_binding_set_delivery(binding, NULL);
        if (binding->state == HM_BINDING_DIVERTED)
            hm_home_stay(&agent->home, binding, reason);
    }
}

void hm_rollback_runs_again(struct hm_agent *agent, uint64_t handover_id)
{
    struct hm_handover *handover = hm_handover_lookup(&agent->handovers, handover_id, HM_ROLE_SOURCE);
    if (handover != NULL && handover->state == HM_HANDOVER_STOPPED &&
        agent->env->now.mono_us - handover->step_us[HM_STEP_STOPPED] > STALE_US)
        hm_source_cancel(agent, handover, NULL, "it runs here again");
}

void hm_rollback_seen(struct hm_agent *agent, struct hm_handover *handover, const struct hm_mac *mac)
{
    if (handover->is_seen ||
        !handover->is_returning) /* it may have landed while the other NICs were called */
        return;
    if (mac != NULL && hm_agent_is_home_of(agent, &handover->nodes[0]) &&
        !hm_call_note_answer(agent, handover, mac))
        return;
    handover->is_seen = true;
    hm_call_stop(agent, handover);
    stay(agent, handover, "seen at home");
    if (handover->delivery != NULL)
        hm_delivery_drain(handover->delivery);
}

void hm_rollback_unseen(struct hm_agent *agent, struct hm_handover *handover)
{
    if (!handover->is_returning || handover->role != HM_ROLE_SOURCE)
        return;
    stay(agent, handover, "not seen for long");
    hm_waiting_end(agent, handover);
    hm_handover_log(handover);
}

/* --- the destination ---------------------------------------------------------------------------------- */

void hm_rollback_return(struct hm_agent *agent, struct hm_handover *handover, bool is_ended)
{
    struct hm_delivery *delivery = handover->delivery;
    (void)agent;
    handover->is_returning = true;
    if (delivery == NULL)
        return;
    hm_delivery_hold(delivery);
    hm_delivery_end_fetching(delivery);
    hm_delivery_take_back(delivery);
    hm_buffer_clear(&delivery->ways[HM_WAY_SALVAGE]);
    delivery->target = HM_TARGET_AGENT;
    delivery->remote_addr = handover->other;
    delivery->needs_end = true;
    delivery->is_closed[HM_WAY_NEW] = is_ended || handover->is_new_path_over;
    delivery->is_closed[HM_WAY_SALVAGE] = delivery->is_closed[HM_WAY_OLD] = true;
}

void hm_rollback_release(struct hm_agent *agent, struct hm_handover *handover)
{
    if (handover->delivery == NULL && handover->is_staged) /* nothing waited here; it may have been stopped */
        hm_end_marker_send(agent, handover->other, handover->id, handover->epoch);
    if (!handover->is_returning || handover->delivery == NULL)
        return;
    hm_delivery_be_patient(handover->delivery);
    hm_delivery_drain(handover->delivery);
}
