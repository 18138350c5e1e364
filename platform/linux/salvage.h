/* SPDX-License-Identifier: BSD-3-Clause */
/* The sending of salvaged frames to the agent: a stream of bytes in pieces, several under way at a time. */
#ifndef HM_LINUX_SALVAGE_H
#define HM_LINUX_SALVAGE_H

#include "platform/linux/notify_dialogue.h"

#define HM_SALVAGE_WINDOW 8

struct hm_salvage {
    struct hm_dialogue *dialogue;
    struct hm_control_message request; /* what all pieces have in common */
    enum hm_cut cut;
    uint32_t tap_dropped;
    const uint8_t *stream;
    uint64_t len;
    uint64_t next;     /* to be sent */
    uint64_t expected; /* by the agent, as far as we have heard */
    bool is_held;      /* until what the agent expects has come */
    struct hm_dialogue_slot *slots[HM_SALVAGE_WINDOW];
    bool is_over;
    bool is_refused; /* over, and the agent has not taken all: `refusal` */
    struct hm_notify_result refusal;
};

/* `request` names the VM and the handover. The stream (for each frame its length in 2 bytes, network byte
 * order, and the frame) stays the caller's until the end. */
void hm_salvage_begin(struct hm_salvage *salvage, struct hm_dialogue *dialogue,
                      const struct hm_control_message *request, const uint8_t *stream, uint64_t len,
                      enum hm_cut cut, uint32_t tap_dropped);
/* After each hm_dialogue_work, until is_over. */
void hm_salvage_work(struct hm_salvage *salvage);
/* Gives the slots back; may be called at any time. */
void hm_salvage_end(struct hm_salvage *salvage);

#endif
