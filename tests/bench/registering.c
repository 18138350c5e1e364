/* SPDX-License-Identifier: BSD-3-Clause */
/* How many registrations one home agent verifies and answers in a second, in this process and on one core: a
 * whole router takes the requests as frames, and its replies are counted; of some the authenticator is looked
 * at, when the time has been taken. Also what the authenticators alone cost. Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "firmware/router.h"
#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/udp.h"
#include "tests/bench/quiet_port.h"
#include "tests/bench/request.h"
#include "tests/unit/rig/config.h"

#define HOME 0x0a000000u /* 10.0.0.0/8 */
#define AGENT (HOME + 2)
#define ROUTER (HOME + 1)
#define FIRST (HOME + 0x10000)
#define PEER 0xc0000202u
#define NODES 30000u
#define REQUESTS (2 * NODES)
#define ROUNDS 3
#define BATCH HM_ROUTER_AHEAD /* frames between two looks at the clock */
#define SAMPLE_STEP 64        /* of so many replies one is kept */
#define SAMPLES (REQUESTS / SAMPLE_STEP)
#define HEADERS_LEN (HM_ETHERNET_LEN + HM_IPV4_LEN + HM_UDP_LEN)
#define FRAME_LEN 384
#define BOOT_NTP (UINT64_C(4000000000) << 32)

static const struct hm_mac AGENT_MAC = {{2, 0, 0, 0, 0, 2}}, ROUTER_MAC = {{2, 0, 0, 0, 0, 1}};

/* A request's frame, or what follows the headers of a reply's. */
struct packet {
    size_t len;
    uint8_t bytes[FRAME_LEN];
};

struct world {
    struct hm_router_config config;
    struct hm_peer_config peer;
    struct hm_port port;
    struct hm_router *router;
    struct request_plan plan;
    struct packet *requests, *samples;
    uint64_t accepted, refused, begin_ns;
    unsigned sampled;
    size_t reply_len;
};

static struct world *world;

static void die(const char *what)
{
    fprintf(stderr, "registering: %s\n", what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The router's clocks begin anew with each router. */
static struct hm_time router_time(void)
{
    uint64_t us = (now_ns() - world->begin_ns) / 1000;

    return (struct hm_time){.mono_us = 1000000000 + us, .ntp = BOOT_NTP + (us << 32) / 1000000};
}

/* --- what the router does ----------------------------------------------------------------------------- */

static bool is_reply(const struct hm_frame *frame)
{
    return frame->len > HEADERS_LEN && frame->len <= HEADERS_LEN + FRAME_LEN &&
           frame->data[HM_ETHERNET_LEN + 9] == HM_IP_PROTO_UDP && frame->data[HEADERS_LEN] == HM_MIP_REPLY;
}

static int send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    const uint8_t *reply = frame->data + HEADERS_LEN;
    size_t len = frame->len - HEADERS_LEN;

    (void)ctx;
    (void)link;
    if (!is_reply(frame))
        return 0;
    if (!request_is_accepted(reply, len)) {
        world->refused++;
        return 0;
    }
    if (world->accepted++ % SAMPLE_STEP == 0 && world->sampled < SAMPLES) {
        struct packet *sample = &world->samples[world->sampled++];
        sample->len = len;
        memcpy(sample->bytes, reply, len);
    }
    return 0;
}

/* --- what it is given ----------------------------------------------------------------------------------- */

static void make_request(unsigned i)
{
    struct packet *packet = &world->requests[i];
    uint8_t message[HM_MIP_MAX_LEN], *udp = packet->bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
    size_t len = request_write(&world->plan, i, message);
    struct hm_ethernet ethernet = {.dst = AGENT_MAC, .src = ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + HM_UDP_LEN + len),
                         .ttl = 64,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = PEER,
                         .dst = AGENT};
    struct hm_writer writer;

    packet->len = HEADERS_LEN + len;
    if (len == 0 || packet->len > FRAME_LEN)
        die("a request does not fit");
    hm_ethernet_encode(packet->bytes, &ethernet);
    hm_ipv4_encode(packet->bytes + HM_ETHERNET_LEN, &ip);
    hm_writer_init(&writer, udp, FRAME_LEN - HM_ETHERNET_LEN - HM_IPV4_LEN);
    hm_write_u16(&writer, HM_MIP_PORT);
    hm_write_u16(&writer, HM_MIP_PORT);
    hm_write_u32(&writer, 0);
    hm_write_bytes(&writer, message, len);
    hm_udp_set_extent(udp, HM_UDP_LEN + len, PEER, AGENT);
}

