/* SPDX-License-Identifier: BSD-3-Clause */
/* The home agent (RFC 5944 section 3.8, RFC 5563): verifies registration requests, decides, and keeps
 * bindings. */
#ifndef HM_AGENT_HOME_H
#define HM_AGENT_HOME_H

#include "firmware/agent/binding.h"
#include "firmware/agent/revocation.h"
#include "firmware/agent/security.h"
#include "firmware/link/arp_update.h"
#include "firmware/stack/stack.h"
#include "firmware/wire/control.h"
#include "firmware/wire/registration.h"

struct hm_home {
    struct hm_env *env;
    struct hm_security *security;
    struct hm_neighbours *neighbours;
    struct hm_arp_updates *updates;
    struct hm_bindings bindings;
    uint64_t forgotten; /* newest identification of the nodes that were forgotten to make room; 0: none */
    struct hm_deliveries *deliveries;   /* NULL: nothing waits */
    struct hm_revocations *revocations; /* NULL: none are sent */
    void *arg;
    void (*send)(void *arg, const struct hm_datagram *datagram);
};

int hm_home_init(struct hm_home *home, struct hm_env *env, struct hm_security *security,
                 struct hm_neighbours *neighbours, struct hm_arp_updates *updates);
void hm_home_fini(struct hm_home *home);

/* The binding that the store has kept, as far as its lifetimes run; False: no node of this home, or no room.
 */
bool hm_home_load(struct hm_home *home, const struct hm_binding_record *record);

/* A message of type REQUEST came in on UDP 434. */
void hm_home_receive(struct hm_home *home, const struct hm_datagram *datagram);

/* What to answer to a request whose authenticator and identification are right: 0 or the code of a refusal.
 * Changes nothing. peer is NULL when a node without an agent asks for itself; binding may be NULL. */
enum hm_reply_code hm_home_decide(const struct hm_home *home, const struct hm_peer *peer,
                                  const struct hm_registration_request *request,
                                  const struct hm_binding *binding);

/* How many care-of addresses a node may have at once: from 1. */
static inline unsigned hm_home_max_simultaneous(const struct hm_home *home)
{
    return home->env->config->max_simultaneous > 1 ? home->env->config->max_simultaneous : 1;
}

/* Does the address belong to a node of this home? */
bool hm_home_serves(const struct hm_home *home, uint32_t home_addr);

/* This agent is the destination itself: the node of the binding will come home. HM_ERR_FULL when there is no
 * room for it, HM_ERR_REPLAY for an old epoch. */
int hm_home_stage_return(struct hm_home *home, const struct hm_control_node *node, uint64_t handover_id,
                         uint32_t epoch, uint32_t lifetime_s);
/* The return of this handover is off. */
void hm_home_unstage(struct hm_home *home, uint32_t home_addr, uint64_t handover_id, const char *reason);

/* The node has stopped where it was. What comes for it waits in the delivery, or, when that is NULL, goes to
 * the place that this handover has staged; without either nothing changes. HM_OK, HM_ERR_UNKNOWN when it is
 * not staged, HM_ERR_FULL when there is no room for it. */
int hm_home_divert(struct hm_home *home, const struct hm_control_node *node, uint64_t handover_id,
                   struct hm_delivery *delivery);
/* What the node sends by its new way, from from_addr on, waits for the end of its old one, or for the time
 * that one waits for it. */
void hm_home_hold_upward(struct hm_home *home, struct hm_binding *binding, uint32_t from_addr);
/* What the node has sent by its old way has come: what came by the new one goes on. */
void hm_home_end_old_way(struct hm_binding *binding);
/* It goes on where it was. */
void hm_home_stay(struct hm_home *home, struct hm_binding *binding, const char *reason);

/* The node has landed at home. */
void hm_home_landed(struct hm_home *home, struct hm_binding *binding, const char *reason);

/* The foreign agent where the node was has ended its registration (RFC 3543 section 4.2.3): HM_OK, or
 * HM_ERR_REPLAY when the binding is newer. */
int hm_home_revoked(struct hm_home *home, const struct hm_peer *peer, const struct hm_revocation *revocation);

/* A frame of the node was seen on the home LAN though it is away and nothing was announced. */
void hm_home_seen_again(struct hm_home *home, struct hm_binding *binding);

#endif
