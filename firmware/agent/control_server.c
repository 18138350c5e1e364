/* SPDX-License-Identifier: BSD-3-Clause */
/* The control channel's serving side: authenticates requests, answers each once, remembers its answers.
 *
 * A slot holds a request from its arrival until its answer is the oldest and room is needed. Open requests
 * are never pushed out: when all slots are open, new requests are dropped and counted, and their senders
 * repeat them. */
#include "firmware/agent/control_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_OPEN 96 /* of one sender: others must still be heard */
#define HINTS_PER_S 5

enum slot_state {
    SLOT_FREE,
    SLOT_OPEN,
    SLOT_ANSWERED
};

struct hm_control_slot {
    struct hm_control_request request; /* first: a request's address is its slot's */
    enum slot_state state;
    struct hm_control_from from;
    uint64_t answered_us;
    size_t answer_len;
    uint8_t answer[HM_CONTROL_MAX_LEN];
};

int hm_control_server_init(struct hm_control_server *server, struct hm_env *env, struct hm_security *security)
{
    *server = (struct hm_control_server){.env = env, .security = security};
    size_t senders = env->config->hypervisor_count + env->config->peer_count + 1;
    server->slots = calloc(HM_CONTROL_SLOTS, sizeof(*server->slots));
    server->forgotten = calloc(senders, sizeof(*server->forgotten));
    if (server->slots == NULL || server->forgotten == NULL) {
        hm_control_server_fini(server);
        return HM_ERR_MEMORY;
    }
    /* What was sent before this agent started may be a replay of what its predecessor had seen. */
    for (size_t i = 0; i < senders; i++)
        server->forgotten[i] = env->boot_ntp;
    return HM_OK;
}

void hm_control_server_fini(struct hm_control_server *server)
{
    free(server->slots);
    free(server->forgotten);
    server->slots = NULL;
    server->forgotten = NULL;
}

static const struct hm_key *key_of(const struct hm_control_request *request)
{
    if (request->hypervisor != NULL)
        return &request->hypervisor->key;
    return &hm_security_association(request->peer, request->message.key_id)->control_key;
}

static const char *sender_name(const struct hm_control_request *request)
{
    return request->hypervisor != NULL ? request->hypervisor->name : request->peer->config->name;
}

static uint64_t *forgotten_of(struct hm_control_server *server, const struct hm_control_request *request)
{
    if (request->hypervisor != NULL)
        return &server->forgotten[request->hypervisor - server->env->config->hypervisors];
    return &server->forgotten[server->env->config->hypervisor_count +
                              (unsigned)(request->peer - server->security->peers)];
}

static void send_hint(struct hm_control_server *server, const struct hm_control_from *from,
                      const struct hm_control_message *message)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    uint64_t now_ms = hm_env_ms(server->env);
    if (now_ms - server->hint_window_ms >= 1000) {
        server->hint_window_ms = now_ms;
        server->hints = 0;
    }
    if (server->hints++ >= HINTS_PER_S)
        return;
    struct hm_control_message hint = {.kind = HM_CONTROL_HINT,
                                      .op = message->op,
                                      .code = HM_CONTROL_KEY,
                                      .key_id = message->key_id,
                                      .timestamp = server->env->now.ntp,
                                      .request_id = message->request_id};
    struct hm_control_from bare = *from; /* a stranger makes us send by no tunnel */
    bare.carriage = HM_CARRIAGE_BARE;
    server->send(server->arg, &bare, bytes, hm_control_encode(&hint, NULL, bytes), false);
}

