/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated agent: struct hm_port over simulated links, and the router's timer as one event.
 *
 * After each call into the router the event is set to the time that the router asks for. What the
 * router sends is copied into a pool frame and travels as an event, so that nothing calls back into
 * it, as the contract demands. */
#include "platform/sim/agent.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/sim/segments.h"

#define FIRST_LOG_CAP 4096
#define DATAGRAM_US 50 /* to a kernel address, or from one */

static void on_tick(void *arg);
static void on_batch_end(void *arg);
static void on_frame(void *ctx, struct hm_sim_frame *frame);

static void send_plain(void *ctx, const uint8_t *bytes, size_t len)
{
    struct hm_sim_port *port = ctx;
    struct hm_sim_agent *agent = port->ctx;

    if (agent->on_sent != NULL)
        agent->on_sent(agent, bytes, len);
    hm_sim_port_send_bytes(port, bytes, len);
}

static int send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    struct hm_sim_agent *agent = ctx;
    bool is_plain = frame->offload.flags == 0 && frame->offload.gso_type == HM_OFFLOAD_GSO_NONE;

    assert(link < agent->config.link_count);
    if (agent->is_dead)
        return 0;
    if ((is_plain || agent->port.takes_super_frames) &&
        hm_sim_segments(frame, send_plain, &agent->links[link]))
        return 0;
    agent->refused++;
    return -1;
}

/* A datagram for the event queue, in a pool frame. */
static struct hm_sim_frame *pack(struct hm_sim *sim, const void *bytes, size_t len)
{
    struct hm_sim_frame *frame = hm_sim_frame_take(sim);

    assert(len <= HM_SIM_FRAME_MAX);
    memcpy(hm_sim_frame_bytes(frame), bytes, len);
    frame->len = len;
    return frame;
}

static void on_datagram_out(void *arg)
{
    struct hm_sim_frame *frame = arg;
    struct hm_sim_kernel_peer *peer = frame->to;

    peer->receive(peer->ctx, hm_sim_frame_bytes(frame), frame->len);
    hm_sim_frame_give(peer->agent->sim, frame);
}

static void send_datagram(void *ctx, const struct hm_endpoint *to, const void *bytes, size_t len)
{
    struct hm_sim_agent *agent = ctx;
    struct hm_sim_kernel_peer *peer = agent->is_dead ? NULL : agent->kernel_peers;
    struct hm_sim_frame *frame;

    while (peer != NULL && (peer->addr != to->addr || peer->port != to->port))
        peer = peer->next;
    if (peer == NULL)
        return;
    frame = pack(agent->sim, bytes, len);
    frame->to = peer;
    hm_sim_event_init(&frame->event, on_datagram_out, frame);
    hm_sim_arm(agent->sim, &frame->event, agent->sim->now_us + DATAGRAM_US);
}

void hm_sim_agent_add_kernel_peer(struct hm_sim_agent *agent, struct hm_sim_kernel_peer *peer)
{
    peer->agent = agent;
    peer->next = agent->kernel_peers;
    agent->kernel_peers = peer;
}

static void random_bytes(void *ctx, void *bytes, size_t len)
{
    struct hm_sim_agent *agent = ctx;
    uint8_t *at = bytes;

    while (len > 0) {
        uint64_t draw = hm_sim_random_u64(&agent->random);
        size_t part = len < sizeof(draw) ? len : sizeof(draw);

        memcpy(at, &draw, part);
        at += part;
        len -= part;
    }
}

static void append_log(struct hm_sim_agent *agent, const char *line, size_t len)
{
    if (agent->log_len + len + 2 > agent->log_cap) {
        agent->log_cap = 2 * (agent->log_cap + len) + FIRST_LOG_CAP;
        agent->log = realloc(agent->log, agent->log_cap);
        if (agent->log == NULL)
            abort();
    }
    memcpy(agent->log + agent->log_len, line, len);
    agent->log_len += len;
    agent->log[agent->log_len++] = '\n';
    agent->log[agent->log_len] = '\0';
}

