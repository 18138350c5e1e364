/* SPDX-License-Identifier: BSD-3-Clause */
/* The foreign agent with its co-located proxy mobility agent (RFC 5944 section 3.7, RFC 5563): who may
 * visit, when a visitor has landed, and what its home agent must be told. */
#ifndef HM_AGENT_FOREIGN_H
#define HM_AGENT_FOREIGN_H

#include "firmware/agent/registrant.h"
#include "firmware/agent/shield.h"
#include "firmware/link/arp_update.h"
#include "firmware/wire/revocation.h"

struct hm_foreign {
    struct hm_env *env;
    struct hm_security *security;
    struct hm_neighbours *neighbours;
    struct hm_arp_updates *updates;
    struct hm_visitors visitors;
    struct hm_shields shields;
    struct hm_registrant registrant;
    void *arg;
    /* A visitor's staging has ended: code 0 or 1, a refusal, or HM_REGISTRATION_SILENT. */
    void (*staged)(void *arg, struct hm_visitor *visitor, unsigned code);
    /* A visitor's registration after its landing has ended. */
    void (*activated)(void *arg, struct hm_visitor *visitor, unsigned code);
};

int hm_foreign_init(struct hm_foreign *foreign, struct hm_env *env, struct hm_security *security,
                    struct hm_neighbours *neighbours, struct hm_arp_updates *updates);
void hm_foreign_fini(struct hm_foreign *foreign);

/* Why this node may not visit: a constant, or `text` filled in for a person; NULL when it may. Changes
 * nothing, but a neighbour that is in the way is asked whether it is there. */
const char *hm_foreign_refusal(const struct hm_foreign *foreign, const struct hm_control_node *node,
                               char text[HM_CONTROL_TEXT_LEN]);

/* Expects a visitor and stages it with its home agent; `staged` tells the outcome. NULL when the table is
 * full. A visitor that is already here or expected is taken over by the newer handover; one that is here goes
 * on as it was when its home agent does not accept that. */
struct hm_visitor *hm_foreign_expect(struct hm_foreign *foreign, const struct hm_control_node *node,
                                     const char *vm, uint64_t handover_id, uint32_t epoch,
                                     const struct hm_pair *neighbours, unsigned neighbour_count,
                                     bool has_stop_notice, uint32_t lifetime_s);

/* The MAC by which the visitor is told an address of its home LAN. It is the one that it knew there, wherever
 * that is safe: then nothing changes for it, neither when it lands nor when it returns, and no packet of it
 * takes another way in the middle of a flow. It is the agent's own when the home MAC is not known, or when
 * somebody on this LAN has it (a VRRP router, another visitor). What a shielded visitor sends reaches the
 * agent whatever its destination: it keeps what it knew. */
const struct hm_mac *hm_foreign_mac_for(const struct hm_foreign *foreign, const struct hm_visitor *visitor,
                                        uint32_t addr);

/* The source MAC of a frame that tells the visitor `mac`. It is the same MAC, so that bridges learn it at the
 * agent's port; but the shield lets only frames with the agent's own pass. */
const struct hm_mac *hm_foreign_source_for(const struct hm_foreign *foreign, const struct hm_visitor *visitor,
                                           const struct hm_mac *mac);

/* Has a hypervisor that may move it closed the visitor's port to everybody but this agent? */
static inline bool hm_foreign_is_shielded(const struct hm_foreign *foreign, const struct hm_visitor *visitor)
{
    return hm_shield_covers(&foreign->shields, &visitor->node);
}

/* The visitor is here: it is served from now on, and registered; `activated` tells the outcome. */
void hm_foreign_landed(struct hm_foreign *foreign, struct hm_visitor *visitor, const char *reason);

/* An expected visitor will not come: its home agent is told, then it is forgotten. */
void hm_foreign_withdraw(struct hm_foreign *foreign, struct hm_visitor *visitor, const char *reason);

/* A visitor has landed elsewhere, by this handover. deregister: nobody else tells its home agent (it went
 * home). */
void hm_foreign_left(struct hm_foreign *foreign, struct hm_visitor *visitor, uint64_t handover_id,
                     uint32_t epoch, bool deregister, const char *reason);

/* The home agent has ended the visitor's registration (RFC 3543 section 4.2.2.2): it is gone at once. HM_OK,
 * also when there is none; HM_ERR_REPLAY when its registration is newer. */
int hm_foreign_revoked(struct hm_foreign *foreign, const struct hm_peer *peer,
                       const struct hm_revocation *revocation);

/* Looks for a visitor that was here before this agent restarted (one node of the message): its first frame
 * makes it present. False when the table is full. */
bool hm_foreign_restore(struct hm_foreign *foreign, const struct hm_control_message *message);

/* The visitor that the store has kept: expected as it was or, when it was here, looked for. False: it may not
 * visit any more. */
bool hm_foreign_load(struct hm_foreign *foreign, const struct hm_visitor_record *record, uint32_t left_s);

#endif
