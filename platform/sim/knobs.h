/* SPDX-License-Identifier: BSD-3-Clause */
/* What a simulated link or path does to frames: delay, jitter, loss, doubling. */
#ifndef HM_SIM_KNOBS_H
#define HM_SIM_KNOBS_H

#include "platform/sim/sim.h"

/* All zero: frames pass at once and untouched. */
struct hm_sim_knobs {
    uint32_t delay_us;
    uint32_t jitter_us; /* 0..jitter_us more */
    bool reorder;       /* jitter may change the order; else a frame waits for the one before it */
    uint32_t loss_ppm;
    uint32_t dup_ppm;
};

/* When a frame that starts now arrives. *last_us, from 0, keeps the order of one link or path. */
static inline uint64_t hm_sim_knobs_arrival(const struct hm_sim_knobs *knobs, struct hm_sim *sim,
                                            uint64_t *last_us)
{
    uint64_t at_us = sim->now_us + knobs->delay_us;

    if (knobs->jitter_us != 0)
        at_us += hm_sim_random_below(&sim->random, (uint64_t)knobs->jitter_us + 1);
    if (knobs->reorder)
        return at_us;
    if (at_us < *last_us)
        at_us = *last_us;
    *last_us = at_us;
    return at_us;
}

#endif
