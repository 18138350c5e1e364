/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the probes of a group: numbered streams between a correspondent and many guests that are namespaces,
 * and from each guest to the next, all sent and counted by one process with a socket in every namespace.
 *
 * Commands are lines of standard input, each answered by a line: "p" pauses what the guests send, as a
 * guest's own pause does; "r" resumes it; anything else, or the end, ends all streams and is answered by the
 * counts in JSON.
 */
#include "probe.h"
#include "stream.h"
#include "wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP_MAX 64
#define GROUP_PORT 7001
#define QUIET_MS 500

enum way {
    WAY_DOWN,
    WAY_UP,
    WAY_SIDE, /* to the next guest */
    WAY_COUNT,
};

static const char *const way_names[] = {"down", "up", "side"};
_Static_assert(sizeof(way_names) / sizeof(way_names[0]) == WAY_COUNT, "a name for each way");

struct member {
    struct sockaddr_in addr;
    struct stream_pace pace[WAY_COUNT];
    struct stream_count
        *count[WAY_COUNT]; /* of what the member's stream of that way brought to its other end */
};

struct group {
    uint32_t len;
    struct member members[GROUP_MAX];
    struct sockaddr_in correspondent;
    struct pollfd fds[GROUP_MAX + 2]; /* the members', the correspondent's, standard input */
    uint64_t paused_ns;               /* since when the guests are paused; 0: they are not */
};

/* A socket in the namespace that `name` names, as in NAME=ADDRESS; gives the address too. */
static int open_there(const char *text, struct sockaddr_in *addr)
{
    char path[128], name[64], address[INET_ADDRSTRLEN];
    int space, fd;

    if (sscanf(text, "%63[^=]=%15s", name, address) != 2)
        probe_die(text);
    snprintf(path, sizeof(path), "/run/netns/%s", name);
    space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0)
        probe_die(path);
    close(space);
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(GROUP_PORT)};
    if (inet_pton(AF_INET, address, &addr->sin_addr) != 1)
        probe_die(address);
    fd = probe_socket(SOCK_DGRAM);
    probe_bind(fd, GROUP_PORT);
    return fd;
}

static void send_probe(struct group *group, uint32_t index, enum way way)
{
    struct member *member = &group->members[index];
    uint32_t next = (index + 1) % group->len;
    const struct sockaddr_in *to = way == WAY_DOWN ? &member->addr
                                   : way == WAY_UP ? &group->correspondent
                                                   : &group->members[next].addr;
    struct probe_header header = {.type = way, .stream = index, .seq = member->pace[way].sent++};
    uint8_t packet[PROBE_LEN] = {0};

    header.time_ns = probe_clock_ns(CLOCK_REALTIME);
    probe_encode(packet, &header);
    sendto(group->fds[way == WAY_DOWN ? group->len : index].fd, packet, sizeof(packet), 0,
           (const struct sockaddr *)to, sizeof(*to));
}

/* Sends what is due; gives when the next is. */
static uint64_t send_due(struct group *group, uint64_t now)
{
    uint64_t next_ns = now + 100000000u;

    for (uint32_t index = 0; index < group->len; index++)
        for (enum way way = 0; way < WAY_COUNT; way++) {
            struct stream_pace *pace = &group->members[index].pace[way];

            if (way != WAY_DOWN && group->paused_ns)
                continue;
            while (stream_pace_next_ns(pace) <= now)
                send_probe(group, index, way);
            if (stream_pace_next_ns(pace) < next_ns)
                next_ns = stream_pace_next_ns(pace);
        }
    return next_ns;
}

