/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns a long way between sites: a relay between a site's uplink and its bridge that delays every frame and
 * loses some of what agents send each other.
 *
 * usage: wan-relay OUTSIDE INSIDE DELAY_US SEED CONTROL_PERCENT TUNNEL_PERCENT
 *
 * Each direction is one queue with one delay: nothing is ever reordered. Only what leaves the site is lost,
 * so that a message between two sites with such relays is at stake once: agents' messages (UDP 434 and 4340)
 * with one probability, tunnelled data (protocol 4, and the UDP tunnel of RFC 3519) with another, all else
 * never. The choice is the seed's. Each line of standard input is answered by the counts, in JSON; its end is
 * the relay's. Frames keep their virtio headers on the way: what a kernel has not cut or summed yet stays as
 * it is.
 */
#include "tests/vm/probe/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_LEN 65536 /* frames per direction; more is counted as overflow */
#define FRAME_MAX (65536 + 64)
#define VNET_HEADER_LEN 10
#define RECEIVE_BUFFER_LEN (16 << 20)
#define PORT_MOBILE_IP 434
#define PORT_CONTROL 4340
#define TUNNEL_DATA 4 /* RFC 3519, section 3.1.2: the type of a tunnel data message */
#define TUNNEL_DATA_LEN 4
#define IPV4_LEN 20
#define UDP_LEN 8

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum kind {
    KIND_OTHER, /* never lost */
    KIND_CONTROL,
    KIND_TUNNEL_DOWN, /* a probe to the guest */
    KIND_TUNNEL_UP,   /* a probe from the guest */
    KIND_TUNNEL_OTHER,
    KIND_COUNT,
};

static const char *const kind_names[] = {"other", "control", "tunnel_down", "tunnel_up", "tunnel_other"};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == KIND_COUNT, "a name for each kind");

struct held {
    uint64_t due_ns;
    uint8_t *bytes;
    size_t len; /* with the virtio header */
};

/* One way: frames read at `from` leave at `to`. */
struct way {
    int from, to;
    bool leaves_site;
    uint32_t head, count;
    struct held queue[QUEUE_LEN];
};

struct relay {
    struct way ways[2];
    uint64_t delay_ns, random;
    uint32_t control_percent, tunnel_percent;
    uint64_t passed[KIND_COUNT], dropped[KIND_COUNT], overflow;
};

static void die(const char *what)
{
    fprintf(stderr, "wan-relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_link(const char *name)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), on = 1, len = RECEIVE_BUFFER_LEN;

    at.sll_ifindex = (int)if_nametoindex(name);
    if (fd < 0 || at.sll_ifindex == 0)
        die(name);
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &len, sizeof(len)) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        die(name);
    return fd;
}

