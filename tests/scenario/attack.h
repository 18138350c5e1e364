/* SPDX-License-Identifier: BSD-3-Clause */
/* What the attackers' tests share: a VM on a visit with traffic both ways, and the claim that neither it nor
 * any table of any agent felt the attack. */
#ifndef HM_SCENARIO_ATTACK_H
#define HM_SCENARIO_ATTACK_H

#include "tests/scenario/forge.h"

struct attack {
    struct hm_sim_world *world;
    struct probes probes;
    struct tables before;
    struct hm_sim_report handovers[HM_SIM_SITES];
};

/* The VM is at B. The attack begins after this. */
void attack_begin(struct attack *attack, struct hm_sim_world *world);
/* Asserts that no packet was lost, no binding, visitor or handover changed, and no table is beyond its limit.
 */
void attack_end(struct attack *attack);

/* A control message of a peer or hypervisor to a site's agent, with this key; from the stranger's place. */
void attack_control(struct hm_sim_world *world, enum hm_sim_site_number to, uint32_t src,
                    const struct hm_key *key, struct hm_control_message *message);
/* The key of the control channel between two sites. */
struct hm_key attack_control_key(const struct hm_sim_world *world, enum hm_sim_site_number site,
                                 enum hm_sim_site_number other);

/* Asserts that a counter has grown by `by` since it was `before`. */
void assert_counted(struct hm_sim_world *world, enum hm_sim_site_number site, const char *name,
                    uint64_t before, uint64_t by);

#endif
