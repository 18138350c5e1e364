/* SPDX-License-Identifier: BSD-3-Clause */
/* Calling a VM: it is asked by ARP until a frame of it is seen. */
#include "firmware/agent/call.h"

#include "firmware/agent/destination.h"
#include "firmware/agent/presence.h"
#include "firmware/agent/rollback.h"
#include "firmware/link/output.h"

#define CALL_MS 5
#define CALLS_MS 10000

/* On its home LAN the whole LAN is asked, by the agent's own MAC: that is where its bridges have lost it. */
static void ask_at_home(struct hm_agent *agent, const struct hm_control_node *node)
{
    unsigned link = agent->env->home_link;
    const struct hm_link_config *config = &agent->env->config->links[link];
    struct hm_arp arp = {.op = HM_ARP_REQUEST,
                         .sender_mac = config->mac,
                         .sender_addr = config->addr,
                         .target_addr = node->home_addr};
    hm_output_arp(agent->env, link, &HM_MAC_BROADCAST, &config->mac, &arp);
}

static void ask(struct hm_agent *agent, const struct hm_control_node *node)
{
    const struct hm_visitor *visitor =
        hm_visitor_by_home(&agent->foreign.visitors, node->home_agent, node->home_addr);
    if (hm_env_is_own_addr(agent->env, node->home_agent))
        ask_at_home(agent, node);
    else if (visitor != NULL)
        hm_presence_call(&agent->foreign, visitor);
}

/* It may be mute, and is believed to be where a hypervisor said. */
static void give_up(struct hm_agent *agent, struct hm_handover *handover)
{
    hm_env_log(agent->env, HM_LOG_WARNING, "%s does not answer ARP where it is said to run", handover->vm);
    if (handover->role == HM_ROLE_SOURCE)
        hm_rollback_unseen(agent, handover);
    else
        hm_destination_unseen(agent, handover);
}

static void on_call(void *arg)
{
    struct hm_handover *handover = arg;
    struct hm_agent *agent = handover->owner->arg;
    if (handover->is_seen)
        return;
    if (hm_env_ms(agent->env) >= handover->call_end_ms) {
        give_up(agent, handover);
        return;
    }
    ask(agent, &handover->nodes[0]);
    hm_timer_arm(&agent->env->wheel, &handover->call, CALL_MS);
}

void hm_call_start(struct hm_agent *agent, struct hm_handover *handover)
{
    hm_timer_cancel(&agent->env->wheel, &handover->call);
    hm_timer_init(&handover->call, on_call, handover);
    handover->call_end_ms = hm_env_ms(agent->env) + CALLS_MS;
    on_call(handover);
}

void hm_call_stop(struct hm_agent *agent, struct hm_handover *handover)
{
    hm_timer_cancel(&agent->env->wheel, &handover->call);
}
