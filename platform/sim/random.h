/* SPDX-License-Identifier: BSD-3-Clause */
/* Chance out of a seed: splitmix64 (Steele, Lea, Flood 2014), the same numbers on each machine. */
#ifndef HM_SIM_RANDOM_H
#define HM_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HM_SIM_MILLION 1000000u

struct hm_sim_random {
    uint64_t state;
};

static inline uint64_t hm_sim_random_u64(struct hm_sim_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0..limit-1; 0 for a limit of 0. The bias of the modulo does not matter here. */
static inline uint64_t hm_sim_random_below(struct hm_sim_random *random, uint64_t limit)
{
    return limit == 0 ? 0 : hm_sim_random_u64(random) % limit;
}

/* True ppm times in a million. Draws nothing for 0, so that an unused knob changes no other draw. */
static inline bool hm_sim_random_chance(struct hm_sim_random *random, uint32_t ppm)
{
    return ppm != 0 && hm_sim_random_below(random, HM_SIM_MILLION) < ppm;
}

/* A generator of its own for one participant, so that what one draws does not shift the others. */
static inline struct hm_sim_random hm_sim_random_fork(uint64_t seed, uint64_t participant)
{
    struct hm_sim_random random = {seed ^ (participant * 0xd1342543de82ef95u)};

    random.state = hm_sim_random_u64(&random);
    return random;
}

#endif
