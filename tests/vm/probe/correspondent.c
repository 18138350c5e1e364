/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the correspondent's end: sends numbered probes at absolute deadlines with their stamps, counts the
 * guest's, asks for the guest's counts, and holds the TCP connection.
 *
 * Standard input is the command channel of whoever started it. The sender runs at real-time priority where
 * that is allowed: on a machine whose few cores emulate a guest, a probe that is not sent during the pause
 * proves nothing.
 */
#include "probe.h"
#include "stream.h"
#include "transfer.h"
#include "wire.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK_AGAIN_MS 100
#define ASK_FOR_MS 10000
#define QUIET_MS 300 /* after the end of both streams: what is still on its way arrives */

struct correspondent {
    struct sockaddr_in guest;
    int fd;
    uint32_t stream;
    struct stream_pace pace;
    struct stream_count count;
    uint64_t *stamps; /* of each number sent */
    char text[PROBE_REPLY_LEN];
};

static void send_request(struct correspondent *me, uint32_t type, uint32_t seq, uint32_t arg)
{
    uint8_t packet[PROBE_LEN] = {0};
    struct probe_header header = {.type = type, .stream = me->stream, .seq = seq, .arg = arg};

    header.time_ns = probe_clock_ns(CLOCK_REALTIME);
    if (type == PROBE_DOWN)
        me->stamps[seq] = header.time_ns;
    probe_encode(packet, &header);
    sendto(me->fd, packet, sizeof(packet), 0, (struct sockaddr *)&me->guest, sizeof(me->guest));
}

/* Reads one datagram that is there, counting probes. Its type, or 0; `arg` as the header has it. */
static uint32_t receive(struct correspondent *me, uint32_t *arg)
{
    uint8_t packet[PROBE_REPLY_LEN + 1];
    struct probe_header header;
    ssize_t len = recv(me->fd, packet, sizeof(packet) - 1, MSG_DONTWAIT);

    if (len < 0 || !probe_decode(&header, packet, (size_t)len) || header.stream != me->stream)
        return 0;
    packet[len] = 0;
    if (header.type == PROBE_UP)
        stream_count_add(&me->count, header.seq);
    if (header.type == PROBE_REPORTED)
        snprintf(me->text, sizeof(me->text), "%s", (char *)packet + PROBE_HEADER_LEN);
    *arg = header.arg;
    return header.type;
}

/* Asks until `answer` comes. False: it did not come within `timeout_ms`. */
static bool ask(struct correspondent *me, uint32_t type, uint32_t *arg, uint32_t answer, uint32_t timeout_ms)
{
    uint64_t now = probe_clock_ns(CLOCK_MONOTONIC), end = now + timeout_ms * 1000000ull, again = now;
    uint32_t got;

    for (; now < end; now = probe_clock_ns(CLOCK_MONOTONIC)) {
        if (now >= again) {
            send_request(me, type, 0, *arg);
            again = now + ASK_AGAIN_MS * 1000000ull;
        }
        if (probe_wait(me->fd, ASK_AGAIN_MS / 4) && receive(me, &got) == answer) {
            *arg = got;
            return true;
        }
    }
    return false;
}

