/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the hypervisor's side of the control channel (firmware/wire/control.h).
 *
 * A request keeps its random id through all repetitions, and has a new time stamp in each. Nothing is
 * believed without the right authenticator and that id. A reply with code CLOCK carries the agent's clock:
 * all dialogues go on by that clock, once. Replies of that kind to requests sent before the correction may
 * still come; there are at most as many as were sent, and they are skipped. A hint about the key has no
 * authenticator: it is only remembered, and explains a silence. */
#include "platform/linux/notify_dialogue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/clock.h"
#include "platform/linux/random.h"

const struct hm_dialogue_pace HM_DIALOGUE_CALM = {.first_ms = 100, .last_ms = 1000};
const struct hm_dialogue_pace HM_DIALOGUE_HASTY = {.first_ms = 10, .last_ms = 80};

static void break_off(struct hm_dialogue_slot *slot, int error)
{
    slot->result.outcome = HM_NOTIFY_BROKEN;
    slot->result.error = error;
    slot->is_over = true;
}

/* An error that a later try may not have: the network's, not ours. */
static bool is_passing(int error)
{
    return error == EAGAIN || error == EINTR || error == ECONNREFUSED || error == ENETUNREACH ||
           error == EHOSTUNREACH || error == ENETDOWN || error == ENOBUFS || error == EPERM;
}

static bool is_waiting(const struct hm_dialogue_slot *slot)
{
    return slot->is_used && !slot->is_over;
}

/* The socket's errors do not say which request they are about: they are everybody's. */
static void note_error(struct hm_dialogue *dialogue, int error)
{
    for (unsigned i = 0; i < HM_DIALOGUE_SLOTS; i++) {
        struct hm_dialogue_slot *slot = &dialogue->slots[i];

        if (!is_waiting(slot))
            continue;
        if (error == ECONNREFUSED)
            slot->result.port_closed = true;
        if (!is_passing(error))
            break_off(slot, error);
    }
}

static void send_request(struct hm_dialogue *dialogue, struct hm_dialogue_slot *slot)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_time now;
    size_t len;

    hm_clock_read(&now);
    slot->request.timestamp = hm_ntp_add_ms(now.ntp, dialogue->clock_offset_ms);
    len = hm_control_encode(&slot->request, &dialogue->target->key, bytes);
    if (len == 0) {
        break_off(slot, 0);
        return;
    }
    slot->result.sent++;
    slot->next_ms = now.mono_us / 1000 + slot->repeat_ms;
    slot->repeat_ms = slot->repeat_ms * 2 > slot->last_ms ? slot->last_ms : slot->repeat_ms * 2;
    if (send(dialogue->fd, bytes, len, 0) < 0)
        note_error(dialogue, errno);
}

/* The agent does not take our time stamps, and has told its clock. */
static void handle_clock(struct hm_dialogue *dialogue, struct hm_dialogue_slot *slot,
                         const struct hm_control_message *reply)
{
    struct hm_time now;

    if (slot->stale_clock > 0) {
        slot->stale_clock--;
        return;
    }
    if (dialogue->is_resynchronised) {
        slot->result.outcome = HM_NOTIFY_CLOCK;
        slot->is_over = true;
        return;
    }
    hm_clock_read(&now);
    dialogue->is_resynchronised = true;
    dialogue->clock_offset_ms = hm_ntp_diff_ms(reply->timestamp, now.ntp);
    for (unsigned i = 0; i < HM_DIALOGUE_SLOTS; i++) {
        struct hm_dialogue_slot *other = &dialogue->slots[i];

        other->stale_clock = other->result.sent;
        other->next_ms = 0;
        other->result.is_resynchronised = true;
        other->result.clock_offset_ms = dialogue->clock_offset_ms;
    }
    slot->stale_clock--; /* this reply was to one of them */
}

static struct hm_dialogue_slot *find(struct hm_dialogue *dialogue, const struct hm_control_message *message)
{
    for (unsigned i = 0; i < HM_DIALOGUE_SLOTS; i++) {
        struct hm_dialogue_slot *slot = &dialogue->slots[i];

        if (is_waiting(slot) && slot->request.request_id == message->request_id &&
            slot->request.op == message->op)
            return slot;
    }
    return NULL;
}

