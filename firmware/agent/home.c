/* SPDX-License-Identifier: BSD-3-Clause */
/* The home agent (RFC 5944 section 3.8, RFC 5563): carries registration requests out and keeps bindings.
 *
 * A request passes through home_verify (length, associations, authenticators; identification in the window
 * and newer than all accepted for the node), home_decide (policy: a pure look at configuration and binding)
 * and apply, here: the only step that changes a binding. A request with the hold extension stages: the
 * care-of address is remembered, traffic stays where it is. Replies go to where the request came from,
 * whatever the care-of address is. */
#include "firmware/agent/home_parts.h"

#include <stdio.h>

/* How long a node that came home is remembered, at least, and for as long as a request may be valid: its last
 * identification keeps old requests out, and frames that it still sends to the foreign agent's MAC are routed
 * meanwhile. */
#define REMEMBER_MS 60000
#define UNDER_WAY_MS 3000 /* what a node has sent from its old place has come by then */

static void on_lifetime(void *arg, struct hm_binding *binding);
static void on_staged(void *arg, struct hm_binding *binding);

int hm_home_init(struct hm_home *home, struct hm_env *env, struct hm_security *security,
                 struct hm_neighbours *neighbours, struct hm_arp_updates *updates)
{
    *home = (struct hm_home){.env = env, .security = security, .neighbours = neighbours, .updates = updates};
    int err = hm_bindings_init(&home->bindings, env);
    home->bindings.arg = home;
    home->bindings.on_lifetime = on_lifetime;
    home->bindings.on_staged = on_staged;
    return err;
}

void hm_home_fini(struct hm_home *home)
{
    hm_bindings_fini(&home->bindings);
}

void hm_home_remember(struct hm_home *home, struct hm_binding *binding)
{
    uint64_t window_ms = 2000 * (uint64_t)home->env->config->tolerance_s + 1000;
    hm_timer_arm(&home->env->wheel, &binding->lifetime, window_ms > REMEMBER_MS ? window_ms : REMEMBER_MS);
}

static void go_home(struct hm_home *home, struct hm_binding *binding, const char *reason)
{
    bool was_absent = hm_binding_is_absent(binding);
    hm_binding_apply(binding, HM_BINDING_RETURN, reason);
    hm_binding_cancel_staged(binding);
    /* The word of its stop there may still be under way; what it has sent from there is too late. */
    if (binding->care_of_addr != 0)
        binding->previous_addr = binding->care_of_addr;
    binding->previous_end = hm_short_ms(0);
    binding->care_of_addr = 0;
    hm_binding_drop_copies(binding);
    hm_binding_set_staged(binding, 0, 0, 0);
    hm_binding_set_delivery(binding, NULL);
    hm_home_end_old_way(binding);
    if (was_absent)
        hm_takeover_hand_back(&binding->takeover);
    hm_home_remember(home, binding);
}

/* The node is elsewhere now: the agent where it was lets it go (RFC 5563 section 4.1.4). */
static void revoke(struct hm_home *home, const struct hm_binding *binding)
{
    uint64_t now_ms = hm_env_ms(home->env);
    if (home->revocations != NULL && hm_binding_is_absent(binding) && binding->is_revocable &&
        hm_timer_is_armed(&binding->lifetime) && binding->lifetime.due_ms > now_ms)
        hm_revocations_start(home->revocations, binding->home_addr, binding->care_of_addr,
                             binding->lifetime.due_ms - now_ms);
}

static void unstage(struct hm_home *home, struct hm_binding *binding, const char *reason)
{
    if (binding->state == HM_BINDING_DIVERTED && hm_binding_motion(binding)->delivery != NULL &&
        binding->care_of_addr == 0) {
        /* It was stopped here: agent/rollback decides, once it is seen or was not seen for long. */
        hm_binding_set_staged(binding, 0, 0, 0);
        return;
    }
    if (binding->state == HM_BINDING_DIVERTED) {
        hm_home_stay(home, binding, reason);
        return;
    }
    hm_binding_apply(binding, HM_BINDING_UNSTAGE, reason);
    hm_binding_cancel_staged(binding);
    hm_binding_set_staged(binding, 0, 0, 0);
    if (binding->state == HM_BINDING_HOME)
        hm_home_remember(home, binding);
}

