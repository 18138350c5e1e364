/* SPDX-License-Identifier: BSD-3-Clause */
/* What is to happen in one seed: the moves of a VM, how they are told, where probes come from, what goes
 * wrong. */
#ifndef HM_ADVERSARY_SCRIPT_H
#define HM_ADVERSARY_SCRIPT_H

#include "tests/adversary/chaos.h"

#define SCRIPT_MOVES 3
#define SCRIPT_STAGED_S 5 /* the staged lifetime */

struct script_move {
    enum hm_sim_site_number to;
    struct hm_sim_migration_options options;
    enum hm_sim_migration_step freezes_at; /* the hypervisors end there, and the VM never runs on; IDLE: no */
    uint64_t rest_us;                      /* before the next move */
};

struct script {
    unsigned move_count;
    struct script_move moves[SCRIPT_MOVES];
    struct chaos_plan chaos;
    bool probes_are_tcp;
    unsigned burst;  /* probes at a time */
    unsigned source; /* of the probes: a site's neighbour, or HM_SIM_SITES: the correspondent */
    struct hm_sim_world_options options;
};

/* has_log: the agents' logs go to stderr. */
void script_draw(struct script *script, uint64_t seed, bool has_log);

#endif
