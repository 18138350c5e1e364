/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns one end of the TCP connection: paced sending of known bytes, and the check of what arrives. */
#include "transfer.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_LEN 16384
#define CREDIT_MS 50          /* how much may be caught up after a stall */
#define SEND_BUFFER_LEN 65536 /* small: what waits in it leaves at line speed once the stall is over */

static uint8_t byte_at(uint64_t offset, bool from_guest)
{
    return (uint8_t)((offset + (from_guest ? 77 : 0)) * 0x9e3779b97f4a7c15u >> 56);
}

void transfer_open(struct transfer *transfer, int fd, bool is_guest, uint32_t rate)
{
    int on = 1, len = SEND_BUFFER_LEN;
    uint64_t now = probe_clock_ns(CLOCK_MONOTONIC);

    memset(transfer, 0, sizeof(*transfer));
    transfer->fd = fd;
    transfer->is_guest = is_guest;
    transfer->rate = rate;
    transfer->last_send_ns = now;
    transfer->last_receive_ns = now;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof(len));
}

/* Adds what the time since the last call is worth. */
static void earn_credit(struct transfer *transfer)
{
    uint64_t now = probe_clock_ns(CLOCK_MONOTONIC), limit = (uint64_t)transfer->rate * CREDIT_MS / 1000;

    transfer->credit += (now - transfer->last_send_ns) * transfer->rate / 1000000000u;
    if (transfer->credit > limit)
        transfer->credit = limit;
    transfer->last_send_ns = now;
}

static void note_error(struct transfer *transfer)
{
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        transfer->failed = true;
}

void transfer_send(struct transfer *transfer)
{
    uint8_t chunk[CHUNK_LEN];

    earn_credit(transfer);
    while (transfer->credit > 0 && !transfer->failed) {
        size_t len = transfer->credit < sizeof(chunk) ? (size_t)transfer->credit : sizeof(chunk);
        ssize_t done;

        for (size_t i = 0; i < len; i++)
            chunk[i] = byte_at(transfer->sent + i, transfer->is_guest);
        done = send(transfer->fd, chunk, len, MSG_NOSIGNAL);
        if (done < 0) {
            note_error(transfer);
            return;
        }
        transfer->sent += (uint64_t)done;
        transfer->credit -= (uint64_t)done;
    }
}

static void check(struct transfer *transfer, const uint8_t *bytes, size_t len)
{
    uint64_t now = probe_clock_ns(CLOCK_MONOTONIC), gap = now - transfer->last_receive_ns;

    if (gap > transfer->longest_gap_ns)
        transfer->longest_gap_ns = gap;
    transfer->last_receive_ns = now;
    for (size_t i = 0; i < len; i++)
        transfer->wrong += bytes[i] != byte_at(transfer->received + i, !transfer->is_guest);
    transfer->received += len;
}

void transfer_receive(struct transfer *transfer)
{
    uint8_t chunk[CHUNK_LEN];
    ssize_t len;

    while ((len = recv(transfer->fd, chunk, sizeof(chunk), 0)) > 0)
        check(transfer, chunk, (size_t)len);
    if (len == 0)
        transfer->ended = true;
    else
        note_error(transfer);
}

static struct tcp_info info_of(const struct transfer *transfer)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    getsockopt(transfer->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info;
}

uint64_t transfer_acknowledged(const struct transfer *transfer)
{
    return info_of(transfer).tcpi_bytes_acked;
}

uint32_t transfer_retransmitted(const struct transfer *transfer)
{
    return info_of(transfer).tcpi_total_retrans;
}

/* The kernel writes a line of names, and a line of as many values below it. */
uint64_t transfer_timeouts(void)
{
    static char names[4096], values[4096];
    FILE *file = fopen("/proc/net/netstat", "r");
    char *name_rest, *value_rest, *name, *value;
    uint64_t timeouts = 0;

    if (!file)
        return 0;
    while (fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
        name = strtok_r(names, " ", &name_rest);
        value = strtok_r(values, " ", &value_rest);
        while (name && value && strcmp(name, "TCPTimeouts") != 0) {
            name = strtok_r(NULL, " ", &name_rest);
            value = strtok_r(NULL, " ", &value_rest);
        }
        if (name && value)
            timeouts = strtoull(value, NULL, 10);
    }
    fclose(file);
    return timeouts;
}