/* A place that is staged meanwhile stays so: the node is on its way there. */
static void expire(struct hm_home *home, struct hm_binding *binding, const char *reason)
{
    if (hm_binding_promote_copy(binding))
        return;
    hm_binding_apply(binding, HM_BINDING_EXPIRE, reason);
    binding->care_of_addr = 0;
    if (!hm_binding_is_absent(binding)) /* on its way to a place that is prepared */
        hm_takeover_hand_back(&binding->takeover);
    if (binding->state == HM_BINDING_HOME)
        hm_home_remember(home, binding);
}

static void on_lifetime(void *arg, struct hm_binding *binding)
{
    if (binding->state == HM_BINDING_HOME)
        hm_binding_remove(binding);
    else if (hm_binding_is_absent(binding))
        expire(arg, binding, "lifetime over");
}

static void on_staged(void *arg, struct hm_binding *binding)
{
    unstage(arg, binding, "staged lifetime over");
}

/* --- apply -------------------------------------------------------------------------------------------- */

/* One care-of address, or with the home address all of them (RFC 5944 section 3.8.2.2). An agent that vouches
 * for the node deregisters only what it has registered. */
static void apply_deregistration(struct hm_home *home, const struct hm_peer *peer, struct hm_binding *binding,
                                 const struct hm_registration_request *request)
{
    if (request->ext.has_hold) {
        if (hm_binding_motion(binding)->staged_care_of_addr == request->care_of_addr &&
            hm_binding_motion(binding)->staged_handover_id == request->ext.handover_id)
            unstage(home, binding, "withdrawn");
        return;
    }
    bool is_all = request->care_of_addr == request->home_addr;
    uint32_t named = request->ext.has_pmip_method ? peer->config->addr : request->care_of_addr;
    bool is_mine = hm_binding_has_care_of(binding, named);
    if (!hm_binding_is_absent(binding) || (!is_mine && (!is_all || request->ext.has_pmip_method)))
        return;
    if (!is_all && binding->care_of_addr != named)
        hm_binding_drop_copy(binding, named);
    else if (is_all || !hm_binding_promote_copy(binding))
        go_home(home, binding, "deregistered");
}

static void apply_stage(struct hm_home *home, struct hm_binding *binding,
                        const struct hm_registration_request *request)
{
    hm_binding_set_staged(binding, request->care_of_addr, request->ext.handover_id, request->ext.epoch);
    hm_binding_copy_to_staged(binding, (request->flags & HM_RRQ_S) && hm_home_max_simultaneous(home) > 1);
    hm_binding_apply(binding, HM_BINDING_STAGE, "registration on hold");
    if (binding->state != HM_BINDING_DIVERTED)
        hm_binding_arm_staged(binding, (uint64_t)request->lifetime_s * 1000);
    if (binding->state == HM_BINDING_STAGED)
        hm_timer_cancel(&home->env->wheel, &binding->lifetime);
}

static bool is_newer_staged(const struct hm_binding *binding, const struct hm_registration_request *request)
{
    return hm_binding_motion(binding)->staged_handover_id != 0 && request->ext.has_handover &&
           (int32_t)(hm_binding_motion(binding)->staged_epoch - request->ext.epoch) > 0;
}

/* A care-of address beside those that the node has. */
static bool apply_addition(struct hm_home *home, struct hm_binding *binding,
                           const struct hm_registration_request *request)
{
    char text[HM_IP_TEXT_LEN], vm[HM_NAME_LEN];
    if (!hm_binding_is_absent(binding) || hm_home_max_simultaneous(home) == 1 ||
        binding->care_of_addr == request->care_of_addr)
        return false;
    if (!hm_binding_add_copy(binding, request->care_of_addr, request->lifetime_s))
        return false;
    hm_env_log(home->env, HM_LOG_INFO, "binding %s: copies go to %s too", hm_binding_vm(binding, vm),
               hm_ip_text(request->care_of_addr, text));
    return true;
}

/* The node has landed elsewhere. What it has sent from its old place may still be under way; when its stop is
 * told by a message, that comes behind. */
static void leave_old_way(struct hm_home *home, struct hm_binding *binding,
                          const struct hm_registration_request *request)
{
    bool is_marked = request->ext.has_stop_notice && binding->state == HM_BINDING_SWITCHING;
    binding->previous_addr = binding->care_of_addr;
    binding->previous_end = hm_short_ms(hm_env_ms(home->env) + UNDER_WAY_MS);
    if (!is_marked)
        hm_home_end_old_way(binding);
    else if (hm_binding_motion(binding)->upward == NULL)
        hm_home_hold_upward(home, binding, request->care_of_addr);
}

