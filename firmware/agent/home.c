/* SPDX-License-Identifier: BSD-3-Clause */
/* The home agent (RFC 5944 section 3.8, RFC 5563): verifies registration requests, decides, and keeps
 * bindings.
 *
 * A request passes through verify (length, association, authenticator), identification (time stamp in the
 * window and newer than all accepted for the node), decide (policy: a pure look at configuration and binding)
 * and apply (the only step that changes a binding). A request with the hold extension stages: the care-of
 * address is remembered, traffic stays where it is. Replies go to where the request came from, whatever
 * the care-of address is. */
#include "firmware/agent/home.h"

#include <stdio.h>

#include "firmware/agent/node.h"

/* How long a node that came home is remembered: its last identification keeps old requests out, and frames
 * that it still sends to the foreign agent's MAC are routed meanwhile. */
#define REMEMBER_MS 60000

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

static void remember(struct hm_home *home, struct hm_binding *binding)
{
    hm_timer_arm(&home->env->wheel, &binding->lifetime, REMEMBER_MS);
}

static void go_home(struct hm_home *home, struct hm_binding *binding, const char *reason)
{
    bool was_absent = hm_binding_is_absent(binding);
    hm_binding_apply(binding, HM_BINDING_RETURN, reason);
    hm_timer_cancel(&home->env->wheel, &binding->staged);
    binding->care_of_addr = 0;
    hm_binding_set_staged(binding, 0, 0, 0);
    if (was_absent)
        hm_takeover_hand_back(&binding->takeover);
    remember(home, binding);
}

static void unstage(struct hm_home *home, struct hm_binding *binding, const char *reason)
{
    hm_binding_apply(binding, HM_BINDING_UNSTAGE, reason);
    hm_timer_cancel(&home->env->wheel, &binding->staged);
    hm_binding_set_staged(binding, 0, 0, 0);
    if (binding->state == HM_BINDING_HOME)
        remember(home, binding);
}

/* A place that is staged meanwhile stays so: the node is on its way there. */
static void expire(struct hm_home *home, struct hm_binding *binding)
{
    hm_binding_apply(binding, HM_BINDING_EXPIRE, "lifetime over");
    binding->care_of_addr = 0;
    hm_takeover_hand_back(&binding->takeover);
    if (binding->state == HM_BINDING_HOME)
        remember(home, binding);
}

static void on_lifetime(void *arg, struct hm_binding *binding)
{
    if (binding->state == HM_BINDING_HOME)
        hm_binding_remove(binding);
    else if (hm_binding_is_absent(binding))
        expire(arg, binding);
}

static void on_staged(void *arg, struct hm_binding *binding)
{
    unstage(arg, binding, "staged lifetime over");
}

/* --- verify ------------------------------------------------------------------------------------------- */

static void send_reply(struct hm_home *home, const struct hm_datagram *request, const struct hm_peer *peer,
                       struct hm_registration_reply *reply)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_reply(&writer, reply);
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, peer->config->spi, peer->config->algorithm,
                            &peer->config->key);
    assert(!writer.failed);
    struct hm_datagram datagram = {.local_addr = request->local_addr,
                                   .local_port = request->local_port,
                                   .remote_addr = request->remote_addr,
                                   .remote_port = request->remote_port,
                                   .bytes = bytes,
                                   .len = writer.len};
    hm_env_count(home->env, HM_COUNT_RRP_SENT);
    hm_env_count(home->env, reply->code <= HM_CODE_ACCEPTED_NO_SIMULTANEOUS ? HM_COUNT_RRP_ACCEPTED
                                                                            : HM_COUNT_RRP_DENIED);
    home->send(home->arg, &datagram);
}