static uint32_t percent(struct relay *relay)
{
    relay->random ^= relay->random << 13;
    relay->random ^= relay->random >> 7;
    relay->random ^= relay->random << 17;
    return (uint32_t)(relay->random >> 33) % 100;
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* What a tunnel carries: an IPv4 packet. */
static enum kind kind_of_inner(const uint8_t *packet, size_t len)
{
    struct probe_header probe;

    if (len < IPV4_LEN + UDP_LEN || packet[0] != 0x45 || packet[9] != IPPROTO_UDP ||
        !probe_decode(&probe, packet + IPV4_LEN + UDP_LEN, len - IPV4_LEN - UDP_LEN))
        return KIND_TUNNEL_OTHER;
    return probe.type == PROBE_DOWN ? KIND_TUNNEL_DOWN
           : probe.type == PROBE_UP ? KIND_TUNNEL_UP
                                    : KIND_TUNNEL_OTHER;
}

static enum kind kind_of_udp(const uint8_t *datagram, size_t len)
{
    uint16_t src = get16(datagram), dst = get16(datagram + 2);

    if ((src == PORT_MOBILE_IP || dst == PORT_MOBILE_IP) && len >= UDP_LEN + TUNNEL_DATA_LEN &&
        datagram[UDP_LEN] == TUNNEL_DATA)
        return kind_of_inner(datagram + UDP_LEN + TUNNEL_DATA_LEN, len - UDP_LEN - TUNNEL_DATA_LEN);
    if (src == PORT_MOBILE_IP || dst == PORT_MOBILE_IP || src == PORT_CONTROL || dst == PORT_CONTROL)
        return KIND_CONTROL;
    return KIND_OTHER;
}

static enum kind kind_of(const uint8_t *frame, size_t len)
{
    const uint8_t *packet = frame + ETH_HLEN;

    if (len < ETH_HLEN + IPV4_LEN + UDP_LEN || get16(frame + 12) != ETH_P_IP || packet[0] != 0x45)
        return KIND_OTHER;
    len -= ETH_HLEN + IPV4_LEN;
    if (packet[9] == IPPROTO_IPIP)
        return kind_of_inner(packet + IPV4_LEN, len);
    return packet[9] == IPPROTO_UDP ? kind_of_udp(packet + IPV4_LEN, len) : KIND_OTHER;
}

static bool is_lost(struct relay *relay, enum kind kind)
{
    if (kind == KIND_OTHER)
        return false;
    return percent(relay) < (kind == KIND_CONTROL ? relay->control_percent : relay->tunnel_percent);
}

static void hold(struct relay *relay, struct way *way, const uint8_t *bytes, size_t len)
{
    enum kind kind = kind_of(bytes + VNET_HEADER_LEN, len - VNET_HEADER_LEN);
    struct held *held = &way->queue[(way->head + way->count) % QUEUE_LEN];

    if (way->leaves_site && is_lost(relay, kind)) {
        relay->dropped[kind]++;
        return;
    }
    if (way->count == QUEUE_LEN) {
        relay->overflow++;
        return;
    }
    *held = (struct held){.due_ns = probe_clock_ns(CLOCK_MONOTONIC) + relay->delay_ns, .len = len};
    if (!(held->bytes = malloc(len)))
        die("memory");
    memcpy(held->bytes, bytes, len);
    way->count++;
    relay->passed[kind] += way->leaves_site;
}

static void take(struct relay *relay, struct way *way)
{
    static uint8_t bytes[FRAME_MAX];
    ssize_t len;

    while ((len = recv(way->from, bytes, sizeof(bytes), 0)) > VNET_HEADER_LEN)
        hold(relay, way, bytes, (size_t)len);
    if (len < 0 && errno != EAGAIN && errno != ENETDOWN)
        die("receive");
}

/* Sends what is due; gives when the next is. */
static uint64_t release(struct relay *relay, struct way *way, uint64_t next_ns)
{
    while (way->count > 0) {
        struct held *held = &way->queue[way->head];

        if (held->due_ns > probe_clock_ns(CLOCK_MONOTONIC))
            return held->due_ns < next_ns ? held->due_ns : next_ns;
        if (send(way->to, held->bytes, held->len, 0) < 0)
            relay->overflow++;
        free(held->bytes);
        way->head = (way->head + 1) % QUEUE_LEN;
        way->count--;
    }
    return next_ns;
}

static void print_counts(const struct relay *relay)
{
    const char *comma = "";

    printf("{\"overflow\":%llu", (unsigned long long)relay->overflow);
    for (int dropped = 0; dropped < 2; dropped++) {
        printf(",\"%s\":{", dropped ? "dropped" : "passed");
        comma = "";
        for (int kind = 0; kind < KIND_COUNT; kind++) {
            printf("%s\"%s\":%llu", comma, kind_names[kind],
                   (unsigned long long)(dropped ? relay->dropped : relay->passed)[kind]);
            comma = ",";
        }
        printf("}");
    }
    puts("}");
}

static void run(struct relay *relay)
{
    struct pollfd fds[] = {{.fd = relay->ways[0].from, .events = POLLIN},
                           {.fd = relay->ways[1].from, .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    char line[64];

    for (;;) {
        uint64_t now = probe_clock_ns(CLOCK_MONOTONIC), next = now + 500000000u;
        struct timespec timeout;

        for (int way = 0; way < 2; way++)
            next = release(relay, &relay->ways[way], next);
        now = probe_clock_ns(CLOCK_MONOTONIC);
        timeout = (struct timespec){.tv_nsec = next > now ? (long)(next - now) : 0};
        if (ppoll(fds, 3, &timeout, NULL) <= 0)
            continue;
        for (int way = 0; way < 2; way++)
            if (fds[way].revents)
                take(relay, &relay->ways[way]);
        if (fds[2].revents && read(STDIN_FILENO, line, sizeof(line)) <= 0)
            return;
        if (fds[2].revents)
            print_counts(relay);
    }
}

int main(int argc, char **argv)
{
    static struct relay relay;
    int outside, inside;

    if (argc != 7) {
        fputs("usage: wan-relay OUTSIDE INSIDE DELAY_US SEED CONTROL_PERCENT TUNNEL_PERCENT\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    outside = open_link(argv[1]);
    inside = open_link(argv[2]);
    relay.ways[0].from = relay.ways[1].to = outside;
    relay.ways[0].to = relay.ways[1].from = inside;
    relay.ways[1].leaves_site = true;
    relay.delay_ns = strtoull(argv[3], NULL, 10) * 1000;
    relay.random = strtoull(argv[4], NULL, 10) * 0x9e3779b97f4a7c15u | 1;
    relay.control_percent = (uint32_t)strtoul(argv[5], NULL, 10);
    relay.tunnel_percent = (uint32_t)strtoul(argv[6], NULL, 10);
    puts("ready");
    run(&relay);
    for (int way = 0; way < 2; way++)
        for (; relay.ways[way].count > 0; relay.ways[way].count--)
            free(relay.ways[way].queue[relay.ways[way].head++ % QUEUE_LEN].bytes);
    return 0;
}
