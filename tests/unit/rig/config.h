/* SPDX-License-Identifier: BSD-3-Clause */
/* The times and limits of a small agent "a" with one link and one route, for tests and benchmarks. */
#ifndef HM_UNIT_RIG_CONFIG_H
#define HM_UNIT_RIG_CONFIG_H

#include "firmware/router_config.h"

/* Addresses, links and the number of bindings are left to the caller; the peers are borrowed. */
static inline void config_begin(struct hm_router_config *config, struct hm_peer_config *peers,
                                unsigned peer_count)
{
    *config = (struct hm_router_config){.name = "a",
                                        .log_level = HM_LOG_ERROR,
                                        .link_count = 1,
                                        .route_count = 1,
                                        .lifetime_max_s = 1800,
                                        .lifetime_s = 300,
                                        .staged_lifetime_s = 60,
                                        .wait_ms = 5000,
                                        .buffer_len = 64u << 10,
                                        .buffers_len = 256u << 10,
                                        .drain_burst = 8,
                                        .drain_per_s = 4000,
                                        .marker_wait_ms = 1000,
                                        .reorder_wait_ms = 250,
                                        .tolerance_s = 7,
                                        .control_port = 4340,
                                        .peers = peers,
                                        .peer_count = peer_count,
                                        .max_visitors = 8,
                                        .max_handovers = 8,
                                        .max_neighbours = 64};
}

#endif