/* The association by which the request is authentic, or NULL (and all said). */
static struct hm_peer *verify(struct hm_home *home, const struct hm_datagram *datagram,
                              struct hm_registration_request *request)
{
    char text[HM_IP_TEXT_LEN];
    hm_ip_text(datagram->remote_addr, text);
    int err = hm_registration_decode_request(datagram->bytes, datagram->len, request);
    if (err != HM_OK) {
        hm_env_drop(home->env, err == HM_ERR_REFUSED ? HM_DROP_MIP_EXTENSION : HM_DROP_MIP_MALFORMED,
                    "request from %s", text);
        return NULL;
    }
    /* RFC 5563 section 4.3: the per-node association is found by the sender's address (RFC 5944 3.5.4). */
    struct hm_peer *peer = hm_security_peer_by_addr(home->security, datagram->remote_addr);
    const struct hm_auth_ext *auth = &request->ext.fa_ha;
    if (peer == NULL || !auth->present || auth->count != 1 || auth->spi != peer->config->spi) {
        hm_env_drop(home->env, HM_DROP_MIP_NO_SA, "request from %s", text);
        return NULL;
    }
    if (!hm_extensions_are_covered(&request->ext, auth) ||
        !hm_extension_auth_is_right(auth, datagram->bytes, peer->config->algorithm, &peer->config->key)) {
        hm_env_drop(home->env, HM_DROP_MIP_AUTH, "request from %s", text);
        return NULL;
    }
    return peer;
}

/* RFC 5944 section 5.7.1 */
static bool is_identification_acceptable(const struct hm_home *home, uint64_t identification,
                                         const struct hm_binding *binding)
{
    if (!hm_security_is_timely(home->env, identification))
        return false;
    return binding == NULL || (int64_t)(identification - binding->identification) > 0;
}

/* What a refusal tells as our clock, in the high 32 bits. The asker takes it for the beginning of a second;
 * where that would not be newer than what was accepted last (in this second, or from an agent with a fast
 * clock), it is the second after that. */
static uint64_t clock_to_tell(const struct hm_home *home, const struct hm_binding *binding)
{
    const uint64_t seconds = 0xffffffff00000000u;
    uint64_t ntp = home->env->now.ntp & seconds;
    if (binding != NULL && (int64_t)(binding->identification - ntp) >= 0)
        ntp = (binding->identification + (UINT64_C(1) << 32)) & seconds;
    return ntp;
}

/* --- decide ------------------------------------------------------------------------------------------- */

bool hm_home_serves(const struct hm_home *home, uint32_t home_addr)
{
    const struct hm_router_config *config = home->env->config;
    return hm_prefix_contains(&config->home, home_addr) && home_addr != config->home.addr &&
           home_addr != hm_prefix_broadcast(&config->home) && home_addr != config->home_router &&
           !hm_env_is_own_addr(home->env, home_addr);
}

enum hm_reply_code hm_home_decide(const struct hm_home *home, const struct hm_peer *peer,
                                  const struct hm_registration_request *request,
                                  const struct hm_binding *binding)
{
    const struct hm_extensions *ext = &request->ext;
    bool deregisters = request->lifetime_s == 0;
    if (request->flags & HM_RRQ_x)
        return HM_CODE_HA_MALFORMED;
    if (ext->has_unknown_critical_vendor)
        return HM_CODE_HA_VENDOR_MN;
    if (!hm_env_is_own_addr(home->env, request->home_agent))
        return HM_CODE_HA_UNKNOWN_ADDRESS;
    if (!hm_home_serves(home, request->home_addr))
        return HM_CODE_HA_PROHIBITED;
    if (!ext->has_pmip_method || ext->pmip_method != HM_PMIP_METHOD_FA_HA)
        return HM_CODE_HA_PMIP_UNSUPPORTED;
    /* A proxying agent speaks for nodes at its own address only. */
    if (request->care_of_addr != peer->config->addr &&
        !(deregisters && request->care_of_addr == request->home_addr))
        return HM_CODE_HA_PMIP_DISALLOWED;
    if (request->flags & (HM_RRQ_M | HM_RRQ_G))
        return HM_CODE_HA_ENCAPSULATION;
    if (!deregisters && !(request->flags & HM_RRQ_T))
        return HM_CODE_HA_REVERSE_MANDATORY;
    if (request->flags & HM_RRQ_D)
        return HM_CODE_HA_PMIP_DISALLOWED;
    if (!deregisters && !ext->has_mac && binding == NULL)
        return HM_CODE_HA_MALFORMED;
    if (ext->has_mac && !hm_node_mac_is_possible(home->env, home->neighbours, &ext->mac))
        return HM_CODE_HA_PROHIBITED;
    /* A late message of an older handover must not win. The place where the node is may go on renewing and
     * deregistering while the next one is staged. */
    if (binding != NULL && ext->has_hold && !deregisters && hm_binding_is_overtaken(binding, ext->epoch))
        return HM_CODE_HA_PROHIBITED;
    if (binding != NULL && ext->has_handover && hm_binding_is_older(binding, ext->epoch))
        return HM_CODE_HA_PROHIBITED;
    return HM_CODE_ACCEPTED;
}

