/* SPDX-License-Identifier: BSD-3-Clause */
/* The foreign agent with its co-located proxy mobility agent (RFC 5944 section 3.7, RFC 5563).
 *
 * A visitor is expected (staged with its home agent), present (its frames go through the reverse tunnel, and
 * what comes for it is delivered), or leaving. Its registration is renewed at two thirds of its lifetime, and
 * only while the visitor is seen: an agent that renewed for a VM long gone would steal its binding
 * (RFC 5563 section 4.4). */
#include "firmware/agent/foreign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "firmware/agent/node.h"
#include "firmware/agent/presence.h"

#define REPEAT_MS 5000 /* after a registration that failed */
#define OUTLIVES_MS 1000
#define REDIRECT_MS 3000 /* how long what still comes for a visitor that has left is sent after it */

static void on_registered(void *arg, struct hm_visitor *visitor, enum hm_registration_purpose purpose,
                          unsigned code, uint16_t lifetime_s);

int hm_foreign_init(struct hm_foreign *foreign, struct hm_env *env, struct hm_security *security,
                    struct hm_neighbours *neighbours, struct hm_arp_updates *updates)
{
    *foreign =
        (struct hm_foreign){.env = env, .security = security, .neighbours = neighbours, .updates = updates};
    int err = hm_visitors_init(&foreign->visitors, env);
    if (err == HM_OK)
        err = hm_shields_init(&foreign->shields, security);
    foreign->visitors.arg = foreign;
    hm_registrant_init(&foreign->registrant, env, security, &foreign->visitors);
    foreign->registrant.arg = foreign;
    foreign->registrant.done = on_registered;
    return err;
}

void hm_foreign_fini(struct hm_foreign *foreign)
{
    hm_visitors_fini(&foreign->visitors);
    hm_shields_fini(&foreign->shields);
}

static bool is_accepted(unsigned code)
{
    return code == HM_CODE_ACCEPTED || code == HM_CODE_ACCEPTED_NO_SIMULTANEOUS;
}

/* Its registration after the landing will have no other outcome. */
static void give_up_activation(struct hm_foreign *foreign, struct hm_visitor *visitor)
{
    bool was_open = visitor->registration.open && visitor->registration.purpose == HM_REGISTRATION_ACTIVATE;
    visitor->registration.open = false;
    hm_timer_cancel(&foreign->env->wheel, &visitor->registration.timer);
    if (was_open)
        foreign->activated(foreign->arg, visitor, HM_REGISTRATION_SILENT);
}

static void forget(struct hm_foreign *foreign, struct hm_visitor *visitor)
{
    give_up_activation(foreign, visitor);
    hm_arp_updates_stop(foreign->updates, visitor->node.home_addr, &visitor->node.mac);
    hm_visitor_remove(visitor);
}

/* --- expected ----------------------------------------------------------------------------------------- */

/* An address may be here twice only where neither of the two is heard by anybody but the agent. */
static bool has_address_of_other_home(const struct hm_foreign *foreign, const struct hm_control_node *node)
{
    bool is_shielded = hm_shield_covers(&foreign->shields, node);
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(&foreign->visitors.by_home, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&foreign->visitors.by_home, &bucket, at)) {
        const struct hm_visitor *visitor = HM_CONTAINER_OF(at, struct hm_visitor, by_home);
        if (visitor->node.home_addr == node->home_addr && visitor->node.home_agent != node->home_agent &&
            !(is_shielded && hm_foreign_is_shielded(foreign, visitor)))
            return true;
    }
    return false;
}

static bool has_mac_of_other_home(const struct hm_foreign *foreign, const struct hm_control_node *node)
{
    const struct hm_visitor *visitor = hm_visitor_of_mac(&foreign->visitors, &node->mac, NULL);
    return visitor != NULL && visitor->node.home_agent != node->home_agent;
}

