/* SPDX-License-Identifier: BSD-3-Clause */
/* What many bindings cost: a look-up and a whole packet at a thousand and at a million, the memory of an idle
 * one, and the longest time for which the packet path waits while a million lifetimes end. Packets go to all
 * of the bindings at random, where caches help least, or ("busy") to ten thousand of them, while the others
 * are idle. One home agent in this process; what it sends is counted and forgotten. Prints one JSON object.
 *
 * Look-ups and packets are measured as the agent makes them, in batches, each foreseen while the batch is
 * collected; and ("bare") one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "firmware/path/path.h"
#include "firmware/router.h"
#include "platform/linux/pages.h"
#include "tests/bench/quiet_port.h"
#include "tests/unit/rig/config.h"

#define HOME 0x0a000000u /* 10.0.0.0/8 */
#define AGENT (HOME + 2)
#define ROUTER (HOME + 1)
#define FIRST (HOME + 0x10000)
#define PEER 0xc0000202u
#define FAR 0xc6336407u
#define FEW 1000u
#define MANY 1000000u
#define BUSY 10000u
#define PACKETS 1000000u /* a multiple of HM_ROUTER_AHEAD */
#define ROUNDS 3
#define LIFETIME_MS 300000u
#define SPREAD_MS 1000u

_Static_assert(PACKETS % HM_ROUTER_AHEAD == 0, "whole batches");

static const struct hm_mac AGENT_MAC = {{2, 0, 0, 0, 0, 2}}, ROUTER_MAC = {{2, 0, 0, 0, 0, 1}};

struct world {
    struct hm_router_config config;
    struct hm_peer_config peer;
    struct hm_port port;
    struct hm_time now;
    struct hm_env env;
    struct hm_neighbours neighbours;
    struct hm_path path;
    struct hm_agent agent;
    uint64_t sent, chance;
    uint32_t addrs[PACKETS]; /* to be looked up */
};

static struct world *world;

/* `count` bindings, of which `busy` get packets, at random. */
struct traffic {
    unsigned count, busy;
};

static void die(const char *what)
{
    fprintf(stderr, "capacity: %s\n", what);
    exit(1);
}

static int send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    (void)ctx;
    (void)link;
    (void)frame;
    world->sent++;
    return 0;
}

static void use_large_pages(void *ctx, void *memory, size_t len)
{
    (void)ctx;
    hm_pages_make_large(memory, len);
}

static void on_tunnel(void *arg, unsigned link, struct hm_frame *frame)
{
    (void)link;
    hm_path_decapsulate(arg, frame);
}

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

/* What something costs is told by the processor's time: the wall clock's has the machine's other work in it.
 */
