/* SPDX-License-Identifier: BSD-3-Clause */
/* Handovers: one record per migration as this agent sees it, from `imminent` to its end, and kept after
 * that until room is needed. Table and states only; agent/source and agent/destination decide. */
#ifndef HM_AGENT_HANDOVER_H
#define HM_AGENT_HANDOVER_H

#include "firmware/agent/control_server.h"
#include "firmware/agent/delivery.h"
#include "firmware/agent/store.h"
#include "firmware/base/slab.h"
#include "firmware/base/table.h"

enum hm_handover_role {
    HM_ROLE_SOURCE,
    HM_ROLE_DESTINATION,
    HM_ROLE_COUNT,
};

enum hm_handover_state {
    HM_HANDOVER_PREPARING,  /* the other agents are being asked */
    HM_HANDOVER_PREPARED,   /* staged: everything is installed and acknowledged; traffic is where it was */
    HM_HANDOVER_STOPPED,    /* the VM was stopped at the source */
    HM_HANDOVER_FORWARDING, /* it has landed; registration and clean-up run */
    HM_HANDOVER_DONE,
    HM_HANDOVER_CANCELLED, /* by the hypervisor, or its staged lifetime was over */
    HM_HANDOVER_FAILED,    /* an agent refused or was silent */
    HM_HANDOVER_STATE_COUNT,
};

enum hm_handover_event {
    HM_HANDOVER_STAGED,
    HM_HANDOVER_STOP,
    HM_HANDOVER_LAND,
    HM_HANDOVER_FINISH,
    HM_HANDOVER_CANCEL,
    HM_HANDOVER_FAIL,
    HM_HANDOVER_EVENT_COUNT,
};

/* When what happened; 0: not (yet). */
enum hm_handover_step {
    HM_STEP_IMMINENT,   /* this agent heard of it */
    HM_STEP_STAGED,     /* acknowledged */
    HM_STEP_STOPPED,    /* the VM's stop was told */
    HM_STEP_LANDED,     /* first frame, or notice, at the destination; the destination's word at the source */
    HM_STEP_REGISTERED, /* the home agent has answered (destination), or was told (return home) */
    HM_STEP_DELIVERED,  /* the first packet was delivered to the VM */
    HM_STEP_ENDED,
    HM_STEP_COUNT,
};

const char *hm_handover_role_name(enum hm_handover_role role);
const char *hm_handover_state_name(enum hm_handover_state state);
const char *hm_handover_step_name(enum hm_handover_step step);
enum hm_handover_state hm_handover_next(enum hm_handover_state state, enum hm_handover_event event);

struct hm_handover {
    struct hm_table_node by_id;
    struct hm_handover *older, *newer;
    struct hm_handovers *owner;
    uint64_t id;
    uint32_t epoch;
    enum hm_handover_role role;
    enum hm_handover_state state;
    char vm[HM_NAME_LEN];
    char host[HM_NAME_LEN];
    uint32_t other; /* the other agent's address: the destination's at the source, and the reverse */
    struct hm_control_node nodes[HM_CONTROL_MAX_NODES];
    unsigned node_count;
    uint64_t step_us[HM_STEP_COUNT];
    uint64_t started_ntp;
    char reason[HM_NAME_LEN]; /* of the last change */
    struct hm_timer lifetime; /* of the staged state */
    struct hm_stored stored;

    struct hm_control_request *request; /* waits for the staging; NULL: none */
    unsigned awaited;                   /* destination: registrations whose outcome is open */
    unsigned refusal;                   /* destination: the first code that was not a success, else 0 */
    bool refused;