static void handle_datagram(struct hm_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
    struct hm_control_message message;
    struct hm_dialogue_slot *slot;

    if (hm_control_decode(bytes, len, &message) != 0)
        return;
    slot = find(dialogue, &message);
    if (slot == NULL)
        return;
    if (message.kind == HM_CONTROL_HINT) {
        slot->has_hint = true;
        return;
    }
    if (message.kind != HM_CONTROL_REPLY || message.key_id != dialogue->target->key_id ||
        !hm_control_is_authentic(bytes, len, &dialogue->target->key))
        return;
    if (message.code == HM_CONTROL_CLOCK) {
        handle_clock(dialogue, slot, &message);
        return;
    }
    slot->result.outcome = HM_NOTIFY_ANSWERED;
    slot->result.reply = message;
    slot->is_over = true;
}

static void receive(struct hm_dialogue *dialogue)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN + 1]; /* one more, so that a longer one is seen as such */

    for (;;) {
        ssize_t len = recv(dialogue->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (len < 0 && errno != EAGAIN)
            note_error(dialogue, errno);
        if (len < 0)
            return; /* an error is told once, and there may be datagrams behind it: the next poll tells */
        if (len <= HM_CONTROL_MAX_LEN)
            handle_datagram(dialogue, bytes, (size_t)len);
    }
}

static uint64_t now_ms(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return now.mono_us / 1000;
}

int hm_dialogue_open(struct hm_dialogue *dialogue, const struct hm_notify_target *target)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(target->port), .sin_addr = {.s_addr = htonl(target->addr)}};

    memset(dialogue, 0, sizeof(*dialogue));
    dialogue->target = target;
    dialogue->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dialogue->fd >= 0 && connect(dialogue->fd, (const struct sockaddr *)&name, sizeof(name)) != 0) {
        int error = errno;

        close(dialogue->fd);
        dialogue->fd = -1;
        return error;
    }
    return dialogue->fd < 0 ? errno : 0;
}

void hm_dialogue_close(struct hm_dialogue *dialogue)
{
    if (dialogue->fd >= 0)
        close(dialogue->fd);
    dialogue->fd = -1;
}

struct hm_dialogue_slot *hm_dialogue_begin(struct hm_dialogue *dialogue,
                                           const struct hm_control_message *request,
                                           const struct hm_dialogue_pace *pace)
{
    for (unsigned i = 0; i < HM_DIALOGUE_SLOTS; i++) {
        struct hm_dialogue_slot *slot = &dialogue->slots[i];

        if (slot->is_used)
            continue;
        memset(slot, 0, sizeof(*slot));
        slot->is_used = true;
        slot->request = *request;
        slot->request.kind = HM_CONTROL_REQUEST;
        slot->request.code = HM_CONTROL_OK;
        slot->request.key_id = dialogue->target->key_id;
        hm_random_fill(&slot->request.request_id, sizeof(slot->request.request_id));
        slot->repeat_ms = pace->first_ms;
        slot->last_ms = pace->last_ms;
        slot->result.outcome = HM_NOTIFY_SILENT;
        slot->result.is_resynchronised = dialogue->is_resynchronised;
        slot->result.clock_offset_ms = dialogue->clock_offset_ms;
        send_request(dialogue, slot);
        return slot;
    }
    return NULL;
}

void hm_dialogue_end(struct hm_dialogue_slot *slot)
{
    if (slot != NULL)
        slot->is_used = false;
}

void hm_dialogue_work(struct hm_dialogue *dialogue)
{
    uint64_t now;

    receive(dialogue);
    now = now_ms();
    for (unsigned i = 0; i < HM_DIALOGUE_SLOTS; i++) {
        if (is_waiting(&dialogue->slots[i]) && now >= dialogue->slots[i].next_ms)
            send_request(dialogue, &dialogue->slots[i]);
    }
}

int hm_dialogue_due_ms(const struct hm_dialogue *dialogue)
{
    uint64_t now = now_ms();
    int due = -1;

    for (unsigned i = 0; i < HM_DIALOGUE_SLOTS; i++) {
        const struct hm_dialogue_slot *slot = &dialogue->slots[i];
        int left = slot->next_ms > now ? (int)(slot->next_ms - now) : 0;

        if (is_waiting(slot) && (due < 0 || left < due))
            due = left;
    }
    return due;
}

bool hm_dialogue_is_ok(const struct hm_dialogue_slot *slot)
{
    return slot != NULL && slot->is_over && slot->result.outcome == HM_NOTIFY_ANSWERED &&
           slot->result.reply.code == HM_CONTROL_OK;
}