/* --- apply -------------------------------------------------------------------------------------------- */

/* An agent deregisters what it has registered, by its care-of address or by the home address. */
static void apply_deregistration(struct hm_home *home, const struct hm_peer *peer, struct hm_binding *binding,
                                 const struct hm_registration_request *request)
{
    if (request->ext.has_hold) {
        if (binding->staged_care_of_addr == request->care_of_addr &&
            binding->staged_handover_id == request->ext.handover_id)
            unstage(home, binding, "withdrawn");
        return;
    }
    if (!hm_binding_is_absent(binding))
        return;
    if (peer->config->addr == binding->care_of_addr)
        go_home(home, binding, "deregistered");
}

static void apply_stage(struct hm_home *home, struct hm_binding *binding,
                        const struct hm_registration_request *request)
{
    hm_binding_set_staged(binding, request->care_of_addr, request->ext.handover_id, request->ext.epoch);
    hm_binding_apply(binding, HM_BINDING_STAGE, "registration on hold");
    hm_timer_arm(&home->env->wheel, &binding->staged, (uint64_t)request->lifetime_s * 1000);
    if (binding->state == HM_BINDING_STAGED)
        hm_timer_cancel(&home->env->wheel, &binding->lifetime);
}

static bool is_newer_staged(const struct hm_binding *binding, const struct hm_registration_request *request)
{
    return binding->staged_handover_id != 0 && request->ext.has_handover &&
           (int32_t)(binding->staged_epoch - request->ext.epoch) > 0;
}

static void apply_activation(struct hm_home *home, struct hm_binding *binding,
                             const struct hm_registration_request *request)
{
    bool was_absent = hm_binding_is_absent(binding);
    bool is_renewal = was_absent && binding->care_of_addr == request->care_of_addr;
    binding->lifetime_s = request->lifetime_s;
    hm_timer_arm(&home->env->wheel, &binding->lifetime, (uint64_t)binding->lifetime_s * 1000);
    if (request->ext.has_agent_mac)
        binding->agent_mac = request->ext.agent_mac;
    if (request->ext.has_handover) {
        binding->handover_id = request->ext.handover_id;
        binding->epoch = request->ext.epoch;
    }
    if (is_renewal) {
        hm_takeover_resume(&binding->takeover);
        return;
    }
    binding->care_of_addr = request->care_of_addr;
    hm_binding_apply(binding, HM_BINDING_ACTIVATE, "registered");
    if (is_newer_staged(binding, request)) { /* its registration was late: the next move has been staged */
        hm_binding_apply(binding, HM_BINDING_STAGE, "the next move is staged");
    } else {
        hm_binding_set_staged(binding, 0, 0, 0);
        hm_timer_cancel(&home->env->wheel, &binding->staged);
    }
    hm_arp_updates_stop(home->updates, binding->home_addr, &binding->mac);
    if (!was_absent)
        hm_takeover_start(&binding->takeover, home->env->home_link, binding->home_addr, &binding->mac);
}

/* A new entry; when the table is full, one that is only remembered makes room. */
static struct hm_binding *add_entry(struct hm_home *home, uint32_t home_addr, const struct hm_mac *mac)
{
    size_t bucket = 0;
    struct hm_binding *binding = hm_binding_add(&home->bindings, home_addr, mac);
    if (binding != NULL)
        return binding;
    struct hm_table_node *at = hm_table_walk(&home->bindings.by_addr, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&home->bindings.by_addr, &bucket, at)) {
        binding = HM_CONTAINER_OF(at, struct hm_binding, by_addr);
        if (binding->state == HM_BINDING_HOME) {
            hm_binding_remove(binding);
            return hm_binding_add(&home->bindings, home_addr, mac);
        }
    }
    return NULL;
}

