/* SPDX-License-Identifier: BSD-3-Clause */
/* A router: one agent with its packet path, its stack and its timers, as the platform sees it. */
#include "firmware/router.h"

#include <stdlib.h>

#include "firmware/link/output.h"
#include "firmware/path/path.h"
#include "firmware/reports.h"

struct hm_router {
    struct hm_env env;
    struct hm_neighbours neighbours;
    struct hm_agent agent;
    struct hm_path path;
    uint64_t started_us;
};

static void on_tunnel(void *arg, unsigned link, struct hm_frame *frame)
{
    (void)link;
    hm_path_decapsulate(arg, frame);
}

int hm_router_create(const struct hm_router_config *config, const struct hm_port *port,
                     const struct hm_time *now, struct hm_router **out)
{
    struct hm_router *router = calloc(1, sizeof(*router));
    if (router == NULL)
        return HM_ERR_MEMORY;
    struct hm_stack_path hooks = {.arg = &router->path,
                                  .tunnel = on_tunnel,
                                  .output = hm_path_output,
                                  .tunnel_output = hm_path_tunnel_output};
    hm_env_init(&router->env, config, port, now);
    router->started_us = now->mono_us;
    int err = hm_neighbours_init(&router->neighbours, &router->env);
    if (err != HM_OK)
        goto free_router;
    err = hm_path_init(&router->path, &router->env, &router->neighbours, &router->agent);
    if (err != HM_OK)
        goto fini_neighbours;
    err = hm_agent_init(&router->agent, &router->env, &router->neighbours, &hooks);
    if (err != HM_OK)
        goto fini_path;
    hm_output_init(&router->env);
    router->agent.deliveries.send_arg = &router->path;
    router->agent.deliveries.send = hm_path_send_waiting;
    router->agent.deliveries.mac_for = hm_path_mac_for;
    *out = router;
    return HM_OK;

fini_path:
    hm_path_fini(&router->path);
fini_neighbours:
    hm_neighbours_fini(&router->neighbours);
free_router:
    free(router);
    return err;
}

void hm_router_destroy(struct hm_router *router)
{
    if (router == NULL)
        return;
    hm_router_flush(router); /* what is gathered needs the agent */
    hm_agent_fini(&router->agent);
    hm_path_fini(&router->path);
    hm_output_fini(&router->env);
    hm_neighbours_fini(&router->neighbours);
    free(router);
}

int hm_router_load(struct hm_router *router, const void *key, size_t key_len, const void *value,
                   size_t value_len)
{
    return hm_store_load(&router->agent.store, key, key_len, value, value_len);
}

/* Timers that a frame or a datagram arms count from its time, not from the last tick. */
static void enter(struct hm_router *router, const struct hm_time *now)
{
    if (now->mono_us == router->env.now.mono_us) /* the next frame of one batch */
        return;
    hm_env_set_time(&router->env, now);
    if (now->mono_us / 1000 != router->env.wheel.now_ms)
        hm_wheel_advance(&router->env.wheel, now->mono_us / 1000, HM_ROUTER_TIMERS_PER_TICK);
}

void hm_router_frame(struct hm_router *router, unsigned link, struct hm_frame *frame,
                     const struct hm_time *now)
{
    enter(router, now);
    hm_path_frame(&router->path, link, frame);
    hm_store_flush(&router->agent.store);
}

void hm_router_unsent(struct hm_router *router, unsigned link, size_t len)
{
    hm_output_unsent(&router->env, link, len);
}

void hm_router_foresee(const struct hm_router *router, unsigned link, const struct hm_frame *frame,
                       enum hm_table_step step)
{
    hm_path_foresee(&router->path, link, frame, step);
}

void hm_router_flush(struct hm_router *router)
{
    hm_output_flush(&router->env);
}

void hm_router_stored(struct hm_router *router, uint64_t ticket, const struct hm_time *now)
{
    enter(router, now);
    hm_store_committed(&router->agent.store, ticket);
    hm_store_flush(&router->agent.store);
    hm_router_flush(router);
}

void hm_router_datagram(struct hm_router *router, const struct hm_endpoint *from, const void *bytes,
                        size_t len, const struct hm_time *now)
{
    enter(router, now);
    hm_agent_kernel_datagram(&router->agent, from, bytes, len);
    hm_store_flush(&router->agent.store);
    hm_router_flush(router);
}

bool hm_router_tick(struct hm_router *router, const struct hm_time *now)
{
    hm_env_set_time(&router->env, now);
    bool is_more = hm_wheel_advance(&router->env.wheel, now->mono_us / 1000, HM_ROUTER_TIMERS_PER_TICK);
    hm_store_flush(&router->agent.store);
    hm_router_flush(router);
    return is_more;
}

uint64_t hm_router_next_ms(const struct hm_router *router)
{
    return hm_wheel_next_ms(&router->env.wheel);
}

int hm_router_report(struct hm_router *router, const char *name, const struct hm_report_sink *sink,
                     const struct hm_time *now)
{
    hm_env_set_time(&router->env, now);
    struct hm_report_source source = {.env = &router->env,
                                      .agent = &router->agent,
                                      .neighbours = &router->neighbours,
                                      .started_us = router->started_us};
    return hm_reports_write(&source, name, sink);
}
