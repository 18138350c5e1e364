/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the client of QEMU's monitor.
 *
 * QEMU ends each message by a line's end, and jansson reads the message. What is no object, or answers
 * nothing that was asked, is skipped: the greeting is such a one. A line without end is bounded, and a
 * monitor that says such a thing, or does not take our few bytes, has gone. Nothing here waits. */
#include "platform/linux/qmp.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void end_reply(struct hm_qmp_reply *reply, json_t *value, const char *error)
{
    reply->is_over = true;
    reply->value = value;
    snprintf(reply->error, sizeof(reply->error), "%s", error);
}

static bool lose(struct hm_qmp *qmp)
{
    if (qmp->fd >= 0)
        close(qmp->fd);
    qmp->fd = -1;
    for (unsigned i = 0; i < HM_QMP_MAX_PENDING; i++) {
        if (qmp->replies[i].is_used && !qmp->replies[i].is_over)
            end_reply(&qmp->replies[i], NULL, "the monitor has gone");
    }
    return false;
}

static void handle_event(struct hm_qmp *qmp, const json_t *message)
{
    const json_t *stamp = json_object_get(message, "timestamp");
    const char *name = json_string_value(json_object_get(message, "event"));
    json_int_t seconds = json_integer_value(json_object_get(stamp, "seconds"));
    json_int_t micros = json_integer_value(json_object_get(stamp, "microseconds"));

    if (name != NULL && seconds >= 0 && seconds < (json_int_t)1 << 40 && micros >= 0 && micros < 1000000)
        qmp->on_event(qmp->ctx, name, json_object_get(message, "data"),
                      (uint64_t)seconds * 1000000 + (uint64_t)micros);
}

static void handle_reply(struct hm_qmp *qmp, const json_t *message)
{
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    const json_t *error = json_object_get(message, "error");
    json_t *value = json_object_get(message, "return");

    for (unsigned i = 0; i < HM_QMP_MAX_PENDING; i++) {
        struct hm_qmp_reply *reply = &qmp->replies[i];

        if (!reply->is_used || reply->is_over || reply->id != id)
            continue;
        if (value != NULL && error == NULL) {
            end_reply(reply, json_incref(value), "");
        } else {
            const char *text = json_string_value(json_object_get(error, "desc"));

            end_reply(reply, NULL, text != NULL ? text : "refused without a reason");
        }
    }
}

static void handle_line(struct hm_qmp *qmp, const char *line, size_t len)
{
    json_t *message = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

    if (json_object_get(message, "event") != NULL)
        handle_event(qmp, message);
    else if (json_object_get(message, "id") != NULL)
        handle_reply(qmp, message);
    json_decref(message);
}

bool hm_qmp_init(struct hm_qmp *qmp, int fd, hm_qmp_event on_event, void *ctx)
{
    *qmp = (struct hm_qmp){.fd = fd, .on_event = on_event, .ctx = ctx};
    qmp->line = malloc(HM_QMP_MAX_LINE);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return qmp->line != NULL;
}

int hm_qmp_open(struct hm_qmp *qmp, const char *path, hm_qmp_event on_event, void *ctx)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd, error;

    if (strlen(path) >= sizeof(name.sun_path))
        return ENAMETOOLONG;
    memcpy(name.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
        return hm_qmp_init(qmp, fd, on_event, ctx) ? 0 : ENOMEM;
    error = errno;
    if (fd >= 0)
        close(fd);
    return error;
}

void hm_qmp_close(struct hm_qmp *qmp)
{
    lose(qmp);
    for (unsigned i = 0; i < HM_QMP_MAX_PENDING; i++) {
        if (qmp->replies[i].is_used)
            hm_qmp_end(&qmp->replies[i]);
    }
    free(qmp->line);
    qmp->line = NULL;
}

static struct hm_qmp_reply *free_reply(struct hm_qmp *qmp)
{
    for (unsigned i = 0; i < HM_QMP_MAX_PENDING; i++) {
        if (!qmp->replies[i].is_used)
            return &qmp->replies[i];
    }
    assert(!"more commands at once than the watch ever sends");
    return NULL;
}

struct hm_qmp_reply *hm_qmp_command(struct hm_qmp *qmp, const char *name, json_t *arguments)
{
    struct hm_qmp_reply *reply = free_reply(qmp);
    json_t *message;
    char *text;

    *reply = (struct hm_qmp_reply){.is_used = true, .id = ++qmp->last_id};
    message = json_pack("{s:s, s:i, s:o*}", "execute", name, "id", (int)reply->id, "arguments", arguments);
    text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (text == NULL) {
        end_reply(reply, NULL, "no memory");
        return reply;
    }
    if (qmp->fd < 0)
        end_reply(reply, NULL, "the monitor has gone");
    else if (send(qmp->fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text) ||
             send(qmp->fd, "\n", 1, MSG_NOSIGNAL) != 1)
        lose(qmp);
    free(text);
    return reply;
}

void hm_qmp_end(struct hm_qmp_reply *reply)
{
    json_decref(reply->value);
    *reply = (struct hm_qmp_reply){0};
}

/* Takes whole lines out of the front. */
static void cut_lines(struct hm_qmp *qmp, size_t searched)
{
    size_t begin = 0;
    char *end;

    while ((end = memchr(qmp->line + searched, '\n', qmp->line_len - searched)) != NULL) {
        size_t next = (size_t)(end - qmp->line) + 1;

        handle_line(qmp, qmp->line + begin, next - 1 - begin);
        begin = searched = next;
    }
    qmp->line_len -= begin;
    memmove(qmp->line, qmp->line + begin, qmp->line_len);
}

bool hm_qmp_work(struct hm_qmp *qmp)
{
    while (qmp->fd >= 0) {
        ssize_t len = recv(qmp->fd, qmp->line + qmp->line_len, HM_QMP_MAX_LINE - qmp->line_len, MSG_DONTWAIT);
        size_t searched = qmp->line_len;

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (len <= 0)
            return lose(qmp); /* also a line that does not fit: nothing was left to read into */
        qmp->line_len += (size_t)len;
        cut_lines(qmp, searched);
    }
    return false;
}
