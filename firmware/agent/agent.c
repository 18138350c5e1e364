/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent: home agent, foreign agent and handovers of one router, and the messages among them. */
#include "firmware/agent/agent.h"

#include "firmware/agent/destination.h"
#include "firmware/agent/notice.h"
#include "firmware/agent/presence.h"
#include "firmware/agent/restart.h"
#include "firmware/agent/rollback.h"
#include "firmware/agent/source.h"
#include "firmware/agent/waiting.h"
#include "firmware/link/output.h"

#define WATCH_KNOWN_MS 30000 /* how often to ask for the home router */
#define WATCH_UNKNOWN_MS 1000
#define ANNOUNCEMENTS 2

static void send_datagram(void *arg, const struct hm_datagram *datagram)
{
    struct hm_agent *agent = arg;
    char text[HM_IP_TEXT_LEN];
    hm_output_flush(agent->env); /* it may be about what was sent before */
    if (hm_stack_send(agent->stack, datagram) != HM_OK)
        hm_env_drop(agent->env, HM_DROP_NO_ROUTE, "message to %s", hm_ip_text(datagram->remote_addr, text));
}

/* What acknowledges waits until all that was changed before is durable. */
static void send_when_stored(void *arg, const struct hm_datagram *datagram)
{
    struct hm_agent *agent = arg;
    if (!hm_store_hold(&agent->store, NULL, datagram))
        send_datagram(agent, datagram);
}

static void send_to_kernel(void *arg, const struct hm_endpoint *to, const void *bytes, size_t len)
{
    const struct hm_agent *agent = arg;
    hm_output_flush(agent->env);
    agent->env->port->send_datagram(agent->env->port->ctx, to, bytes, len);
}

static void send_answer(void *arg, const struct hm_control_from *to, const void *bytes, size_t len,
                        bool acknowledges)
{
    struct hm_agent *agent = arg;
    struct hm_datagram datagram = {.local_addr = to->local_addr,
                                   .local_port = agent->env->config->control_port,
                                   .remote_addr = to->endpoint.addr,
                                   .remote_port = to->endpoint.port,
                                   .carriage = to->carriage,
                                   .bytes = bytes,
                                   .len = len};
    if (acknowledges && hm_store_hold(&agent->store, to->kernel ? &to->endpoint : NULL, &datagram))
        return;
    if (to->kernel)
        send_to_kernel(agent, &to->endpoint, bytes, len);
    else
        send_datagram(agent, &datagram);
}

static void send_call(void *arg, uint32_t to_addr, enum hm_carriage carriage, const void *bytes, size_t len)
{
    struct hm_agent *agent = arg;
    uint16_t port = agent->env->config->control_port;
    struct hm_datagram datagram = {.local_addr = agent->env->agent_addr,
                                   .local_port = port,
                                   .remote_addr = to_addr,
                                   .remote_port = port,
                                   .carriage = carriage,
                                   .bytes = bytes,
                                   .len = len};
    send_datagram(agent, &datagram);
}

static void handle_request(void *arg, struct hm_control_request *request)
{
    hm_notice_handle(arg, request);
}

static void on_staged(void *arg, struct hm_visitor *visitor, unsigned code)
{
    hm_destination_staged(arg, visitor, code);
}

static void on_activated(void *arg, struct hm_visitor *visitor, unsigned code)
{
    hm_destination_activated(arg, visitor, code);
}

static void on_handover_lifetime(void *arg, struct hm_handover *handover)
{
    if (handover->role == HM_ROLE_DESTINATION)
        hm_destination_expire(arg, handover);
    else if (handover->is_stopped)
        hm_source_cancel(arg, handover, NULL, "staged lifetime over");
    else /* the destination has a clock of its own, and knows whether the VM runs there */
        hm_source_undo(arg, handover, "staged lifetime over");
}

static int on_revoked(void *arg, const struct hm_peer *peer, const struct hm_revocation *revocation)
{
    struct hm_agent *agent = arg;
    if (revocation->flags & HM_REVOCATION_A)
        return hm_foreign_revoked(&agent->foreign, peer, revocation);
    return hm_home_revoked(&agent->home, peer, revocation);
}

static void on_begin(void *arg)
{
    struct hm_agent *agent = arg;
    hm_store_begin(agent);
    hm_restart_begin(agent);
}

static void on_datagram(void *arg, const struct hm_datagram *datagram)
{
    hm_agent_datagram(arg, datagram);
}