static bool is_possible_addr(const struct hm_control_node *node)
{
    return hm_ip_is_host(node->home_addr) && hm_prefix_contains(&node->home_prefix, node->home_addr) &&
           node->home_addr != node->home_prefix.addr &&
           node->home_addr != hm_prefix_broadcast(&node->home_prefix) && node->home_addr != node->router;
}

/* A home with the addresses of this LAN: what the visitor says must not be heard there, nor the reverse, and
 * its home agent must be somewhere else. */
static const char *refusal_of_overlap(const struct hm_foreign *foreign, const struct hm_control_node *node)
{
    const struct hm_router_config *config = foreign->env->config;
    for (unsigned i = 0; i < config->link_count; i++) {
        if (!hm_prefix_overlaps(&config->links[i].prefix, &node->home_prefix))
            continue;
        if (hm_prefix_contains(&config->links[i].prefix, node->home_agent))
            return "its home prefix overlaps a subnet of this agent, and its home agent's address is in "
                   "there";
        if (!hm_shield_covers(&foreign->shields, node))
            return "its home prefix overlaps a subnet of this agent, and its port here is not shielded "
                   "(notify-migrate shield, by a host that may move it)";
    }
    return NULL;
}

/* What a LAN says can be forged, and a machine may be gone: whoever is in the way is asked, so that the next
 * attempt is refused only by one that is there. The operator is told where to look. */
static const char *refusal_of_claim(const struct hm_foreign *foreign, const struct hm_control_node *node,
                                    char text[HM_CONTROL_TEXT_LEN])
{
    char addr[HM_IP_TEXT_LEN], mac[HM_MAC_TEXT_LEN];
    unsigned link = foreign->env->home_link;
    const struct hm_neighbour *claim = hm_neighbour_of_mac(foreign->neighbours, link, &node->mac, NULL);
    if (claim == NULL)
        return NULL;
    snprintf(text, HM_CONTROL_TEXT_LEN,
             "a machine of this subnet has its MAC: %s is at %s, heard %" PRIu64 " s ago",
             hm_ip_text(claim->addr, addr), hm_mac_text(&claim->mac, mac),
             (hm_env_ms(foreign->env) - claim->confirmed_ms) / 1000);
    hm_neighbour_doubt(foreign->neighbours, link, &node->mac);
    hm_env_log(foreign->env, HM_LOG_WARNING, "%s may not visit: %s", hm_ip_text(node->home_addr, addr), text);
    return text;
}

const char *hm_foreign_refusal(const struct hm_foreign *foreign, const struct hm_control_node *node,
                               char text[HM_CONTROL_TEXT_LEN])
{
    if (!is_possible_addr(node))
        return "its address is not one of a host of its home";
    if (!hm_node_mac_is_possible(foreign->env, foreign->neighbours, &node->mac))
        return "its MAC is not one that a visitor may have here";
    if (hm_security_peer_by_addr(foreign->security, node->home_agent) == NULL)
        return "its home agent is not a peer of this agent";
    const char *overlap = refusal_of_overlap(foreign, node);
    if (overlap != NULL)
        return overlap;
    if (has_address_of_other_home(foreign, node))
        return "a visitor from another home has this address here, and not both ports are shielded "
               "(notify-migrate shield)";
    if (has_mac_of_other_home(foreign, node))
        return "a visitor from another home has this MAC here";
    return refusal_of_claim(foreign, node, text);
}

static void on_lifetime(void *arg)
{
    struct hm_visitor *visitor = arg;
    struct hm_foreign *foreign = visitor->owner->arg;
    bool is_ahead = visitor->state == HM_VISITOR_EXPECTED || visitor->state == HM_VISITOR_BUFFERING;
    if (is_ahead && visitor->delivery != NULL) /* its handover has the same lifetime, and ends it */
        return;
    if (is_ahead && !visitor->awaits_sign) {
        hm_foreign_withdraw(foreign, visitor, "staged lifetime over");
        return;
    }
    if (visitor->state == HM_VISITOR_LEAVING && visitor->redirected_ms != 0) { /* its home has yet to learn */
        visitor->redirected_ms = 0;
        hm_timer_arm(&foreign->env->wheel, &visitor->lifetime, REDIRECT_MS);
        return;
    }
    hm_visitor_apply(visitor, HM_VISITOR_LEAVE, "registration lifetime over");
    forget(foreign, visitor);
}

