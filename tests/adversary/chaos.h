/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes wrong in one seed: messages between agents are lost, doubled, delayed and so reordered, agents
 * die and come back, clocks are apart.
 *
 * Only what agents tell each other is touched (UDP 434 and the control port, in the tunnel as well). Data
 * passes untouched and in order, later by the same for all: so that whatever it loses, the agents have lost.
 */
#ifndef HM_ADVERSARY_CHAOS_H
#define HM_ADVERSARY_CHAOS_H

#include "platform/sim/migration.h"
#include "platform/sim/world.h"

#define CHAOS_DEATHS 2

/* An agent dies once a step of a move has begun, and starts again. */
struct chaos_death {
    enum hm_sim_site_number site;
    unsigned move; /* from 0 */
    enum hm_sim_migration_step step;
    uint64_t after_us;
    uint64_t down_us;
};

/* For a while an agent hears nothing of the others, once a step of a move has begun; they hear it. */
struct chaos_deafness {
    enum hm_sim_site_number site;
    unsigned move;
    enum hm_sim_migration_step step;
    uint64_t for_us; /* 0: never */
};

struct chaos_plan {
    uint32_t loss_ppm, double_ppm, delay_ppm, late_ppm; /* of messages */
    uint64_t delay_us, late_us;                         /* at most; late: long after it has become useless */
    uint32_t path_us;                                   /* of everything, on each path */
    int64_t clock_us[HM_SIM_SITES];
    struct chaos_death deaths[CHAOS_DEATHS];
    unsigned death_count;
    struct chaos_deafness deafness;
};

/* What one agent sends. */
struct chaos_ear {
    struct hm_sim_tap tap;
    struct chaos *chaos;
    struct hm_sim_port *port;
};

struct chaos {
    struct hm_sim_world *world;
    struct chaos_plan plan;
    struct hm_sim_random random;
    struct chaos_ear ears[HM_SIM_SITES];
    struct hm_sim_event death, birth;
    const struct chaos_death *next; /* that is armed, or dead now; NULL: none */
    unsigned died;                  /* deaths so far */
    bool has_died[HM_SIM_SITES];
    bool is_over;
    uint64_t deaf_until_us;
    uint64_t last_us; /* when the last fault is over, as far as is known now */
    uint64_t lost, doubled, delayed;
};

/* Draws what will go wrong. move_count: how many moves there are. */
void chaos_plan_draw(struct chaos_plan *plan, struct hm_sim_random *random, unsigned move_count);
/* True when no message is touched, nobody dies and all clocks agree. */
bool chaos_plan_is_calm(const struct chaos_plan *plan);

/* Paths are set at once; messages are touched from now on. The clocks are the world's option. */
void chaos_begin(struct chaos *chaos, struct hm_sim_world *world, const struct chaos_plan *plan);
/* A step of a move has begun. */
void chaos_handle_step(struct chaos *chaos, unsigned move, enum hm_sim_migration_step step);
/* Nothing more goes wrong but what has begun: runs until all agents are alive and all messages have arrived.
 */
void chaos_end(struct chaos *chaos);
void chaos_fini(struct chaos *chaos);

#endif
