/* SPDX-License-Identifier: BSD-3-Clause */
/* The stop: a VM has run its last instruction at the source.
 *
 * The source turns its own part first, in one event: a node of this home is taken over and its packets go to
 * the destination; what comes for a visitor is sent after it. Then it tells its home agent by the tunnel
 * (DIVERT, which also ends the old way up) and the destination (STOP), and ends the old path on its LAN by a
 * marker to the VM's TAP. While the destination is not ready, everything waits here. */
#include "firmware/agent/stop.h"

#include <stdio.h>

#include "firmware/agent/call.h"
#include "firmware/agent/destination.h"
#include "firmware/agent/replay.h"
#include "firmware/agent/waiting.h"
#include "firmware/link/output.h"
#include "firmware/wire/marker.h"

#define TELL_MS 10000

/* --- the source --------------------------------------------------------------------------------------- */

/* Behind the last frame that was delivered to each of the VM's NICs here. */
static void send_marker(struct hm_agent *agent, const struct hm_handover *handover, const struct hm_mac *nic,
                        unsigned link)
{
    uint8_t memory[HM_FRAME_HEADROOM + HM_MARKER_FRAME_LEN];
    struct hm_frame frame;
    hm_frame_init(&frame, memory, sizeof(memory), HM_MARKER_FRAME_LEN);
    hm_marker_encode(frame.data, nic, &agent->env->config->links[link].mac, handover->id);
    hm_output_frame(agent->env, link, &frame);
}

/* The takeover's broadcast of a node that is taken over by its MAC is a marker itself. */
static void end_path_on_lan(struct hm_agent *agent, const struct hm_handover *handover)
{
    for (unsigned i = 0; i < handover->node_count; i++) {
        const struct hm_control_node *node = &handover->nodes[i];
        const struct hm_visitor *visitor = hm_agent_visitor(agent, node);
        if (!hm_handover_is_nic(handover, i))
            continue;
        if (visitor != NULL)
            send_marker(agent, handover, &node->mac, visitor->link);
        else if (agent->env->config->takeover == HM_TAKEOVER_OWN)
            send_marker(agent, handover, &node->mac, agent->env->home_link);
    }
}

static void stop_node(struct hm_agent *agent, struct hm_handover *handover,
                      const struct hm_control_node *node)
{
    struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (hm_agent_is_home_of(agent, node)) {
        hm_home_divert(&agent->home, node, handover->id, handover->delivery);
    } else if (visitor != NULL && visitor->state == HM_VISITOR_PRESENT) {
        hm_visitor_apply(visitor, HM_VISITOR_STOP, "told by its hypervisor");
        visitor->delivery = handover->delivery;
        visitor->next_handover_id = handover->id;
        visitor->next_addr = handover->is_staged ? handover->other : 0;
    }
}

/* It may have landed at the destination before that could stage it with us. */
static void direct(struct hm_agent *agent, const struct hm_handover *handover,
                   const struct hm_control_node *node)
{
    struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
    if (hm_agent_is_home_of(agent, node) && binding != NULL && binding->state == HM_BINDING_DIVERTED &&
        hm_binding_motion(binding)->staged_handover_id == 0)
        hm_binding_set_staged(binding, handover->other, handover->id, handover->epoch);
}

static void on_told(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent = arg;
    if (message == NULL)
        hm_env_log(agent->env, HM_LOG_WARNING, "an agent was not reached to tell it of a stop");
    else if (message->code != HM_CONTROL_OK)
        hm_env_log(agent->env, HM_LOG_WARNING, "an agent refuses a stop: %s", message->text);
}

/* The home agent of a visitor, by the tunnel: behind the last packet that the VM has sent here. */
static void tell_home(struct hm_agent *agent, const struct hm_handover *handover)
{
    struct hm_control_message message = {
        .op = HM_OP_DIVERT, .handover_id = handover->id, .epoch = handover->epoch};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, handover->nodes[0].home_agent);
    for (unsigned i = 0; i < handover->node_count; i++)
        message.addrs[message.addr_count++] = handover->nodes[i].home_addr;
    if (peer != NULL)
        hm_control_call_by_tunnel(&agent->calls, peer, &message, TELL_MS, on_told, agent);
}

static void tell_destination(struct hm_agent *agent, const struct hm_handover *handover, bool has_old_path)
{
    struct hm_control_message message = {.op = HM_OP_STOP,
                                         .handover_id = handover->id,
                                         .epoch = handover->epoch,
                                         .has_salvage = handover->has_salvage,
                                         .cut = handover->has_salvage ? HM_CUT_NONE : handover->cut,
                                         .has_old_path = has_old_path};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, handover->other);
    if (peer != NULL)
        hm_control_call(&agent->calls, peer, &message, TELL_MS, on_told, agent);
}

/* The VM has come back by a newer handover: an answer of this one is late. */
static bool is_overtaken(const struct hm_agent *agent, const struct hm_handover *handover)
{
    const struct hm_control_node *node = &handover->nodes[0];
    const struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, node->home_addr);
    if (visitor != NULL)
        return (int32_t)(visitor->epoch - handover->epoch) > 0;
    return binding != NULL && hm_binding_is_older(binding, handover->epoch);
}

