/* SPDX-License-Identifier: BSD-3-Clause */
/* Calling a VM: it is asked by ARP until a frame of it is seen. By its answer the bridges learn where it is;
 * a bridge never sends a frame back to the port that it learnt a MAC on, so nothing is delivered over the LAN
 * before that. Each of its NICs is asked, and has bridges of its own to move. */
#ifndef HM_AGENT_CALL_H
#define HM_AGENT_CALL_H

#include "firmware/agent/agent.h"

/* Asks at once and then every few milliseconds, until hm_call_stop, or for 10 s at most. */
void hm_call_start(struct hm_agent *agent, struct hm_handover *handover);
void hm_call_stop(struct hm_agent *agent, struct hm_handover *handover);

/* On the VM's home LAN a frame of the NIC with this MAC was seen. True: no other one is to be waited for.
 * Else the others are called; who called is told (seen) when they have answered, or some time after the first
 * has, since a NIC may be down. */
bool hm_call_note_answer(struct hm_agent *agent, struct hm_handover *handover, const struct hm_mac *mac);
/* Nobody has answered yet, whatever was before. */
void hm_call_forget(struct hm_handover *handover);

#endif
