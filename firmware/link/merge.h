/* SPDX-License-Identifier: BSD-3-Clause */
/* Merging: TCP segments of one flow that go out one after the other leave as one super-frame, for which the
 * kernel needs one system call and one way through its bridges. What is behind it sees the segments as they
 * came, or a larger one made of them, as from any sender. */
#ifndef HM_LINK_MERGE_H
#define HM_LINK_MERGE_H

#include "firmware/env.h"

#define HM_MERGE_FLOWS 8 /* at a time, on each link */

struct hm_merge;

/* Memory for all links; NULL: none. */
struct hm_merge *hm_merge_create(struct hm_env *env);
void hm_merge_destroy(struct hm_merge *merge);

/* A whole frame that is to be sent on a link. True: it was taken, and goes out with hm_merge_flush at the
 * latest. False: it is to be sent now; what it must not overtake has been sent. */
bool hm_merge_take(struct hm_merge *merge, unsigned link, const struct hm_frame *frame);
/* Sends all that was taken. */
void hm_merge_flush(struct hm_merge *merge);

#endif