/* Everything that comes for the VM from now on goes to the destination, and all agents know. */
static void turn(struct hm_agent *agent, struct hm_handover *handover)
{
    bool is_away = !hm_agent_is_home_of(agent, &handover->nodes[0]);
    for (unsigned i = 0; i < handover->node_count; i++)
        stop_node(agent, handover, &handover->nodes[i]);
    for (unsigned i = 0; i < handover->node_count; i++)
        direct(agent, handover, &handover->nodes[i]);
    for (unsigned i = 0; i < handover->node_count; i++) {
        struct hm_visitor *visitor = hm_agent_visitor(agent, &handover->nodes[i]);
        if (visitor != NULL && visitor->state == HM_VISITOR_STOPPED)
            visitor->next_addr = handover->other;
    }
    if (is_away)
        tell_home(agent, handover);
    /* What the home agent has sent here until it hears of it goes on to the destination, itself perhaps. */
    tell_destination(agent, handover, is_away && !handover->is_old_path_over);
}

void hm_stop_divert(struct hm_agent *agent, struct hm_handover *handover)
{
    struct hm_delivery *delivery = handover->delivery;
    if (!is_overtaken(agent, handover))
        turn(agent, handover);
    if (delivery == NULL)
        return;
    delivery->target = HM_TARGET_AGENT;
    delivery->remote_addr = handover->other;
    hm_delivery_close(delivery, HM_WAY_SALVAGE);
    hm_delivery_close(delivery, HM_WAY_OLD);
    hm_delivery_drain(delivery);
}

/* Nobody watches the VM's TAP: what was delivered last may not have been read. */
static void estimate(struct hm_agent *agent, struct hm_handover *handover)
{
    if (handover->has_salvage || !hm_replay_is_on(agent->env)) {
        hm_replay_forget(handover);
        return;
    }
    if (handover->delivery == NULL)
        handover->delivery = hm_delivery_add(&agent->deliveries, handover);
    if (handover->delivery == NULL)
        return;
    hm_replay_deliver(agent, handover);
    handover->cut = handover->replayed > 0 ? HM_CUT_ESTIMATED : HM_CUT_NONE;
}

static void stop(struct hm_agent *agent, struct hm_handover *handover)
{
    hm_handover_apply(handover, HM_HANDOVER_STOP, "told by the hypervisor");
    handover->is_stopped = true;
    hm_waiting_inherit(agent, handover);
    estimate(agent, handover);
    if (handover->is_staged) {
        hm_stop_divert(agent, handover);
    } else {
        if (handover->delivery == NULL)
            handover->delivery = hm_delivery_add(&agent->deliveries, handover);
        for (unsigned i = 0; i < handover->node_count; i++)
            stop_node(agent, handover, &handover->nodes[i]);
    }
    end_path_on_lan(agent, handover);
}

void hm_stop_notice(struct hm_agent *agent, struct hm_control_request *request, struct hm_handover *handover)
{
    struct hm_control_message answer = {
        .code = HM_CONTROL_REFUSED, .handover_id = handover->id, .epoch = handover->epoch};
    if (handover->role != HM_ROLE_SOURCE) {
        snprintf(answer.text, sizeof(answer.text),
                 "the VM is on its way to here: the agent that it leaves is to be told");
    } else if (!hm_handover_is_ahead(handover)) {
        snprintf(answer.text, sizeof(answer.text), "%s", handover->reason);
    } else {
        handover->has_salvage = request->message.has_salvage;
        if (handover->state != HM_HANDOVER_STOPPED)
            stop(agent, handover);
        answer.code = HM_CONTROL_OK;
    }
    snprintf(answer.vm, sizeof(answer.vm), "%s", handover->vm);
    snprintf(answer.state, sizeof(answer.state), "%s", hm_handover_state_name(handover->state));
    hm_control_answer(&agent->server, request, &answer);
}

/* --- the destination ---------------------------------------------------------------------------------- */

static void expect_landing(struct hm_agent *agent, struct hm_handover *handover)
{
    for (unsigned i = 0; i < handover->node_count; i++) {
        struct hm_visitor *visitor = hm_agent_visitor(agent, &handover->nodes[i]);
        if (visitor != NULL && visitor->handover_id == handover->id && visitor->state == HM_VISITOR_EXPECTED)
            hm_visitor_apply(visitor, HM_VISITOR_STOP, "told by the source");
    }
    hm_handover_apply(handover, HM_HANDOVER_STOP, "told by the source");
    if (handover->early > 0) /* it may run here already */
        hm_call_start(agent, handover);
}

void hm_stop_told(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    struct hm_handover *handover = hm_destination_told(agent, request);
    if (handover == NULL)
        return;
    bool is_news = !handover->is_stopped;
    handover->is_stopped = true;
    if (is_news) {
        hm_replay_forget(handover); /* it had that at the source */
        handover->cut = message->cut;
    }
    if (is_news && handover->delivery != NULL && !message->has_salvage)
        hm_delivery_close(handover->delivery, HM_WAY_SALVAGE);
    if (is_news && handover->delivery != NULL && !message->has_old_path)
        hm_delivery_close(handover->delivery, HM_WAY_OLD);
    if (is_news && hm_handover_is_ahead(handover))
        expect_landing(agent, handover);
    hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "%s",
                           hm_handover_state_name(handover->state));
}
