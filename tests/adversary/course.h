/* SPDX-License-Identifier: BSD-3-Clause */
/* The course of one seed: a VM that moves a few times, told to the agents in more ways than one, while probes
 * run both ways and everything goes wrong that the seed says; then quiet, and the reckoning. */
#ifndef HM_ADVERSARY_COURSE_H
#define HM_ADVERSARY_COURSE_H

#include <stdbool.h>
#include <stdint.h>

#define COURSE_TEXT_LEN 512

/* What became of a seed. */
struct course_result {
    bool is_broken;
    char what[COURSE_TEXT_LEN]; /* the first breach, and what the seed was about */
    uint64_t events;            /* of the simulator */
    unsigned moved;             /* moves after which the VM was elsewhere */
    unsigned deaths;
};

/* has_log: the agents' logs and the course go to stderr. */
void course_run(uint64_t seed, bool has_log, struct course_result *result);

#endif
