/* SPDX-License-Identifier: BSD-3-Clause */
/* Visitors of a foreign agent (RFC 5944 section 3.7.1): one per home agent and home address. Tables and
 * states only; agent/foreign decides. */
#ifndef HM_AGENT_VISITOR_H
#define HM_AGENT_VISITOR_H

#include "firmware/agent/delivery.h"
#include "firmware/agent/store.h"
#include "firmware/base/slab.h"
#include "firmware/base/table.h"
#include "firmware/env.h"
#include "firmware/wire/control.h"

enum hm_visitor_state {
    HM_VISITOR_EXPECTED,  /* announced; its frames mean that it has landed */
    HM_VISITOR_BUFFERING, /* stopped at its old place; what comes for it waits */
    HM_VISITOR_PRESENT,   /* here: delivered to, and its frames go to the home agent */
    HM_VISITOR_STOPPED, /* stopped here, on its way to another place: what still comes for it is sent after it
                         */
    HM_VISITOR_LEAVING, /* it has landed elsewhere, or was withdrawn; the home agent is being told */
    HM_VISITOR_STATE_COUNT,
};

enum hm_visitor_event {
    HM_VISITOR_STOP,
    HM_VISITOR_LAND,
    HM_VISITOR_LEAVE,
    HM_VISITOR_RESUME, /* it goes on where it was */
    HM_VISITOR_EVENT_COUNT,
};

const char *hm_visitor_state_name(enum hm_visitor_state state);
enum hm_visitor_state hm_visitor_next(enum hm_visitor_state state, enum hm_visitor_event event);

/* What a registration request is for. */
enum hm_registration_purpose {
    HM_REGISTRATION_STAGE,    /* hold */
    HM_REGISTRATION_ACTIVATE, /* after the landing */
    HM_REGISTRATION_RENEW,
    HM_REGISTRATION_UNSTAGE,    /* lifetime 0, hold */
    HM_REGISTRATION_DEREGISTER, /* lifetime 0 */
    HM_REGISTRATION_PURPOSE_COUNT,
};

/* The open request of a visitor; agent/registrant's. */
struct hm_registration_state {
    struct hm_registrant *registrant;
    bool open;
    bool resynced;
    bool is_without_udp; /* asks for no UDP tunnel: the home agent has refused one */
    unsigned refusal;    /* code of the last answer that did not end it; 0: none came */
    enum hm_registration_purpose purpose;
    unsigned attempts;
    uint64_t identification;
    struct hm_timer timer;
};

/* A visit, while another handover to here is being staged in its place. */
struct hm_visit {
    bool is_there;
    uint64_t handover_id;
    uint32_t epoch;
    uint64_t end_ms; /* of its registration */
    uint16_t lifetime_s;
    bool is_revocable;
    uint32_t registered_time;
};

struct hm_visitor {
    struct hm_table_node by_home;   /* home agent and home address */
    struct hm_table_node by_source; /* MAC and home address */
    struct hm_table_node by_mac;
    struct hm_control_node node; /* home address, MAC, home agent, home prefix, router */
    char vm[HM_NAME_LEN];
    enum hm_visitor_state state;
    unsigned link; /* where it is, or will be */
    uint64_t handover_id;
    uint32_t epoch;
    uint64_t seen_ms;     /* its last frame */
    bool has_stop_notice; /* a marker ends its old way to its home */
    bool awaits_sign;  /* its next frame is waited for: EXPECTED: it was here before this agent restarted */
    bool is_revocable; /* its home agent's last reply told revocation support, */
    uint32_t registered_time; /* and this time of its clock (RFC 3543 section 3.2) */
    bool undelivered;         /* nothing was delivered yet since it landed */
    struct hm_visit before;   /* goes on when its home agent does not accept that (RFC 5944 section 3.7.2) */
    bool is_denied;           /* it did not */
    uint64_t next_handover_id;
    uint64_t redirected_ms; /* when something was last sent after it; 0: nothing was */
    uint32_t next_addr; /* STOPPED, LEAVING: the agent where it is going, to which what still comes is sent;
                           0: none */
    struct hm_delivery
        *delivery;      /* what comes for it waits there (its handover's); NULL: it goes straight on */
    uint64_t delivered; /* packets */
    uint16_t lifetime_s;
    struct hm_timer lifetime; /* EXPECTED: staged lifetime; PRESENT: registration */
    struct hm_timer renewal;
    struct hm_registration_state registration;
    struct hm_pair neighbours[HM_CONTROL_MAX_NEIGHBOURS]; /* of its home LAN */
    unsigned neighbour_count;
    struct hm_stored stored;
    struct hm_visitors *owner;
};

struct hm_visitors {
    struct hm_env *env;
    struct hm_slab slab;
    struct hm_table by_home;
    struct hm_table by_source;
    struct hm_table by_mac;
    void *arg; /* of the owner, for its timers */
};

int hm_visitors_init(struct hm_visitors *visitors, struct hm_env *env);
void hm_visitors_fini(struct hm_visitors *visitors);

struct hm_visitor *hm_visitor_by_home(const struct hm_visitors *visitors, uint32_t home_agent,
                                      uint32_t home_addr);
struct hm_visitor *hm_visitor_by_source(const struct hm_visitors *visitors, const struct hm_mac *mac,
                                        uint32_t addr);
/* The first visitor with this MAC, and those after it; NULL at the end. */
struct hm_visitor *hm_visitor_of_mac(const struct hm_visitors *visitors, const struct hm_mac *mac,
                                     const struct hm_visitor *after);

/* A new entry in state EXPECTED, or NULL when the table is full. */
struct hm_visitor *hm_visitor_add(struct hm_visitors *visitors, const struct hm_control_node *node,
                                  unsigned link);
void hm_visitor_remove(struct hm_visitor *visitor);

/* The one writer of the state: logs the change and its reason. */
void hm_visitor_apply(struct hm_visitor *visitor, enum hm_visitor_event event, const char *reason);

#endif