static uint64_t spent_ns(void)
{
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static size_t resident_len(void)
{
    unsigned long whole = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%lu %lu", &whole, &resident) != 2)
        die("/proc/self/statm");
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void configure(unsigned count)
{
    struct hm_router_config *config = &world->config;

    world->peer = (struct hm_peer_config){.name = "b", .addr = PEER, .spi = 1000, .key.len = 32};
    config_begin(config, &world->peer, 1);
    config->home = (struct hm_prefix){.addr = HOME, .len = 8};
    config->home_router = ROUTER;
    config->max_bindings = count;
    config->links[0] = (struct hm_link_config){
        .name = "lan", .addr = AGENT, .prefix = config->home, .mac = AGENT_MAC, .mtu = 1500};
    config->routes[0] = (struct hm_route_config){.gateway = ROUTER};
    world->port = (struct hm_port){.send_frame = send_frame,
                                   .send_datagram = quiet_datagram,
                                   .use_large_pages = use_large_pages,
                                   .random = quiet_random,
                                   .log = quiet_log};
    world->now = (struct hm_time){.mono_us = 1000000000, .ntp = 4000000000ull << 32};
}

static void start(unsigned count)
{
    struct hm_stack_path hooks = {.arg = &world->path, .tunnel = on_tunnel, .output = hm_path_output};

    configure(count);
    hm_env_init(&world->env, &world->config, &world->port, &world->now);
    if (hm_neighbours_init(&world->neighbours, &world->env) != HM_OK ||
        hm_path_init(&world->path, &world->env, &world->neighbours, &world->agent) != HM_OK ||
        hm_agent_init(&world->agent, &world->env, &world->neighbours, &hooks) != HM_OK)
        die("no memory");
    hm_neighbour_learn(&world->neighbours, 0, ROUTER, &ROUTER_MAC);
}

static void stop(void)
{
    hm_agent_fini(&world->agent);
    hm_path_fini(&world->path);
    hm_neighbours_fini(&world->neighbours);
}

static struct hm_mac mac_of(unsigned i)
{
    return (struct hm_mac){{6, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

/* As a handover leaves it: with the name that OpenStack would give, its lifetime and its takeover. */
static void settle(struct hm_binding *binding, unsigned i)
{
    char vm[HM_NAME_LEN];

    snprintf(vm, sizeof(vm), "instance-%08x", i);
    hm_binding_set_vm(binding, vm);
    binding->care_of_addr = PEER;
    binding->handover_id = i + 1;
    hm_binding_apply(binding, HM_BINDING_ACTIVATE, "bench");
    hm_timer_arm(&world->env.wheel, &binding->lifetime, LIFETIME_MS);
    hm_takeover_start(&binding->takeover, 0, binding->home_addr, &binding->mac);
}

/* All are away. */
static void fill(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct hm_mac mac = mac_of(i);
        struct hm_binding *binding = hm_binding_add(&world->agent.home.bindings, FIRST + i, &mac);
        if (binding == NULL)
            die("the table is full");
        settle(binding, i);
    }
}

/* One of the bindings that get packets, which lie evenly among all. */
static uint32_t any_of(const struct traffic *traffic)
{
    return (uint32_t)(quiet_chance(&world->chance) % traffic->busy) * (traffic->count / traffic->busy);
}

/* `beyond`: of addresses that no binding has, as is one end of nearly every packet. */
static void draw_addrs(const struct traffic *traffic, unsigned beyond)
{
    for (unsigned i = 0; i < PACKETS; i++)
        world->addrs[i] = FIRST + beyond + any_of(traffic);
}

static void look_up(uint32_t addr, bool is_there)
{
    if ((hm_binding_lookup(&world->agent.home.bindings, addr) != NULL) != is_there)
        die("a binding is not found, or one that is not there");
}

static double bare_lookup_ns(const struct traffic *traffic, bool are_there)
{
    draw_addrs(traffic, are_there ? 0 : traffic->count);
    uint64_t begin = spent_ns();
    for (unsigned i = 0; i < PACKETS; i++)
        look_up(world->addrs[i], are_there);
    return (double)(spent_ns() - begin) / PACKETS;
}

static double lookup_ns(const struct traffic *traffic)
{
    draw_addrs(traffic, 0);
    uint64_t begin = spent_ns();
    for (unsigned i = 0; i < PACKETS; i += HM_ROUTER_AHEAD) {
        for (unsigned j = i; j < i + HM_ROUTER_AHEAD; j++)
            hm_binding_foresee(&world->agent.home.bindings, world->addrs[j], HM_TABLE_BUCKET);
        for (unsigned j = i; j < i + HM_ROUTER_AHEAD; j++)
            look_up(world->addrs[j], true);
    }
    return (double)(spent_ns() - begin) / PACKETS;
}

struct slot {
    struct hm_frame frame;
    uint8_t memory[HM_FRAME_HEADROOM + 256];
};

static void make_frame(struct slot *slot, unsigned to)
{
    struct hm_ethernet ethernet = {.dst = mac_of(to), .src = ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {
        .total_len = 64, .ttl = 64, .protocol = HM_IP_PROTO_UDP, .src = FAR, .dst = FIRST + to};

    hm_frame_init(&slot->frame, slot->memory, sizeof(slot->memory), HM_ETHERNET_LEN + 64);
    hm_ethernet_encode(slot->frame.data, &ethernet);
    hm_ipv4_encode(slot->frame.data + HM_ETHERNET_LEN, &ip);
}

/* From the frame that comes in to the one that goes out. */
static double bare_packet_ns(const struct traffic *traffic)
{
    static struct slot slot;
    uint64_t before = world->sent, begin = spent_ns();

    for (unsigned i = 0; i < PACKETS; i++) {
        make_frame(&slot, any_of(traffic));
        hm_path_frame(&world->path, 0, &slot.frame);
    }
    if (world->sent - before != PACKETS)
        die("packets were not sent on");
    return (double)(spent_ns() - begin) / PACKETS;
}

/* In batches, as platform/linux/loop has them; or only what they begin with, the making of the frames. */
static double batches_ns(const struct traffic *traffic, bool are_handled)
{
    static struct slot slots[HM_ROUTER_AHEAD];
    uint64_t begin = spent_ns();

    for (unsigned i = 0; i < PACKETS; i += HM_ROUTER_AHEAD) {
        for (unsigned j = 0; j < HM_ROUTER_AHEAD; j++) {
            make_frame(&slots[j], any_of(traffic));
            if (are_handled)
                hm_path_foresee(&world->path, 0, &slots[j].frame, HM_TABLE_BUCKET);
        }
        for (unsigned j = 0; j < HM_ROUTER_AHEAD && are_handled; j++)
            hm_path_foresee(&world->path, 0, &slots[j].frame, HM_TABLE_OBJECT);
        for (unsigned j = 0; j < HM_ROUTER_AHEAD && are_handled; j++)
            hm_path_frame(&world->path, 0, &slots[j].frame);
    }
    return (double)(spent_ns() - begin) / PACKETS;
}

/* worst_us is the wall clock's, with what else the machine did meanwhile; worst_cpu_us is our own part. */
struct expiry {
    double worst_us, worst_cpu_us, all_s;
};

static double larger(double one, double other)
{
    return one > other ? one : other;
}

static struct expiry expire(unsigned count)
{
    struct expiry expiry = {0};
    uint64_t begin_ms = world->now.mono_us / 1000, all = now_ns();

    for (unsigned i = 0; i < count; i++) {
        struct hm_binding *binding = hm_binding_lookup(&world->agent.home.bindings, FIRST + i);
        hm_timer_arm(&world->env.wheel, &binding->lifetime,
                     LIFETIME_MS + quiet_chance(&world->chance) % SPREAD_MS);
    }
    for (uint64_t ms = begin_ms; ms <= begin_ms + LIFETIME_MS + SPREAD_MS; ms++) {
        bool is_more = true;
        world->now.mono_us = ms * 1000;
        hm_env_set_time(&world->env, &world->now);
        while (is_more) { /* packets would come between any two of these */
            uint64_t begin = now_ns(), begin_spent = spent_ns();
            is_more = hm_wheel_advance(&world->env.wheel, ms, HM_ROUTER_TIMERS_PER_TICK);
            expiry.worst_cpu_us = larger(expiry.worst_cpu_us, (double)(spent_ns() - begin_spent) / 1000);
            expiry.worst_us = larger(expiry.worst_us, (double)(now_ns() - begin) / 1000);
        }
    }
    expiry.all_s = (double)(now_ns() - all) / 1e9;
    for (unsigned i = 0; i < count; i += 997)
        if (hm_binding_is_absent(hm_binding_lookup(&world->agent.home.bindings, FIRST + i)))
            die("a lifetime did not end");
    return expiry;
}

static void keep_least(double *least, double one)
{
    if (*least == 0 || one < *least)
        *least = one;
}

/* The best of some rounds: what is left out is other work of the machine. */
static void print_costs(unsigned count, unsigned busy, const char *which)
{
    struct traffic traffic = {.count = count, .busy = busy};
    double lookup = 0, bare_lookup = 0, unknown = 0, packet = 0, frame = 0, bare_packet = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        keep_least(&lookup, lookup_ns(&traffic));
        keep_least(&bare_lookup, bare_lookup_ns(&traffic, true));
        keep_least(&unknown, bare_lookup_ns(&traffic, false));
        keep_least(&packet, batches_ns(&traffic, true));
        keep_least(&frame, batches_ns(&traffic, false));
        keep_least(&bare_packet, bare_packet_ns(&traffic));
    }
    printf("\"lookup%s_ns_%u\": %.1f, ", which, count, lookup);
    printf("\"packet%s_ns_%u\": %.1f, ", which, count, packet - frame);
    printf("\"lookup_bare%s_ns_%u\": %.1f, ", which, count, bare_lookup);
    printf("\"lookup_unknown%s_ns_%u\": %.1f, ", which, count, unknown);
    printf("\"packet_bare%s_ns_%u\": %.1f, ", which, count, bare_packet);
}

int main(void)
{
    static const unsigned COUNTS[] = {FEW, MANY};
    size_t before;

    world = calloc(1, sizeof(*world));
    if (world == NULL)
        die("no memory");
    printf("{");
    for (unsigned i = 0; i < 2; i++) {
        before = resident_len();
        start(COUNTS[i]);
        fill(COUNTS[i]);
        print_costs(COUNTS[i], COUNTS[i], "");
        if (COUNTS[i] == MANY) {
            print_costs(MANY, BUSY, "_busy");
            size_t len = resident_len() - before;
            struct expiry expiry = expire(MANY);
            printf("\"bytes_per_binding\": %.0f, \"expiry_worst_us\": %.1f, \"expiry_worst_cpu_us\": %.1f, "
                   "\"expiry_s\": %.2f",
                   (double)len / MANY, expiry.worst_us, expiry.worst_cpu_us, expiry.all_s);
        }
        stop();
    }
    printf("}\n");
    free(world);
    return 0;
}