static void receive(struct group *group, int fd)
{
    struct probe_header header;
    uint8_t packet[PROBE_LEN];
    ssize_t len;

    while ((len = recv(fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0)
        if (probe_decode(&header, packet, (size_t)len) && header.type < WAY_COUNT &&
            header.stream < group->len)
            stream_count_add(group->members[header.stream].count[header.type], header.seq);
}

static void receive_all(struct group *group)
{
    for (uint32_t index = 0; index <= group->len; index++)
        if (group->fds[index].revents)
            receive(group, group->fds[index].fd);
}

/* A pause moves the guests' deadlines by its length. */
static void set_paused(struct group *group, bool is_paused)
{
    uint64_t now = probe_clock_ns(CLOCK_MONOTONIC);

    if (!is_paused && group->paused_ns)
        for (uint32_t index = 0; index < group->len; index++)
            for (enum way way = WAY_UP; way < WAY_COUNT; way++)
                group->members[index].pace[way].start_ns += now - group->paused_ns;
    group->paused_ns = is_paused ? now : 0;
    puts(is_paused ? "paused" : "resumed");
}

/* False: it was the last command. */
static bool obey(struct group *group)
{
    char line[16];
    ssize_t len = read(STDIN_FILENO, line, sizeof(line));

    if (len <= 0 || (line[0] != 'p' && line[0] != 'r'))
        return false;
    set_paused(group, line[0] == 'p');
    return true;
}

static void run(struct group *group)
{
    for (;;) {
        uint64_t now = probe_clock_ns(CLOCK_MONOTONIC), next = send_due(group, now);
        struct timespec timeout = {.tv_nsec = (long)(next - now)};

        if (ppoll(group->fds, group->len + 2, &timeout, NULL) <= 0)
            continue;
        receive_all(group);
        if (group->fds[group->len + 1].revents && !obey(group))
            break;
    }
    while (poll(group->fds, group->len + 1, QUIET_MS) > 0)
        receive_all(group);
}

static void print_way(const struct group *group, enum way way)
{
    uint32_t sent = 0, received = 0, doubled = 0, reordered = 0, worst = 0;

    for (uint32_t index = 0; index < group->len; index++) {
        const struct member *member = &group->members[index];
        uint32_t lost = member->pace[way].sent - member->count[way]->received;

        sent += member->pace[way].sent;
        received += member->count[way]->received;
        doubled += member->count[way]->doubled;
        reordered += member->count[way]->reordered;
        worst = lost > worst ? lost : worst;
    }
    printf("\"%s\":{\"sent\":%u,\"lost\":%u,\"most_lost_by_one\":%u,\"doubled\":%u,\"reordered\":%u}",
           way_names[way], sent, sent - received, worst, doubled, reordered);
}

static void print_counts(const struct group *group)
{
    for (enum way way = 0; way < WAY_COUNT; way++) {
        fputs(way == 0 ? "{" : ",", stdout);
        print_way(group, way);
    }
    puts("}");
}

/* The streams start one after another, so that they are spread over time. */
static void open_member(struct group *group, uint32_t index, const char *text, uint32_t rate)
{
    struct member *member = &group->members[index];
    uint64_t now = probe_clock_ns(CLOCK_MONOTONIC);

    group->fds[index] = (struct pollfd){.fd = open_there(text, &member->addr), .events = POLLIN};
    for (enum way way = 0; way < WAY_COUNT; way++) {
        member->pace[way] = (struct stream_pace){.start_ns = now, .rate = rate};
        if (!(member->count[way] = calloc(1, sizeof(*member->count[way]))))
            probe_die("memory");
    }
}

int probe_group(uint32_t rate, const char *correspondent, char **members, uint32_t len)
{
    static struct group group;

    if (len == 0 || len > GROUP_MAX || rate == 0)
        return 2;
    group.len = len;
    group.fds[len] = (struct pollfd){.fd = open_there(correspondent, &group.correspondent), .events = POLLIN};
    group.fds[len + 1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    for (uint32_t index = 0; index < len; index++)
        open_member(&group, index, members[index], rate);
    puts("started");
    run(&group);
    print_counts(&group);
    for (uint32_t index = 0; index < len; index++)
        for (enum way way = 0; way < WAY_COUNT; way++)
            free(group.members[index].count[way]);
    return 0;
}
