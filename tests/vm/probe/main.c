/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the probe program's command line, for the guest and for the correspondent. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER_LEN (16 << 20)

void probe_die(const char *what)
{
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    exit(1);
}

int probe_socket(int type)
{
    int fd = socket(AF_INET, type, 0), on = 1, len = RECEIVE_BUFFER_LEN;

    if (fd < 0)
        probe_die("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (type == SOCK_DGRAM)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &len, sizeof(len));
    return fd;
}

void probe_bind(int fd, uint16_t port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
        probe_die("bind");
}

bool probe_wait(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, timeout_ms) > 0;
}

static int usage(void)
{
    fputs("usage: probe guest PORT TCP_RATE\n"
          "       probe ask ADDRESS PORT TIMEOUT_MS\n"
          "       probe stream ADDRESS PORT NUMBER RATE UP_RATE STAMP_FILE\n"
          "       probe connection ADDRESS PORT TCP_RATE\n"
          "       probe group RATE CORRESPONDENT MEMBER...\n",
          stderr);
    return 2;
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    struct sockaddr_in guest = {.sin_family = AF_INET};

    setvbuf(stdout, NULL, _IOLBF, 0);
    prctl(PR_SET_TIMERSLACK, 1000);
    if (argc == 4 && strcmp(argv[1], "guest") == 0)
        return probe_guest((uint16_t)number(argv[2]), number(argv[3]));
    if (argc > 4 && strcmp(argv[1], "group") == 0)
        return probe_group(number(argv[2]), argv[3], argv + 4, (uint32_t)argc - 4);
    if (argc < 5 || inet_pton(AF_INET, argv[2], &guest.sin_addr) != 1)
        return usage();
    guest.sin_port = htons((uint16_t)number(argv[3]));
    if (argc == 5 && strcmp(argv[1], "ask") == 0)
        return probe_ask(&guest, number(argv[4]));
    if (argc == 8 && strcmp(argv[1], "stream") == 0)
        return probe_stream(&guest, number(argv[4]), number(argv[5]), number(argv[6]), argv[7]);
    if (argc == 5 && strcmp(argv[1], "connection") == 0)
        return probe_connection(&guest, number(argv[4]));
    return usage();
}