static void apply_activation(struct hm_home *home, struct hm_binding *binding,
                             const struct hm_registration_request *request)
{
    if (!(request->flags & HM_RRQ_S))
        hm_binding_drop_copies(binding);
    else if (apply_addition(home, binding, request))
        return;
    bool was_absent = hm_binding_is_absent(binding);
    bool is_renewal = was_absent && binding->care_of_addr == request->care_of_addr;
    if (!is_renewal)
        revoke(home, binding);
    binding->is_revocable = request->ext.has_revocation;
    binding->registered_time = request->ext.revocation_timestamp;
    binding->lifetime_s = request->lifetime_s;
    hm_timer_arm(&home->env->wheel, &binding->lifetime, (uint64_t)binding->lifetime_s * 1000);
    if (request->ext.has_agent_mac)
        binding->agent_mac = request->ext.agent_mac;
    if (request->ext.has_handover) {
        binding->handover_id = request->ext.handover_id;
        binding->epoch = request->ext.epoch;
    }
    if (is_renewal) {
        if (hm_binding_motion(binding)->staged_handover_id != 0 &&
            hm_binding_motion(binding)->staged_handover_id == binding->handover_id)
            unstage(home, binding, "it has landed there"); /* its agent restarted, and staged it once more */
        hm_takeover_resume(&binding->takeover);
        return;
    }
    leave_old_way(home, binding, request);
    binding->care_of_addr = request->care_of_addr;
    hm_binding_apply(binding, HM_BINDING_ACTIVATE, "registered");
    if (is_newer_staged(binding, request)) { /* its registration was late: the next move has been staged */
        hm_binding_apply(binding, HM_BINDING_STAGE, "the next move is staged");
    } else {
        hm_binding_set_staged(binding, 0, 0, 0);
        hm_binding_cancel_staged(binding);
    }
    hm_arp_updates_stop(home->updates, binding->home_addr, &binding->mac);
    if (!was_absent)
        hm_takeover_start(&binding->takeover, home->env->home_link, binding->home_addr, &binding->mac);
}

/* A new entry; when the table is full, one that is only remembered makes room. */
static struct hm_binding *make_room(struct hm_home *home, uint32_t home_addr, const struct hm_mac *mac)
{
    size_t bucket = 0;
    struct hm_binding *binding = hm_binding_add(&home->bindings, home_addr, mac);
    if (binding != NULL)
        return binding;
    struct hm_table_node *at = hm_table_walk(&home->bindings.by_addr, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&home->bindings.by_addr, &bucket, at)) {
        binding = HM_CONTAINER_OF(at, struct hm_binding, by_addr);
        if (binding->state != HM_BINDING_HOME)
            continue;
        if ((int64_t)(binding->identification - hm_home_oldest_fresh(home)) > 0) {
            home->forgotten = binding->identification;
            hm_store_note_agent(home->env->store);
        }
        hm_binding_remove(binding);
        return hm_binding_add(&home->bindings, home_addr, mac);
    }
    return NULL;
}

struct hm_binding *hm_home_add_entry(struct hm_home *home, uint32_t home_addr, const struct hm_mac *mac)
{
    struct hm_binding *binding = make_room(home, home_addr, mac);
    if (binding != NULL)
        binding->identification = hm_home_oldest_fresh(home);
    return binding;
}

/* A NAI may be longer than the names that are kept. */
static void set_vm(struct hm_binding *binding, const char *nai)
{
    char vm[HM_NAME_LEN];
    snprintf(vm, sizeof(vm), "%.*s", (int)sizeof(vm) - 1, nai);
    hm_binding_set_vm(binding, vm);
}

/* Finds or makes the entry; the request may name the node and its MAC anew. */
static struct hm_binding *prepare_entry(struct hm_home *home, struct hm_binding *binding,
                                        const struct hm_registration_request *request)
{
    if (binding == NULL && request->lifetime_s != 0)
        binding = hm_home_add_entry(home, request->home_addr, &request->ext.mac);
    if (binding == NULL)
        return NULL;
    if (request->ext.has_mac && request->lifetime_s != 0)
        hm_binding_set_mac(binding, &request->ext.mac);
    if (request->ext.nai[0] != '\0' && request->lifetime_s != 0)
        set_vm(binding, request->ext.nai);
    binding->identification = request->identification;
    if (home->revocations != NULL && request->lifetime_s != 0)
        hm_revocations_stop(home->revocations, binding->home_addr, request->care_of_addr);
    return binding;
}