static void configure(void)
{
    struct hm_router_config *config = &world->config;

    world->peer = (struct hm_peer_config){
        .name = "b", .addr = PEER, .spi = REQUEST_SPI, .algorithm = HM_ALGORITHM_HMAC_SHA256, .key.len = 32};
    memset(world->peer.key.bytes, 0x5a, world->peer.key.len);
    config_begin(config, &world->peer, 1);
    config->home = (struct hm_prefix){.addr = HOME, .len = 8};
    config->home_router = ROUTER;
    config->max_bindings = NODES;
    config->links[0] = (struct hm_link_config){
        .name = "lan", .addr = AGENT, .prefix = config->home, .mac = AGENT_MAC, .mtu = 1500};
    config->routes[0] = (struct hm_route_config){.gateway = ROUTER};
    world->port = (struct hm_port){
        .send_frame = send_frame, .send_datagram = quiet_datagram, .random = quiet_random, .log = quiet_log};
    world->plan = (struct request_plan){.home_agent = AGENT,
                                        .care_of_addr = PEER,
                                        .first_addr = FIRST,
                                        .nodes = NODES,
                                        .first_ntp = BOOT_NTP + 1,
                                        .key = world->peer.key};
}

static void deliver(const uint8_t *bytes, size_t len, const struct hm_time *now)
{
    static uint8_t memory[HM_FRAME_HEADROOM + FRAME_LEN];
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), len);
    memcpy(frame.data, bytes, len);
    hm_router_frame(world->router, 0, &frame, now);
}

/* The home router asks for the agent, which so learns where the peer's replies go. */
static void introduce_router(const struct hm_time *now)
{
    uint8_t bytes[HM_ARP_FRAME_LEN];
    struct hm_arp arp = {
        .op = HM_ARP_REQUEST, .sender_mac = ROUTER_MAC, .sender_addr = ROUTER, .target_addr = AGENT};

    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &ROUTER_MAC, HM_ETHERTYPE_ARP, &arp);
    deliver(bytes, sizeof(bytes), now);
}

/* --- the measurements ----------------------------------------------------------------------------------- */

static void take_in_all(void)
{
    for (unsigned i = 0; i < REQUESTS; i += BATCH) {
        struct hm_time now = router_time();

        for (unsigned k = i; k < i + BATCH && k < REQUESTS; k++)
            deliver(world->requests[k].bytes, world->requests[k].len, &now);
        hm_router_flush(world->router);
        if (hm_router_next_ms(world->router) <= now.mono_us / 1000)
            hm_router_tick(world->router, &now);
    }
}

static void check_replies(void)
{
    if (world->accepted != REQUESTS || world->refused != 0) {
        fprintf(stderr, "registering: of %u requests %llu were accepted, %llu refused\n", REQUESTS,
                (unsigned long long)world->accepted, (unsigned long long)world->refused);
        exit(1);
    }
    for (unsigned i = 0; i < world->sampled; i++)
        if (!request_reply_is_right(&world->plan, world->samples[i].bytes, world->samples[i].len))
            die("a reply's authenticator is wrong");
    world->reply_len = world->samples[0].len;
}

/* A new router takes all requests; ns for each. */
static double registration_ns(void)
{
    struct hm_time now;
    uint64_t begin;

    world->accepted = world->refused = world->sampled = 0;
    world->begin_ns = now_ns();
    now = router_time();
    if (hm_router_create(&world->config, &world->port, &now, &world->router) != 0)
        die("no memory");
    introduce_router(&now);
    begin = now_ns();
    take_in_all();
    double each = (double)(now_ns() - begin) / REQUESTS;
    check_replies();
    hm_router_destroy(world->router);
    return each;
}

/* The authenticators of one registration, and nothing else: the request's is computed, the reply's is made.
 */
static double authenticators_ns(void)
{
    size_t request_len =
        world->requests[0].len - HEADERS_LEN - hm_authenticator_len(HM_ALGORITHM_HMAC_SHA256);
    size_t reply_len = world->reply_len - hm_authenticator_len(HM_ALGORITHM_HMAC_SHA256);
    uint8_t out[HM_AUTHENTICATOR_MAX_LEN];
    uint64_t begin = now_ns();

    for (unsigned i = 0; i < REQUESTS; i++) {
        hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &world->plan.key,
                              world->requests[i].bytes + HEADERS_LEN, request_len, out);
        hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &world->plan.key, world->samples[i % SAMPLES].bytes,
                              reply_len, out);
    }
    return (double)(now_ns() - begin) / REQUESTS;
}

/* The best of some rounds: what is left out is other work of the machine. */
static double best(double (*measure)(void))
{
    double least = measure();

    for (unsigned i = 1; i < ROUNDS; i++) {
        double one = measure();
        least = one < least ? one : least;
    }
    return least;
}

int main(void)
{
    double each_ns, authenticators;

    world = calloc(1, sizeof(*world));
    if (world == NULL || (world->requests = calloc(REQUESTS, sizeof(*world->requests))) == NULL ||
        (world->samples = calloc(SAMPLES, sizeof(*world->samples))) == NULL)
        die("no memory");
    configure();
    for (unsigned i = 0; i < REQUESTS; i++)
        make_request(i);
    each_ns = best(registration_ns);
    authenticators = best(authenticators_ns);
    printf("{\"registrations_per_s\": %.0f, \"registration_us\": %.2f, \"registration_hmac_us\": %.2f, "
           "\"registration_hmac_share\": %.3f}\n",
           1e9 / each_ns, each_ns / 1000, authenticators / 1000, authenticators / each_ns);
    free(world->samples);
    free(world->requests);
    free(world);
    return 0;
}
