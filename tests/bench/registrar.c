/* SPDX-License-Identifier: BSD-3-Clause */
/* A proxy mobility agent that only registers: sends requests made before (tests/bench/request.h) from UDP
 * port 434 of its own address, so many under way at a time that the home agent is always busy and nothing is
 * lost, and counts the accepted replies. Of some replies the authenticator is looked at when the time has
 * been taken. Prints one JSON object. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "firmware/base/clock.h"
#include "firmware/wire/registration.h"
#include "tests/bench/request.h"

#define BURST 32
#define SILENCE_MS 2000 /* no reply for so long: what is under way is lost */
#define SAMPLE_STEP 64

struct options {
    const char *own, *agent, *first, *key;
    unsigned nodes, count, window;
    pid_t pid;
};

struct message {
    size_t len;
    uint8_t bytes[HM_MIP_MAX_LEN / 2];
};

struct registrar {
    struct options options;
    struct request_plan plan;
    struct message *requests, *samples;
    struct message inbox[BURST];
    unsigned sent, accepted, refused, lost, sampled;
    int fd;
};

static void die(const char *what)
{
    fprintf(stderr, "registrar: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;

    if (clock_gettime(id, &now) != 0)
        die("clock");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t agent_cpu_ns(pid_t pid)
{
    clockid_t id;

    if (pid == 0)
        return 0;
    errno = clock_getcpuclockid(pid, &id);
    if (errno != 0)
        die("the agent's CPU clock");
    return clock_ns(id);
}

/* --- what it is told --------------------------------------------------------------------------------------
 */

static void parse(int argc, char **argv, struct options *options)
{
    static const struct option OPTIONS[] = {
        {"own", required_argument, NULL, 'o'},
        {"agent", required_argument, NULL, 'a'},
        {"first", required_argument, NULL, 'f'},
        {"key", required_argument, NULL, 'k'},
        {"nodes", required_argument, NULL, 'n'},
        {"count", required_argument, NULL, 'c'},
        {"window", required_argument, NULL, 'w'},
        {"pid", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct options){.nodes = 10000, .count = 20000, .window = 256};
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'o':
            options->own = optarg;
            break;
        case 'a':
            options->agent = optarg;
            break;
        case 'f':
            options->first = optarg;
            break;
        case 'k':
            options->key = optarg;
            break;
        case 'n':
            options->nodes = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            options->count = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            options->window = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'p':
            options->pid = (pid_t)strtol(optarg, NULL, 10);
            break;
        default:
            exit(2);
        }
    }
    if (options->own == NULL || options->agent == NULL || options->first == NULL || options->key == NULL ||
        options->nodes == 0 || options->count == 0 || options->window == 0) {
        fputs("registrar: --own --agent --first --key [--nodes --count --window --pid]\n", stderr);
        exit(2);
    }
}

static struct sockaddr_in name_of(const char *text)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(HM_MIP_PORT)};

    if (inet_pton(AF_INET, text, &name.sin_addr) != 1) {
        fprintf(stderr, "registrar: %s is no address\n", text);
        exit(2);
    }
    return name;
}

static struct hm_key key_of(const char *hex)
{
    struct hm_key key = {.len = strlen(hex) / 2};

    if (key.len > sizeof(key.bytes))
        exit(2);
    for (size_t i = 0; i < key.len; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            exit(2);
        key.bytes[i] = (uint8_t)byte;
    }
    return key;
}

