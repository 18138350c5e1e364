/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated hypervisor: one question at a time, repeated until it is answered.
 *
 * Only a reply with the right authenticator and request id ends a question, or moves its clock: the
 * first CLOCK does (with the same request id, as the protocol says), a second one ends it. A hint is
 * remembered and believed only when the time is out. */
#include "platform/sim/hypervisor.h"

#include <assert.h>
#include <string.h>

static void on_repeat(void *arg);

static void send(struct hm_sim_hypervisor *hypervisor)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_time now = hm_sim_time(hypervisor->sim, hypervisor->clock_offset_us, 0);
    const struct hm_endpoint from = {.addr = hypervisor->kernel_peer.addr,
                                     .port = hypervisor->kernel_peer.port};
    size_t len;

    hypervisor->request.timestamp = now.ntp + hypervisor->correction;
    len = hm_control_encode(&hypervisor->request, &hypervisor->key, bytes);
    assert(len > 0);
    hypervisor->attempts++;
    if (hypervisor->by_kernel)
        hm_sim_agent_datagram(hypervisor->agent, &from, bytes, len);
    else
        hm_sim_host_send_udp(hypervisor->host, hm_sim_host_addr(hypervisor->host), HM_SIM_ASK_PORT,
                             hypervisor->agent_addr, HM_CONTROL_PORT, bytes, len);
}

static void finish(struct hm_sim_hypervisor *hypervisor, enum hm_sim_outcome outcome)
{
    hm_sim_cancel(hypervisor->sim, &hypervisor->repeat);
    hypervisor->outcome = outcome;
    hypervisor->answered_us = hypervisor->sim->now_us;
    if (hypervisor->ended != NULL)
        hypervisor->ended(hypervisor->ended_ctx, hypervisor);
}

static void on_repeat(void *arg)
{
    struct hm_sim_hypervisor *hypervisor = arg;

    if (hypervisor->sim->now_us - hypervisor->asked_us >= HM_SIM_ASK_WAIT_US) {
        finish(hypervisor, hypervisor->is_hinted ? HM_SIM_BAD_KEY : HM_SIM_TIMED_OUT);
        return;
    }
    send(hypervisor);
    hm_sim_arm(hypervisor->sim, &hypervisor->repeat, hypervisor->sim->now_us + hypervisor->gap_us);
    hypervisor->gap_us *= 2;
    if (hypervisor->gap_us > HM_SIM_ASK_MAX_US)
        hypervisor->gap_us = HM_SIM_ASK_MAX_US;
}

/* The agent's clock is another: follow it and ask again. */
static void resync(struct hm_sim_hypervisor *hypervisor, const struct hm_control_message *reply)
{
    struct hm_time now = hm_sim_time(hypervisor->sim, hypervisor->clock_offset_us, 0);

    if (hypervisor->resyncs++ > 0) {
        finish(hypervisor, HM_SIM_BAD_CLOCK);
        return;
    }
    hypervisor->correction = reply->timestamp - now.ntp;
    send(hypervisor);
}

static void receive(void *ctx, const uint8_t *bytes, size_t len)
{
    struct hm_sim_hypervisor *hypervisor = ctx;
    struct hm_control_message reply;

    if (hm_control_decode(bytes, len, &reply) != 0 || hypervisor->outcome != HM_SIM_ASKING ||
        reply.request_id != hypervisor->request.request_id || reply.op != hypervisor->request.op) {
        hypervisor->unexpected++;
        return;
    }
    if (reply.kind == HM_CONTROL_HINT) {
        hypervisor->is_hinted = true;
        return;
    }
    if (reply.kind != HM_CONTROL_REPLY || reply.key_id != hypervisor->key_id ||
        !hm_control_is_authentic(bytes, len, &hypervisor->key)) {
        hypervisor->unexpected++;
        return;
    }
    hypervisor->reply = reply;
    if (reply.code == HM_CONTROL_CLOCK)
        resync(hypervisor, &reply);
    else
        finish(hypervisor, HM_SIM_ANSWERED);
}

static void on_udp(void *ctx, uint32_t src, uint16_t src_port, uint16_t dst_port, const uint8_t *bytes,
                   size_t len)
{
    struct hm_sim_hypervisor *hypervisor = ctx;

    if (src == hypervisor->agent_addr && src_port == HM_CONTROL_PORT && dst_port == HM_SIM_ASK_PORT)
        receive(hypervisor, bytes, len);
}

void hm_sim_hypervisor_init(struct hm_sim_hypervisor *hypervisor, struct hm_sim_host *host,
                            struct hm_sim_agent *agent, uint32_t agent_addr, uint32_t key_id,
                            const struct hm_key *key)
{
    *hypervisor = (struct hm_sim_hypervisor){
        .sim = host->sim,
        .host = host,
        .agent = agent,
        .agent_addr = agent_addr,
        .key_id = key_id,
        .key = *key,
        .random = hm_sim_random_fork(host->sim->seed, (uint64_t)key_id << 32 | agent_addr),
        .kernel_peer = {.addr = hm_sim_host_addr(host),
                        .port = HM_SIM_ASK_PORT,
                        .receive = receive,
                        .ctx = hypervisor},
    };
    hm_sim_event_init(&hypervisor->repeat, on_repeat, hypervisor);
    hm_sim_agent_add_kernel_peer(agent, &hypervisor->kernel_peer);
    host->on_udp = on_udp;
    host->ctx = hypervisor;
}

void hm_sim_hypervisor_ask(struct hm_sim_hypervisor *hypervisor, const struct hm_control_message *request)
{
    hm_sim_hypervisor_abandon(hypervisor);
    hypervisor->request = *request;
    hypervisor->request.kind = HM_CONTROL_REQUEST;
    hypervisor->request.code = HM_CONTROL_OK;
    hypervisor->request.key_id = hypervisor->key_id;
    hypervisor->request.request_id = hm_sim_random_u64(&hypervisor->random);
    hypervisor->reply = (struct hm_control_message){0};
    hypervisor->outcome = HM_SIM_ASKING;
    hypervisor->correction = 0;
    hypervisor->is_hinted = false;
    hypervisor->attempts = 0;
    hypervisor->resyncs = 0;
    hypervisor->asked_us = hypervisor->sim->now_us;
    hypervisor->gap_us = HM_SIM_ASK_FIRST_US;
    on_repeat(hypervisor);
}

void hm_sim_hypervisor_abandon(struct hm_sim_hypervisor *hypervisor)
{
    if (hypervisor->outcome == HM_SIM_ASKING)
        finish(hypervisor, HM_SIM_TIMED_OUT);
}

static bool has_ended(void *ctx)
{
    const struct hm_sim_hypervisor *hypervisor = ctx;

    return hypervisor->outcome != HM_SIM_ASKING;
}

enum hm_sim_outcome hm_sim_hypervisor_wait(struct hm_sim_hypervisor *hypervisor)
{
    hm_sim_run_while_not(hypervisor->sim, has_ended, hypervisor, 2 * HM_SIM_ASK_WAIT_US);
    return hypervisor->outcome;
}

int hm_sim_hypervisor_call(struct hm_sim_hypervisor *hypervisor, const struct hm_control_message *request)
{
    enum hm_sim_outcome outcome;

    hm_sim_hypervisor_ask(hypervisor, request);
    outcome = hm_sim_hypervisor_wait(hypervisor);
    return outcome == HM_SIM_ANSWERED ? (int)hypervisor->reply.code : -(int)outcome;
}
