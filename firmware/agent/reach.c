/* SPDX-License-Identifier: BSD-3-Clause */
/* Reach: an authenticated HELLO to each peer, repeated like every request between agents, on the control port
 * and in a tunnelled packet of each kind that may be needed: the peer answers by the way by which it was
 * asked. The time stamp of its answer is its clock, which shows the difference also where the tolerance is
 * not exceeded. */
#include "firmware/agent/reach.h"

#define WAIT_MS 1500
#define FRESH_US 500000u /* an outcome that suffices: who waits for it looks more often */

static void init_way(struct hm_reach *reach, struct hm_reach_way *way)
{
    way->owner = reach;
}

void hm_reach_init(struct hm_reach *reach, struct hm_env *env, struct hm_security *security,
                   struct hm_control_calls *calls)
{
    *reach = (struct hm_reach){.env = env, .security = security, .calls = calls};
    for (unsigned i = 0; i < HM_MAX_PEERS; i++) {
        init_way(reach, &reach->peers[i].bare);
        for (unsigned kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++)
            init_way(reach, &reach->peers[i].kinds[kind]);
    }
}

static void on_answer(void *arg, const struct hm_control_message *answer)
{
    struct hm_reach_way *way = arg;
    const struct hm_time *now = &way->owner->env->now;
    way->ended_us = now->mono_us;
    way->state = answer != NULL ? HM_REACH_YES : HM_REACH_SILENT;
    if (answer == NULL)
        return;
    way->round_trip_us = now->mono_us - way->asked_us;
    way->clock_ms = hm_ntp_diff_ms(answer->timestamp, now->ntp);
}

static bool is_settling(const struct hm_reach_way *way)
{
    bool is_fresh = way->state != HM_REACH_NEVER && way->owner->env->now.mono_us - way->ended_us < FRESH_US;
    return way->state == HM_REACH_ASKED || is_fresh;
}

/* All ways to a peer are asked together: not while an answer is open, nor just after. */
static bool may_ask(const struct hm_reach_peer *ways)
{
    bool may = !is_settling(&ways->bare);
    for (unsigned kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++)
        may = may && !is_settling(&ways->kinds[kind]);
    return may;
}

static struct hm_reach_way *begin(struct hm_reach_way *way)
{
    way->state = HM_REACH_ASKED;
    way->asked_us = way->owner->env->now.mono_us;
    return way;
}

/* UDP 434 is that of registrations, too; IP-in-IP is used with whoever has agreed on nothing yet. */
static bool is_used(const struct hm_peer *peer, enum hm_encapsulation kind)
{
    return kind != HM_ENCAPSULATION_GRE || peer->config->tunnel == HM_ENCAPSULATION_GRE;
}

static void ask(struct hm_reach *reach, struct hm_peer *peer, struct hm_reach_peer *ways)
{
    const struct hm_control_message hello = {.op = HM_OP_HELLO};
    hm_control_call(reach->calls, peer, &hello, WAIT_MS, on_answer, begin(&ways->bare));
    for (enum hm_encapsulation kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++)
        if (is_used(peer, kind))
            hm_control_call_by_kind(reach->calls, peer, kind, &hello, WAIT_MS, on_answer,
                                    begin(&ways->kinds[kind]));
}

void hm_reach_ask(struct hm_reach *reach)
{
    for (unsigned i = 0; i < reach->security->peer_count; i++)
        if (may_ask(&reach->peers[i]))
            ask(reach, &reach->security->peers[i], &reach->peers[i]);
}

const char *hm_reach_state_name(enum hm_reach_state state)
{
    switch (state) {
    case HM_REACH_NEVER:
        return "never";
    case HM_REACH_ASKED:
        return "asked";
    case HM_REACH_YES:
        return "yes";
    case HM_REACH_SILENT:
        return "no";
    }
    return "unknown";
}
