/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin socket: one line in, the name of a report; one JSON document out; then it is closed. */
#ifndef HM_LINUX_ADMIN_H
#define HM_LINUX_ADMIN_H

#include <uv.h>

#include "config/platform_config.h"
#include "firmware/router.h"

#define HM_ADMIN_CLIENTS 8
#define HM_ADMIN_LINE_LEN 64
#define HM_ADMIN_TIMEOUT_MS 5000 /* for the request to come and the answer to be fetched */

struct hm_admin;

struct hm_admin_client {
    struct hm_admin *admin;
    uv_pipe_t pipe;
    uv_timer_t timer;
    unsigned open_handles; /* 0: the slot is free */
    char line[HM_ADMIN_LINE_LEN];
    size_t len;
    uv_write_t write;
    char *reply;
};

struct hm_admin {
    struct hm_router *router;
    const char *agent;
    uv_pipe_t pipe;
    bool is_open;
    void (*reported)(void *arg); /* after each report, if set: it may have armed the router's timers */
    void *arg;
    struct hm_admin_client clients[HM_ADMIN_CLIENTS];
};

/* Listens on the path, which only the owner of the process may open; a socket that a dead agent has left
 * is replaced. The admin's memory stays until the loop has ended. Logs what failed and gives
 * HM_ERR_PLATFORM; or 0. */
int hm_admin_open(struct hm_admin *admin, uv_loop_t *loop, const char *path);
/* From now on requests are answered, from this router. */
int hm_admin_serve(struct hm_admin *admin, struct hm_router *router, const char *agent);
/* Begins to close all; done when the loop has run to its end. */
void hm_admin_close(struct hm_admin *admin);

#endif