/* Who sent this? Fills in the request's hypervisor or peer; false (and all said) when it is nobody. */
static bool authenticate(struct hm_control_server *server, const struct hm_control_from *from,
                         struct hm_control_request *request, const uint8_t *bytes, size_t len)
{
    char text[HM_IP_TEXT_LEN];
    uint32_t key_id = request->message.key_id;
    request->hypervisor = hm_security_hypervisor(server->security, key_id);
    request->peer = request->hypervisor == NULL ? hm_security_peer_by_spi(server->security, key_id) : NULL;
    if (request->hypervisor == NULL && request->peer == NULL) {
        hm_env_drop(server->env, HM_DROP_CONTROL_KEY, "key id %u from %s", key_id,
                    hm_ip_text(from->endpoint.addr, text));
        send_hint(server, from, &request->message);
        return false;
    }
    if (!hm_control_is_authentic(bytes, len, key_of(request))) {
        hm_env_drop(server->env, HM_DROP_CONTROL_AUTH, "key id %u from %s", key_id,
                    hm_ip_text(from->endpoint.addr, text));
        send_hint(server, from, &request->message);
        return false;
    }
    /* Two agents share one key: a request must name its sender, else our own could be sent back to us. */
    if (request->peer != NULL && request->message.agent_addr != request->peer->config->addr) {
        hm_env_drop(server->env, HM_DROP_CONTROL_AUTH, "request in the name of %s reflected or misdirected",
                    sender_name(request));
        return false;
    }
    return true;
}

/* Which operations are a hypervisor's, and which a peer's. */
static bool may_ask(const struct hm_control_request *request)
{
    bool of_hypervisor = request->message.op < HM_OP_PREPARE;
    return of_hypervisor == (request->hypervisor != NULL);
}

static size_t encode_answer(struct hm_control_server *server, const struct hm_control_request *request,
                            struct hm_control_message *answer, uint8_t *bytes)
{
    answer->kind = HM_CONTROL_REPLY;
    answer->op = request->message.op;
    answer->key_id = request->message.key_id;
    answer->request_id = request->message.request_id;
    answer->timestamp = server->env->now.ntp;
    return hm_control_encode(answer, key_of(request), bytes);
}

/* Tells the sender our clock; its next try will fit. */
static void refuse_clock(struct hm_control_server *server, const struct hm_control_from *from,
                         const struct hm_control_request *request)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_control_message answer = {.code = HM_CONTROL_CLOCK};
    hm_env_drop(server->env, HM_DROP_CONTROL_CLOCK, "%s is %lld ms off", sender_name(request),
                (long long)hm_ntp_diff_ms(request->message.timestamp, server->env->now.ntp));
    hm_env_count(server->env, HM_COUNT_CONTROL_RESYNCS);
    server->send(server->arg, from, bytes, encode_answer(server, request, &answer, bytes), false);
}

static struct hm_control_slot *find_slot(struct hm_control_server *server,
                                         const struct hm_control_request *request)
{
    for (unsigned i = 0; i < HM_CONTROL_SLOTS; i++) {
        struct hm_control_slot *slot = &server->slots[i];
        if (slot->state != SLOT_FREE && slot->request.message.request_id == request->message.request_id &&
            slot->request.message.key_id == request->message.key_id)
            return slot;
    }
    return NULL;
}

static bool has_too_many_open(const struct hm_control_server *server, uint32_t key_id)
{
    unsigned open = 0;
    for (unsigned i = 0; i < HM_CONTROL_SLOTS; i++)
        open += server->slots[i].state == SLOT_OPEN && server->slots[i].request.message.key_id == key_id;
    return open >= MAX_OPEN;
}

static struct hm_control_slot *take_slot(struct hm_control_server *server)
{
    struct hm_control_slot *oldest = NULL;
    for (unsigned i = 0; i < HM_CONTROL_SLOTS; i++) {
        struct hm_control_slot *slot = &server->slots[i];
        if (slot->state == SLOT_FREE)
            return slot;
        if (slot->state == SLOT_ANSWERED && (oldest == NULL || slot->answered_us < oldest->answered_us))
            oldest = slot;
    }
    if (oldest != NULL) {
        uint64_t *forgotten = forgotten_of(server, &oldest->request);
        if (hm_ntp_diff_ms(oldest->request.message.timestamp, *forgotten) > 0)
            *forgotten = oldest->request.message.timestamp;
    }
    return oldest;
}

/* Does the answer promise something that must survive? Questions do not, nor does what is told while a
 * machine is stopped: its frames live in memory, and every millisecond counts. */
static bool acknowledges(enum hm_control_op op)
{
    switch (op) {
    case HM_OP_STATUS:
    case HM_OP_HELLO:
    case HM_OP_LOCATE:
    case HM_OP_STOPPED:
    case HM_OP_SALVAGE:
    case HM_OP_ATTACH:
    case HM_OP_FETCH:
    case HM_OP_STOP:
    case HM_OP_SALVAGED:
    case HM_OP_DIVERT:
    case HM_OP_UNDIVERT:
    case HM_OP_END:
        return false;
    default:
        return true;
    }
}

