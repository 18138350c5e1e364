/* SPDX-License-Identifier: BSD-3-Clause */
/* Restarts: an agent that may have lost its bindings, visitors and handovers gets them back from its peers.
 *
 * What an agent has stored (agent/store) it has already; this is for what it has not: a store that was
 * damaged, or none, and what changed elsewhere while it was not there. An agent that begins tells all its
 * peers (RESTARTED, repeated until answered), and each peer acts by what it has itself:
 * - as a foreign agent it asks each visitor whose home agent began for a sign of life and registers it again
 * at its next frame; what it expects from that home it stages again; what is under way begins again;
 * - as a home agent it tells a foreign agent that began the nodes whose bindings point there (RESTORE). That
 *   agent expects each as one that was here before, asks it for a sign of life, and serves and registers it
 * at its first frame; a node that stays silent ends with its binding's lifetime;
 * - as a source it asks a destination that began to prepare again what was staged, under the same id and
 * epoch. Nothing here can steal a binding: each registration that follows needs a frame of the node after the
 * restart, carries the epoch of the handover that brought the node here, and is refused when a newer one is
 * known. An agent that never had lost anything finds nothing to do. */
#include "firmware/agent/restart.h"

#include "firmware/agent/presence.h"
#include "firmware/agent/resolve.h"
#include "firmware/agent/source.h"

#define TELL_MS 60000
#define RESTORE_MS 10000
#define REMIND_MS 10000
#define MAX_RESTORES 16 /* at once */

static void on_told(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent = arg;
    if (message == NULL)
        hm_env_log(agent->env, HM_LOG_WARNING, "a peer was not reached to tell it that this agent began");
}

void hm_restart_begin(struct hm_agent *agent)
{
    struct hm_control_message message = {.op = HM_OP_RESTARTED};
    for (unsigned i = 0; i < agent->security.peer_count; i++)
        hm_control_call(&agent->calls, &agent->security.peers[i], &message, TELL_MS, on_told, agent);
}

void hm_restart_remind(struct hm_agent *agent, uint32_t peer_addr)
{
    const struct hm_control_message message = {.op = HM_OP_RESTARTED};
    struct hm_peer *peer = hm_security_peer_by_addr(&agent->security, peer_addr);
    uint64_t now_ms = hm_env_ms(agent->env);
    if (peer == NULL || (peer->reminded_ms != 0 && now_ms - peer->reminded_ms < REMIND_MS))
        return;
    peer->reminded_ms = now_ms;
    hm_control_call(&agent->calls, peer, &message, REMIND_MS, on_told, agent);
}

/* --- a home agent began ------------------------------------------------------------------------------- */

static void register_again(struct hm_foreign *foreign, struct hm_visitor *visitor, uint64_t in_ms)
{
    struct hm_registrant *registrant = &foreign->registrant;
    uint64_t now_ms = hm_env_ms(foreign->env), end_ms = visitor->lifetime.due_ms;
    uint64_t left_ms = end_ms > now_ms ? end_ms - now_ms : 0;
    if (visitor->registration.open)
        hm_registrant_start(registrant, visitor, visitor->registration.purpose, visitor->lifetime_s);
    else if (visitor->state == HM_VISITOR_PRESENT)
        hm_presence_seek(foreign, visitor, in_ms);
    else if ((visitor->state == HM_VISITOR_EXPECTED && !visitor->awaits_sign) ||
             visitor->state == HM_VISITOR_BUFFERING)
        hm_registrant_start(registrant, visitor, HM_REGISTRATION_STAGE, (uint16_t)(left_ms / 1000 + 1));
}

static void register_nodes_of(struct hm_agent *agent, uint32_t home_agent)
{
    struct hm_foreign *foreign = &agent->foreign;
    size_t bucket = 0;
    uint64_t in_ms = 0; /* one after the other: that agent has much to do */
    struct hm_table_node *at = hm_table_walk(&foreign->visitors.by_home, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&foreign->visitors.by_home, &bucket, at)) {
        struct hm_visitor *visitor = HM_CONTAINER_OF(at, struct hm_visitor, by_home);
        if (visitor->node.home_agent == home_agent)
            register_again(foreign, visitor, in_ms++);
    }
}

/* --- a foreign agent began ---------------------------------------------------------------------------- */

static void restore_some(struct hm_agent *agent);

static void on_restored(void *arg, const struct hm_control_message *message)
{
    struct hm_agent *agent = arg;
    agent->restores--;
    if (message == NULL || message->code != HM_CONTROL_OK)
        hm_env_log(agent->env, HM_LOG_WARNING, "a visitor was not restored: %s",
                   message == NULL ? "its agent does not answer" : message->text);
    restore_some(agent);
}

/* Its home neighbours, without those that are where it is: that agent will not know them yet, and must not
 * teach its bridges that it has their MACs. */
