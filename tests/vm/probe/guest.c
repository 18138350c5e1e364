/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the guest's end: counts the numbered probes that reach it, sends its own when asked, and serves the
 * TCP connection.
 *
 * All is asked for by datagrams that may come late, twice or never: a stream's number rises with each stream,
 * one of a lower number than the slot's is late and changes nothing, and every request is answered however
 * often it comes. The counts are the guest's own, taken from its socket: what lies in a TAP or was lost in a
 * NIC's queue is not in them. One thread, one poll loop, absolute deadlines of a clock that stands still
 * while the guest is paused.
 */
#include "probe.h"
#include "stream.h"
#include "transfer.h"
#include "wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 32
#define ROUNDS 2         /* batches read before what is due is sent */
#define WAKE_NS 1000000u /* the guest wakes up no more often to send: what is due by then goes at once */
#define SLOTS 5          /* the first is for those who only ask, as stream 0 */

/* One stream in both directions. */
struct slot {
    struct stream_count count;
    struct stream_pace pace;
    struct sockaddr_in asker;
    bool sending;
    uint64_t arrived_ns; /* the last probe; 0: none yet */
    uint64_t longest_gap_ns;
};

struct guest {
    struct slot slots[SLOTS];
    struct transfer transfer;
    int udp, listener;
    uint32_t tcp_rate;
    uint64_t tick_ns;
    uint64_t read_ns; /* when the datagrams at hand were read */
};

/* The stream's slot, taken over from an older stream if need be; NULL when the slot has gone on to a newer
 * one. */
static struct slot *get_slot(struct guest *guest, uint32_t stream)
{
    struct slot *slot = &guest->slots[stream == 0 ? 0 : 1 + stream % (SLOTS - 1)];

    if (slot->count.stream == stream)
        return slot;
    if (stream < slot->count.stream)
        return NULL;
    slot->sending = false;
    slot->arrived_ns = slot->longest_gap_ns = 0;
    memset(&slot->pace, 0, sizeof(slot->pace));
    stream_count_reset(&slot->count, stream);
    return slot;
}

/* The gap is in the guest's own time: a pause adds nothing to it, what comes late after the pause does. */
static void count_probe(struct slot *slot, uint32_t seq, uint64_t now_ns)
{
    if (slot->arrived_ns && now_ns - slot->arrived_ns > slot->longest_gap_ns)
        slot->longest_gap_ns = now_ns - slot->arrived_ns;
    slot->arrived_ns = now_ns;
    stream_count_add(&slot->count, seq);
}

static void reply(struct guest *guest, const struct sockaddr_in *to, const struct probe_header *header,
                  const char *text)
{
    uint8_t packet[PROBE_REPLY_LEN] = {0};
    size_t len = strlen(text);

    probe_encode(packet, header);
    memcpy(packet + PROBE_HEADER_LEN, text, len);
    len += PROBE_HEADER_LEN;
    sendto(guest->udp, packet, len < PROBE_LEN ? PROBE_LEN : len, 0, (const struct sockaddr *)to,
           sizeof(*to));
}

static void start_stream(struct slot *slot, const struct sockaddr_in *from, uint32_t rate)
{
    if (slot->pace.rate != 0 || rate == 0)
        return;
    slot->pace = (struct stream_pace){.start_ns = probe_clock_ns(CLOCK_MONOTONIC), .rate = rate};
    slot->asker = *from;
    slot->sending = true;
}

static void report(struct guest *guest, const struct slot *slot, uint32_t sent, char *text, size_t len)
{
    char counted[1100];

    stream_count_print(&slot->count, sent, counted, sizeof(counted));
    snprintf(text, len,
             "{\"udp\":%s,\"longest_gap_ms\":%.1f,"
             "\"tcp\":{\"sent\":%llu,\"received\":%llu,\"wrong\":%llu,\"timeouts\":%llu}}",
             counted, (double)slot->longest_gap_ns / 1e6, (unsigned long long)guest->transfer.sent,
             (unsigned long long)guest->transfer.received, (unsigned long long)guest->transfer.wrong,
             (unsigned long long)transfer_timeouts());
}

static void handle_request(struct guest *guest, const struct probe_header *request,
                           const struct sockaddr_in *from)
{
    struct slot *slot = get_slot(guest, request->stream);
    struct probe_header answer = *request;
    char text[PROBE_REPLY_LEN - PROBE_HEADER_LEN] = "";

    if (!slot)
        return;
    switch (request->type) {
    case PROBE_DOWN:
        count_probe(slot, request->seq, guest->read_ns);
        return;
    case PROBE_START:
        start_stream(slot, from, request->arg);
        answer.type = PROBE_STARTED;
        break;
    case PROBE_STOP:
        slot->sending = false;
        answer.type = PROBE_STOPPED;
        answer.arg = slot->pace.sent;
        break;
    case PROBE_REPORT:
        report(guest, slot, request->arg, text, sizeof(text));
        answer.type = PROBE_REPORTED;
        break;
    default:
        return;
    }
    reply(guest, from, &answer, text);
}