/* RFC 5227 section 2.3: an agent that comes back, perhaps with another MAC, tells its neighbours. */
static void announce_self(struct hm_env *env)
{
    for (unsigned i = 0; i < env->config->link_count; i++) {
        const struct hm_link_config *link = &env->config->links[i];
        struct hm_arp arp = {.op = HM_ARP_REQUEST,
                             .sender_mac = link->mac,
                             .sender_addr = link->addr,
                             .target_addr = link->addr};
        hm_output_arp(env, i, &HM_MAC_BROADCAST, &link->mac, &arp);
    }
}

/* A destination tells a visitor its home router's MAC; so it must be known before anything moves. */
static void watch_router(void *arg)
{
    struct hm_agent *agent = arg;
    struct hm_env *env = agent->env;
    uint32_t router = env->config->home_router;
    if (agent->announced++ < ANNOUNCEMENTS)
        announce_self(env);
    bool is_known = hm_neighbour_lookup(agent->neighbours, env->home_link, router) != NULL;
    if (!hm_env_is_own_addr(env, router))
        hm_neighbour_ask(agent->neighbours, env->home_link, router);
    bool is_settled = is_known && agent->announced >= ANNOUNCEMENTS;
    hm_timer_arm(&env->wheel, &agent->watch, is_settled ? WATCH_KNOWN_MS : WATCH_UNKNOWN_MS);
}

static void connect_modules(struct hm_agent *agent)
{
    agent->home.arg = agent;
    agent->home.send = send_when_stored;
    agent->home.revocations = &agent->revocations;
    agent->home.deliveries = &agent->deliveries;
    agent->revocations.send_arg = agent;
    agent->revocations.send = send_when_stored;
    agent->revocations.arg = agent;
    agent->revocations.revoked = on_revoked;
    agent->foreign.arg = agent;
    agent->foreign.staged = on_staged;
    agent->foreign.activated = on_activated;
    agent->foreign.registrant.send = send_datagram;
    agent->foreign.registrant.send_arg = agent;
    agent->deliveries.arg = agent;
    agent->deliveries.done = hm_waiting_done;
    agent->deliveries.changed = hm_waiting_changed;
    agent->handovers.arg = agent;
    agent->handovers.on_lifetime = on_handover_lifetime;
    agent->server.arg = agent;
    agent->server.handle = handle_request;
    agent->server.send = send_answer;
    agent->calls.arg = agent;
    agent->calls.send = send_call;
    agent->store.arg = agent;
    agent->store.send = send_datagram;
    agent->store.send_to_kernel = send_to_kernel;
}

/* Each open request may wait for another agent, and so may each handover of which nobody asks any more. */
static size_t max_pendings(const struct hm_env *env)
{
    return HM_CONTROL_SLOTS + (size_t)env->config->max_handovers;
}

static int init_modules(struct hm_agent *agent)
{
    struct hm_env *env = agent->env;
    int err = hm_arp_updates_init(&agent->updates, env, agent->neighbours);
    if (err == HM_OK)
        err = hm_store_init(&agent->store, agent);
    if (err == HM_OK)
        err = hm_security_init(&agent->security, env);
    if (err == HM_OK)
        err = hm_revocations_init(&agent->revocations, env, &agent->security);
    if (err == HM_OK)
        err = hm_home_init(&agent->home, env, &agent->security, agent->neighbours, &agent->updates);
    if (err == HM_OK)
        err = hm_foreign_init(&agent->foreign, env, &agent->security, agent->neighbours, &agent->updates);
    if (err == HM_OK)
        err = hm_handovers_init(&agent->handovers, env);
    if (err == HM_OK)
        err = hm_deliveries_init(&agent->deliveries, env);
    if (err == HM_OK)
        err = hm_control_server_init(&agent->server, env, &agent->security);
    if (err == HM_OK)
        err = hm_control_calls_init(&agent->calls, env, &agent->security);
    if (err == HM_OK)
        err = hm_slab_init(&agent->pendings, hm_source_pending_len(), max_pendings(env));
    if (err == HM_OK)
        err = hm_slab_init(&agent->notices, hm_notice_len(), HM_CONTROL_SLOTS);
    return err;
}

