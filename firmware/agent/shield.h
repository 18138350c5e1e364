/* SPDX-License-Identifier: BSD-3-Clause */
/* Shields: which machines' ports a hypervisor has closed to everybody but this agent (design: the shield).
 *
 * A hypervisor says so before the machine lands, and again when the shield is taken away. It is believed: it
 * has the port in its hands. The store keeps the table. */
#ifndef HM_AGENT_SHIELD_H
#define HM_AGENT_SHIELD_H

#include "firmware/base/addr.h"

#define HM_SHIELDS_MAX 1024

struct hm_agent;
struct hm_control_request;

struct hm_shields {
    struct hm_mac *macs; /* HM_SHIELDS_MAX */
    unsigned count;
};

/* 0 or HM_ERR_MEMORY. */
int hm_shields_init(struct hm_shields *shields);
void hm_shields_fini(struct hm_shields *shields);

bool hm_shield_has(const struct hm_shields *shields, const struct hm_mac *mac);
/* Notes a shield; once more changes nothing. 0 or HM_ERR_FULL. */
int hm_shield_add(struct hm_shields *shields, const struct hm_mac *mac);
void hm_shield_remove(struct hm_shields *shields, const struct hm_mac *mac);

/* A hypervisor's request SHIELD: with state "remove" for the contrary, with dry_run only to learn the MAC of
 * this agent on its LAN, which every good answer carries. */
void hm_shield_notice(struct hm_agent *agent, struct hm_control_request *request);

#endif
