/* SPDX-License-Identifier: BSD-3-Clause */
/* Output: frames and ARP packets to a link. */
#ifndef HM_LINK_OUTPUT_H
#define HM_LINK_OUTPUT_H

#include "firmware/env.h"
#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"

/* What the platform takes, and the configuration allows, is sent together. Without memory for that it goes
 * without. */
void hm_output_init(struct hm_env *env);
void hm_output_fini(struct hm_env *env);

/* Sends a whole frame; counts it, or its loss. It may wait for others of its flow or tunnel. */
void hm_output_frame(struct hm_env *env, unsigned link, struct hm_frame *frame);
/* Sends all that waits, that on its way into a tunnel (path/gather) as well. Not while the path's scratch
 * memory holds something that is still to be sent. */
void hm_output_flush(struct hm_env *env);

/* One that was counted as sent was not. */
void hm_output_unsent(struct hm_env *env, unsigned link, size_t len);

/* Puts an Ethernet header before frame->data (an IP packet) and sends it. */
void hm_output_ethernet(struct hm_env *env, unsigned link, const struct hm_mac *dst, const struct hm_mac *src,
                        struct hm_frame *frame);

/* Builds and sends an ARP (or RARP) frame. */
void hm_output_arp(struct hm_env *env, unsigned link, const struct hm_mac *dst, const struct hm_mac *src,
                   const struct hm_arp *arp);

#endif
