/* SPDX-License-Identifier: BSD-3-Clause */
/* Mobility bindings at a home agent: one per home address that is, was just, or will be elsewhere
 * (RFC 5944 section 3.8.1). Tables and states only; agent/home decides. */
#ifndef HM_AGENT_BINDING_H
#define HM_AGENT_BINDING_H

#include "firmware/agent/motion.h"
#include "firmware/agent/store.h"
#include "firmware/base/memory.h"
#include "firmware/base/slab.h"
#include "firmware/base/table.h"
#include "firmware/base/texts.h"
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

/* Three cache lines: there may be a million. What forwarding looks at is in the first. */
struct hm_binding {
    struct hm_table_node by_addr;
    struct hm_table_node by_mac;
    struct hm_bindings *owner;
    uint32_t home_addr;
    uint32_t care_of_addr; /* while SWITCHING or AWAY */
    uint32_t motion;       /* number of it + 1; 0: hm_binding_motion gives HM_MOTION_NONE */
    uint32_t vm;           /* in the owner's texts: hm_binding_vm */
    struct hm_mac mac;
    enum hm_binding_state state : 8;
    bool is_revocable;       /* the foreign agent where it is understands revocations (extension 137) */
    struct hm_mac agent_mac; /* of the foreign agent where it is, or was last; zero: not told */
    uint16_t lifetime_s;     /* granted */
    uint32_t previous_addr;  /* where it was before; what is under way from there is taken until */
    uint32_t epoch;          /* of the handover that brought it where it is */

    struct hm_takeover takeover;

    struct hm_timer lifetime; /* of the active binding; at home: how long the entry is remembered */
    uint64_t identification;  /* newest accepted */
    uint64_t handover_id;     /* that brought it where it is; 0: none did */
    uint32_t registered_time; /* in its last registration with that extension, by the foreign agent's clock */
    struct hm_stored stored;
    struct hm_short_ms previous_end;
    uint8_t restore_at; /* that peer (its number + 1) has restarted, and is to be told of the node; 0: none */
};

_Static_assert(sizeof(struct hm_binding) == 3 * HM_CACHE_LINE, "what an idle binding costs");

struct hm_bindings {
    struct hm_env *env;
    struct hm_slab slab;
    struct hm_slab motions; /* agent/motion's */
    struct hm_texts vms;
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
/* Of look-ups that come soon (base/table). */
void hm_binding_foresee(const struct hm_bindings *bindings, uint32_t addr, enum hm_table_step step);
void hm_binding_foresee_mac(const struct hm_bindings *bindings, const struct hm_mac *mac,
                            enum hm_table_step step);

/* A new entry in state HOME, or NULL when the table is full. */
struct hm_binding *hm_binding_add(struct hm_bindings *bindings, uint32_t home_addr, const struct hm_mac *mac);
void hm_binding_remove(struct hm_binding *binding);
void hm_binding_set_mac(struct hm_binding *binding, const struct hm_mac *mac);

/* The VM's name, shorter than HM_NAME_LEN; empty: not told. */
void hm_binding_set_vm(struct hm_binding *binding, const char *vm);
/* Copies it into text, and gives that. */
const char *hm_binding_vm(const struct hm_binding *binding, char text[HM_NAME_LEN]);

/* What is prepared and what waits: never NULL. Only good until the binding changes. */
static inline const struct hm_motion *hm_binding_motion(const struct hm_binding *binding)
{
    if (binding->motion == 0)
        return &HM_MOTION_NONE;
    return (const struct hm_motion *)hm_slab_at(&binding->owner->motions, binding->motion - 1);
}

/* The one writer of the state: logs the change and its reason. */
void hm_binding_apply(struct hm_binding *binding, enum hm_binding_event event, const char *reason);

/* Notes the handover that is staged, or, with id 0, that none is. */
void hm_binding_set_staged(struct hm_binding *binding, uint32_t care_of_addr, uint64_t handover_id,
                           uint32_t epoch);
/* Does the prepared place get copies of what comes for the node? Not until this is called. */
void hm_binding_copy_to_staged(struct hm_binding *binding, bool copies);
/* The lifetime of what is prepared. */
void hm_binding_arm_staged(struct hm_binding *binding, uint64_t in_ms);
void hm_binding_cancel_staged(struct hm_binding *binding);
/* NULL: nothing waits there any more. */
void hm_binding_set_delivery(struct hm_binding *binding, struct hm_delivery *delivery);
void hm_binding_set_upward(struct hm_binding *binding, struct hm_delivery *delivery);

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