    bool is_staged;       /* it was PREPARED once: the destination is ready */
    bool has_stop_notice; /* a stop notice is to come: no frame lands the VM before it */
    bool is_stopped;      /* it has come */
    bool has_salvage;     /* frames that the VM had not got will come from its hypervisor */
    bool is_told_landed;  /* destination: a hypervisor says that it runs here */
    bool is_seen; /* a frame of the VM was seen here after that, or after a hypervisor said that it runs here
                   */
    bool is_returning;                /* the stop is being undone */
    bool is_old_path_over;            /* source: the home agent's marker has come */
    bool is_new_path_over;            /* destination: the home agent's marker has come, since nothing is to
                                         come here any more */
    struct hm_delivery *delivery;     /* what waits here for the VM; NULL: nothing */
    struct hm_control_request *fetch; /* destination: waits for more; NULL: none */
    struct hm_timer fetch_end;        /* when that is answered though nothing came */
    struct hm_timer call;             /* asks the VM for a sign of life */
    uint64_t call_end_ms;
    uint16_t answered;                /* a bit per node whose NIC has given one; agent/call's */
    uint64_t answered_ms;             /* the first did then */
    struct hm_delivery_counts counts; /* of its delivery, when that was done */
    struct hm_buffer recent;          /* agent/replay's */
    uint64_t replayed;                /* packets of it that were delivered, or sent after the VM */
    uint64_t redirected; /* source: packets that came for it after the stop, and were sent after it */
    uint64_t early_ms;
    uint64_t early; /* destination: frames of the VM before its stop */
    enum hm_cut cut;
    uint32_t tap_dropped;
};

struct hm_handovers {
    struct hm_env *env;
    struct hm_slab slab;
    struct hm_table by_id;
    struct hm_handover *oldest, *newest;
    void *arg;
    void (*on_lifetime)(void *arg, struct hm_handover *handover);
};

int hm_handovers_init(struct hm_handovers *handovers, struct hm_env *env);
void hm_handovers_fini(struct hm_handovers *handovers);

/* A new record, PREPARING; the oldest that is not ahead makes room. NULL when all are alive. */
struct hm_handover *hm_handover_add(struct hm_handovers *handovers, uint64_t id, uint32_t epoch,
                                    enum hm_handover_role role);
/* The handover that the store has kept, in the state that it was in; NULL when there is no room. */
struct hm_handover *hm_handover_load(struct hm_handovers *handovers, const struct hm_handover_record *record,
                                     uint64_t left_ms);
/* NULL when there is none. */
struct hm_handover *hm_handover_lookup(const struct hm_handovers *handovers, uint64_t id,
                                       enum hm_handover_role role);

/* Does the message name the record's VM, by MAC or, when it gives none, by name or address? */
bool hm_handover_is_named(const struct hm_handover *handover, const struct hm_control_message *message);
/* Do both move the same address of the same home? */
bool hm_handover_shares_node(const struct hm_handover *handover, const struct hm_handover *other);
/* The newest record that the message names; NULL when there is none. */
struct hm_handover *hm_handover_named(const struct hm_handovers *handovers,
                                      const struct hm_control_message *message);

/* The one writer of the state: logs the change and its reason, stamps times, stops the lifetime at the end.
 * Nothing happens when the event leads nowhere. */
void hm_handover_apply(struct hm_handover *handover, enum hm_handover_event event, const char *reason);
/* Is this node, by its number, the first with its MAC: does it stand for a NIC? */
bool hm_handover_is_nic(const struct hm_handover *handover, unsigned node);
/* The MAC of the VM's NIC that has this address; of its first one when none has. */
const struct hm_mac *hm_handover_mac_of(const struct hm_handover *handover, uint32_t addr);

/* The counts of its delivery, which may be going on. */
const struct hm_delivery_counts *hm_handover_counts(const struct hm_handover *handover);
/* One line for a person: what became of it and of its packets. */
void hm_handover_log(const struct hm_handover *handover);
/* Stamps a step, the first time. */
void hm_handover_stamp(struct hm_handover *handover, enum hm_handover_step step);

static inline bool hm_handover_has_ended(const struct hm_handover *handover)
{
    return handover->state >= HM_HANDOVER_DONE;
}

/* Staged or about to be: the VM has not landed. */
static inline bool hm_handover_is_ahead(const struct hm_handover *handover)
{
    return handover->state <= HM_HANDOVER_STOPPED;
}

#endif
