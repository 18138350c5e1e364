/* SPDX-License-Identifier: BSD-3-Clause */
/* Security associations: whom this agent knows, by which keys, and what each may do. */
#include "firmware/agent/security.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/wire/authenticator.h"
#include "firmware/wire/control.h"

static void add_association(struct hm_peer *peer, uint32_t spi, enum hm_algorithm algorithm,
                            const struct hm_key *key)
{
    struct hm_association *to = &peer->associations[peer->association_count++];
    *to = (struct hm_association){.spi = spi, .algorithm = algorithm, .key = key};
    hm_authenticator_derive(key, HM_CONTROL_PEER_LABEL, &to->control_key);
}

static void init_peer(struct hm_peer *peer, const struct hm_peer_config *config)
{
    peer->config = config;
    add_association(peer, config->spi, config->algorithm, &config->key);
    for (unsigned i = 0; i < config->more_count; i++)
        add_association(peer, config->more[i].spi, config->more[i].algorithm, &config->more[i].key);
    peer->control_key = peer->associations[0].control_key;
}

static void init_mobile(struct hm_mobile *mobile, const struct hm_mobile_config *config)
{
    mobile->config = config;
    mobile->association = (struct hm_association){.spi = config->association.spi,
                                                  .algorithm = config->association.algorithm,
                                                  .key = &config->association.key};
}

int hm_security_init(struct hm_security *security, struct hm_env *env)
{
    *security = (struct hm_security){
        .env = env, .peer_count = env->config->peer_count, .mobile_count = env->config->mobile_count};
    security->peers = calloc(security->peer_count + 1, sizeof(*security->peers));
    security->mobiles = calloc(security->mobile_count + 1, sizeof(*security->mobiles));
    if (security->peers == NULL || security->mobiles == NULL) {
        hm_security_fini(security);
        return HM_ERR_MEMORY;
    }
    for (unsigned i = 0; i < security->peer_count; i++)
        init_peer(&security->peers[i], &env->config->peers[i]);
    for (unsigned i = 0; i < security->mobile_count; i++)
        init_mobile(&security->mobiles[i], &env->config->mobiles[i]);
    return HM_OK;
}

void hm_security_fini(struct hm_security *security)
{
    free(security->peers);
    free(security->mobiles);
    security->peers = NULL;
    security->mobiles = NULL;
}

struct hm_peer *hm_security_peer_by_addr(const struct hm_security *security, uint32_t addr)
{
    for (unsigned i = 0; i < security->peer_count; i++)
        if (security->peers[i].config->addr == addr)
            return &security->peers[i];
    return NULL;
}

struct hm_peer *hm_security_peer_by_spi(const struct hm_security *security, uint32_t spi)
{
    for (unsigned i = 0; i < security->peer_count; i++)
        if (hm_security_association(&security->peers[i], spi) != NULL)
            return &security->peers[i];
    return NULL;
}

const struct hm_association *hm_security_association(const struct hm_peer *peer, uint32_t spi)
{
    for (unsigned i = 0; i < peer->association_count; i++)
        if (peer->associations[i].spi == spi)
            return &peer->associations[i];
    return NULL;
}

struct hm_mobile *hm_security_mobile(const struct hm_security *security, uint32_t home_addr, const char *nai)
{
    for (unsigned i = 0; i < security->mobile_count; i++) {
        const struct hm_mobile_config *config = security->mobiles[i].config;
        bool is_named = strcmp(config->nai, nai) == 0;
        if (home_addr == 0 ? is_named : config->addr == home_addr && (nai[0] == '\0' || is_named))
            return &security->mobiles[i];
    }
    return NULL;
}

struct hm_peer *hm_security_peer_by_host(const struct hm_security *security, const char *host)
{
    for (unsigned i = 0; i < security->peer_count; i++) {
        const struct hm_peer_config *config = security->peers[i].config;
        for (unsigned k = 0; k < config->host_count; k++)
            if (strcmp(config->hosts[k], host) == 0)
                return &security->peers[i];
    }
    return NULL;
}

