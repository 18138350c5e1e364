/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the event loop: what comes in from the kernel goes to the router, what the router sends goes out.
 *
 * One thread. A readable TAP is read until it is empty, but at most one batch (batch.h), so that every device
 * and the control channel get their turn; the clock is read once per batch. One timer stands for all of the
 * router's: it is set to hm_router_next_ms after each batch, and only when that has changed. When a tick
 * leaves due timers behind, an idle handle goes on with them between the batches.
 *
 * The order of start: devices, sockets, store, router, then the privileges go, then the service manager is
 * told. */
#include "platform/linux/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "firmware/base/err.h"
#include "firmware/router.h"
#include "platform/linux/admin.h"
#include "platform/linux/batch.h"
#include "platform/linux/clock.h"
#include "platform/linux/database.h"
#include "platform/linux/kernel_socket.h"
#include "platform/linux/log.h"
#include "platform/linux/pages.h"
#include "platform/linux/privileges.h"
#include "platform/linux/random.h"
#include "platform/linux/service.h"

#define TIMER_OFF UINT64_MAX

struct loop;

struct link {
    struct loop *loop;
    unsigned number;
    struct hm_tap tap;
    uv_poll_t poll;
    bool is_polled;
};

struct loop {
    uv_loop_t uv;
    const struct hm_config *config;
    struct hm_port port;
    struct hm_router *router;
    struct link links[HM_MAX_LINKS];
    struct hm_kernel_socket sockets[HM_MAX_KERNEL_ADDRS];
    struct hm_admin admin;
    struct hm_database database; /* of which there is none when the configuration says so */
    uv_timer_t timer;
    uint64_t timer_ms; /* what it is set to; TIMER_OFF */
    uv_idle_t rest;    /* runs while due timers wait */
    uv_signal_t signals[2];
    bool has_handles; /* timer, rest and signals are initialised */
    int result;
    struct hm_batch batch;
};

/* ---- what the router may do ---- */

static int send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    struct loop *loop = ctx;

    return hm_batch_send(&loop->batch, &loop->links[link].tap, link, frame);
}

static void send_datagram(void *ctx, const struct hm_endpoint *to, const void *bytes, size_t len)
{
    struct loop *loop = ctx;

    hm_batch_flush(&loop->batch);
    hm_kernel_socket_send(&loop->sockets[to->socket], to, bytes, len);
}

static void use_large_pages(void *ctx, void *memory, size_t len)
{
    (void)ctx;
    hm_pages_make_large(memory, len);
}

static void fill_random(void *ctx, void *bytes, size_t len)
{
    (void)ctx;
    hm_random_fill(bytes, len);
}

static void write_log(void *ctx, enum hm_log_level level, const char *line)
{
    (void)ctx;
    hm_log_line(level, line);
}

static void store(void *ctx, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct loop *loop = ctx;

    hm_database_change(&loop->database, key, key_len, value, value_len);
}

static void commit(void *ctx, uint64_t ticket)
{
    struct loop *loop = ctx;

    hm_database_commit(&loop->database, ticket);
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer);