/* Sends and counts until standard input has something. */
static void run_stream(struct correspondent *me, uint32_t rate)
{
    struct pollfd fds[] = {{.fd = me->fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    uint32_t arg;

    me->pace = (struct stream_pace){.start_ns = probe_clock_ns(CLOCK_MONOTONIC), .rate = rate};
    while (me->pace.sent < PROBE_SEQ_MAX) {
        uint64_t now = probe_clock_ns(CLOCK_MONOTONIC), next = stream_pace_next_ns(&me->pace);
        struct timespec timeout = {.tv_nsec = next > now ? (long)(next - now) : 0};

        if (next <= now) {
            send_request(me, PROBE_DOWN, me->pace.sent, 0);
            me->pace.sent++;
            continue;
        }
        if (ppoll(fds, 2, &timeout, NULL) <= 0)
            continue;
        if (fds[1].revents)
            return;
        while (receive(me, &arg) != 0)
            ;
    }
}

static void drain(struct correspondent *me)
{
    uint32_t arg;

    while (probe_wait(me->fd, QUIET_MS))
        receive(me, &arg);
}

static void write_stamps(const struct correspondent *me, const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file)
        probe_die(path);
    for (uint32_t seq = 0; seq < me->pace.sent; seq++)
        fprintf(file, "%u %llu\n", seq, (unsigned long long)me->stamps[seq]);
    if (fclose(file) != 0)
        probe_die(path);
}

/* A new correspondent on a socket of its own. */
static struct correspondent *create(const struct sockaddr_in *guest, uint32_t stream)
{
    struct correspondent *me = calloc(1, sizeof(*me));

    if (!me || !(me->stamps = calloc(PROBE_SEQ_MAX, sizeof(*me->stamps))))
        probe_die("memory");
    me->guest = *guest;
    me->stream = stream;
    me->fd = probe_socket(SOCK_DGRAM);
    stream_count_reset(&me->count, stream);
    return me;
}

static void destroy(struct correspondent *me)
{
    close(me->fd);
    free(me->stamps);
    free(me);
}

int probe_ask(const struct sockaddr_in *guest, uint32_t timeout_ms)
{
    struct correspondent *me = create(guest, 0);
    uint32_t arg = 0;
    bool answered = ask(me, PROBE_REPORT, &arg, PROBE_REPORTED, timeout_ms);

    if (answered)
        puts(me->text);
    destroy(me);
    return answered ? 0 : 1;
}

int probe_stream(const struct sockaddr_in *guest, uint32_t stream, uint32_t rate, uint32_t up_rate,
                 const char *stamps)
{
    struct sched_param priority = {.sched_priority = 1};
    struct correspondent *me = create(guest, stream);
    char counted[1100];
    uint32_t up_sent = up_rate, sent;
    bool answered;

    sched_setscheduler(0, SCHED_FIFO, &priority);
    if (up_rate > 0 && !ask(me, PROBE_START, &up_sent, PROBE_STARTED, ASK_FOR_MS)) {
        destroy(me);
        return 1;
    }
    puts("started");
    run_stream(me, rate);
    up_sent = 0;
    sent = me->pace.sent;
    answered = ask(me, PROBE_STOP, &up_sent, PROBE_STOPPED, ASK_FOR_MS);
    drain(me);
    answered = answered && ask(me, PROBE_REPORT, &sent, PROBE_REPORTED, ASK_FOR_MS);
    stream_count_print(&me->count, up_sent, counted, sizeof(counted));
    write_stamps(me, stamps);
    printf("{\"answered\":%s,\"sent\":%u,\"guest_sent\":%u,\"up\":%s,\"guest\":%s}\n",
           answered ? "true" : "false", me->pace.sent, up_sent, counted, answered ? me->text : "null");
    destroy(me);
    return answered ? 0 : 1;
}

static void print_connection(struct transfer *transfer)
{
    printf("{\"sent\":%llu,\"acknowledged\":%llu,\"received\":%llu,\"wrong\":%llu,\"longest_gap_ms\":%.1f,"
           "\"retransmitted\":%u,\"timeouts\":%llu,\"ended\":%s,\"failed\":%s}\n",
           (unsigned long long)transfer->sent, (unsigned long long)transfer_acknowledged(transfer),
           (unsigned long long)transfer->received, (unsigned long long)transfer->wrong,
           (double)transfer->longest_gap_ns / 1e6, transfer_retransmitted(transfer),
           (unsigned long long)transfer_timeouts(), transfer->ended ? "true" : "false",
           transfer->failed ? "true" : "false");
    transfer->longest_gap_ns = 0;
}

/* Serves the connection until standard input ends; each line there is answered by the state. */
static void run_connection(struct transfer *transfer)
{
    struct pollfd fds[] = {{.fd = transfer->fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    uint64_t tick_ns = 0;
    char line[64];

    for (;;) {
        uint64_t now = probe_clock_ns(CLOCK_MONOTONIC);

        if (now >= tick_ns) {
            transfer_send(transfer);
            tick_ns = now + TRANSFER_TICK_NS;
        }
        if (transfer->ended || transfer->failed)
            fds[0].fd = -1;
        if (poll(fds, 2, (int)((tick_ns - now) / 1000000u)) <= 0)
            continue;
        if (fds[0].revents)
            transfer_receive(transfer);
        if (fds[1].revents && read(STDIN_FILENO, line, sizeof(line)) <= 0)
            return;
        if (fds[1].revents)
            print_connection(transfer);
    }
}

int probe_connection(const struct sockaddr_in *guest, uint32_t rate)
{
    struct transfer transfer;
    int fd = probe_socket(SOCK_STREAM);
    uint64_t end;

    if (connect(fd, (const struct sockaddr *)guest, sizeof(*guest)) < 0)
        probe_die("connect");
    transfer_open(&transfer, fd, false, rate);
    puts("started");
    run_connection(&transfer);
    shutdown(fd, SHUT_WR);
    end = probe_clock_ns(CLOCK_MONOTONIC) + ASK_FOR_MS * 1000000ull;
    while (!transfer.ended && !transfer.failed && probe_clock_ns(CLOCK_MONOTONIC) < end)
        if (probe_wait(fd, ASK_AGAIN_MS))
            transfer_receive(&transfer);
    print_connection(&transfer);
    close(fd);
    return transfer.ended && !transfer.failed ? 0 : 1;
}