static void open_socket(struct registrar *registrar)
{
    struct sockaddr_in own = name_of(registrar->options.own), agent = name_of(registrar->options.agent);
    int room = 4 << 20;

    registrar->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (registrar->fd < 0 ||
        setsockopt(registrar->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0 ||
        bind(registrar->fd, (const struct sockaddr *)&own, sizeof(own)) != 0 ||
        connect(registrar->fd, (const struct sockaddr *)&agent, sizeof(agent)) != 0)
        die(registrar->options.own);
}

/* --- requests and replies
 * ----------------------------------------------------------------------------------- */

static void make_requests(struct registrar *registrar)
{
    const struct options *options = &registrar->options;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    registrar->plan =
        (struct request_plan){.home_agent = ntohl(name_of(options->agent).sin_addr.s_addr),
                              .care_of_addr = ntohl(name_of(options->own).sin_addr.s_addr),
                              .first_addr = ntohl(name_of(options->first).sin_addr.s_addr),
                              .nodes = options->nodes,
                              .first_ntp = hm_ntp_from_unix((uint64_t)now.tv_sec, (uint32_t)now.tv_nsec),
                              .key = key_of(options->key)};
    registrar->requests = calloc(options->count, sizeof(*registrar->requests));
    registrar->samples = calloc(options->count / SAMPLE_STEP + 1, sizeof(*registrar->samples));
    if (registrar->requests == NULL || registrar->samples == NULL)
        die("memory");
    for (unsigned i = 0; i < options->count; i++) {
        uint8_t bytes[HM_MIP_MAX_LEN];
        struct message *request = &registrar->requests[i];
        request->len = request_write(&registrar->plan, i, bytes);
        if (request->len == 0 || request->len > sizeof(request->bytes))
            die("a request does not fit");
        memcpy(request->bytes, bytes, request->len);
    }
}

static unsigned under_way(const struct registrar *registrar)
{
    return registrar->sent - registrar->accepted - registrar->refused - registrar->lost;
}

/* What the window has room for. */
static void send_some(struct registrar *registrar)
{
    struct mmsghdr headers[BURST] = {0};
    struct iovec parts[BURST];
    unsigned count = 0, room = registrar->options.window - under_way(registrar);
    int sent;

    for (; count < BURST && count < room && registrar->sent + count < registrar->options.count; count++) {
        struct message *request = &registrar->requests[registrar->sent + count];
        parts[count] = (struct iovec){.iov_base = request->bytes, .iov_len = request->len};
        headers[count].msg_hdr = (struct msghdr){.msg_iov = &parts[count], .msg_iovlen = 1};
    }
    if (count == 0)
        return;
    sent = sendmmsg(registrar->fd, headers, count, 0);
    if (sent < 0)
        die("send");
    registrar->sent += (unsigned)sent;
}

static void take(struct registrar *registrar, const struct message *reply)
{
    if (!request_is_accepted(reply->bytes, reply->len)) {
        registrar->refused++;
        return;
    }
    if (registrar->accepted++ % SAMPLE_STEP == 0 &&
        registrar->sampled < registrar->options.count / SAMPLE_STEP + 1)
        registrar->samples[registrar->sampled++] = *reply;
}

/* What has come; waits for something when there is nothing to be sent. */
static void receive_some(struct registrar *registrar)
{
    struct mmsghdr headers[BURST] = {0};
    struct iovec parts[BURST];
    struct pollfd ready = {.fd = registrar->fd, .events = POLLIN};
    bool must_wait =
        under_way(registrar) == registrar->options.window || registrar->sent == registrar->options.count;
    int came;

    if (poll(&ready, 1, must_wait ? SILENCE_MS : 0) == 0) {
        if (must_wait)
            registrar->lost += under_way(registrar);
        return;
    }
    for (unsigned i = 0; i < BURST; i++) {
        parts[i] = (struct iovec){.iov_base = registrar->inbox[i].bytes,
                                  .iov_len = sizeof(registrar->inbox[i].bytes)};
        headers[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    came = recvmmsg(registrar->fd, headers, BURST, MSG_DONTWAIT, NULL);
    if (came < 0 && errno != EAGAIN)
        die("receive");
    for (int i = 0; i < came; i++) {
        registrar->inbox[i].len = headers[i].msg_len;
        take(registrar, &registrar->inbox[i]);
    }
}

static void converse(struct registrar *registrar)
{
    while (registrar->sent < registrar->options.count || under_way(registrar) > 0) {
        send_some(registrar);
        receive_some(registrar);
    }
}

static unsigned count_wrong(const struct registrar *registrar)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < registrar->sampled; i++)
        wrong +=
            !request_reply_is_right(&registrar->plan, registrar->samples[i].bytes, registrar->samples[i].len);
    return wrong;
}

int main(int argc, char **argv)
{
    static struct registrar registrar;
    uint64_t begin, cpu, took;

    parse(argc, argv, &registrar.options);
    open_socket(&registrar);
    make_requests(&registrar);
    cpu = agent_cpu_ns(registrar.options.pid);
    begin = clock_ns(CLOCK_MONOTONIC);
    converse(&registrar);
    took = clock_ns(CLOCK_MONOTONIC) - begin;
    cpu = agent_cpu_ns(registrar.options.pid) - cpu;
    printf(
        "{\"accepted\": %u, \"refused\": %u, \"lost\": %u, \"sampled\": %u, \"wrong\": %u, \"per_s\": %.0f, "
        "\"cpu_us\": %.2f, \"busy\": %.3f}\n",
        registrar.accepted, registrar.refused, registrar.lost, registrar.sampled, count_wrong(&registrar),
        registrar.accepted / ((double)took / 1e9),
        registrar.accepted > 0 ? (double)cpu / 1000 / registrar.accepted : 0, (double)cpu / (double)took);
    close(registrar.fd);
    return 0;
}