/* Many at once: an emulated guest that pays a system call for each cannot keep up with thousands per second.
 */
static void handle_datagrams(struct guest *guest)
{
    static uint8_t packets[BATCH][PROBE_LEN];
    struct sockaddr_in from[BATCH];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct probe_header header;
    int count, rounds = ROUNDS;

    do {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){.iov_base = packets[i], .iov_len = sizeof(packets[i])};
            messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
                                                       .msg_namelen = sizeof(from[i]),
                                                       .msg_iov = &parts[i],
                                                       .msg_iovlen = 1}};
        }
        count = recvmmsg(guest->udp, messages, BATCH, MSG_DONTWAIT, NULL);
        guest->read_ns = probe_clock_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < count; i++)
            if (probe_decode(&header, packets[i], messages[i].msg_len))
                handle_request(guest, &header, &from[i]);
    } while (count == BATCH && --rounds > 0);
}

/* Sends what is due of all streams, but not so much at once that what has arrived would wait for long;
 * returns when to send again. */
static uint64_t send_due(struct guest *guest, uint64_t next_ns)
{
    uint8_t packet[PROBE_LEN] = {0};

    for (struct slot *slot = guest->slots; slot < guest->slots + SLOTS; slot++) {
        uint64_t now = probe_clock_ns(CLOCK_MONOTONIC);

        for (int i = 0; i < BATCH && slot->sending && stream_pace_next_ns(&slot->pace) <= now; i++) {
            struct probe_header header = {.type = PROBE_UP,
                                          .stream = slot->count.stream,
                                          .seq = slot->pace.sent++,
                                          .time_ns = probe_clock_ns(CLOCK_REALTIME)};

            probe_encode(packet, &header);
            sendto(guest->udp, packet, sizeof(packet), 0, (struct sockaddr *)&slot->asker,
                   sizeof(slot->asker));
        }
        if (slot->sending && next_ns > stream_pace_next_ns(&slot->pace))
            next_ns = stream_pace_next_ns(&slot->pace);
        if (next_ns < now + WAKE_NS)
            next_ns = now + WAKE_NS;
    }
    return next_ns;
}

/* A new connection takes the place of the old one. */
static void accept_transfer(struct guest *guest)
{
    int fd = accept(guest->listener, NULL, NULL);

    if (fd < 0)
        return;
    if (guest->transfer.fd >= 0)
        close(guest->transfer.fd);
    transfer_open(&guest->transfer, fd, true, guest->tcp_rate);
}

static void serve_transfer(struct guest *guest)
{
    transfer_receive(&guest->transfer);
    if (!guest->transfer.ended && !guest->transfer.failed)
        return;
    close(guest->transfer.fd);
    guest->transfer.fd = -1;
}

static void wait_for_work(struct guest *guest, uint64_t next_ns)
{
    uint64_t now = probe_clock_ns(CLOCK_MONOTONIC), left = next_ns > now ? next_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
    struct pollfd fds[] = {
        {.fd = guest->udp, .events = POLLIN},
        {.fd = guest->listener, .events = POLLIN},
        {.fd = guest->transfer.fd, .events = POLLIN},
    };

    if (ppoll(fds, 3, &timeout, NULL) <= 0)
        return;
    if (fds[0].revents)
        handle_datagrams(guest);
    if (fds[2].revents)
        serve_transfer(guest);
    if (fds[1].revents)
        accept_transfer(guest);
}

int probe_guest(uint16_t port, uint32_t tcp_rate)
{
    static struct guest guest;

    guest.udp = probe_socket(SOCK_DGRAM);
    guest.listener = probe_socket(SOCK_STREAM);
    guest.transfer.fd = -1;
    guest.tcp_rate = tcp_rate;
    probe_bind(guest.udp, port);
    probe_bind(guest.listener, port);
    if (listen(guest.listener, 4) < 0)
        probe_die("listen");
    puts("probe: ready");
    for (;;) {
        uint64_t now = probe_clock_ns(CLOCK_MONOTONIC);

        if (guest.transfer.fd >= 0 && guest.tick_ns <= now) {
            transfer_send(&guest.transfer);
            guest.tick_ns = now + TRANSFER_TICK_NS;
        }
        wait_for_work(&guest, send_due(&guest, guest.transfer.fd >= 0 ? guest.tick_ns : now + 1000000000u));
    }
}