static void write_log(void *ctx, enum hm_log_level level, const char *line)
{
    static const char LEVELS[HM_LOG_COUNT] = {'E', 'W', 'I', 'D'};
    struct hm_sim_agent *agent = ctx;

    append_log(agent, line, strlen(line));
    if (agent->log_to_stderr)
        fprintf(stderr, "%10" PRIu64 ".%06" PRIu64 " %c %s: %s\n", agent->sim->now_us / HM_SIM_S,
                agent->sim->now_us % HM_SIM_S, LEVELS[level], agent->config.name, line);
}

unsigned hm_sim_agent_logged(const struct hm_sim_agent *agent, const char *text)
{
    const char *at = agent->log;
    unsigned lines = 0;

    while (at != NULL && (at = strstr(at, text)) != NULL) {
        lines++;
        at = strchr(at, '\n');
    }
    return lines;
}

static void store_change(void *ctx, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct hm_sim_agent *agent = ctx;

    hm_sim_store_change(&agent->store, key, key_len, value, value_len);
}

static void commit(void *ctx, uint64_t ticket)
{
    struct hm_sim_agent *agent = ctx;

    hm_sim_store_commit(&agent->store, ticket);
}

static void set_tick(struct hm_sim_agent *agent, uint64_t min_us);

static void on_committed(void *ctx, uint64_t ticket)
{
    struct hm_sim_agent *agent = ctx;
    struct hm_time now = hm_sim_agent_time(agent);

    hm_router_stored(agent->router, ticket, &now);
    set_tick(agent, 0);
}

void hm_sim_agent_give_store(struct hm_sim_agent *agent)
{
    agent->store.ctx = agent;
    agent->store.on_committed = on_committed;
    agent->port.store = store_change;
    agent->port.commit = commit;
}

void hm_sim_agent_take_super_frames(struct hm_sim_agent *agent, enum hm_tunnel_way way, uint64_t batch_us)
{
    agent->port.takes_super_frames = true;
    agent->port.tunnel_way = way;
    agent->batch_us = batch_us;
}

void hm_sim_agent_init(struct hm_sim_agent *agent, struct hm_sim *sim, unsigned number)
{
    *agent = (struct hm_sim_agent){
        .sim = sim,
        .random = hm_sim_random_fork(sim->seed, number + 1000u),
        .mono_base_us = (uint64_t)(number + 1) * 1000 * HM_SIM_S,
        .port = {.ctx = agent,
                 .send_frame = send_frame,
                 .send_datagram = send_datagram,
                 .random = random_bytes,
                 .log = write_log},
    };
    hm_sim_event_init(&agent->tick, on_tick, agent);
    hm_sim_event_init(&agent->batch_end, on_batch_end, agent);
    hm_sim_store_init(&agent->store, sim);
    for (unsigned i = 0; i < HM_MAX_LINKS; i++)
        hm_sim_port_init(&agent->links[i], sim, "agent", on_frame, agent);
}

void hm_sim_agent_fini(struct hm_sim_agent *agent)
{
    hm_sim_agent_kill(agent);
    for (unsigned i = 0; i < HM_MAX_LINKS; i++)
        hm_sim_port_attach(&agent->links[i], NULL);
    hm_sim_store_fini(&agent->store);
    free(agent->log);
    agent->log = NULL;
    agent->log_len = agent->log_cap = 0;
}

struct hm_time hm_sim_agent_time(const struct hm_sim_agent *agent)
{
    return hm_sim_time(agent->sim, agent->clock_offset_us, agent->mono_base_us);
}

bool hm_sim_agent_is_running(const struct hm_sim_agent *agent)
{
    return agent->router != NULL;
}

/* Sets the event to when the router wants its tick, at least min_us from now. */
static void set_tick(struct hm_sim_agent *agent, uint64_t min_us)
{
    uint64_t next_ms = hm_router_next_ms(agent->router);
    uint64_t at_us, soonest_us = agent->sim->now_us + min_us;

    if (next_ms == UINT64_MAX) {
        hm_sim_cancel(agent->sim, &agent->tick);
        return;
    }
    at_us = next_ms * HM_SIM_MS > agent->mono_base_us ? next_ms * HM_SIM_MS - agent->mono_base_us : 0;
    if (at_us < soonest_us)
        at_us = soonest_us;
    if (!hm_sim_is_armed(&agent->tick) || hm_sim_due_us(agent->sim, &agent->tick) != at_us)
        hm_sim_arm(agent->sim, &agent->tick, at_us);
}

