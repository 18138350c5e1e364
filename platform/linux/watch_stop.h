/* SPDX-License-Identifier: BSD-3-Clause */
/* The stop of a VM that leaves: what the agent is told and given. */
#ifndef HM_LINUX_WATCH_STOP_H
#define HM_LINUX_WATCH_STOP_H

#include "platform/linux/watch_capture.h"
#include "platform/linux/watch_hold.h"
#include "platform/linux/watch_thrown.h"

struct hm_watch_stop {
    struct hm_watch *watch;
    struct hm_watch_capture *capture; /* NULL: nothing is captured */
    struct hm_watch_hold hold;
    struct hm_cut_finding finding; /* once it is_switched */
    bool has_told;                 /* the agent has heard STOPPED */
    bool is_switched;              /* the stop was dealt with */
    uint64_t handover_id;          /* 0: the agent has told none */
};

/* A request to the agent that names the VM and, when it is known, the handover. */
struct hm_control_message hm_watch_stop_request(const struct hm_watch_stop *stop, enum hm_control_op op);
/* Tells the agent, and sends what the guest never got: within the deadline from begin_us on. */
void hm_watch_stop_deal(struct hm_watch_stop *stop, uint64_t begin_us);
/* The migration has failed and the VM runs here again, or will: what QEMU threw away at the stop, if there
 * was one, is given to it once more. False: it is not known what that is (hm_watch_thrown_recount). */
bool hm_watch_stop_undo(struct hm_watch_stop *stop, uint64_t until_us);

#endif