const struct hm_hypervisor_config *hm_security_hypervisor(const struct hm_security *security, uint32_t key_id)
{
    const struct hm_router_config *config = security->env->config;
    for (unsigned i = 0; i < config->hypervisor_count; i++)
        if (config->hypervisors[i].key_id == key_id)
            return &config->hypervisors[i];
    return NULL;
}

bool hm_security_is_own_host(const struct hm_security *security, const char *host)
{
    const struct hm_router_config *config = security->env->config;
    for (unsigned i = 0; i < config->host_count; i++)
        if (strcmp(config->hosts[i], host) == 0)
            return true;
    return false;
}

bool hm_security_may_move(const struct hm_hypervisor_config *hypervisor, uint32_t addr)
{
    for (unsigned i = 0; i < hypervisor->allow_count; i++)
        if (hm_prefix_contains(&hypervisor->allow[i], addr))
            return true;
    return false;
}

bool hm_security_is_timely(const struct hm_env *env, uint64_t ntp)
{
    int64_t diff_ms = hm_ntp_diff_ms(ntp, env->now.ntp);
    int64_t tolerance_ms = (int64_t)env->config->tolerance_s * 1000;
    return diff_ms >= -tolerance_ms && diff_ms <= tolerance_ms;
}

void hm_security_note_clock(struct hm_env *env, struct hm_peer *peer, uint64_t peer_ntp)
{
    peer->clock_offset_ms = hm_ntp_diff_ms(peer_ntp, env->now.ntp);
    bool is_far = peer->clock_offset_ms >= 1000 || peer->clock_offset_ms <= -1000;
    hm_env_log(env, is_far ? HM_LOG_WARNING : HM_LOG_DEBUG, "clock of %s is %lld ms apart",
               peer->config->name, (long long)peer->clock_offset_ms);
}

static void choose_tunnel(const struct hm_security *security, struct hm_peer *peer)
{
    static const unsigned RANKS[HM_ENCAPSULATION_COUNT] = {
        [HM_ENCAPSULATION_IPIP] = 0, [HM_ENCAPSULATION_GRE] = 1, [HM_ENCAPSULATION_UDP] = 2};
    enum hm_encapsulation kind = RANKS[peer->asked] > RANKS[peer->granted] ? peer->asked : peer->granted;
    if (peer->tunnel == kind)
        return;
    hm_env_log(security->env, HM_LOG_INFO, "tunnel with %s: %s -> %s (agreed in registration)",
               peer->config->name, hm_encapsulation_name(peer->tunnel), hm_encapsulation_name(kind));
    peer->tunnel = kind;
}

void hm_security_agree_tunnel(const struct hm_security *security, struct hm_peer *peer,
                              enum hm_encapsulation kind)
{
    peer->asked = kind;
    peer->agreed |= (uint8_t)(1u << kind);
    choose_tunnel(security, peer);
}

void hm_security_grant_tunnel(const struct hm_security *security, struct hm_peer *peer,
                              enum hm_encapsulation kind)
{
    peer->granted = kind;
    peer->agreed |= (uint8_t)(1u << kind);
    if (kind == HM_ENCAPSULATION_UDP)
        peer->declines_udp = false;
    choose_tunnel(security, peer);
}

void hm_security_forget_tunnel(const struct hm_security *security, struct hm_peer *peer)
{
    peer->asked = peer->granted = HM_ENCAPSULATION_IPIP;
    peer->declines_udp = false;
    choose_tunnel(security, peer);
}

bool hm_security_takes_tunnel(const struct hm_peer *peer, enum hm_encapsulation kind)
{
    return kind == HM_ENCAPSULATION_IPIP || kind == peer->config->tunnel || peer->agreed == 0 ||
           (peer->agreed & 1u << kind) != 0;
}
