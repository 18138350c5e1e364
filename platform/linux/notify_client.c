/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the hypervisor's side of the control channel (firmware/wire/control.h).
 *
 * The request keeps its random id through all repetitions, after 100 ms, 200 ms and so on up to each
 * second, and has a new time stamp in each. Nothing is believed without the right authenticator and that
 * id. A reply with code CLOCK carries the agent's clock: the dialogue goes on by that clock, once. Replies
 * of that kind to requests sent before the correction may still come; there are at most as many as were
 * sent, and they are skipped. A hint about the key has no authenticator: it is only remembered, and
 * explains a silence. */
#include "platform/linux/notify_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/clock.h"
#include "platform/linux/random.h"

#define FIRST_REPEAT_MS 100
#define LAST_REPEAT_MS 1000

struct dialogue {
    const struct hm_notify_target *target;
    struct hm_control_message request;
    struct hm_notify_result *result;
    int fd;
    uint64_t repeat_ms;   /* between the last datagram and the next */
    uint64_t next_ms;     /* when the next one is due */
    unsigned stale_clock; /* CLOCK replies that may still come from before the correction */
    bool has_hint;
    bool is_over;
};

static uint64_t now_ms(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return now.mono_us / 1000;
}

/* An error that a later try may not have: the network's, not ours. */
static bool is_passing(int error)
{
    return error == EAGAIN || error == EINTR || error == ECONNREFUSED || error == ENETUNREACH ||
           error == EHOSTUNREACH || error == ENETDOWN || error == ENOBUFS || error == EPERM;
}

static void break_off(struct dialogue *dialogue, int error)
{
    dialogue->result->outcome = HM_NOTIFY_BROKEN;
    dialogue->result->error = error;
    dialogue->is_over = true;
}

static void note_error(struct dialogue *dialogue, int error)
{
    if (error == ECONNREFUSED)
        dialogue->result->port_closed = true;
    if (!is_passing(error))
        break_off(dialogue, error);
}

static void send_request(struct dialogue *dialogue)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_time now;
    size_t len;

    hm_clock_read(&now);
    dialogue->request.timestamp = hm_ntp_add_ms(now.ntp, dialogue->result->clock_offset_ms);
    len = hm_control_encode(&dialogue->request, &dialogue->target->key, bytes);
    if (len == 0) {
        break_off(dialogue, 0);
        return;
    }
    if (send(dialogue->fd, bytes, len, 0) < 0)
        note_error(dialogue, errno);
    dialogue->result->sent++;
    dialogue->next_ms = now.mono_us / 1000 + dialogue->repeat_ms;
    dialogue->repeat_ms = dialogue->repeat_ms * 2 > LAST_REPEAT_MS ? LAST_REPEAT_MS : dialogue->repeat_ms * 2;
}

/* The agent does not take our time stamps, and has told its clock. */
static void handle_clock(struct dialogue *dialogue, const struct hm_control_message *reply)
{
    struct hm_notify_result *result = dialogue->result;
    struct hm_time now;

    if (dialogue->stale_clock > 0) {
        dialogue->stale_clock--;
        return;
    }
    if (result->is_resynchronised) {
        result->outcome = HM_NOTIFY_CLOCK;
        dialogue->is_over = true;
        return;
    }
    hm_clock_read(&now);
    result->is_resynchronised = true;
    result->clock_offset_ms = hm_ntp_diff_ms(reply->timestamp, now.ntp);
    dialogue->stale_clock = result->sent - 1; /* this reply was to one of them */
    dialogue->repeat_ms = FIRST_REPEAT_MS;
    dialogue->next_ms = 0;
}

static void handle_datagram(struct dialogue *dialogue, const uint8_t *bytes, size_t len)
{
    struct hm_notify_result *result = dialogue->result;
    struct hm_control_message message;

    if (hm_control_decode(bytes, len, &message) != 0 || message.op != dialogue->request.op ||
        message.request_id != dialogue->request.request_id)
        return;
    if (message.kind == HM_CONTROL_HINT) {
        dialogue->has_hint = true;
        return;
    }
    if (message.kind != HM_CONTROL_REPLY || message.key_id != dialogue->target->key_id ||
        !hm_control_is_authentic(bytes, len, &dialogue->target->key))
        return;
    if (message.code == HM_CONTROL_CLOCK) {
        handle_clock(dialogue, &message);
        return;
    }
    result->outcome = HM_NOTIFY_ANSWERED;
    result->reply = message;
    dialogue->is_over = true;
}

static void receive(struct dialogue *dialogue)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN + 1]; /* one more, so that a longer one is seen as such */
    ssize_t len = recv(dialogue->fd, bytes, sizeof(bytes), 0);

    if (len < 0)
        note_error(dialogue, errno);
    else if (len <= HM_CONTROL_MAX_LEN)
        handle_datagram(dialogue, bytes, (size_t)len);
}

/* The socket only takes what comes from the agent. */
static int open_socket(const struct hm_notify_target *target)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(target->port), .sin_addr = {.s_addr = htonl(target->addr)}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void converse(struct dialogue *dialogue, uint64_t end_ms)
{
    struct pollfd ready = {.fd = dialogue->fd, .events = POLLIN};

    while (!dialogue->is_over) {
        uint64_t now = now_ms();
        uint64_t until;

        if (now >= end_ms)
            return;
        if (now >= dialogue->next_ms) {
            send_request(dialogue);
            continue;
        }
        until = dialogue->next_ms < end_ms ? dialogue->next_ms : end_ms;
        if (poll(&ready, 1, (int)(until - now)) > 0)
            receive(dialogue);
    }
}

void hm_notify_ask(const struct hm_notify_target *target, const struct hm_control_message *request,
                   uint64_t wait_ms, struct hm_notify_result *result)
{
    struct dialogue dialogue = {
        .target = target, .request = *request, .result = result, .repeat_ms = FIRST_REPEAT_MS};

    memset(result, 0, sizeof(*result));
    result->outcome = HM_NOTIFY_SILENT;
    dialogue.request.kind = HM_CONTROL_REQUEST;
    dialogue.request.code = HM_CONTROL_OK;
    dialogue.request.key_id = target->key_id;
    hm_random_fill(&dialogue.request.request_id, sizeof(dialogue.request.request_id));
    dialogue.fd = open_socket(target);
    if (dialogue.fd < 0) {
        break_off(&dialogue, errno);
        return;
    }
    converse(&dialogue, now_ms() + wait_ms);
    close(dialogue.fd);
    if (result->outcome == HM_NOTIFY_SILENT && dialogue.has_hint)
        result->outcome = HM_NOTIFY_BAD_KEY;
}