/* A router that wants a tick in the past although nothing is due must not stop the time. */
static void on_tick(void *arg)
{
    struct hm_sim_agent *agent = arg;
    struct hm_time now = hm_sim_agent_time(agent);

    if (hm_router_tick(agent->router, &now))
        hm_sim_arm(agent->sim, &agent->tick, agent->sim->now_us);
    else
        set_tick(agent, HM_SIM_MS);
}

void hm_sim_agent_frame(struct hm_sim_agent *agent, unsigned link, struct hm_frame *frame)
{
    struct hm_time now = hm_sim_agent_time(agent);

    if (agent->router == NULL)
        return;
    for (enum hm_table_step step = HM_TABLE_BUCKET; step <= HM_TABLE_OBJECT; step++)
        hm_router_foresee(agent->router, link, frame, step); /* as where frames are read ahead */
    hm_router_frame(agent->router, link, frame, &now);
    if (agent->batch_us == 0)
        hm_router_flush(agent->router);
    else if (!hm_sim_is_armed(&agent->batch_end))
        hm_sim_arm(agent->sim, &agent->batch_end, agent->sim->now_us + agent->batch_us);
    set_tick(agent, 0);
}

static void on_batch_end(void *arg)
{
    struct hm_sim_agent *agent = arg;

    hm_router_flush(agent->router);
    set_tick(agent, 0);
}

static void on_frame(void *ctx, struct hm_sim_frame *sim_frame)
{
    struct hm_sim_agent *agent = ctx;
    struct hm_sim_port *port = sim_frame->to;
    struct hm_frame frame;

    hm_frame_init(&frame, sim_frame->memory, sizeof(sim_frame->memory), sim_frame->len);
    hm_sim_agent_frame(agent, (unsigned)(port - agent->links), &frame);
    hm_sim_frame_give(agent->sim, sim_frame);
}

static void on_datagram_in(void *arg)
{
    struct hm_sim_frame *frame = arg;
    struct hm_sim_agent *agent = frame->to;
    struct hm_time now = hm_sim_agent_time(agent);
    struct hm_endpoint from;

    if (agent->router != NULL) {
        memcpy(&from, frame->memory, sizeof(from));
        hm_router_datagram(agent->router, &from, hm_sim_frame_bytes(frame), frame->len, &now);
        set_tick(agent, 0);
    }
    hm_sim_frame_give(agent->sim, frame);
}

void hm_sim_agent_datagram(struct hm_sim_agent *agent, const struct hm_endpoint *from, const void *bytes,
                           size_t len)
{
    struct hm_sim_frame *frame = pack(agent->sim, bytes, len);

    _Static_assert(sizeof(*from) <= HM_FRAME_HEADROOM, "the endpoint travels in the headroom");
    memcpy(frame->memory, from, sizeof(*from));
    frame->to = agent;
    hm_sim_event_init(&frame->event, on_datagram_in, frame);
    hm_sim_arm(agent->sim, &frame->event, agent->sim->now_us + DATAGRAM_US);
}

void hm_sim_agent_start(struct hm_sim_agent *agent)
{
    struct hm_time now = hm_sim_agent_time(agent);

    assert(agent->router == NULL);
    agent->starts++;
    if (hm_router_create(&agent->config, &agent->port, &now, &agent->router) != 0)
        abort();
    for (const struct hm_sim_record *at = agent->store.records; at != NULL; at = at->next)
        if (hm_router_load(agent->router, at->key, at->key_len, at->value, at->value_len) != 0)
            abort();
    set_tick(agent, 0);
}

void hm_sim_agent_stop(struct hm_sim_agent *agent)
{
    hm_sim_cancel(agent->sim, &agent->tick);
    hm_sim_cancel(agent->sim, &agent->batch_end);
    hm_router_destroy(agent->router);
    hm_sim_store_kill(&agent->store);
    agent->router = NULL;
}

void hm_sim_agent_kill(struct hm_sim_agent *agent)
{
    agent->is_dead = true;
    hm_sim_agent_stop(agent);
    agent->is_dead = false;
}
