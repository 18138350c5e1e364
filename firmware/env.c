/* SPDX-License-Identifier: BSD-3-Clause */
/* What every module of one router shares: logging, counting, randomness. */
#include "firmware/env.h"

#include <stdarg.h>
#include <stdio.h>

#define LOG_LINE_LEN 256
#define DROP_LOG_INTERVAL_MS 1000
#define ICMP_ERRORS_PER_S 100 /* when the configuration does not say */

static uint32_t choose_agent_addr(const struct hm_router_config *config)
{
    for (unsigned i = 0; i < config->link_count; i++)
        if (config->links[i].role == HM_LINK_WAN)
            return config->links[i].addr;
    return config->links[0].addr;
}

static enum hm_tunnel_way choose_tunnel_way(const struct hm_router_config *config, const struct hm_port *port)
{
    if (!port->takes_super_frames)
        return HM_TUNNEL_WAY_SINGLE;
    return port->tunnel_way < config->tunnel_way ? port->tunnel_way : (enum hm_tunnel_way)config->tunnel_way;
}

void hm_env_init(struct hm_env *env, const struct hm_router_config *config, const struct hm_port *port,
                 const struct hm_time *now)
{
    *env = (struct hm_env){.config = config, .port = port, .now = *now, .boot_ntp = now->ntp};
    hm_wheel_init(&env->wheel, now->mono_us / 1000);
    env->hash_seed = hm_env_random(env);
    env->ip_id = (uint16_t)hm_env_random(env);
    env->agent_addr = choose_agent_addr(config);
    env->tunnel_way = choose_tunnel_way(config, port);
    int home_link = hm_env_link_of(env, config->home.addr);
    env->home_link = home_link < 0 ? 0 : (unsigned)home_link;
}

void hm_env_set_time(struct hm_env *env, const struct hm_time *now)
{
    uint64_t last = env->now.ntp;
    env->now = *now;
    if (hm_ntp_diff_ms(now->ntp, last) >= 0)
        env->ahead_ms = 0;
    env->now.ntp = hm_ntp_add_ms(now->ntp, env->ahead_ms);
    int64_t back_ms = hm_ntp_diff_ms(last, env->now.ntp);
    if (back_ms <= 0)
        return;
    env->ahead_ms += back_ms;
    env->now.ntp = hm_ntp_add_ms(now->ntp, env->ahead_ms);
}

__attribute__((format(printf, 4, 0))) static void
log_line(struct hm_env *env, enum hm_log_level level, const char *prefix, const char *format, va_list args)
{
    char line[LOG_LINE_LEN];
    int used = snprintf(line, sizeof(line), "%s", prefix);
    if (used >= 0 && (size_t)used < sizeof(line))
        vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    env->port->log(env->port->ctx, level, line);
}

void hm_env_log(struct hm_env *env, enum hm_log_level level, const char *format, ...)
{
    if (level > env->config->log_level)
        return;
    va_list args;
    va_start(args, format);
    log_line(env, level, "", format, args);
    va_end(args);
}

/* Floods of frames for others, and what is said to all of a LAN, are daily life and no fault: they are
 * counted and never logged. */
static bool is_loggable(struct hm_env *env, enum hm_drop reason)
{
    enum hm_log_level level =
        reason == HM_DROP_NOT_OURS || reason == HM_DROP_ETHERTYPE || reason == HM_DROP_STACK_UNWANTED
            ? HM_LOG_DEBUG
            : HM_LOG_INFO;
    if (level > env->config->log_level || hm_env_ms(env) < env->drop_log_ms[reason])
        return false;
    env->drop_log_ms[reason] = hm_env_ms(env) + DROP_LOG_INTERVAL_MS;
    return true;
}

void hm_env_drop(struct hm_env *env, enum hm_drop reason, const char *format, ...)
{
    env->counters.drops[reason]++;
    if (!is_loggable(env, reason))
        return;
    char prefix[64];
    snprintf(prefix, sizeof(prefix), "dropped (%s): ", hm_drop_name(reason));
    if (format == NULL) {
        hm_env_log(env, HM_LOG_INFO, "%s%s", prefix, hm_drop_text(reason));
        return;
    }
    va_list args;
    va_start(args, format);
    log_line(env, HM_LOG_INFO, prefix, format, args);
    va_end(args);
}

uint64_t hm_env_random(struct hm_env *env)
{
    uint64_t value = 0;
    env->port->random(env->port->ctx, &value, sizeof(value));
    return value;
}

bool hm_env_icmp_allowed(struct hm_env *env, enum hm_icmp_budget budget)
{
    uint64_t now_ms = hm_env_ms(env);
    struct hm_icmp_window *window = &env->icmp[budget];
    unsigned limit = env->config->icmp_errors_per_s != 0 ? env->config->icmp_errors_per_s : ICMP_ERRORS_PER_S;
    if (now_ms - window->start_ms >= 1000)
        *window = (struct hm_icmp_window){.start_ms = now_ms};
    if (window->sent >= limit)
        return false;
    window->sent++;
    return true;
}

bool hm_env_is_own_addr(const struct hm_env *env, uint32_t addr)
{
    for (unsigned i = 0; i < env->config->link_count; i++)
        if (env->config->links[i].addr == addr)
            return true;
    return false;
}

int hm_env_link_of(const struct hm_env *env, uint32_t addr)
{
    for (unsigned i = 0; i < env->config->link_count; i++)
        if (hm_prefix_contains(&env->config->links[i].prefix, addr))
            return (int)i;
    return -1;
}