/* Sets the timer to what the router wants next. */
static void set_timer(struct loop *loop, const struct hm_time *now)
{
    uint64_t next_ms = hm_router_next_ms(loop->router);
    uint64_t now_ms = now->mono_us / 1000;

    if (next_ms == loop->timer_ms)
        return;
    loop->timer_ms = next_ms;
    if (next_ms == TIMER_OFF)
        uv_timer_stop(&loop->timer);
    else /* never 0: libuv would fire it again and again before it looks at the devices */
        uv_timer_start(&loop->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

static void on_rest(uv_idle_t *rest);

static void tick(struct loop *loop)
{
    struct hm_time now;

    hm_clock_read(&now);
    if (hm_router_tick(loop->router, &now))
        uv_idle_start(&loop->rest, on_rest);
    else
        uv_idle_stop(&loop->rest);
    set_timer(loop, &now);
}

static void on_reported(void *arg)
{
    tick(arg);
}

static void on_rest(uv_idle_t *rest)
{
    tick(rest->data);
}

static void on_timer(uv_timer_t *timer)
{
    struct loop *loop = timer->data;

    /* it has fired, and perhaps a little early by libuv's clock: set it again in any case */
    loop->timer_ms = TIMER_OFF;
    tick(loop);
}

/* ---- frames and datagrams ---- */

static void stop(struct loop *loop, int result)
{
    if (loop->result == 0)
        loop->result = result;
    uv_stop(&loop->uv);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct link *link = poll->data;
    struct loop *loop = link->loop;
    struct hm_time now;

    (void)events;
    hm_clock_read(&now);
    if (status < 0 || hm_batch_run(&loop->batch, &link->tap, link->number, &now) != HM_OK) {
        hm_log_printf(HM_LOG_ERROR, "TAP %s: lost, it was removed or set up anew", link->tap.device);
        stop(loop, HM_ERR_PLATFORM);
        return;
    }
    set_timer(loop, &now);
}

static void on_datagram(void *ctx, const struct hm_endpoint *from, const void *bytes, size_t len)
{
    struct loop *loop = ctx;
    struct hm_time now;

    hm_clock_read(&now);
    hm_router_datagram(loop->router, from, bytes, len, &now);
    set_timer(loop, &now);
}

static void on_committed(void *ctx, uint64_t ticket)
{
    struct loop *loop = ctx;
    struct hm_time now;

    hm_clock_read(&now);
    hm_router_stored(loop->router, ticket, &now);
    set_timer(loop, &now);
}

/* ---- start and end ---- */

static void on_signal(uv_signal_t *handle, int number)
{
    hm_log_printf(HM_LOG_INFO, "ends: %s", number == SIGINT ? "SIGINT" : "SIGTERM");
    stop(handle->data, 0);
}

static int open_links(struct loop *loop)
{
    const struct hm_platform_config *config = &loop->config->platform;

    for (unsigned i = 0; i < config->tap_count; i++) {
        struct link *link = &loop->links[i];
        int err = hm_tap_open(&link->tap, &config->taps[i]);

        if (err != 0)
            return err;
        link->loop = loop;
        link->number = i;
        link->poll.data = link;
        uv_poll_init(&loop->uv, &link->poll, link->tap.fd);
        link->is_polled = true;
    }
    return 0;
}

static int open_sockets(struct loop *loop)
{
    const struct hm_platform_config *config = &loop->config->platform;

    for (unsigned i = 0; i < config->kernel_addr_count; i++) {
        int err;

        loop->sockets[i].ctx = loop;
        loop->sockets[i].on_datagram = on_datagram;
        err = hm_kernel_socket_open(&loop->sockets[i], &loop->uv, i, &config->kernel_addrs[i]);
        if (err != 0)
            return err;
    }
    return hm_admin_open(&loop->admin, &loop->uv, config->socket);
}

static void init_handles(struct loop *loop)
{
    static const int SIGNALS[2] = {SIGINT, SIGTERM};

    uv_timer_init(&loop->uv, &loop->timer);
    loop->timer.data = loop;
    loop->timer_ms = TIMER_OFF;
    uv_idle_init(&loop->uv, &loop->rest);
    loop->rest.data = loop;
    for (unsigned i = 0; i < 2; i++) {
        uv_signal_init(&loop->uv, &loop->signals[i]);
        loop->signals[i].data = loop;
        uv_signal_start(&loop->signals[i], on_signal, SIGNALS[i]);
    }
    loop->has_handles = true;
}

static int open_store(struct loop *loop)
{
    const struct hm_platform_config *config = &loop->config->platform;

    if (config->store[0] == '\0')
        return 0;
    loop->database.ctx = loop;
    loop->database.on_committed = on_committed;
    return hm_database_open(&loop->database, &loop->uv, config->store, config->user,
                            hm_database_map_len(&loop->config->router));
}

/* What all devices take. */
static enum hm_tunnel_way tunnel_way(const struct loop *loop)
{
    enum hm_tunnel_way way = HM_TUNNEL_WAY_WHOLE;

    for (unsigned i = 0; i < loop->config->platform.tap_count; i++)
        if (loop->links[i].tap.way < way)
            way = loop->links[i].tap.way;
    return way;
}

static int create_router(struct loop *loop)
{
    struct hm_time now;
    int err;

    loop->port = (struct hm_port){
        .ctx = loop,
        .send_frame = send_frame,
        .takes_super_frames = true,
        .tunnel_way = tunnel_way(loop),
        .send_datagram = send_datagram,
        .use_large_pages = use_large_pages,
        .random = fill_random,
        .log = write_log,
    };
    if (loop->database.env != NULL) {
        loop->port.store = store;
        loop->port.commit = commit;
    }
    hm_clock_read(&now);
    err = hm_router_create(&loop->config->router, &loop->port, &now, &loop->router);
    if (err != 0) {
        hm_log_printf(HM_LOG_ERROR,
                      "cannot start: %s (smaller max_bindings, max_visitors or max_neighbours need "
                      "less memory)",
                      hm_err_text((enum hm_err)err));
        return err;
    }
    hm_batch_init(&loop->batch, loop->router);
    if (loop->database.env != NULL)
        hm_database_load(&loop->database, loop->router);
    set_timer(loop, &now);
    return 0;
}

static int start(struct loop *loop)
{
    const struct hm_config *config = loop->config;
    int err;

    init_handles(loop);
    if ((err = open_links(loop)) != 0 || (err = open_sockets(loop)) != 0 || (err = open_store(loop)) != 0 ||
        (err = create_router(loop)) != 0)
        return err;
    loop->admin.reported = on_reported;
    loop->admin.arg = loop;
    if ((err = hm_admin_serve(&loop->admin, loop->router, config->router.name)) != 0)
        return err;
    err = hm_privileges_drop(config->platform.user);
    for (unsigned i = 0; i < config->platform.tap_count && err == 0; i++)
        uv_poll_start(&loop->links[i].poll, UV_READABLE, on_readable);
    return err;
}

/* Closes what is open and lets libuv finish with it. */
static void finish(struct loop *loop)
{
    for (unsigned i = 0; i < HM_MAX_LINKS; i++) {
        if (loop->links[i].is_polled)
            uv_close((uv_handle_t *)&loop->links[i].poll, NULL);
    }
    for (unsigned i = 0; i < HM_MAX_KERNEL_ADDRS; i++)
        hm_kernel_socket_close(&loop->sockets[i]);
    hm_admin_close(&loop->admin);
    hm_database_stop(&loop->database);
    if (loop->has_handles) {
        uv_close((uv_handle_t *)&loop->timer, NULL);
        uv_close((uv_handle_t *)&loop->rest, NULL);
        for (unsigned i = 0; i < 2; i++)
            uv_close((uv_handle_t *)&loop->signals[i], NULL);
    }
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    hm_router_destroy(loop->router);
    hm_database_close(&loop->database);
    for (unsigned i = 0; i < loop->config->platform.tap_count; i++)
        hm_tap_close(&loop->links[i].tap);
}

int hm_loop_run(const struct hm_config *config)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    int result;

    if (loop == NULL || uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return HM_ERR_MEMORY;
    }
    loop->config = config;
    loop->database.folder = -1;
    for (unsigned i = 0; i < HM_MAX_LINKS; i++)
        loop->links[i].tap.fd = -1;
    signal(SIGPIPE, SIG_IGN); /* a client of the admin socket may be gone */
    loop->result = start(loop);
    if (loop->result == 0) {
        hm_log_printf(HM_LOG_INFO, "agent %s runs, reports on %s", config->router.name,
                      config->platform.socket);
        hm_service_notify("READY=1");
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        hm_service_notify("STOPPING=1");
    }
    finish(loop);
    result = loop->result;
    free(loop);
    return result;
}
