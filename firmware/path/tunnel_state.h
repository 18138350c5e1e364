/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known about each tunnel (RFC 2003 section 5): the way to its other end, and its path MTU. Soft
 * state: whatever is lost is found again. */
#ifndef HM_PATH_TUNNEL_STATE_H
#define HM_PATH_TUNNEL_STATE_H

#include "firmware/agent/security.h"
#include "firmware/link/route.h"

#define HM_TUNNEL_STATES 128 /* twice the peers that there can be */

struct hm_tunnel_state {
    uint32_t remote_addr; /* 0: free */
    struct hm_route route;
    const struct hm_peer *peer; /* at the other end; NULL: no agent that we know */
    uint16_t next_id;     /* of outer packets that may be fragmented on their way, RFC 6864 section 4.3 */
    uint16_t largest_len; /* of the outer packets sent so far, each of a train by itself */
    uint16_t path_mtu;    /* of outer packets, as told by a router on the way; 0: the link's */
    uint64_t lowered_ms;  /* when it was told */
    uint64_t used_us;
};

struct hm_tunnel_states {
    struct hm_env *env;
    const struct hm_security *security;
    struct hm_tunnel_state *last; /* used last: packets come in trains; NULL: none yet */
    struct hm_tunnel_state slots[HM_TUNNEL_STATES];
};

void hm_tunnel_states_init(struct hm_tunnel_states *states, struct hm_env *env,
                           const struct hm_security *security);

/* The state of the tunnel to an address, made when there is none; NULL: no route. Valid until the next call.
 */
struct hm_tunnel_state *hm_tunnel_state_use(struct hm_tunnel_states *states, uint32_t remote_addr);
/* Only when there is one. */
struct hm_tunnel_state *hm_tunnel_state_find(struct hm_tunnel_states *states, uint32_t remote_addr);

/* The largest outer packet that the tunnel carries now. */
uint16_t hm_tunnel_state_mtu(const struct hm_tunnel_states *states, struct hm_tunnel_state *state);

/* How packets are wrapped for it, as agreed with the agent at its other end; IP-in-IP with any other. */
enum hm_encapsulation hm_tunnel_state_kind(const struct hm_tunnel_state *state);
/* The largest packet that fits it now. */
uint16_t hm_tunnel_state_room(const struct hm_tunnel_states *states, struct hm_tunnel_state *state);

/* A router on the way could not pass on an outer packet of sent_len bytes; told_mtu: what it says would do, 0
 * when it does not say (RFC 1191 section 7.1). False, and nothing changed: what it says makes no sense. */
bool hm_tunnel_state_lower(struct hm_tunnel_states *states, struct hm_tunnel_state *state, uint16_t told_mtu,
                           uint16_t sent_len);

#endif
