/* SPDX-License-Identifier: BSD-3-Clause */
/* Reach: can the other agents be reached, by which kinds of packets, and what do their clocks say? Asked when
 * an operator asks. */
#ifndef HM_AGENT_REACH_H
#define HM_AGENT_REACH_H

#include "firmware/agent/control_call.h"

struct hm_reach;

enum hm_reach_state {
    HM_REACH_NEVER,  /* not asked yet */
    HM_REACH_ASKED,  /* the answer is open */
    HM_REACH_YES,    /* answered, authentic */
    HM_REACH_SILENT, /* no authentic answer in time */
};

/* What is asked of each peer: bare, on the control port, or in a tunnelled packet of a kind. */
struct hm_reach_way {
    struct hm_reach *owner;
    enum hm_reach_state state;
    uint64_t asked_us;
    uint64_t ended_us;      /* when the last outcome was known */
    uint64_t round_trip_us; /* YES */
    int64_t clock_ms;       /* YES: its clock minus ours */
};

struct hm_reach_peer {
    struct hm_reach_way bare;
    struct hm_reach_way kinds[HM_ENCAPSULATION_COUNT]; /* NEVER: of a kind that is not used with this peer */
};

struct hm_reach {
    struct hm_env *env;
    struct hm_security *security;
    struct hm_control_calls *calls;
    struct hm_reach_peer peers[HM_MAX_PEERS]; /* as security's */
};

void hm_reach_init(struct hm_reach *reach, struct hm_env *env, struct hm_security *security,
                   struct hm_control_calls *calls);
/* Sends a HELLO to every peer that was neither asked now nor just a moment ago. */
void hm_reach_ask(struct hm_reach *reach);
const char *hm_reach_state_name(enum hm_reach_state state);

#endif
