/* SPDX-License-Identifier: BSD-3-Clause */
/* A siege: what is forged comes in while a VM is away, which must not feel it, nor any table change. */
#ifndef HM_TESTS_SIEGE_H
#define HM_TESTS_SIEGE_H

#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "tests/scenario/scenario.h"

/* The VM is at B, with probes both ways, and must not feel anything. */
struct siege {
    struct hm_sim_world *world;
    struct probes probes;
    struct meddler watcher; /* of registration requests */
    struct tables before;
};

void siege_begin(struct siege *siege, struct hm_sim_world *world);
void siege_end(struct siege *siege);

/* Writes an IP packet behind the place of an Ethernet header, which is written afterwards; gives the frame's
 * length. */
size_t siege_ip_frame(uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol, const void *payload,
                      size_t len);

#endif