/* Carries an accepted request out; HA_RESOURCES when the table is full. */
static enum hm_reply_code apply(struct hm_home *home, const struct hm_peer *peer, struct hm_binding *binding,
                                const struct hm_registration_request *request)
{
    binding = prepare_entry(home, binding, request);
    if (binding == NULL)
        return request->lifetime_s == 0 ? HM_CODE_ACCEPTED : HM_CODE_HA_RESOURCES;
    if (request->lifetime_s == 0)
        apply_deregistration(home, peer, binding, request);
    else if (request->ext.has_hold)
        apply_stage(home, binding, request);
    else
        apply_activation(home, binding, request);
    hm_stored_mark(&binding->stored);
    bool is_single = (request->flags & HM_RRQ_S) && hm_home_max_simultaneous(home) == 1;
    return is_single ? HM_CODE_ACCEPTED_NO_SIMULTANEOUS : HM_CODE_ACCEPTED;
}

/* Decides and carries out; what it gives is the reply's code. */
static enum hm_reply_code handle(struct hm_home *home, const struct hm_datagram *datagram,
                                 const struct hm_home_proof *proof, struct hm_binding *binding,
                                 struct hm_registration_request *request)
{
    const struct hm_router_config *config = home->env->config;
    uint16_t limit_s = request->ext.has_hold ? config->staged_lifetime_s : config->lifetime_max_s;
    if (request->lifetime_s > limit_s)
        request->lifetime_s = limit_s;
    /* RFC 5944 section 3.8.2.1: who asks all of a LAN is told the address to ask. */
    enum hm_reply_code code = datagram->is_broadcast ? HM_CODE_HA_UNKNOWN_ADDRESS
                                                     : hm_home_decide(home, proof->peer, request, binding);
    if (code != HM_CODE_ACCEPTED)
        return code;
    if (proof->mobile != NULL) {
        proof->mobile->identification = request->identification;
        hm_store_note_mobile(home->env->store, proof->mobile);
    }
    return apply(home, proof->peer, binding, request);
}

/* The tunnel that is granted; what the agent is told of it. */
static void grant_tunnel(struct hm_home *home, struct hm_peer *peer,
                         const struct hm_registration_request *request, struct hm_registration_reply *reply)
{
    enum hm_encapsulation kind;
    if (request->lifetime_s == 0 || hm_home_decide_tunnel(peer, request, &kind) != HM_CODE_ACCEPTED)
        return;
    bool is_udp = kind == HM_ENCAPSULATION_UDP;
    if (request->ext.udp_request.is_given)
        reply->ext.udp_reply =
            (struct hm_udp_tunnel_reply){.is_given = true,
                                         .code = is_udp ? HM_UDP_TUNNEL_AGREED : HM_UDP_TUNNEL_DECLINED,
                                         .flags = is_udp ? HM_UDP_TUNNEL_FORCED : 0};
    bool is_by_agent = request->ext.has_pmip_method || (is_udp && !hm_home_is_tunnel_by_node(request));
    if (peer != NULL && is_by_agent && request->care_of_addr == peer->config->addr)
        hm_security_grant_tunnel(home->security, peer, kind);
}

/* What is diverted waits at one place, and the next cannot be prepared before the landing there is
 * registered: the request will be repeated. */
static bool is_early(const struct hm_registration_request *request, const struct hm_binding *binding)
{
    return binding != NULL && request->ext.has_hold && request->lifetime_s != 0 &&
           hm_binding_is_under_way(binding, request->ext.handover_id);
}

