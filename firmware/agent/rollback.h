/* SPDX-License-Identifier: BSD-3-Clause */
/* The rollback of a stop: the migration has failed and the VM goes on at the source. What waits at the
 * destination comes back, and is delivered before what comes afterwards. */
#ifndef HM_AGENT_ROLLBACK_H
#define HM_AGENT_ROLLBACK_H

#include "firmware/agent/agent.h"

/* At the source, once the handover was cancelled after its stop. */
void hm_rollback_begin(struct hm_agent *agent, struct hm_handover *handover);
/* A frame of a stopped VM was seen at the source. When it is none of those that it had sent before, it runs
 * there again and nobody has said so: the handover is cancelled. */
void hm_rollback_runs_again(struct hm_agent *agent, uint64_t handover_id);
/* A frame of the VM was seen at the source, by the NIC with this MAC; NULL: of all that can be seen. */
void hm_rollback_seen(struct hm_agent *agent, struct hm_handover *handover, const struct hm_mac *mac);
/* It was asked for, and said nothing: what waits is dropped. */
void hm_rollback_unseen(struct hm_agent *agent, struct hm_handover *handover);

/* At the destination: what waits is to go back to the source. is_ended: nothing more can come for it. */
void hm_rollback_return(struct hm_agent *agent, struct hm_handover *handover, bool is_ended);
/* The source knows, and takes it: it goes. */
void hm_rollback_release(struct hm_agent *agent, struct hm_handover *handover);

#endif
