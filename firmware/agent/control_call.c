/* SPDX-License-Identifier: BSD-3-Clause */
/* The control channel's asking side: a request to another agent, repeated until it is answered.
 *
 * Each repetition carries a new time stamp and the same request id. A CLOCK answer moves our idea of the
 * peer's clock and is followed by one repetition at once. A peer that has just begun takes nothing from
 * before its beginning, and our idea of its clock may be a little behind: so two more such answers are borne.
 */
#include "firmware/agent/control_call.h"

#define MIN_CALLS 256
#define MAX_CALLS 1280 /* a thousand handovers may end at once, and each tells another agent */
#define FIRST_REPEAT_MS 100
#define MAX_REPEAT_MS 1000
#define MAX_RESYNCS 3

struct hm_control_call {
    struct hm_control_call *next;
    struct hm_control_calls *owner;
    struct hm_peer *peer;
    struct hm_control_message message;
    enum hm_carriage carriage;
    hm_control_done done;
    void *arg;
    struct hm_timer timer;
    uint64_t deadline_ms;
    uint64_t pause_ms;
    unsigned resyncs;
};

int hm_control_calls_init(struct hm_control_calls *calls, struct hm_env *env, struct hm_security *security)
{
    *calls = (struct hm_control_calls){.env = env, .security = security};
    size_t count = MIN_CALLS + (size_t)env->config->max_handovers;
    return hm_slab_init(&calls->slab, sizeof(struct hm_control_call), count < MAX_CALLS ? count : MAX_CALLS);
}

void hm_control_calls_fini(struct hm_control_calls *calls)
{
    hm_slab_fini(&calls->slab);
    calls->first = NULL;
}

/* Its clock as far as we know it, and newer than the last: a burst shares one look at the clock, and what is
 * not newer than what the peer has forgotten is refused. */
static uint64_t next_stamp(const struct hm_env *env, struct hm_peer *peer)
{
    uint64_t ntp = hm_ntp_add_ms(env->now.ntp, peer->clock_offset_ms);
    uint64_t ahead = peer->newest_stamp - ntp;
    if (ahead < (UINT64_C(1) << 32)) /* else a clock was set back, which the peer will tell */
        ntp = peer->newest_stamp + 1;
    peer->newest_stamp = ntp;
    return ntp;
}

static void transmit(struct hm_control_call *call)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_control_calls *calls = call->owner;
    call->message.timestamp = next_stamp(calls->env, call->peer);
    size_t len = hm_control_encode(&call->message, &call->peer->control_key, bytes);
    assert(len > 0);
    calls->send(calls->arg, call->peer->config->addr, call->carriage, bytes, len);
}

static void finish(struct hm_control_call *call, const struct hm_control_message *answer)
{
    struct hm_control_calls *calls = call->owner;
    struct hm_control_call **link = &calls->first;
    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
    hm_timer_cancel(&calls->env->wheel, &call->timer);
    hm_control_done done = call->done;
    void *arg = call->arg;
    hm_slab_give(&calls->slab, call);
    done(arg, answer);
}

static void on_timer(void *arg)
{
    struct hm_control_call *call = arg;
    uint64_t now_ms = hm_env_ms(call->owner->env);
    if (now_ms >= call->deadline_ms) {
        finish(call, NULL);
        return;
    }
    transmit(call);
    call->pause_ms = call->pause_ms * 2 < MAX_REPEAT_MS ? call->pause_ms * 2 : MAX_REPEAT_MS;
    uint64_t left_ms = call->deadline_ms - now_ms;
    hm_timer_arm(&call->owner->env->wheel, &call->timer, call->pause_ms < left_ms ? call->pause_ms : left_ms);
}

static void begin(struct hm_control_calls *calls, struct hm_peer *peer, enum hm_carriage carriage,
                  const struct hm_control_message *message, uint32_t wait_ms, hm_control_done done, void *arg)
{
    struct hm_control_call *call = hm_slab_take(&calls->slab);
    if (call == NULL) {
        hm_env_log(calls->env, HM_LOG_WARNING, "too many requests to other agents at once");
        done(arg, NULL);
        return;
    }
    call->next = calls->first;
    calls->first = call;
    call->owner = calls;
    call->peer = peer;
    call->message = *message;
    call->message.kind = HM_CONTROL_REQUEST;
    call->message.code = HM_CONTROL_OK;
    call->message.key_id = peer->config->spi;
    call->message.request_id = hm_env_random(calls->env);
    call->message.agent_addr = calls->env->agent_addr;
    call->carriage = carriage;
    call->done = done;
    call->arg = arg;
    call->deadline_ms = hm_env_ms(calls->env) + wait_ms;
    call->pause_ms = FIRST_REPEAT_MS / 2;
    hm_timer_init(&call->timer, on_timer, call);
    on_timer(call);
}

void hm_control_call(struct hm_control_calls *calls, struct hm_peer *peer,
                     const struct hm_control_message *message, uint32_t wait_ms, hm_control_done done,
                     void *arg)
{
    begin(calls, peer, HM_CARRIAGE_BARE, message, wait_ms, done, arg);
}

void hm_control_call_by_tunnel(struct hm_control_calls *calls, struct hm_peer *peer,
                               const struct hm_control_message *message, uint32_t wait_ms,
                               hm_control_done done, void *arg)
{
    begin(calls, peer, HM_CARRIAGE_TUNNEL, message, wait_ms, done, arg);
}

void hm_control_call_by_kind(struct hm_control_calls *calls, struct hm_peer *peer, enum hm_encapsulation kind,
                             const struct hm_control_message *message, uint32_t wait_ms, hm_control_done done,
                             void *arg)
{
    begin(calls, peer, hm_carriage_of_kind(kind), message, wait_ms, done, arg);
}

static struct hm_control_call *find(struct hm_control_calls *calls, const struct hm_control_message *answer)
{
    for (struct hm_control_call *call = calls->first; call != NULL; call = call->next)
        if (call->message.request_id == answer->request_id && call->message.key_id == answer->key_id &&
            call->message.op == answer->op)
            return call;
    return NULL;
}

void hm_control_calls_receive(struct hm_control_calls *calls, const struct hm_control_message *message,
                              enum hm_carriage carriage, const uint8_t *bytes, size_t len)
{
    struct hm_control_call *call = find(calls, message);
    if (call == NULL || (hm_carriage_is_of_a_kind(call->carriage) && call->carriage != carriage)) {
        hm_env_drop(calls->env, HM_DROP_CONTROL_UNEXPECTED, NULL);
        return;
    }
    if (!hm_control_is_authentic(bytes, len, &call->peer->control_key)) {
        hm_env_drop(calls->env, HM_DROP_CONTROL_AUTH, "answer of %s", call->peer->config->name);
        return;
    }
    if (message->code == HM_CONTROL_CLOCK && call->resyncs < MAX_RESYNCS) {
        hm_security_note_clock(calls->env, call->peer, message->timestamp);
        if (call->resyncs++ == 0)
            transmit(call);
        return;
    }
    finish(call, message);
}
