/* SPDX-License-Identifier: BSD-3-Clause */
/* Merging: TCP segments of one flow that go out by a link, or into a tunnel (path/gather), one after the
 * other leave as one super-frame, for which the kernel needs one system call and one way through its bridges.
 * What is behind it sees the segments as they came, or a larger one made of them, as from any sender. */
#ifndef HM_LINK_MERGE_H
#define HM_LINK_MERGE_H

#include "firmware/link/bundle.h"

/* As hm_bundles_create. */
struct hm_bundles *hm_merge_create(struct hm_env *env, enum hm_counter counter, unsigned lane_count,
                                   hm_bundle_send send, void *arg);

/* A whole frame, with its IP header, that is to be sent. merge may be NULL. True: it was taken, and goes out
 * with hm_bundles_flush at the latest. False: it is to be sent now; what it must not overtake has been sent.
 */
bool hm_merge_take(struct hm_bundles *merge, unsigned lane, const struct hm_ipv4 *ip,
                   const struct hm_frame *frame);

#endif
