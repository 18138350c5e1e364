/* SPDX-License-Identifier: BSD-3-Clause */
/* Motions: what a binding needs only while its node is on its way or in several places at once.
 *
 * The place that is prepared for it, further care-of addresses, what waits. A binding has a motion from the
 * first of these on and until none is left; only hm_binding_set_... and the like (agent/binding.h) begin and
 * end one. There are as many motions as bindings, so beginning one cannot fail, and those that were never
 * needed were never touched (base/slab). */
#ifndef HM_AGENT_MOTION_H
#define HM_AGENT_MOTION_H

#include "firmware/agent/delivery.h"

struct hm_binding;

#define HM_MAX_COPIES (HM_MAX_SIMULTANEOUS - 1)

/* One care-of address beyond the first (RFC 5944 section 3.8.2.2, simultaneous bindings). */
struct hm_care_of {
    struct hm_motion *motion;
    uint32_t addr; /* 0: the slot is free */
    uint16_t lifetime_s;
    struct hm_timer lifetime;
};

struct hm_motion {
    struct hm_binding *binding;
    uint64_t staged_handover_id;  /* that will take it to staged_care_of_addr; 0: none */
    uint32_t staged_care_of_addr; /* while STAGED or SWITCHING; the agent's own: it comes home */
    uint32_t staged_epoch;
    struct hm_timer staged; /* of the prepared place */
    bool copies_to_staged;  /* the prepared place gets copies of what comes for it */
    unsigned copy_count;
    struct hm_care_of copies[HM_MAX_COPIES]; /* where it may be as well, while absent */
    /* What comes for it waits there (a handover's of this agent); NULL: nothing does. */
    struct hm_delivery *delivery;
    /* What it sends by its new way waits there for the end of the old; NULL: nothing. */
    struct hm_delivery *upward;
};

/* Of a binding that has none: nothing is prepared, nothing waits. */
extern const struct hm_motion HM_MOTION_NONE;

/* The binding's, which begins if it has none. */
struct hm_motion *hm_motion_begin(struct hm_binding *binding);
/* It ends when nothing is left of it. */
void hm_motion_settle(struct hm_binding *binding);
/* Only for hm_motion_begin. */
void hm_motion_init_copies(struct hm_motion *motion);
/* It ends at once, but not the deliveries. Nothing happens for a binding that has none. */
void hm_motion_end(struct hm_binding *binding);

#endif
