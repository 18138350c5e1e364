/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the admin socket and its clients.
 *
 * A fixed number of clients, each with a bounded line, one answer in memory and a time limit: one that
 * does not send, or does not read, costs a slot for a while and never a packet. A client beyond that is
 * closed at once. */
#include "platform/linux/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "platform/linux/clock.h"
#include "platform/linux/json_report.h"
#include "platform/linux/log.h"

static void on_client_closed(uv_handle_t *handle)
{
    struct hm_admin_client *client = handle->data;

    if (--client->open_handles > 0)
        return;
    free(client->reply);
    client->reply = NULL;
}

static void close_client(struct hm_admin_client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->pipe))
        uv_close((uv_handle_t *)&client->pipe, on_client_closed);
    if (!uv_is_closing((uv_handle_t *)&client->timer))
        uv_close((uv_handle_t *)&client->timer, on_client_closed);
}

static void on_timeout(uv_timer_t *timer)
{
    close_client(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    close_client(write->data);
}

static void answer(struct hm_admin_client *client)
{
    struct hm_time now;
    uv_buf_t buffer;

    uv_read_stop((uv_stream_t *)&client->pipe);
    hm_clock_read(&now);
    client->reply = hm_json_report(client->admin->router, client->admin->agent, client->line, &now);
    if (client->admin->reported != NULL)
        client->admin->reported(client->admin->arg);
    if (client->reply == NULL) {
        close_client(client);
        return;
    }
    buffer = uv_buf_init(client->reply, (unsigned)strlen(client->reply));
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1, on_written) != 0)
        close_client(client);
}

/* Reads straight into what is left of the line. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct hm_admin_client *client = handle->data;

    (void)suggested;
    *buffer = uv_buf_init(client->line + client->len, (unsigned)(sizeof(client->line) - 1 - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct hm_admin_client *client = stream->data;
    char *end;

    (void)buffer;
    if (got < 0) { /* the end before a whole line, an error, or a line that is too long */
        close_client(client);
        return;
    }
    client->len += (size_t)got;
    client->line[client->len] = '\0';
    end = strpbrk(client->line, "\r\n");
    if (end == NULL)
        return;
    *end = '\0';
    answer(client);
}

static struct hm_admin_client *free_client(struct hm_admin *admin)
{
    for (unsigned i = 0; i < HM_ADMIN_CLIENTS; i++) {
        if (admin->clients[i].open_handles == 0)
            return &admin->clients[i];
    }
    return NULL;
}

static void on_refused_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Takes the connection off the queue, and off the machine. */
static void refuse(uv_stream_t *server)
{
    uv_pipe_t *pipe = malloc(sizeof(*pipe));

    if (pipe == NULL)
        return;
    uv_pipe_init(server->loop, pipe, 0);
    uv_accept(server, (uv_stream_t *)pipe);
    uv_close((uv_handle_t *)pipe, on_refused_closed);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct hm_admin *admin = server->data;
    struct hm_admin_client *client = free_client(admin);

    if (status < 0)
        return;
    if (client == NULL) {
        refuse(server);
        return;
    }
    memset(client, 0, sizeof(*client));
    client->admin = admin;
    client->open_handles = 2;
    uv_pipe_init(server->loop, &client->pipe, 0);
    uv_timer_init(server->loop, &client->timer);
    client->pipe.data = client;
    client->timer.data = client;
    if (uv_accept(server, (uv_stream_t *)&client->pipe) != 0 ||
        uv_timer_start(&client->timer, on_timeout, HM_ADMIN_TIMEOUT_MS, 0) != 0 ||
        uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0)
        close_client(client);
}

/* True when somebody answers on the path. */
static bool is_alive(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive;

    if (fd < 0)
        return false;
    strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
    alive = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 || errno == EAGAIN;
    close(fd);
    return alive;
}

/* Makes way for the socket. */
static int prepare_path(const char *path)
{
    char folder[HM_PATH_LEN];
    char *slash;
    struct stat info;

    strncpy(folder, path, sizeof(folder) - 1);
    folder[sizeof(folder) - 1] = '\0';
    slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
            hm_log_printf(HM_LOG_ERROR, "socket %s: its folder cannot be made: %s", path, strerror(errno));
            return HM_ERR_PLATFORM;
        }
    }
    if (lstat(path, &info) != 0)
        return 0;
    if (!S_ISSOCK(info.st_mode)) {
        hm_log_printf(HM_LOG_ERROR, "socket %s: there is something else of that name", path);
        return HM_ERR_PLATFORM;
    }
    if (is_alive(path)) {
        hm_log_printf(HM_LOG_ERROR,
                      "socket %s: an agent answers there already: stop it, or give this one "
                      "another name or socket in [agent]",
                      path);
        return HM_ERR_PLATFORM;
    }
    unlink(path);
    return 0;
}

int hm_admin_open(struct hm_admin *admin, uv_loop_t *loop, const char *path)
{
    mode_t mask;
    int err;

    memset(admin, 0, sizeof(*admin));
    if (prepare_path(path) != 0)
        return HM_ERR_PLATFORM;
    uv_pipe_init(loop, &admin->pipe, 0);
    admin->pipe.data = admin;
    admin->is_open = true;
    mask = umask(0177); /* never open to others, not even for a moment */
    err = uv_pipe_bind(&admin->pipe, path);
    umask(mask);
    if (err != 0) {
        hm_log_printf(HM_LOG_ERROR, "socket %s: cannot be made: %s", path, uv_strerror(err));
        return HM_ERR_PLATFORM;
    }
    return 0;
}

int hm_admin_serve(struct hm_admin *admin, struct hm_router *router, const char *agent)
{
    int err;

    admin->router = router;
    admin->agent = agent;
    err = uv_listen((uv_stream_t *)&admin->pipe, HM_ADMIN_CLIENTS, on_connection);
    if (err == 0)
        return 0;
    hm_log_printf(HM_LOG_ERROR, "admin socket: cannot listen: %s", uv_strerror(err));
    return HM_ERR_PLATFORM;
}

void hm_admin_close(struct hm_admin *admin)
{
    if (!admin->is_open)
        return;
    admin->is_open = false;
    uv_close((uv_handle_t *)&admin->pipe, NULL);
    for (unsigned i = 0; i < HM_ADMIN_CLIENTS; i++) {
        if (admin->clients[i].open_handles > 0)
            close_client(&admin->clients[i]);
    }
}