int hm_agent_init(struct hm_agent *agent, struct hm_env *env, struct hm_neighbours *neighbours,
                  const struct hm_stack_path *path)
{
    *agent = (struct hm_agent){.env = env, .neighbours = neighbours};
    const uint16_t ports[] = {HM_MIP_PORT, env->config->control_port};
    struct hm_stack_handlers handlers = {.arg = agent, .datagram = on_datagram};
    int err = init_modules(agent);
    if (err == HM_OK)
        err = hm_stack_create(env, neighbours, ports, 2, &handlers, path, &agent->stack);
    if (err != HM_OK)
        hm_agent_fini(agent);
    connect_modules(agent);
    hm_reach_init(&agent->reach, env, &agent->security, &agent->calls);
    hm_port_probe_init(&agent->port, env, neighbours);
    hm_timer_init(&agent->watch, watch_router, agent);
    hm_timer_init(&agent->begin, on_begin, agent);
    if (err == HM_OK) {
        hm_timer_arm(&env->wheel, &agent->watch, 0);
        hm_timer_arm(&env->wheel, &agent->begin, 0);
    }
    return err;
}

void hm_agent_fini(struct hm_agent *agent)
{
    hm_stack_destroy(agent->stack);
    agent->stack = NULL;
    hm_slab_fini(&agent->notices);
    hm_slab_fini(&agent->pendings);
    hm_control_calls_fini(&agent->calls);
    hm_control_server_fini(&agent->server);
    hm_deliveries_fini(&agent->deliveries);
    hm_handovers_fini(&agent->handovers);
    hm_foreign_fini(&agent->foreign);
    hm_home_fini(&agent->home);
    hm_revocations_fini(&agent->revocations);
    hm_security_fini(&agent->security);
    hm_store_fini(&agent->store);
    hm_arp_updates_fini(&agent->updates);
}

/* --- what comes in ------------------------------------------------------------------------------------ */

static void receive_registration(struct hm_agent *agent, const struct hm_datagram *datagram)
{
    char text[HM_IP_TEXT_LEN];
    uint8_t type = datagram->len > 0 ? datagram->bytes[0] : 0;
    if (type == HM_MIP_REQUEST)
        hm_home_receive(&agent->home, datagram);
    else if (type == HM_MIP_REPLY)
        hm_registrant_receive(&agent->foreign.registrant, datagram);
    else if (type == HM_MIP_REVOCATION)
        hm_revocations_receive(&agent->revocations, datagram);
    else if (type == HM_MIP_REVOCATION_ACK)
        hm_revocations_receive_ack(&agent->revocations, datagram);
    else
        hm_env_drop(agent->env, HM_DROP_MIP_TYPE, "type %u from %s", type,
                    hm_ip_text(datagram->remote_addr, text));
}

static void receive_control(struct hm_agent *agent, struct hm_control_from *from, const uint8_t *bytes,
                            size_t len)
{
    char text[HM_IP_TEXT_LEN];
    struct hm_control_message message;
    enum hm_carriage carriage = from->carriage;
    if (hm_control_decode(bytes, len, &message) != HM_OK) {
        hm_env_drop(agent->env, HM_DROP_CONTROL_MALFORMED, "from %s", hm_ip_text(from->endpoint.addr, text));
        return;
    }
    /* By its answer the sender of a HELLO learns that its kind of packet passes both ways; all else is
     * answered bare. */
    if (message.op != HM_OP_HELLO)
        from->carriage = HM_CARRIAGE_BARE;
    switch (message.kind) {
    case HM_CONTROL_REQUEST:
        /* Other agents always speak to the agent's own address; hypervisors only where that is configured. */
        if (!from->kernel && message.op < HM_OP_PREPARE && !agent->env->config->control_listen) {
            hm_env_drop(agent->env, HM_DROP_CONTROL_UNEXPECTED, "hypervisors are not listened to here");
            return;
        }
        hm_control_server_receive(&agent->server, from, &message, bytes, len);
        return;
    case HM_CONTROL_REPLY:
        hm_control_calls_receive(&agent->calls, &message, carriage, bytes, len);
        return;
    case HM_CONTROL_HINT:
        hm_env_drop(agent->env, HM_DROP_CONTROL_KEY, "%s says that it does not know our key (id %u)",
                    hm_ip_text(from->endpoint.addr, text), message.key_id);
        return;
    }
}

