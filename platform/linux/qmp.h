/* SPDX-License-Identifier: BSD-3-Clause */
/* A client of QEMU's monitor (QMP): commands with ids, their replies, and events with QEMU's own stamps. */
#ifndef HM_LINUX_QMP_H
#define HM_LINUX_QMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HM_QMP_MAX_LINE (1024 * 1024) /* a longer one ends the connection */
#define HM_QMP_MAX_PENDING 16
#define HM_QMP_ERROR_LEN 160

struct hm_qmp_reply {
    bool is_used;
    bool is_over;
    unsigned id;
    json_t *value; /* what the command returned; NULL: it was refused, or the monitor has gone */
    char error[HM_QMP_ERROR_LEN];
};

typedef void (*hm_qmp_event)(void *ctx, const char *name, const json_t *data, uint64_t unix_us);

struct hm_qmp {
    int fd; /* poll it for reading; -1: gone */
    void *ctx;
    hm_qmp_event on_event;
    unsigned last_id;
    char *line; /* what has come and is no whole line yet */
    size_t line_len;
    struct hm_qmp_reply replies[HM_QMP_MAX_PENDING];
};

/* Takes a connected socket (from then on ours), which is made non-blocking. False without memory. */
bool hm_qmp_init(struct hm_qmp *qmp, int fd, hm_qmp_event on_event, void *ctx);
/* Connects to the Unix socket. 0, or errno. */
int hm_qmp_open(struct hm_qmp *qmp, const char *path, hm_qmp_event on_event, void *ctx);
void hm_qmp_close(struct hm_qmp *qmp);

/* Sends a command; the arguments become ours (NULL: none). Never NULL: a command that could not be sent is
 * over at once. The reply is the caller's until hm_qmp_end. */
struct hm_qmp_reply *hm_qmp_command(struct hm_qmp *qmp, const char *name, json_t *arguments);
void hm_qmp_end(struct hm_qmp_reply *reply);

/* Reads what has come and calls on_event. False when the monitor has gone: then all that waits is over. */
bool hm_qmp_work(struct hm_qmp *qmp);

#endif
