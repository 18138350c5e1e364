/* SPDX-License-Identifier: BSD-3-Clause */
/* End markers: which way each of them ends. */
#include "firmware/agent/end_marker.h"

#define MARKER_MS 5000 /* nobody waits longer than that */

static void on_answer(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent = arg;
    if (message == NULL)
        hm_env_log(agent->env, HM_LOG_WARNING, "an end marker was never answered");
}

void hm_end_marker_send(struct hm_agent *agent, uint32_t to_addr, uint64_t handover_id, uint32_t epoch)
{
    struct hm_control_message message = {.op = HM_OP_END, .handover_id = handover_id, .epoch = epoch};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, to_addr);
    if (peer != NULL)
        hm_control_call_by_tunnel(&agent->calls, peer, &message, MARKER_MS, on_answer, agent);
}

/* The home agent sends nothing more to the source; so the source has sent everything after the VM. */
static void end_at_source(struct hm_agent *agent, struct hm_handover *handover, uint32_t from_addr)
{
    if (handover->is_returning && from_addr == handover->other && handover->delivery != NULL) {
        hm_delivery_close(handover->delivery, HM_WAY_OLD); /* all that waited at the destination is back */
    } else if (!handover->is_returning && from_addr == handover->nodes[0].home_agent &&
               !handover->is_old_path_over) {
        handover->is_old_path_over = true;
        if (handover->delivery == NULL) /* else behind what waits here */
            hm_end_marker_send(agent, handover->other, handover->id, handover->epoch);
    }
}

static void end_at_destination(struct hm_handover *handover, uint32_t from_addr)
{
    if (handover->delivery == NULL)
        return;
    if (from_addr == handover->nodes[0].home_agent && from_addr != handover->other)
        handover->is_new_path_over = true; /* it may have heard of the rollback before we do */
    if (handover->is_returning && handover->is_new_path_over)
        hm_delivery_close(handover->delivery, HM_WAY_NEW);
    else if (!handover->is_returning && from_addr == handover->other)
        hm_delivery_close(handover->delivery, HM_WAY_OLD);
}

void hm_end_marker_receive(struct hm_agent *agent, struct hm_control_request *request)
{
    uint64_t id = request->message.handover_id;
    uint32_t from_addr = request->peer->config->addr;
    struct hm_handover *handover = hm_handover_lookup(&agent->handovers, id, HM_ROLE_SOURCE);
    if (handover != NULL)
        end_at_source(agent, handover, from_addr);
    handover = hm_handover_lookup(&agent->handovers, id, HM_ROLE_DESTINATION);
    if (handover != NULL)
        end_at_destination(handover, from_addr);
    hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "noted");
}
