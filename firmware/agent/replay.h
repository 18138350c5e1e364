/* SPDX-License-Identifier: BSD-3-Clause */
/* Replay: what came for a VM lately, kept by time, for a move whose stop nobody can tell exactly.
 *
 * Without a stop notice the home agent sends copies to the destination while the VM still runs at the source
 * (simultaneous bindings, RFC 5944 section 3.8.2.2), which keeps the newest and delivers them at the landing.
 * With a stop notice and nobody who watches the VM's TAP, the source keeps what it has delivered, and sends
 * it after the VM. In both cases what the VM had got already is doubled: at most what is counted as replayed.
 * Off unless replay_window_ms is set. */
#ifndef HM_AGENT_REPLAY_H
#define HM_AGENT_REPLAY_H

#include "firmware/agent/agent.h"

static inline bool hm_replay_is_on(const struct hm_env *env)
{
    return env->config->replay_window_ms > 0;
}

/* Is what comes for the VM kept here, at the destination, instead of waiting for its landing? */
bool hm_replay_applies(const struct hm_env *env, const struct hm_handover *handover);

/* Keeps a packet; what is older than the window, or has no room, is forgotten. */
void hm_replay_keep(struct hm_agent *agent, struct hm_handover *handover, const struct hm_frame *frame);
/* The same at the source, if the handover is one that is staged here and not stopped. */
void hm_replay_keep_delivered(struct hm_agent *agent, uint64_t handover_id, const struct hm_frame *frame);

/* Moves what was kept into its delivery, and counts it. */
void hm_replay_deliver(struct hm_agent *agent, struct hm_handover *handover);
void hm_replay_forget(struct hm_handover *handover);

#endif
