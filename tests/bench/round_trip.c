/* SPDX-License-Identifier: BSD-3-Clause */
/* The round trip of tests/bench/run.sh: one small UDP packet goes and comes back, then the next one.
 *
 *   round-trip echo ADDRESS PORT          says "ready", and sends back what comes until it is stopped
 *   round-trip ask ADDRESS PORT TRIPS     asks that often, and prints one line of JSON: percentiles in µs
 *
 * One at a time, so that no queue is measured but the path: what both ends spend in sockets and waking up is
 * part of it, the same for every chain. A packet carries its number, and an answer to another one does not
 * count; one that does not come back in time is lost. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_LEN 18 /* a 64-byte frame of the wire: 14 and 4 of Ethernet, 20 of IP, 8 of UDP */
#define WARM_UP 200    /* round trips that fill caches and neighbour tables first */
#define MAX_TRIPS 1000000
#define TIMEOUT_S 1

static void die(const char *what)
{
    fprintf(stderr, "round-trip: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        die("clock");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in parse_place(const char *addr, const char *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};

    if (inet_pton(AF_INET, addr, &place.sin_addr) != 1 || place.sin_port == 0) {
        errno = EINVAL;
        die(addr);
    }
    return place;
}

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    return fd;
}

static void echo(const struct sockaddr_in *own)
{
    int fd = open_socket();

    if (bind(fd, (const struct sockaddr *)own, sizeof *own) < 0)
        die("bind");
    puts("ready");
    fflush(stdout);
    for (;;) {
        uint8_t bytes[PAYLOAD_LEN];
        struct sockaddr_in asker;
        socklen_t asker_len = sizeof asker;
        ssize_t len = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&asker, &asker_len);
        if (len < 0 || sendto(fd, bytes, (size_t)len, 0, (struct sockaddr *)&asker, asker_len) != len)
            die("echo");
    }
}

/* The time of one round trip; 0 when it is lost. */
static uint64_t trip_ns(int fd, uint32_t number)
{
    uint8_t bytes[PAYLOAD_LEN] = {0};
    uint64_t start_ns = now_ns();
    uint32_t answered;

    memcpy(bytes, &number, sizeof number);
    if (send(fd, bytes, sizeof bytes, 0) != sizeof bytes)
        die("send");
    do {
        ssize_t len = recv(fd, bytes, sizeof bytes, 0);
        if (len < 0 && errno == EAGAIN)
            return 0;
        if (len != sizeof bytes)
            die("receive");
        memcpy(&answered, bytes, sizeof answered);
    } while (answered != number);
    return now_ns() - start_ns;
}

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;

    return (*a > *b) - (*a < *b);
}

/* The time that the share of the round trips, in percent, did not exceed. */
static double percentile_us(const uint64_t *sorted_ns, size_t count, size_t percent)
{
    return (double)sorted_ns[(count * percent + 99) / 100 - 1] / 1e3;
}

static void ask(const struct sockaddr_in *echo_end, uint32_t trips)
{
    static uint64_t taken_ns[MAX_TRIPS];
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    size_t count = 0;
    int fd = open_socket();

    if (connect(fd, (const struct sockaddr *)echo_end, sizeof *echo_end) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
        die("connect");
    for (uint32_t number = 0; number < WARM_UP + trips; number++) {
        uint64_t ns = trip_ns(fd, number);
        if (ns > 0 && number >= WARM_UP)
            taken_ns[count++] = ns;
    }
    if (count == 0) {
        errno = ETIMEDOUT;
        die("no answer");
    }
    qsort(taken_ns, count, sizeof taken_ns[0], compare);
    printf("{\"trips\":%zu,\"lost\":%zu,\"p50_us\":%.3f,\"p99_us\":%.3f}\n", count, trips - count,
           percentile_us(taken_ns, count, 50), percentile_us(taken_ns, count, 99));
}

int main(int argc, char **argv)
{
    unsigned long trips = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;

    if (argc == 4 && strcmp(argv[1], "echo") == 0) {
        struct sockaddr_in own = parse_place(argv[2], argv[3]);
        echo(&own);
    } else if (argc == 5 && strcmp(argv[1], "ask") == 0 && trips > 0 && trips <= MAX_TRIPS) {
        struct sockaddr_in echo_end = parse_place(argv[2], argv[3]);
        ask(&echo_end, (uint32_t)trips);
        return 0;
    }
    fprintf(stderr, "usage: round-trip echo ADDRESS PORT\n       round-trip ask ADDRESS PORT TRIPS\n");
    return 2;
}
