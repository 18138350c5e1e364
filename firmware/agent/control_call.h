/* SPDX-License-Identifier: BSD-3-Clause */
/* The control channel's asking side: a request to another agent, repeated until it is answered. */
#ifndef HM_AGENT_CONTROL_CALL_H
#define HM_AGENT_CONTROL_CALL_H

#include "firmware/agent/security.h"
#include "firmware/base/slab.h"
#include "firmware/wire/control.h"

/* The answer, or NULL when none came in time. */
typedef void (*hm_control_done)(void *arg, const struct hm_control_message *answer);

struct hm_control_call;

struct hm_control_calls {
    struct hm_env *env;
    struct hm_security *security;
    struct hm_slab slab;
    struct hm_control_call *first;
    void *arg;
    void (*send)(void *arg, uint32_t to_addr, enum hm_carriage carriage, const void *bytes, size_t len);
};

int hm_control_calls_init(struct hm_control_calls *calls, struct hm_env *env, struct hm_security *security);
void hm_control_calls_fini(struct hm_control_calls *calls);

/* Asks a peer; `message` gives op and items (copied). `done` is called exactly once:
 * from here when no call is free, else later. wait_ms: when to give up. */
void hm_control_call(struct hm_control_calls *calls, struct hm_peer *peer,
                     const struct hm_control_message *message, uint32_t wait_ms, hm_control_done done,
                     void *arg);

/* The same, by the path of the tunnel to the peer: behind all data that was sent there before. */
void hm_control_call_by_tunnel(struct hm_control_calls *calls, struct hm_peer *peer,
                               const struct hm_control_message *message, uint32_t wait_ms,
                               hm_control_done done, void *arg);

/* The same in packets of one kind; only an answer in one of that kind counts. */
void hm_control_call_by_kind(struct hm_control_calls *calls, struct hm_peer *peer, enum hm_encapsulation kind,
                             const struct hm_control_message *message, uint32_t wait_ms, hm_control_done done,
                             void *arg);

/* A datagram of kind REPLY came in, and how. */
void hm_control_calls_receive(struct hm_control_calls *calls, const struct hm_control_message *message,
                              enum hm_carriage carriage, const uint8_t *bytes, size_t len);

#endif
