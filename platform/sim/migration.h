/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated live migration, told to the agents as `notify-migrate watch` tells it at both ends.
 *
 * It goes by events: staging, the stop, the salvage, the move, what waits written to the VM's TAP (if the
 * destination watches as well), the landing. At any step the hypervisors may fall silent, and the migration
 * may fail or be cancelled. What the agents do not answer is not waited for longer than a watch would: the VM
 * always goes on. */
#ifndef HM_SIM_MIGRATION_H
#define HM_SIM_MIGRATION_H

#include "platform/sim/guest_tap.h"
#include "platform/sim/hypervisor.h"

enum hm_sim_migration_step {
    HM_SIM_STEP_IDLE,
    HM_SIM_STEP_STAGING,   /* IMMINENT is asked */
    HM_SIM_STEP_COPYING,   /* the VM runs on at the source */
    HM_SIM_STEP_STOPPING,  /* it is paused; STOPPED is asked */
    HM_SIM_STEP_SALVAGING, /* SALVAGE is asked */
    HM_SIM_STEP_MOVING,
    HM_SIM_STEP_FETCHING, /* loaded and paused at the destination: FETCH */
    HM_SIM_STEP_LANDING,  /* it runs there; LANDED is asked */
    HM_SIM_STEP_CHASING,  /* FETCH goes on until nothing more comes by the agent */
    HM_SIM_STEP_CANCELLING,
    HM_SIM_STEP_DONE,
    HM_SIM_STEP_COUNT,
};

struct hm_sim_migration_options {
    uint64_t copy_us;     /* from staged to stop */
    uint64_t pause_us;    /* from stop to landing, at least */
    bool is_unstaged;     /* the VM stops at once, whether staged or not */
    bool has_watch_there; /* what waits is fetched */
    bool is_untold;       /* only IMMINENT is told: no stop, no salvage */
    enum hm_sim_migration_step
        fails_at; /* IDLE: it does not fail. COPYING .. MOVING: it is rolled back then */
    enum hm_sim_migration_step
        silent_from; /* IDLE: never. From this step on nobody tells the agents anything */
};

struct hm_sim_migration {
    struct hm_sim *sim;
    struct hm_sim_host *vm;
    struct hm_sim_guest_tap tap;
    struct hm_sim_hypervisor *source, *destination;
    struct hm_sim_lan *lan; /* the destination's */
    char host[HM_NAME_LEN];
    struct hm_sim_migration_options options;

    enum hm_sim_migration_step step;
    struct hm_sim_event event; /* the next step, or the end of patience */
    uint64_t stopped_us;
    bool was_staged;
    bool was_told;         /* the source has confirmed the stop */
    bool was_salvaged;     /* the agents have taken the whole stream */
    unsigned abandoned;    /* frames that its TAP held when it left, and that nobody had taken */
    uint64_t acknowledged; /* of the stream of FETCH: the destination knows that it is written */
    bool has_failed;
    uint64_t handover_id;
    uint8_t *salvage; /* the stream */
    size_t salvage_len;
    uint8_t *fetched; /* the stream, from fetched_from on */
    size_t fetched_len;
    uint64_t written; /* of the stream */
    bool is_last;
};

/* vm runs at `source`'s agent. The hypervisors are this migration's alone while it lasts. */
void hm_sim_migration_start(struct hm_sim_migration *migration, struct hm_sim_host *vm,
                            struct hm_sim_hypervisor *source, struct hm_sim_hypervisor *destination,
                            struct hm_sim_lan *lan, const char *host,
                            const struct hm_sim_migration_options *options);
/* Runs the simulation until it is done. */
void hm_sim_migration_wait(struct hm_sim_migration *migration);
/* Frees what it holds; a VM that is paused stays so. */
void hm_sim_migration_fini(struct hm_sim_migration *migration);

static inline bool hm_sim_migration_is_done(const struct hm_sim_migration *migration)
{
    return migration->step == HM_SIM_STEP_DONE;
}

#endif
