/* SPDX-License-Identifier: BSD-3-Clause */
/* Calling a VM: it is asked by ARP until a frame of it is seen. */
#include "firmware/agent/call.h"

#include "firmware/agent/destination.h"
#include "firmware/agent/presence.h"
#include "firmware/agent/rollback.h"
#include "firmware/link/output.h"

#define CALL_MS 5
#define CALLS_MS 10000
#define OTHERS_MS 50 /* for the other NICs, once one has answered: a VM resumes as a whole */

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

static void ask_node(struct hm_agent *agent, const struct hm_control_node *node)
{
    const struct hm_visitor *visitor = hm_agent_visitor(agent, node);
    if (hm_agent_is_home_of(agent, node))
        ask_at_home(agent, node);
    else if (visitor != NULL)
        hm_presence_call(&agent->foreign, visitor);
}

static void ask(struct hm_agent *agent, const struct hm_handover *handover)
{
    for (unsigned i = 0; i < handover->node_count; i++)
        if (hm_handover_is_nic(handover, i) && (handover->answered & 1u << i) == 0)
            ask_node(agent, &handover->nodes[i]);
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

/* One NIC at least has answered: that is where the VM runs. */
static void go_on_without_others(struct hm_agent *agent, struct hm_handover *handover)
{
    hm_env_log(agent->env, HM_LOG_WARNING, "%s runs here, and not all of its NICs answer ARP", handover->vm);
    if (handover->role == HM_ROLE_SOURCE)
        hm_rollback_seen(agent, handover, NULL);
    else
        hm_destination_seen(agent, handover, NULL);
}

static void on_call(void *arg)
{
    struct hm_handover *handover = arg;
    struct hm_agent *agent = handover->owner->arg;
    if (handover->is_seen)
        return;
    if (handover->answered != 0 && hm_env_ms(agent->env) - handover->answered_ms >= OTHERS_MS) {
        go_on_without_others(agent, handover);
        return;
    }
    if (hm_env_ms(agent->env) >= handover->call_end_ms) {
        give_up(agent, handover);
        return;
    }
    ask(agent, handover);
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

bool hm_call_note_answer(struct hm_agent *agent, struct hm_handover *handover, const struct hm_mac *mac)
{
    uint16_t before = handover->answered, all = (uint16_t)((1u << handover->node_count) - 1);
    for (unsigned i = 0; i < handover->node_count; i++)
        if (hm_mac_equal(&handover->nodes[i].mac, mac))
            handover->answered |= (uint16_t)(1u << i);
    if (handover->answered == all || handover->answered == 0)
        return true;
    if (before == 0) {
        handover->answered_ms = hm_env_ms(agent->env);
        hm_call_start(agent, handover);
    }
    return false;
}

void hm_call_forget(struct hm_handover *handover)
{
    handover->answered = 0;
}