/* Finds or makes the entry; the request may name the node and its MAC anew. */
static struct hm_binding *prepare_entry(struct hm_home *home, struct hm_binding *binding,
                                        const struct hm_registration_request *request)
{
    if (binding == NULL && request->lifetime_s != 0)
        binding = add_entry(home, request->home_addr, &request->ext.mac);
    if (binding == NULL)
        return NULL;
    if (request->ext.has_mac && request->lifetime_s != 0)
        hm_binding_set_mac(binding, &request->ext.mac);
    if (request->ext.nai[0] != '\0' && request->lifetime_s != 0)
        snprintf(binding->vm, sizeof(binding->vm), "%.*s", (int)sizeof(binding->vm) - 1, request->ext.nai);
    binding->identification = request->identification;
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
    return request->flags & HM_RRQ_S ? HM_CODE_ACCEPTED_NO_SIMULTANEOUS : HM_CODE_ACCEPTED;
}

void hm_home_receive(struct hm_home *home, const struct hm_datagram *datagram)
{
    struct hm_registration_request request;
    struct hm_peer *peer = verify(home, datagram, &request);
    if (peer == NULL)
        return;
    hm_env_count(home->env, HM_COUNT_RRQ_RECEIVED);
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, request.home_addr);
    struct hm_registration_reply reply = {.lifetime_s = request.lifetime_s,
                                          .home_addr = request.home_addr,
                                          .home_agent = request.home_agent,
                                          .identification = request.identification};
    if (!is_identification_acceptable(home, request.identification, binding)) {
        hm_env_drop(home->env, HM_DROP_MIP_REPLAY, "request of %s", peer->config->name);
        reply.code = HM_CODE_HA_IDENTIFICATION;
        reply.identification = clock_to_tell(home, binding) | (uint32_t)request.identification;
        send_reply(home, datagram, peer, &reply);
        return;
    }
    uint16_t limit_s =
        request.ext.has_hold ? home->env->config->staged_lifetime_s : home->env->config->lifetime_max_s;
    if (request.lifetime_s > limit_s)
        request.lifetime_s = limit_s;
    reply.code = hm_home_decide(home, peer, &request, binding);
    if (reply.code == HM_CODE_ACCEPTED)
        reply.code = apply(home, peer, binding, &request);
    if (reply.code > HM_CODE_ACCEPTED_NO_SIMULTANEOUS)
        hm_env_log(home->env, HM_LOG_WARNING, "registration by %s refused: %s", peer->config->name,
                   hm_reply_code_text(reply.code));
    reply.lifetime_s = request.lifetime_s;
    send_reply(home, datagram, peer, &reply);
}

/* --- the return home ---------------------------------------------------------------------------------- */

int hm_home_stage_return(struct hm_home *home, const struct hm_control_node *node, uint64_t handover_id,
                         uint32_t epoch, uint32_t lifetime_s)
{
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, node->home_addr);
    if (binding == NULL) /* lost by a restart, or expired: it comes home all the same */
        binding = add_entry(home, node->home_addr, &node->mac);
    if (binding == NULL)
        return HM_ERR_FULL;
    if (hm_binding_is_overtaken(binding, epoch))
        return HM_ERR_REPLAY;
    hm_binding_set_staged(binding, home->env->agent_addr, handover_id, epoch);
    hm_binding_apply(binding, HM_BINDING_STAGE, "return announced");
    hm_timer_arm(&home->env->wheel, &binding->staged, (uint64_t)lifetime_s * 1000);
    return HM_OK;
}

void hm_home_unstage(struct hm_home *home, uint32_t home_addr, uint64_t handover_id, const char *reason)
{
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, home_addr);
    if (binding != NULL && handover_id != 0 && binding->staged_handover_id == handover_id)
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
    binding->handover_id = binding->staged_handover_id;
    binding->epoch = binding->staged_epoch;
    go_home(home, binding, reason);
    tell_true_macs(home, binding);
}

void hm_home_seen_again(struct hm_home *home, struct hm_binding *binding)
{
    hm_env_count(home->env, HM_COUNT_HOME_AGAIN);
    hm_takeover_pause(&binding->takeover);
}
