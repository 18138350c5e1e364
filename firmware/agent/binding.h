/* SPDX-License-Identifier: BSD-3-Clause */
/* Mobility bindings at a home agent: one per home address that is, was just, or will be elsewhere
 * (RFC 5944 section 3.8.1). Tables and states only; agent/home decides. */
#ifndef HM_AGENT_BINDING_H
#define HM_AGENT_BINDING_H

#include "firmware/agent/delivery.h"
#include "firmware/agent/store.h"
#include "firmware/base/slab.h"
#include "firmware/base/table.h"
#include "firmware/link/takeover.h"

enum hm_binding_state {
    HM_BINDING_HOME, /* the node is at home: nothing is intercepted; the entry remembers its identification */
    HM_BINDING_STAGED,    /* at home, and a care-of address is prepared */
    HM_BINDING_SWITCHING, /* away, and another place (perhaps home) is prepared; traffic goes to the old one
                           */
    HM_BINDING_DIVERTED,  /* it has stopped where it was: what comes for it goes to the prepared place, and
                             waits there */
    HM_BINDING_AWAY,      /* away: what comes for it goes through the tunnel to care_of_addr */
    HM_BINDING_STATE_COUNT,
};

enum hm_binding_event {
    HM_BINDING_STAGE,     /* another place was prepared */
    HM_BINDING_UNSTAGE,   /* the prepared place is off: cancelled, or its lifetime is over */
    HM_BINDING_ACTIVATE,  /* the node has landed at a foreign agent */
    HM_BINDING_RETURN,    /* it is home, or deregistered */
    HM_BINDING_EXPIRE,    /* its lifetime is over */
    HM_BINDING_DIVERT,    /* it has stopped where it was, and goes to the prepared place */
    HM_BINDING_STAY_HOME, /* it goes on where it was: at home, */
    HM_BINDING_STAY_AWAY, /* or away */
    HM_BINDING_EVENT_COUNT,
};

const char *hm_binding_state_name(enum hm_binding_state state);

/* The whole of the state machine. */
enum hm_binding_state hm_binding_next(enum hm_binding_state state, enum hm_binding_event event);

/* One care-of address beyond the first (RFC 5944 section 3.8.2.2, simultaneous bindings). */
struct hm_care_of {
    struct hm_binding *binding;
    uint32_t addr; /* 0: the slot is free */
    uint16_t lifetime_s;
    struct hm_timer lifetime;
};

struct hm_binding {
    struct hm_table_node by_addr;
    struct hm_table_node by_mac;
    uint32_t home_addr;
    struct hm_mac mac;
    enum hm_binding_state state;
    char vm[HM_NAME_LEN];
    uint32_t care_of_addr;        /* while SWITCHING or AWAY */
    uint32_t staged_care_of_addr; /* while STAGED or SWITCHING; the agent's own: it comes home */
    struct hm_care_of copies[HM_MAX_SIMULTANEOUS - 1]; /* where it may be as well, while absent */
    unsigned copy_count;
    uint64_t identification;     /* newest accepted */
    uint64_t handover_id;        /* that brought it where it is; 0: none did */
    uint32_t epoch;              /* of that handover */
    uint64_t staged_handover_id; /* that will take it to staged_care_of_addr; 0: none */
    uint32_t staged_epoch;
    bool copies_to_staged;  /* the prepared place gets copies of what comes for it */
    uint16_t lifetime_s;    /* granted */
    uint32_t previous_addr; /* where it was before; what is under way from there is taken until */
    uint64_t previous_end_ms;
    struct hm_mac agent_mac;  /* of the foreign agent where it is, or was last; zero: not told */
    bool is_revocable;        /* the foreign agent where it is understands revocations (extension 137) */
    uint32_t restore_at;      /* this agent has restarted, and is to be told of the node; 0: none */
    uint32_t registered_time; /* of that extension in its last registration, by the foreign agent's clock */
    struct hm_timer lifetime; /* of the active binding; at home: how long the entry is remembered */
    struct hm_timer staged;   /* of the prepared place */
    struct hm_takeover takeover;
    struct hm_delivery
        *delivery; /* what comes for it waits there (a handover's of this agent); NULL: nothing does */
    struct hm_delivery
        *upward; /* what it sends by its new way waits there for the end of the old; NULL: nothing */
    struct hm_stored stored;
    struct hm_bindings *owner;
};

struct hm_bindings {
    struct hm_env *env;
    struct hm_slab slab;
    struct hm_table by_addr;
    struct hm_table by_mac;
    void *arg;
    void (*on_lifetime)(void *arg, struct hm_binding *binding);
    void (*on_staged)(void *arg, struct hm_binding *binding);
};

int hm_bindings_init(struct hm_bindings *bindings, struct hm_env *env);
void hm_bindings_fini(struct hm_bindings *bindings);

struct hm_binding *hm_binding_lookup(const struct hm_bindings *bindings, uint32_t home_addr);
/* The first binding with this MAC, and those after it; NULL at the end. */
struct hm_binding *hm_binding_of_mac(const struct hm_bindings *bindings, const struct hm_mac *mac,
                                     const struct hm_binding *after);

/* A new entry in state HOME, or NULL when the table is full. */
struct hm_binding *hm_binding_add(struct hm_bindings *bindings, uint32_t home_addr, const struct hm_mac *mac);
void hm_binding_remove(struct hm_binding *binding);
void hm_binding_set_mac(struct hm_binding *binding, const struct hm_mac *mac);

/* The one writer of the state: logs the change and its reason. */
void hm_binding_apply(struct hm_binding *binding, enum hm_binding_event event, const char *reason);

/* Notes the handover that is staged, or, with id 0, that none is. */
void hm_binding_set_staged(struct hm_binding *binding, uint32_t care_of_addr, uint64_t handover_id,
                           uint32_t epoch);
/* Is this epoch older than the handover that brought it where it is? */
bool hm_binding_is_older(const struct hm_binding *binding, uint32_t epoch);
/* Is it older than any handover that is known, active or staged? */
bool hm_binding_is_overtaken(const struct hm_binding *binding, uint32_t epoch);

/* Has the node stopped for another handover than this one, which is not over? */
bool hm_binding_is_under_way(const struct hm_binding *binding, uint64_t handover_id);

/* How many care-of addresses get what comes for it: 0 unless it is absent. */
unsigned hm_binding_count(const struct hm_binding *binding);
/* Is this one of them? */
bool hm_binding_has_care_of(const struct hm_binding *binding, uint32_t addr);
/* Adds a care-of address beyond the first, or renews it; false when there is no room. */
bool hm_binding_add_copy(struct hm_binding *binding, uint32_t addr, uint16_t lifetime_s);
/* Nothing happens when it is not there. */
void hm_binding_drop_copy(struct hm_binding *binding, uint32_t addr);
void hm_binding_drop_copies(struct hm_binding *binding);
/* The first care-of address has ended: another takes its place, with what is left of its lifetime. False when
 * there is no other. */
bool hm_binding_promote_copy(struct hm_binding *binding);
/* Only for hm_binding_add. */
void hm_binding_init_copies(struct hm_binding *binding);

/* May packets of the node come from this agent: where it is, or where it may land at any moment? */
bool hm_binding_is_at(const struct hm_binding *binding, uint32_t care_of_addr);

/* The agent that gets what comes for it: 0 when none does (it waits in `delivery`). */
uint32_t hm_binding_target(const struct hm_binding *binding);

/* Is what comes for it intercepted? */
static inline bool hm_binding_is_absent(const struct hm_binding *binding)
{
    return binding->state >= HM_BINDING_SWITCHING;
}

#endif