static void add_neighbours(struct hm_agent *agent, const struct hm_binding *binding,
                           struct hm_control_message *message)
{
    struct hm_pair pairs[HM_CONTROL_MAX_NEIGHBOURS];
    unsigned count = hm_neighbour_recent(agent->neighbours, agent->env->home_link, &binding->mac, pairs,
                                         HM_CONTROL_MAX_NEIGHBOURS);
    for (unsigned i = 0; i < count; i++) {
        const struct hm_binding *other = hm_binding_lookup(&agent->home.bindings, pairs[i].addr);
        if (other == NULL || !hm_binding_is_at(other, binding->care_of_addr))
            message->neighbours[message->neighbour_count++] = pairs[i];
    }
}

/* It has stopped elsewhere, and may have landed at this agent. */
static bool is_diverted_to(const struct hm_binding *binding, uint32_t care_of_addr)
{
    return binding->state == HM_BINDING_DIVERTED &&
           hm_binding_motion(binding)->staged_care_of_addr == care_of_addr;
}

/* Is it there, as far as this agent knows? */
static bool is_at(const struct hm_binding *binding, const struct hm_peer *peer)
{
    return binding->care_of_addr == peer->config->addr || is_diverted_to(binding, peer->config->addr);
}

static void restore(struct hm_agent *agent, struct hm_binding *binding, struct hm_peer *peer)
{
    struct hm_resolved resolved = {.verdict = HM_RESOLVE_HERE};
    bool is_staged = is_diverted_to(binding, peer->config->addr);
    uint64_t now_ms = hm_env_ms(agent->env);
    const struct hm_motion *motion = hm_binding_motion(binding);
    uint64_t due_ms = is_staged ? motion->staged.due_ms : binding->lifetime.due_ms;
    hm_resolve_home_node(agent, binding->home_addr, &binding->mac, &resolved);
    struct hm_control_message message = {
        .op = HM_OP_RESTORE,
        .handover_id = is_staged ? motion->staged_handover_id : binding->handover_id,
        .epoch = is_staged ? motion->staged_epoch : binding->epoch,
        .lifetime_s = (uint32_t)(due_ms > now_ms ? (due_ms - now_ms) / 1000 : 0) + 1,
        .nodes = {resolved.nodes[0]},
        .node_count = 1};
    hm_binding_vm(binding, message.vm);
    add_neighbours(agent, binding, &message);
    agent->restores++;
    hm_control_call(&agent->calls, peer, &message, RESTORE_MS, on_restored, agent);
}

/* As many as may be under way; the outcome of each begins the next. */
static void restore_some(struct hm_agent *agent)
{
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(&agent->home.bindings.by_addr, &bucket, NULL);
    for (; at != NULL && agent->restores < MAX_RESTORES;
         at = hm_table_walk(&agent->home.bindings.by_addr, &bucket, at)) {
        struct hm_binding *binding = HM_CONTAINER_OF(at, struct hm_binding, by_addr);
        if (binding->restore_at == 0)
            continue;
        struct hm_peer *peer = &agent->security.peers[binding->restore_at - 1];
        binding->restore_at = 0;
        if (hm_binding_is_absent(binding) && is_at(binding, peer))
            restore(agent, binding, peer);
    }
}

static void restore_nodes_at(struct hm_agent *agent, const struct hm_peer *peer)
{
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(&agent->home.bindings.by_addr, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&agent->home.bindings.by_addr, &bucket, at)) {
        struct hm_binding *binding = HM_CONTAINER_OF(at, struct hm_binding, by_addr);
        if (is_at(binding, peer))
            binding->restore_at = (uint8_t)(peer - agent->security.peers + 1);
    }
    restore_some(agent);
}

void hm_restart_told(struct hm_agent *agent, struct hm_control_request *request)
{
    struct hm_peer *peer = request->peer;
    uint32_t peer_addr = peer->config->addr;
    hm_security_forget_tunnel(&agent->security, peer);
    hm_env_log(agent->env, HM_LOG_INFO, "agent %s began", peer->config->name);
    hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "noted");
    register_nodes_of(agent, peer_addr);
    restore_nodes_at(agent, peer);
    hm_source_repeat(agent, peer_addr);
}

/* --- this agent began, and is told what it had -------------------------------------------------------- */

void hm_restart_restore(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    const struct hm_control_node *node = &message->nodes[0];
    if (message->node_count != 1) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_MALFORMED, "not one address");
        return;
    }
    if (node->home_agent != request->peer->config->addr) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "not a node of yours");
        return;
    }
    if (hm_agent_visitor(agent, node) != NULL) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "known");
        return;
    }
    char text[HM_CONTROL_TEXT_LEN];
    const char *why = hm_foreign_refusal(&agent->foreign, node, text);
    if (why == NULL && !hm_foreign_restore(&agent->foreign, message))
        why = "no room for another visitor";
    hm_control_answer_text(&agent->server, request, why == NULL ? HM_CONTROL_OK : HM_CONTROL_REFUSED, "%s",
                           why == NULL ? "looked for" : why);
}
