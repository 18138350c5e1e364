/* SPDX-License-Identifier: BSD-3-Clause */
/* Trains: datagrams of one UDP tunnel that go out one after the other leave by one write, when they are of
 * one length, but the last, which may be shorter. The kernel takes them apart (UDP segmentation offload), at
 * the latest where they leave the host, and an agent on the same host reads them as one. What is in them does
 * not matter: small packets of any kind. */
#ifndef HM_LINK_TRAIN_H
#define HM_LINK_TRAIN_H

#include "firmware/link/bundle.h"

/* As hm_bundles_create; each lane is a link. */
struct hm_bundles *hm_trains_create(struct hm_env *env, hm_bundle_send send, void *arg);

/* A whole frame of ours, with its IP header, that is to be sent into a tunnel. trains may be NULL. True: it
 * was taken, and goes out with hm_bundles_flush at the latest. False: it is to be sent now; what it must not
 * overtake has been sent. */
bool hm_train_take(struct hm_bundles *trains, unsigned link, const struct hm_ipv4 *ip,
                   const struct hm_frame *frame);

#endif