static struct hm_visit visit_of(const struct hm_visitor *visitor)
{
    return (struct hm_visit){.is_there = visitor->state == HM_VISITOR_PRESENT,
                             .handover_id = visitor->handover_id,
                             .epoch = visitor->epoch,
                             .end_ms = visitor->lifetime.due_ms,
                             .lifetime_s = visitor->lifetime_s,
                             .is_revocable = visitor->is_revocable,
                             .registered_time = visitor->registered_time};
}

static struct hm_visitor *find_or_add(struct hm_foreign *foreign, const struct hm_control_node *node)
{
    struct hm_visitor *visitor = hm_visitor_by_home(&foreign->visitors, node->home_agent, node->home_addr);
    struct hm_visit before = {.is_there = false};
    if (visitor != NULL) {
        before = visit_of(visitor);
        forget(foreign, visitor);
    }
    visitor = hm_visitor_add(&foreign->visitors, node, foreign->env->home_link);
    if (visitor == NULL)
        return NULL;
    visitor->before = before;
    hm_arp_updates_disown(foreign->updates, visitor->link, &node->mac);
    hm_timer_init(&visitor->lifetime, on_lifetime, visitor);
    hm_presence_init(visitor);
    return visitor;
}

static struct hm_visitor *expect(struct hm_foreign *foreign, const struct hm_control_node *node,
                                 const char *vm, uint64_t handover_id, uint32_t epoch,
                                 const struct hm_pair *neighbours, unsigned neighbour_count,
                                 uint32_t lifetime_s)
{
    struct hm_visitor *visitor = find_or_add(foreign, node);
    if (visitor == NULL)
        return NULL;
    assert(neighbour_count <= HM_CONTROL_MAX_NEIGHBOURS);
    snprintf(visitor->vm, sizeof(visitor->vm), "%s", vm);
    visitor->handover_id = handover_id;
    visitor->epoch = epoch;
    memcpy(visitor->neighbours, neighbours, neighbour_count * sizeof(*neighbours));
    visitor->neighbour_count = neighbour_count;
    /* its handover's lifetime ends before, and knows more */
    hm_timer_arm(&foreign->env->wheel, &visitor->lifetime, (uint64_t)lifetime_s * 1000 + OUTLIVES_MS);
    return visitor;
}

struct hm_visitor *hm_foreign_expect(struct hm_foreign *foreign, const struct hm_control_node *node,
                                     const char *vm, uint64_t handover_id, uint32_t epoch,
                                     const struct hm_pair *neighbours, unsigned neighbour_count,
                                     bool has_stop_notice, uint32_t lifetime_s)
{
    struct hm_visitor *visitor =
        expect(foreign, node, vm, handover_id, epoch, neighbours, neighbour_count, lifetime_s);
    if (visitor == NULL)
        return NULL;
    visitor->has_stop_notice = has_stop_notice;
    hm_registrant_start(&foreign->registrant, visitor, HM_REGISTRATION_STAGE, (uint16_t)lifetime_s);
    return visitor;
}

/* It was here, as far as anybody knows, and its home has not let it go: it is asked for a sign of life. */
static void go_on(struct hm_foreign *foreign, struct hm_visitor *visitor)
{
    const struct hm_visit *before = &visitor->before;
    visitor->handover_id = before->handover_id;
    visitor->epoch = before->epoch;
    visitor->lifetime_s = before->lifetime_s;
    visitor->is_revocable = before->is_revocable;
    visitor->registered_time = before->registered_time;
    visitor->has_stop_notice = false;
    hm_visitor_apply(visitor, HM_VISITOR_LAND, "its home agent does not accept another move to here");
    hm_timer_arm(&foreign->env->wheel, &visitor->lifetime, before->end_ms - hm_env_ms(foreign->env));
    hm_presence_seek(foreign, visitor, 0);
}

