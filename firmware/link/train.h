/* SPDX-License-Identifier: BSD-3-Clause */
/* Trains: datagrams of one UDP tunnel that go out one after the other leave by one write, when they are of
 * one length, but the last, which may be shorter. The kernel takes them apart (UDP segmentation offload), at
 * the latest where they leave the host, and an agent on the same host reads them as one. What is in them does
 * not matter: small packets of any kind. */
#ifndef HM_LINK_TRAIN_H
#define HM_LINK_TRAIN_H

#include "firmware/env.h"

#define HM_TRAIN_MAX 64      /* datagrams that we send as one; older kernels take no more */
#define HM_TRAINS_PER_LINK 8 /* at a time: so many tunnels */

struct hm_trains;

/* Memory for all links; NULL: none. */
struct hm_trains *hm_trains_create(struct hm_env *env);
void hm_trains_destroy(struct hm_trains *trains);

/* A whole frame that is to be sent on a link. True: it was taken, and goes out with hm_trains_flush at the
 * latest. False: it is to be sent now; what it must not overtake has been sent. */
bool hm_train_take(struct hm_trains *trains, unsigned link, const struct hm_frame *frame);
/* Sends all that was taken. */
void hm_trains_flush(struct hm_trains *trains);

#endif
