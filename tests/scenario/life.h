/* SPDX-License-Identifier: BSD-3-Clause */
/* What the scenarios of a handover's life share: a VM whose hypervisors are driven by hand, with probes from
 * beyond the router both ways. */
#ifndef HM_SCENARIO_LIFE_H
#define HM_SCENARIO_LIFE_H

#include "platform/sim/migration.h"
#include "tests/scenario/scenario.h"

#define RATE 2000u /* probes a second */

struct life {
    struct hm_sim_world *world;
    struct hm_sim_guest_tap tap;
    struct probes probes;
};

struct life *life_create(const struct hm_sim_world_options *options);
void life_destroy(struct life *life);
/* cmocka's: *state is one of the default options. */
int life_setup(void **state);
int life_teardown(void **state);
#define LIFE(name) cmocka_unit_test_setup_teardown(name, life_setup, life_teardown)

/* Asks a site's hypervisor's question about the VM; the answer's code. */
int life_call(struct life *life, enum hm_sim_site_number site, enum hm_control_op op);
/* Stages a move whose stop will be told, and asserts that it was staged. */
void life_announce(struct life *life, enum hm_sim_site_number from, enum hm_sim_site_number to);
/* Its last instruction, told without salvage. */
void life_stop(struct life *life, enum hm_sim_site_number at);
/* The same, and that salvage will follow. */
void life_stop_with_salvage(struct life *life, enum hm_sim_site_number at);
void life_land(struct life *life, enum hm_sim_site_number at);
void life_resume_here(struct life *life);
void life_pass(struct life *life, uint64_t ms);
/* No more probes are sent to the VM, and those under way arrive: all that were sent so far. */
struct hm_sim_counts life_end_probes(struct life *life);
/* A whole move with everything that watches, and a second to settle. */
void life_move(struct life *life, enum hm_sim_site_number from, enum hm_sim_site_number to);

/* A field of the newest handover of the VM at a site. */
void life_check_row(struct life *life, enum hm_sim_site_number site, const char *field, const char *expected);
uint64_t life_number(struct life *life, enum hm_sim_site_number site, const char *field);

#endif
