/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known about each tunnel: a small table of fixed size, kept by the address of the other end.
 *
 * An address may stand in one of PROBES slots; when none is free the one that was not used for longest makes
 * room. A path MTU that was told only ever sinks (RFC 1191 section 3); GROW_MS after the last time that it
 * did it is forgotten, and the next packet that is too large finds it again. The lowest that is believed
 * carries an inner packet of 68 bytes, which every IP module must forward (RFC 791): a forged error cannot
 * stop a tunnel. The route is remembered as well: routes are the configuration's, which does not change. */
#include "firmware/path/tunnel_state.h"

#include "firmware/base/table.h"
#include "firmware/wire/ipv4.h"

#define PROBES 8
#define GROW_MS (10 * 60 * 1000u) /* RFC 1191 section 6.3 */
#define MIN_INNER_MTU 68

void hm_tunnel_states_init(struct hm_tunnel_states *states, struct hm_env *env,
                           const struct hm_security *security)
{
    *states = (struct hm_tunnel_states){.env = env, .security = security};
}

static unsigned first_slot(const struct hm_tunnel_states *states, uint32_t remote_addr)
{
    return (unsigned)(hm_hash_u64(states->env->hash_seed, remote_addr) % HM_TUNNEL_STATES);
}

struct hm_tunnel_state *hm_tunnel_state_find(struct hm_tunnel_states *states, uint32_t remote_addr)
{
    if (states->last != NULL && states->last->remote_addr == remote_addr)
        return states->last;
    unsigned first = first_slot(states, remote_addr);
    for (unsigned i = 0; i < PROBES; i++) {
        struct hm_tunnel_state *state = &states->slots[(first + i) % HM_TUNNEL_STATES];
        if (state->remote_addr == remote_addr && remote_addr != 0)
            return state;
    }
    return NULL;
}

static struct hm_tunnel_state *choose_slot(struct hm_tunnel_states *states, uint32_t remote_addr)
{
    unsigned first = first_slot(states, remote_addr);
    struct hm_tunnel_state *oldest = &states->slots[first];
    for (unsigned i = 0; i < PROBES; i++) {
        struct hm_tunnel_state *state = &states->slots[(first + i) % HM_TUNNEL_STATES];
        if (state->remote_addr == 0)
            return state;
        if (state->used_us < oldest->used_us)
            oldest = state;
    }
    return oldest;
}

struct hm_tunnel_state *hm_tunnel_state_use(struct hm_tunnel_states *states, uint32_t remote_addr)
{
    struct hm_route route;
    struct hm_tunnel_state *state = hm_tunnel_state_find(states, remote_addr);
    if (state == NULL) {
        if (!hm_route_find(states->env->config, remote_addr, &route))
            return NULL;
        state = choose_slot(states, remote_addr);
        *state = (struct hm_tunnel_state){.remote_addr = remote_addr,
                                          .route = route,
                                          .peer = hm_security_peer_by_addr(states->security, remote_addr),
                                          .next_id = (uint16_t)hm_env_random(states->env)};
    }
    state->used_us = states->env->now.mono_us;
    states->last = state;
    return state;
}

/* The least that is believed of its path MTU, and used: how packets are wrapped may have changed since it was
 * told. */
static uint16_t min_mtu(const struct hm_tunnel_state *state)
{
    return (uint16_t)(MIN_INNER_MTU + hm_encapsulation_len(hm_tunnel_state_kind(state)));
}

uint16_t hm_tunnel_state_mtu(const struct hm_tunnel_states *states, struct hm_tunnel_state *state)
{
    uint16_t mtu = states->env->config->links[state->route.link].mtu;
    if (state->path_mtu != 0 && hm_env_ms(states->env) - state->lowered_ms >= GROW_MS)
        state->path_mtu = 0;
    if (state->path_mtu == 0 || state->path_mtu >= mtu)
        return mtu;
    return state->path_mtu > min_mtu(state) ? state->path_mtu : min_mtu(state);
}

enum hm_encapsulation hm_tunnel_state_kind(const struct hm_tunnel_state *state)
{
    return state->peer != NULL ? state->peer->tunnel : HM_ENCAPSULATION_IPIP;
}

uint16_t hm_tunnel_state_room(const struct hm_tunnel_states *states, struct hm_tunnel_state *state)
{
    return (uint16_t)(hm_tunnel_state_mtu(states, state) - hm_encapsulation_len(hm_tunnel_state_kind(state)));
}

/* The largest of the MTUs that networks have which is below len (RFC 1191 section 7.1). */
static uint16_t plateau_below(uint16_t len, uint16_t min)
{
    static const uint16_t PLATEAUS[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};
    for (unsigned i = 0; i < sizeof(PLATEAUS) / sizeof(PLATEAUS[0]); i++)
        if (PLATEAUS[i] < len)
            return PLATEAUS[i];
    return min;
}

bool hm_tunnel_state_lower(struct hm_tunnel_states *states, struct hm_tunnel_state *state, uint16_t told_mtu,
                           uint16_t sent_len)
{
    char text[HM_IP_TEXT_LEN];
    if (told_mtu >= sent_len)
        return false;
    uint16_t min = min_mtu(state);
    uint16_t mtu = told_mtu != 0 ? told_mtu : plateau_below(sent_len, min);
    if (mtu < min)
        mtu = min;
    if (mtu < hm_tunnel_state_mtu(states, state)) {
        state->path_mtu = mtu;
        state->lowered_ms = hm_env_ms(states->env);
        hm_env_log(states->env, HM_LOG_INFO, "path MTU of the tunnel to %s: %u",
                   hm_ip_text(state->remote_addr, text), mtu);
    } else if (mtu == state->path_mtu) {
        state->lowered_ms = hm_env_ms(states->env);
    }
    return true;
}
