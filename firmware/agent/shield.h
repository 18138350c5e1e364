/* SPDX-License-Identifier: BSD-3-Clause */
/* Shields: which machines' ports a hypervisor has closed to everybody but this agent (design: the shield).
 *
 * A hypervisor says so before the machine lands, and again when the shield is taken away. It is believed of
 * the ports that it has in its hands: each has a word of its own about a MAC, which nobody else takes back,
 * and which counts for the machines that it may move. So a machine that moves between two hosts of this
 * subnet is shielded as long as one of them says so. The store keeps the table. */
#ifndef HM_AGENT_SHIELD_H
#define HM_AGENT_SHIELD_H

#include "firmware/agent/security.h"
#include "firmware/wire/record.h"

#define HM_SHIELDS_MAX 4096

struct hm_agent;
struct hm_control_request;

struct hm_shields {
    const struct hm_security *security;
    struct hm_shield_record *entries; /* HM_SHIELDS_MAX */
    unsigned count;
};

/* 0 or HM_ERR_MEMORY. */
int hm_shields_init(struct hm_shields *shields, const struct hm_security *security);
void hm_shields_fini(struct hm_shields *shields);

/* Is this node's port shielded, by the word of a hypervisor that may move it? */
bool hm_shield_covers(const struct hm_shields *shields, const struct hm_control_node *node);
/* Notes a hypervisor's word; once more changes nothing. 0 or HM_ERR_FULL. */
int hm_shield_add(struct hm_shields *shields, const struct hm_shield_record *shield);
/* Forgets it; false when there is none. */
bool hm_shield_remove(struct hm_shields *shields, const struct hm_shield_record *shield);
/* How many entries one hypervisor may have: none can keep the others from theirs. */
unsigned hm_shield_share(const struct hm_shields *shields);

/* A hypervisor's request SHIELD: with state "remove" for the contrary, with dry_run only to learn the MAC of
 * this agent on its LAN, which every good answer carries. */
void hm_shield_notice(struct hm_agent *agent, struct hm_control_request *request);

#endif