void hm_foreign_withdraw(struct hm_foreign *foreign, struct hm_visitor *visitor, const char *reason)
{
    if (visitor->is_denied && visitor->before.is_there && visitor->before.end_ms > hm_env_ms(foreign->env)) {
        go_on(foreign, visitor);
        return;
    }
    hm_visitor_apply(visitor, HM_VISITOR_LEAVE, reason);
    hm_timer_cancel(&foreign->env->wheel, &visitor->lifetime);
    hm_registrant_start(&foreign->registrant, visitor, HM_REGISTRATION_UNSTAGE, 0);
}

/* --- present ------------------------------------------------------------------------------------------ */

static const struct hm_mac *home_mac(const struct hm_visitor *visitor, uint32_t addr)
{
    if (addr == visitor->node.router && !hm_mac_is_zero(&visitor->node.router_mac))
        return &visitor->node.router_mac;
    for (unsigned i = 0; i < visitor->neighbour_count; i++)
        if (visitor->neighbours[i].addr == addr)
            return &visitor->neighbours[i].mac;
    return NULL;
}

const struct hm_mac *hm_foreign_mac_for(const struct hm_foreign *foreign, const struct hm_visitor *visitor,
                                        uint32_t addr)
{
    const struct hm_mac *mac = home_mac(visitor, addr);
    bool is_usable = mac != NULL && !hm_mac_is_group(mac) && !hm_mac_is_zero(mac);
    if (is_usable && hm_foreign_is_shielded(foreign, visitor))
        return mac;
    if (!is_usable || hm_neighbour_of_mac(foreign->neighbours, visitor->link, mac, NULL) != NULL ||
        hm_visitor_of_mac(&foreign->visitors, mac, NULL) != NULL)
        return &foreign->env->config->links[visitor->link].mac;
    return mac;
}

const struct hm_mac *hm_foreign_source_for(const struct hm_foreign *foreign, const struct hm_visitor *visitor,
                                           const struct hm_mac *mac)
{
    return hm_foreign_is_shielded(foreign, visitor) ? &foreign->env->config->links[visitor->link].mac : mac;
}

/* Confirms the home's MACs to the visitor and teaches the bridges of this LAN where they are now. */
static void tell_macs(struct hm_foreign *foreign, const struct hm_visitor *visitor)
{
    struct hm_arp_update_plan plan = {.link = visitor->link,
                                      .vm_addr = visitor->node.home_addr,
                                      .vm_mac = visitor->node.mac,
                                      .teach_bridges = !hm_foreign_is_shielded(foreign, visitor)};
    uint32_t router = visitor->node.router;
    hm_arp_update_plan_add(&plan, router, hm_foreign_mac_for(foreign, visitor, router));
    for (unsigned i = 0; i < visitor->neighbour_count; i++) {
        uint32_t addr = visitor->neighbours[i].addr;
        hm_arp_update_plan_add(&plan, addr, hm_foreign_mac_for(foreign, visitor, addr));
    }
    hm_arp_updates_start(foreign->updates, &plan);
}

void hm_foreign_landed(struct hm_foreign *foreign, struct hm_visitor *visitor, const char *reason)
{
    uint16_t lifetime_s = foreign->env->config->lifetime_s;
    hm_visitor_apply(visitor, HM_VISITOR_LAND, reason);
    visitor->undelivered = true;
    visitor->seen_ms = hm_env_ms(foreign->env);
    hm_timer_arm(&foreign->env->wheel, &visitor->lifetime, (uint64_t)lifetime_s * 1000);
    hm_registrant_start(&foreign->registrant, visitor, HM_REGISTRATION_ACTIVATE, lifetime_s);
    tell_macs(foreign, visitor);
}

