/* SPDX-License-Identifier: BSD-3-Clause */
/* Reach: an authenticated HELLO to each peer, repeated like every request between agents. The time stamp of
 * its answer is the peer's clock, which shows the difference also where the tolerance is not exceeded. */
#include "firmware/agent/reach.h"

#define WAIT_MS 2000
#define FRESH_US 500000u /* an outcome that suffices: who waits for it looks more often */

void hm_reach_init(struct hm_reach *reach, struct hm_env *env, struct hm_security *security,
                   struct hm_control_calls *calls)
{
    *reach = (struct hm_reach){.env = env, .security = security, .calls = calls};
    for (unsigned i = 0; i < HM_MAX_PEERS; i++)
        reach->peers[i].owner = reach;
}

static void on_answer(void *arg, const struct hm_control_message *answer)
{
    struct hm_reach_peer *peer = arg;
    const struct hm_time *now = &peer->owner->env->now;
    peer->ended_us = now->mono_us;
    peer->state = answer != NULL ? HM_REACH_YES : HM_REACH_SILENT;
    if (answer == NULL)
        return;
    peer->round_trip_us = now->mono_us - peer->asked_us;
    peer->clock_ms = hm_ntp_diff_ms(answer->timestamp, now->ntp);
}

void hm_reach_ask(struct hm_reach *reach)
{
    const struct hm_control_message hello = {.op = HM_OP_HELLO};
    for (unsigned i = 0; i < reach->security->peer_count; i++) {
        struct hm_reach_peer *peer = &reach->peers[i];
        bool is_fresh = peer->state != HM_REACH_NEVER && reach->env->now.mono_us - peer->ended_us < FRESH_US;
        if (peer->state == HM_REACH_ASKED || is_fresh)
            continue;
        peer->state = HM_REACH_ASKED;
        peer->asked_us = reach->env->now.mono_us;
        hm_control_call(reach->calls, &reach->security->peers[i], &hello, WAIT_MS, on_answer, peer);
    }
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