void hm_agent_datagram(struct hm_agent *agent, const struct hm_datagram *datagram)
{
    if (datagram->local_port == HM_MIP_PORT) {
        receive_registration(agent, datagram);
        return;
    }
    struct hm_control_from from = {.endpoint = {.addr = datagram->remote_addr, .port = datagram->remote_port},
                                   .local_addr = datagram->local_addr,
                                   .carriage = datagram->carriage};
    receive_control(agent, &from, datagram->bytes, datagram->len);
}

void hm_agent_kernel_datagram(struct hm_agent *agent, const struct hm_endpoint *from, const uint8_t *bytes,
                              size_t len)
{
    struct hm_control_from source = {.kernel = true, .endpoint = *from};
    receive_control(agent, &source, bytes, len);
}

/* --- presence ----------------------------------------------------------------------------------------- */

/* Does it hold what came for a VM that was stopped here, and perhaps goes on here? */
static bool is_rolled_back(const struct hm_delivery *delivery)
{
    const struct hm_handover *handover = delivery != NULL ? delivery->of : NULL;
    return handover != NULL && handover->role == HM_ROLE_SOURCE && handover->is_returning;
}

static void see_visitor(struct hm_agent *agent, struct hm_visitor *visitor)
{
    hm_presence_seen(&agent->foreign, visitor);
    if (is_rolled_back(visitor->delivery)) {
        hm_rollback_seen(agent, visitor->delivery->of, &visitor->node.mac);
        return;
    }
    if (visitor->state == HM_VISITOR_STOPPED) {
        hm_rollback_runs_again(agent, visitor->next_handover_id);
        return;
    }
    bool is_ahead = visitor->state == HM_VISITOR_EXPECTED || visitor->state == HM_VISITOR_BUFFERING;
    if (!is_ahead && visitor->delivery == NULL)
        return;
    struct hm_handover *handover =
        hm_handover_lookup(&agent->handovers, visitor->handover_id, HM_ROLE_DESTINATION);
    if (handover != NULL)
        hm_destination_seen(agent, handover, &visitor->node.mac);
}

/* The handover that brings the node home, or that it has not left by. */
static void see_at_home(struct hm_agent *agent, struct hm_binding *binding)
{
    const struct hm_motion *motion = hm_binding_motion(binding);
    struct hm_handover *handover = NULL;
    if (is_rolled_back(motion->delivery)) {
        hm_rollback_seen(agent, motion->delivery->of, &binding->mac);
        return;
    }
    if (motion->staged_care_of_addr == agent->env->agent_addr)
        handover = hm_handover_lookup(&agent->handovers, motion->staged_handover_id, HM_ROLE_DESTINATION);
    else if (binding->state == HM_BINDING_HOME && binding->handover_id != 0)
        handover = hm_handover_lookup(&agent->handovers, binding->handover_id, HM_ROLE_DESTINATION);
    if (handover != NULL)
        hm_destination_seen(agent, handover, &binding->mac);
    else if (hm_binding_is_absent(binding)) {
        hm_home_seen_again(&agent->home, binding);
        if (binding->state == HM_BINDING_DIVERTED && binding->care_of_addr == 0)
            hm_rollback_runs_again(agent, hm_binding_motion(binding)->staged_handover_id);
    }
}

bool hm_agent_presence(struct hm_agent *agent, unsigned link, const struct hm_mac *mac)
{
    bool is_known = false;
    const struct hm_visitors *visitors = &agent->foreign.visitors;
    struct hm_visitor *visitor = visitors->by_mac.count > 0 ? hm_visitor_of_mac(visitors, mac, NULL) : NULL;
    for (; visitor != NULL; visitor = hm_visitor_of_mac(&agent->foreign.visitors, mac, visitor)) {
        if (visitor->link != link)
            continue;
        see_visitor(agent, visitor);
        is_known = true;
    }
    if (link != agent->env->home_link || agent->home.bindings.by_mac.count == 0)
        return is_known;
    struct hm_binding *binding = hm_binding_of_mac(&agent->home.bindings, mac, NULL);
    for (; binding != NULL; binding = hm_binding_of_mac(&agent->home.bindings, mac, binding)) {
        see_at_home(agent, binding);
        is_known = true;
    }
    return is_known;
}

void hm_agent_delivered(struct hm_agent *agent, struct hm_visitor *visitor)
{
    visitor->undelivered = false;
    struct hm_handover *handover =
        hm_handover_lookup(&agent->handovers, visitor->handover_id, HM_ROLE_DESTINATION);
    if (handover != NULL)
        hm_handover_stamp(handover, HM_STEP_DELIVERED);
}
