/* SPDX-License-Identifier: BSD-3-Clause */
/* The source's side of a handover: ask the destination to prepare, answer the hypervisor, let the VM go. */
#ifndef HM_AGENT_SOURCE_H
#define HM_AGENT_SOURCE_H

#include "firmware/agent/agent.h"

/* What is to move, and where to. */
struct hm_source_plan {
    const char *vm;
    const char *host;
    struct hm_peer *destination;
    const struct hm_control_node *nodes;
    unsigned node_count;
    uint32_t wait_ms;
    bool has_stop_notice;
    bool dry_run;
};

/* Prepares the destination; the request is answered when that has ended. */
void hm_source_prepare(struct hm_agent *agent, const struct hm_source_plan *plan,
                       struct hm_control_request *request);

/* ARRIVED of the destination came in: the VM has landed there. */
void hm_source_arrived(struct hm_agent *agent, struct hm_control_request *request);

/* The hypervisor called it off, or its staged lifetime is over. request (may be NULL) is answered when the
 * destination has undone its part. */
void hm_source_cancel(struct hm_agent *agent, struct hm_handover *handover,
                      struct hm_control_request *request, const char *reason);

/* The same at the destination's word: that undoes its part itself. */
void hm_source_undo(struct hm_agent *agent, struct hm_handover *handover, const char *reason);

/* The hypervisor said here that the VM has landed: the destination is told; the request is answered with its
 * word. */
void hm_source_landed(struct hm_agent *agent, struct hm_handover *handover,
                      struct hm_control_request *request);

/* What leads an answer of the destination back to a request; NULL when there are too many. give: the request
 * that it was taken for. */
void *hm_source_take_pending(struct hm_agent *agent, uint64_t handover_id,
                             struct hm_control_request *request);
struct hm_control_request *hm_source_give_pending(void *pending, struct hm_agent **agent);

/* Of the handover that it was taken for. */
uint64_t hm_source_pending_id(const void *pending);

/* Size of one entry of agent->pendings. */
size_t hm_source_pending_len(void);

/* The agent has restarted: what is staged there is asked for again; a home agent is told of stops again. */
void hm_source_repeat(struct hm_agent *agent, uint32_t destination);

#endif