/* A piece of a stream names its place: done twice it does nothing, and there are too many to remember them.
 */
static bool is_piece(enum hm_control_op op)
{
    return op == HM_OP_FETCH || op == HM_OP_SALVAGE || op == HM_OP_SALVAGED;
}

static void send_answer(struct hm_control_server *server, const struct hm_control_slot *slot)
{
    server->send(server->arg, &slot->from, slot->answer, slot->answer_len,
                 acknowledges(slot->request.message.op));
}

/* A request that we know: its answer again, to where the repetition came from. The newest time stamp stands,
 * so that forgetting this request forgets all its repetitions. */
static void repeat(struct hm_control_server *server, struct hm_control_slot *slot,
                   const struct hm_control_from *from, const struct hm_control_message *message)
{
    hm_env_count(server->env, HM_COUNT_CONTROL_REPEATS);
    slot->from = *from;
    if (hm_ntp_diff_ms(message->timestamp, slot->request.message.timestamp) > 0)
        slot->request.message.timestamp = message->timestamp;
    if (slot->state == SLOT_ANSWERED)
        send_answer(server, slot);
}

void hm_control_server_receive(struct hm_control_server *server, const struct hm_control_from *from,
                               const struct hm_control_message *message, const uint8_t *bytes, size_t len)
{
    struct hm_control_request request = {.message = *message};
    if (!authenticate(server, from, &request, bytes, len))
        return;
    if (!hm_security_is_timely(server->env, message->timestamp)) {
        refuse_clock(server, from, &request);
        return;
    }
    struct hm_control_slot *slot = find_slot(server, &request);
    if (slot != NULL) {
        repeat(server, slot, from, message);
        return;
    }
    if ((int64_t)(message->timestamp - *forgotten_of(server, &request)) <= 0) {
        refuse_clock(server, from, &request);
        return;
    }
    slot = has_too_many_open(server, message->key_id) ? NULL : take_slot(server);
    if (slot == NULL) {
        hm_env_drop(server->env, HM_DROP_CONTROL_FULL, "%s", sender_name(&request));
        return;
    }
    slot->state = SLOT_OPEN;
    slot->request = request;
    slot->from = *from;
    hm_env_count(server->env, HM_COUNT_CONTROL_REQUESTS);
    if (may_ask(&request))
        server->handle(server->arg, &slot->request);
    else
        hm_control_answer_text(server, &slot->request, HM_CONTROL_REFUSED, "this key may not ask that");
}

void hm_control_answer(struct hm_control_server *server, struct hm_control_request *request,
                       struct hm_control_message *answer)
{
    struct hm_control_slot *slot = (struct hm_control_slot *)request;
    assert(slot->state == SLOT_OPEN);
    if (answer->code != HM_CONTROL_OK)
        hm_env_count(server->env, HM_COUNT_CONTROL_REFUSED);
    slot->answer_len = encode_answer(server, request, answer, slot->answer);
    assert(slot->answer_len > 0);
    slot->state = SLOT_ANSWERED;
    slot->answered_us = server->env->now.mono_us;
    send_answer(server, slot);
    if (is_piece(request->message.op))
        slot->state = SLOT_FREE;
}

void hm_control_defer(struct hm_control_server *server, struct hm_control_request *request)
{
    struct hm_control_slot *slot = (struct hm_control_slot *)request;
    (void)server;
    assert(slot->state == SLOT_OPEN);
    slot->state = SLOT_FREE;
}

void hm_control_defer_full(struct hm_control_server *server, struct hm_control_request *request)
{
    hm_env_drop(server->env, HM_DROP_CONTROL_FULL, "%s", sender_name(request));
    hm_control_defer(server, request);
}

void hm_control_answer_text(struct hm_control_server *server, struct hm_control_request *request,
                            enum hm_control_code code, const char *format, ...)
{
    struct hm_control_message answer = {.code = code};
    va_list args;
    va_start(args, format);
    vsnprintf(answer.text, sizeof(answer.text), format, args);
    va_end(args);
    hm_control_answer(server, request, &answer);
}
