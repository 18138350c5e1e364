/* SPDX-License-Identifier: BSD-3-Clause */
/* The control channel's serving side: authenticates requests, answers each once, remembers its answers.
 *
 * A request that passes is handed to the handler with a token; the answer may come at once or later. A
 * repetition is answered from memory, or, while its answer is still open, when that comes. What the memory
 * has forgotten cannot be replayed: per sender, time stamps not newer than the newest forgotten request's,
 * and none older than the agent's own start, are refused with CLOCK. */
#ifndef HM_AGENT_CONTROL_SERVER_H
#define HM_AGENT_CONTROL_SERVER_H

#include "firmware/agent/security.h"
#include "firmware/wire/control.h"

#define HM_CONTROL_SLOTS 256 /* requests that are open or remembered */

/* Where a request came from, and so where its answer goes: lwIP's side or a kernel address. */
struct hm_control_from {
    bool kernel;
    struct hm_endpoint endpoint; /* the sender; `socket` for kernel addresses */
    uint32_t local_addr;         /* of ours, for lwIP's side */
    enum hm_carriage carriage;
};

/* A request that has not been answered yet. */
struct hm_control_request {
    struct hm_control_message message;
    const struct hm_hypervisor_config *hypervisor; /* who asks: this, */
    struct hm_peer *peer;                          /* or this; the other is NULL */
};

struct hm_control_slot;

struct hm_control_server {
    struct hm_env *env;
    struct hm_security *security;
    struct hm_control_slot *slots;
    uint64_t *forgotten; /* per sender (hypervisors, then peers): newest forgotten time stamp */
    uint64_t hint_window_ms;
    unsigned hints;
    void *arg;
    /* A new request; `request` lives until hm_control_answer. */
    void (*handle)(void *arg, struct hm_control_request *request);
    /* acknowledges: it may go out only when all that was changed before is durable. */
    void (*send)(void *arg, const struct hm_control_from *to, const void *bytes, size_t len,
                 bool acknowledges);
};

int hm_control_server_init(struct hm_control_server *server, struct hm_env *env,
                           struct hm_security *security);
void hm_control_server_fini(struct hm_control_server *server);

/* A datagram of kind REQUEST came in (already decoded; bytes are its whole). */
void hm_control_server_receive(struct hm_control_server *server, const struct hm_control_from *from,
                               const struct hm_control_message *message, const uint8_t *bytes, size_t len);

/* Answers. `answer` gives code and items; the rest is filled in here. The request is gone after that. */
void hm_control_answer(struct hm_control_server *server, struct hm_control_request *request,
                       struct hm_control_message *answer);
/* Leaves it unanswered, as if it had not come: its sender repeats it. The request is gone after that. */
void hm_control_defer(struct hm_control_server *server, struct hm_control_request *request);
/* The same, counted, because there is no memory for it just now. */
void hm_control_defer_full(struct hm_control_server *server, struct hm_control_request *request);
/* Answers with a code and a text. */
void hm_control_answer_text(struct hm_control_server *server, struct hm_control_request *request,
                            enum hm_control_code code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
