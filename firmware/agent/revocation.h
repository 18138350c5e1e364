/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration revocation (RFC 3543): the home agent tells the place that a node has left, the foreign agent
 * lets the visitor go. Who is to be revoked is agent/home's and agent/foreign's to say. */
#ifndef HM_AGENT_REVOCATION_H
#define HM_AGENT_REVOCATION_H

#include "firmware/agent/security.h"
#include "firmware/agent/store.h"
#include "firmware/base/slab.h"
#include "firmware/base/table.h"
#include "firmware/stack/stack.h"
#include "firmware/wire/revocation.h"

struct hm_revocations {
    struct hm_env *env;
    struct hm_security *security;
    struct hm_slab slab; /* revocations under way */
    struct hm_table by_home;
    uint32_t newest; /* time that was given out last */
    bool has_newest;
    void *send_arg;
    void (*send)(void *arg, const struct hm_datagram *datagram);
    void *arg;
    /* A peer revokes, in a role that it has for this node. HM_OK: it is done, or there was nothing to do
     * (acknowledged); HM_ERR_REPLAY: older than what is registered here (dropped). */
    int (*revoked)(void *arg, const struct hm_peer *peer, const struct hm_revocation *revocation);
};

int hm_revocations_init(struct hm_revocations *revocations, struct hm_env *env, struct hm_security *security);
void hm_revocations_fini(struct hm_revocations *revocations);

/* Time for a message about a registration: greater than all that were given before, so that what is said
 * later is newer. */
uint32_t hm_revocations_time(struct hm_revocations *revocations);

/* The node has left this care-of address, whose binding would have lived lifetime_ms more: tells the agent
 * there, repeated until it acknowledges or that time is over. Silent (but logged) when the table is full: the
 * visitor then ends with its lifetime. */
void hm_revocations_start(struct hm_revocations *revocations, uint32_t home_addr, uint32_t care_of_addr,
                          uint64_t lifetime_ms);
/* One that an agent before this one began goes on, for as long. False: no such peer, or no room. */
bool hm_revocations_load(struct hm_revocations *revocations, const struct hm_revocation_record *record,
                         uint64_t lifetime_ms);
/* The care-of address has registered anew: nothing more of the earlier registration there. */
void hm_revocations_stop(struct hm_revocations *revocations, uint32_t home_addr, uint32_t care_of_addr);

/* A message of type REVOCATION, or REVOCATION_ACK, came in on UDP 434. */
void hm_revocations_receive(struct hm_revocations *revocations, const struct hm_datagram *datagram);
void hm_revocations_receive_ack(struct hm_revocations *revocations, const struct hm_datagram *datagram);

#endif