/* --- after a restart ---------------------------------------------------------------------------------- */

bool hm_foreign_restore(struct hm_foreign *foreign, const struct hm_control_message *message)
{
    struct hm_visitor *visitor =
        expect(foreign, &message->nodes[0], message->vm, message->handover_id, message->epoch,
               message->neighbours, message->neighbour_count, message->lifetime_s);
    if (visitor != NULL)
        hm_presence_seek(foreign, visitor, 0);
    return visitor != NULL;
}

bool hm_foreign_load(struct hm_foreign *foreign, const struct hm_visitor_record *record, uint32_t left_s)
{
    char text[HM_CONTROL_TEXT_LEN];
    if (hm_visitor_by_home(&foreign->visitors, record->node.home_agent, record->node.home_addr) != NULL ||
        hm_foreign_refusal(foreign, &record->node, text) != NULL)
        return false;
    struct hm_visitor *visitor = expect(foreign, &record->node, record->vm, record->handover_id,
                                        record->epoch, record->neighbours, record->neighbour_count, left_s);
    if (visitor == NULL)
        return false;
    visitor->is_revocable = record->is_revocable;
    visitor->registered_time = record->registered_time;
    if (record->was_here) /* one after the other */
        hm_presence_seek(foreign, visitor, foreign->visitors.by_home.count);
    else
        hm_presence_ask(foreign, visitor);
    return true;
}

/* --- leaving ------------------------------------------------------------------------------------------ */

/* What is under way to it still gets there. */
static void forget_later(struct hm_foreign *foreign, struct hm_visitor *visitor)
{
    if (visitor->next_addr == 0) {
        forget(foreign, visitor);
        return;
    }
    visitor->registration.open = false;
    hm_timer_cancel(&foreign->env->wheel, &visitor->registration.timer);
    hm_timer_cancel(&foreign->env->wheel, &visitor->renewal);
    hm_timer_arm(&foreign->env->wheel, &visitor->lifetime, REDIRECT_MS);
}

void hm_foreign_left(struct hm_foreign *foreign, struct hm_visitor *visitor, uint64_t handover_id,
                     uint32_t epoch, bool deregister, const char *reason)
{
    hm_visitor_apply(visitor, HM_VISITOR_LEAVE, reason);
    give_up_activation(foreign, visitor); /* of the handover that brought it */
    visitor->handover_id = handover_id;
    visitor->epoch = epoch;
    hm_timer_cancel(&foreign->env->wheel, &visitor->lifetime);
    hm_timer_cancel(&foreign->env->wheel, &visitor->renewal);
    hm_arp_updates_stop(foreign->updates, visitor->node.home_addr, &visitor->node.mac);
    if (deregister)
        hm_registrant_start(&foreign->registrant, visitor, HM_REGISTRATION_DEREGISTER, 0);
    else
        forget_later(foreign, visitor);
}

/* Is the time one that the home agent can have told just now? */
static bool is_timely(const struct hm_foreign *foreign, const struct hm_peer *peer, uint32_t id)
{
    uint32_t theirs = hm_revocation_time(hm_ntp_add_ms(foreign->env->now.ntp, peer->clock_offset_ms));
    uint32_t tolerance_ms = foreign->env->config->tolerance_s * 1000u;
    return id - theirs + tolerance_ms <= 2 * tolerance_ms;
}

