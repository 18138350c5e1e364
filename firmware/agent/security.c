/* SPDX-License-Identifier: BSD-3-Clause */
/* Security associations: whom this agent knows, by which keys, and what each may do. */
#include "firmware/agent/security.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/wire/authenticator.h"
#include "firmware/wire/control.h"

int hm_security_init(struct hm_security *security, struct hm_env *env)
{
    *security = (struct hm_security){.env = env, .peer_count = env->config->peer_count};
    security->peers = calloc(security->peer_count + 1, sizeof(*security->peers));
    if (security->peers == NULL)
        return HM_ERR_MEMORY;
    for (unsigned i = 0; i < security->peer_count; i++) {
        security->peers[i].config = &env->config->peers[i];
        hm_authenticator_derive(&env->config->peers[i].key, HM_CONTROL_PEER_LABEL,
                                &security->peers[i].control_key);
    }
    return HM_OK;
}

void hm_security_fini(struct hm_security *security)
{
    free(security->peers);
    security->peers = NULL;
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
        if (security->peers[i].config->spi == spi)
            return &security->peers[i];
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
