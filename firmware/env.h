/* SPDX-License-Identifier: BSD-3-Clause */
/* What every module of one router shares: configuration, port, time of this event, timers, counters. */
#ifndef HM_ENV_H
#define HM_ENV_H

#include "firmware/base/clock.h"
#include "firmware/base/counters.h"
#include "firmware/base/err.h"
#include "firmware/base/wheel.h"
#include "firmware/port.h"
#include "firmware/router_config.h"

/* ICMP errors are limited by the second; "fragmentation needed" apart, so that a flood of others cannot keep
 * path MTU discovery from working. */
enum hm_icmp_budget {
    HM_ICMP_BUDGET_TOO_BIG,
    HM_ICMP_BUDGET_OTHER,
    HM_ICMP_BUDGET_COUNT,
};

struct hm_icmp_window {
    uint64_t start_ms; /* of the current second */
    unsigned sent;     /* in it */
};

struct hm_store;
struct hm_bundles;

struct hm_env {
    const struct hm_router_config *config;
    const struct hm_port *port;
    struct hm_store *store; /* agent/store's; NULL: nothing is kept */
    /* What waits for others, to be sent together: path/gather's on its way into a tunnel; link/merge's and
     * link/train's, which link/output makes, on its way out of a link. NULL: nothing waits. */
    struct hm_bundles *gather, *merge, *trains;
    struct hm_time now; /* of the event being handled; set once at the router's entry */
    struct hm_wheel wheel;
    struct hm_counters counters;
    uint64_t hash_seed;
    uint32_t agent_addr; /* by which peers know this agent: the first WAN address, else the LAN's */
    unsigned home_link;  /* the LAN link whose prefix holds the home prefix, else the first LAN */
    int64_t ahead_ms;    /* of the platform's wall clock, after that was set back */
    uint64_t boot_ntp;
    uint64_t drop_log_ms[HM_DROP_COUNT]; /* when each reason may be logged again */
    struct hm_icmp_window icmp[HM_ICMP_BUDGET_COUNT];
    uint16_t ip_id;                /* of packets that we make */
    enum hm_tunnel_way tunnel_way; /* in use: what is configured, as far as the platform has it */
};

void hm_env_init(struct hm_env *env, const struct hm_router_config *config, const struct hm_port *port,
                 const struct hm_time *now);

/* The time of the event that begins now. The wall clock never goes back while the router lives:
 * identifications must grow (RFC 5944 section 5.7.1), and a clock that was set back would silence this agent
 * for as long. Who disagrees is told our clock and resynchronises. */
void hm_env_set_time(struct hm_env *env, const struct hm_time *now);

static inline uint64_t hm_env_ms(const struct hm_env *env)
{
    return env->now.mono_us / 1000;
}

static inline void hm_env_count(struct hm_env *env, enum hm_counter counter)
{
    env->counters.events[counter]++;
}

static inline void hm_env_count_many(struct hm_env *env, enum hm_counter counter, unsigned many)
{
    env->counters.events[counter] += many;
}

/* Counts a drop. The text (may be NULL) says which packet; one line per reason and second is logged. */
void hm_env_drop(struct hm_env *env, enum hm_drop reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void hm_env_log(struct hm_env *env, enum hm_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

uint64_t hm_env_random(struct hm_env *env);

/* May another ICMP error be sent now (RFC 1812 section 4.3.2.8)? Counts it when it may. */
bool hm_env_icmp_allowed(struct hm_env *env, enum hm_icmp_budget budget);

/* True when addr is one of the agent's own addresses. */
bool hm_env_is_own_addr(const struct hm_env *env, uint32_t addr);
/* The link whose on-link prefix holds addr, or -1. */
int hm_env_link_of(const struct hm_env *env, uint32_t addr);

#endif