int hm_foreign_revoked(struct hm_foreign *foreign, const struct hm_peer *peer,
                       const struct hm_revocation *revocation)
{
    struct hm_visitor *visitor =
        hm_visitor_by_home(&foreign->visitors, peer->config->addr, revocation->home_addr);
    bool is_sought = visitor != NULL && visitor->state == HM_VISITOR_EXPECTED && visitor->awaits_sign;
    bool is_old = visitor != NULL && visitor->is_revocable &&
                  !hm_revocation_is_after(revocation->id, visitor->registered_time);
    if (is_sought && !is_old && is_timely(foreign, peer, revocation->id)) { /* it was elsewhere already */
        hm_visitor_apply(visitor, HM_VISITOR_LEAVE, "revoked by its home agent");
        forget(foreign, visitor);
        return HM_OK;
    }
    if (visitor == NULL || (visitor->state == HM_VISITOR_EXPECTED && !is_sought) ||
        visitor->state == HM_VISITOR_BUFFERING)
        return is_timely(foreign, peer, revocation->id) ? HM_OK : HM_ERR_REPLAY; /* an earlier visit ended */
    if (!visitor->is_revocable || is_old)
        return HM_ERR_REPLAY;
    if (visitor->state == HM_VISITOR_LEAVING && visitor->registration.open)
        return HM_OK; /* it deregisters: the reply ends it */
    hm_visitor_apply(visitor, HM_VISITOR_LEAVE, "revoked by its home agent");
    give_up_activation(foreign, visitor);
    forget_later(foreign, visitor);
    return HM_OK;
}

/* --- outcomes ----------------------------------------------------------------------------------------- */

static uint64_t renewal_ms(uint16_t lifetime_s)
{
    return (uint64_t)lifetime_s * 1000 * 2 / 3;
}

/* A reply may shorten what was asked for, and never lengthen it (RFC 5944 section 3.4). */
static void on_granted(struct hm_foreign *foreign, struct hm_visitor *visitor, uint16_t lifetime_s)
{
    if (lifetime_s > visitor->lifetime_s)
        lifetime_s = visitor->lifetime_s;
    visitor->lifetime_s = lifetime_s;
    hm_stored_mark(&visitor->stored);
    hm_timer_arm(&foreign->env->wheel, &visitor->lifetime, (uint64_t)lifetime_s * 1000);
    hm_timer_arm(&foreign->env->wheel, &visitor->renewal, renewal_ms(lifetime_s));
}

/* RFC 5563 section 8.1: these two will not change; do not ask again. */
static bool is_final(unsigned code)
{
    return code == HM_CODE_HA_PMIP_UNSUPPORTED || code == HM_CODE_HA_PMIP_DISALLOWED;
}

/* A refused or unanswered registration is asked for again as long as the visitor's lifetime runs. */
static void on_refused(struct hm_foreign *foreign, struct hm_visitor *visitor, unsigned code)
{
    hm_env_log(foreign->env, HM_LOG_ERROR, "visitor %s: registration failed: %s", visitor->vm,
               code == HM_REGISTRATION_SILENT ? "the home agent is silent"
                                              : hm_reply_code_text((uint8_t)code));
    if (!is_final(code))
        hm_timer_arm(&foreign->env->wheel, &visitor->renewal, REPEAT_MS);
}

static void on_registered(void *arg, struct hm_visitor *visitor, enum hm_registration_purpose purpose,
                          unsigned code, uint16_t lifetime_s)
{
    struct hm_foreign *foreign = arg;
    switch (purpose) {
    case HM_REGISTRATION_STAGE:
        visitor->is_denied = !is_accepted(code);
        foreign->staged(foreign->arg, visitor, code);
        return;
    case HM_REGISTRATION_ACTIVATE:
    case HM_REGISTRATION_RENEW:
        if (is_accepted(code))
            on_granted(foreign, visitor, lifetime_s);
        else
            on_refused(foreign, visitor, code);
        if (purpose == HM_REGISTRATION_ACTIVATE)
            foreign->activated(foreign->arg, visitor, code);
        return;
    case HM_REGISTRATION_UNSTAGE:
    case HM_REGISTRATION_DEREGISTER:
    case HM_REGISTRATION_PURPOSE_COUNT:
        forget(foreign, visitor);
        return;
    }
}