void hm_home_receive(struct hm_home *home, const struct hm_datagram *datagram)
{
    struct hm_registration_request request;
    struct hm_home_proof proof;
    if (!hm_home_verify(home, datagram, &request, &proof))
        return;
    hm_env_count(home->env, HM_COUNT_RRQ_RECEIVED);
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, request.home_addr);
    struct hm_registration_reply reply = {.code = proof.code,
                                          .home_addr = request.home_addr,
                                          .home_agent = request.home_agent,
                                          .identification = request.identification};
    if (proof.code == HM_CODE_ACCEPTED && !hm_home_is_fresh(home, &proof, &request, binding)) {
        hm_env_drop(home->env, HM_DROP_MIP_REPLAY, "request of %s", hm_home_asker(&proof));
        reply.code = HM_CODE_HA_IDENTIFICATION;
        reply.identification =
            hm_home_clock_to_tell(home, &proof, binding) | (uint32_t)request.identification;
    }
    if (reply.code == HM_CODE_ACCEPTED && is_early(&request, binding)) {
        hm_env_drop(home->env, HM_DROP_MIP_EARLY, "request of %s", hm_home_asker(&proof));
        return;
    }
    if (reply.code == HM_CODE_ACCEPTED)
        reply.code = handle(home, datagram, &proof, binding, &request);
    if (reply.code <= HM_CODE_ACCEPTED_NO_SIMULTANEOUS)
        grant_tunnel(home, proof.peer, &request, &reply);
    else
        hm_env_log(home->env, HM_LOG_WARNING, "registration by %s refused: %s", hm_home_asker(&proof),
                   hm_reply_code_text(reply.code));
    if (reply.code == HM_CODE_HA_UNKNOWN_ADDRESS)
        reply.home_agent = home->env->agent_addr;
    reply.lifetime_s = request.lifetime_s;
    hm_home_send_reply(home, datagram, &request, &proof, &reply);
}

/* --- the return home ---------------------------------------------------------------------------------- */

int hm_home_stage_return(struct hm_home *home, const struct hm_control_node *node, uint64_t handover_id,
                         uint32_t epoch, uint32_t lifetime_s)
{
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, node->home_addr);
    if (binding == NULL) /* lost by a restart, or expired: it comes home all the same */
        binding = hm_home_add_entry(home, node->home_addr, &node->mac);
    if (binding == NULL)
        return HM_ERR_FULL;
    if (hm_binding_is_overtaken(binding, epoch))
        return HM_ERR_REPLAY;
    hm_binding_set_staged(binding, home->env->agent_addr, handover_id, epoch);
    hm_binding_apply(binding, HM_BINDING_STAGE, "return announced");
    hm_takeover_settle(&binding->takeover);
    hm_binding_arm_staged(binding, (uint64_t)lifetime_s * 1000 + HM_HOME_STRAY_MS);
    return HM_OK;
}

void hm_home_unstage(struct hm_home *home, uint32_t home_addr, uint64_t handover_id, const char *reason)
{
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, home_addr);
    if (binding != NULL && handover_id != 0 && hm_binding_motion(binding)->staged_handover_id == handover_id)
        unstage(home, binding, reason);
}

/* Where the foreign agent had to tell its own MAC, the node's ARP cache still has that. */
static void tell_true_macs(struct hm_home *home, const struct hm_binding *binding)
{
    struct hm_pair pairs[HM_ARP_UPDATE_MAX];
    struct hm_arp_update_plan plan = {
        .link = home->env->home_link, .vm_addr = binding->home_addr, .vm_mac = binding->mac, .call_vm = true};
    unsigned count =
        hm_neighbour_recent(home->neighbours, plan.link, &binding->mac, pairs, HM_ARP_UPDATE_MAX);
    hm_arp_update_plan_add(&plan, home->env->config->home_router, &HM_MAC_ZERO);
    for (unsigned i = 0; i < count; i++)
        hm_arp_update_plan_add(&plan, pairs[i].addr, &HM_MAC_ZERO);
    hm_arp_updates_start(home->updates, &plan);
}

void hm_home_landed(struct hm_home *home, struct hm_binding *binding, const char *reason)
{
    hm_neighbour_learn(home->neighbours, home->env->home_link, binding->home_addr, &binding->mac);
    binding->handover_id = hm_binding_motion(binding)->staged_handover_id;
    binding->epoch = hm_binding_motion(binding)->staged_epoch;
    revoke(home, binding);
    go_home(home, binding, reason);
    tell_true_macs(home, binding);
}

int hm_home_revoked(struct hm_home *home, const struct hm_peer *peer, const struct hm_revocation *revocation)
{
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, revocation->home_addr);
    if (binding == NULL || !hm_binding_is_absent(binding) || binding->care_of_addr != peer->config->addr)
        return HM_OK;
    if (!binding->is_revocable || !hm_revocation_is_after(revocation->id, binding->registered_time))
        return HM_ERR_REPLAY;
    hm_timer_cancel(&home->env->wheel, &binding->lifetime);
    expire(home, binding, "revoked by the foreign agent");
    return HM_OK;
}

void hm_home_seen_again(struct hm_home *home, struct hm_binding *binding)
{
    hm_env_count(home->env, HM_COUNT_HOME_AGAIN);
    hm_takeover_pause(&binding->takeover);
}
