/* SPDX-License-Identifier: BSD-3-Clause */
/* A port that remembers what it was given, a configuration with two peers, and a clock that the test turns:
 * what the tests of the router's modules stand on. */
#ifndef HM_UNIT_RIG_RIG_H
#define HM_UNIT_RIG_RIG_H

#include "tests/unit/rig/config.h"
#include "tests/unit/unit.h"

#include "firmware/env.h"
#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"

#define RIG_FRAMES 512
#define RIG_FRAME_LEN 2048
#define RIG_EPOCH_S 4000000000u /* NTP seconds of the test's beginning */
#define RIG_BEGIN_MS 1000000u   /* monotonic */

#define RIG_AGENT 0x0a010002u  /* 10.1.0.2, this agent's */
#define RIG_ROUTER 0x0a010001u /* 10.1.0.1, the home router */
#define RIG_VM 0x0a010005u     /* 10.1.0.5, at home here */
#define RIG_VM2 0x0a010006u
#define RIG_PEER_B 0x0a020002u
#define RIG_PEER_C 0x0a030002u
#define RIG_FAR 0x0a090005u   /* 10.9.0.5, a correspondent */
#define RIG_GUEST 0x0a020005u /* 10.2.0.5, at home at peer B */

#define RIG_MAC(last) ((struct hm_mac){{0x52, 0x54, 0x00, 0x00, 0x00, last}})
#define RIG_AGENT_MAC RIG_MAC(0x02)
#define RIG_ROUTER_MAC RIG_MAC(0x01)
#define RIG_VM_MAC RIG_MAC(0x05)
#define RIG_VM2_MAC RIG_MAC(0x06)
#define RIG_GUEST_MAC RIG_MAC(0x25)
#define RIG_WAN_MAC RIG_MAC(0x82)

struct rig_frame {
    unsigned link;
    size_t len;
    uint8_t bytes[RIG_FRAME_LEN];
};

struct rig {
    struct hm_router_config config;
    struct hm_peer_config peers[2]; /* B and C */
    struct hm_hypervisor_config hypervisors[2];
    struct hm_port port;
    struct hm_time now;
    uint64_t chance;
    struct rig_frame frames[RIG_FRAMES];
    unsigned frame_count; /* what came after the first RIG_FRAMES is counted only */
};

static inline int rig_send_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    struct rig *rig = ctx;
    unsigned at = rig->frame_count++;

    assert_true(frame->len <= RIG_FRAME_LEN);
    if (at < RIG_FRAMES) {
        rig->frames[at].link = link;
        rig->frames[at].len = frame->len;
        memcpy(rig->frames[at].bytes, frame->data, frame->len);
    }
    memset(frame->data, 0xdd, frame->len); /* the port may have changed it */
    return 0;
}

static inline void rig_send_datagram(void *ctx, const struct hm_endpoint *to, const void *bytes, size_t len)
{
    (void)ctx;
    (void)to;
    (void)bytes;
    (void)len;
}

static inline void rig_fill_random(void *ctx, void *bytes, size_t len)
{
    struct rig *rig = ctx;

    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)unit_random(&rig->chance);
}

static inline void rig_log(void *ctx, enum hm_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    if (getenv("HM_RIG_LOG") != NULL)
        print_message("%s\n", line);
}

static inline void rig_set_peer(struct hm_peer_config *peer, const char *name, uint32_t addr, uint32_t spi)
{
    snprintf(peer->name, sizeof(peer->name), "%s", name);
    snprintf(peer->hosts[0], sizeof(peer->hosts[0]), "hv-%s1", name);
    peer->host_count = 1;
    peer->addr = addr;
    peer->spi = spi;
    peer->key.len = 32;
    memset(peer->key.bytes, (int)spi, peer->key.len);
}

/* One-armed on link 0. */
static inline void rig_init(struct rig *rig)
{
    struct hm_router_config *config = &rig->config;

    memset(rig, 0, sizeof(*rig));
    rig->now = (struct hm_time){.mono_us = (uint64_t)RIG_BEGIN_MS * 1000, .ntp = (uint64_t)RIG_EPOCH_S << 32};
    rig->port = (struct hm_port){.ctx = rig,
                                 .send_frame = rig_send_frame,
                                 .send_datagram = rig_send_datagram,
                                 .random = rig_fill_random,
                                 .log = rig_log};
    rig_set_peer(&rig->peers[0], "b", RIG_PEER_B, 1001);
    rig_set_peer(&rig->peers[1], "c", RIG_PEER_C, 1002);
    config_begin(config, rig->peers, 2);
    snprintf(config->hosts[0], sizeof(config->hosts[0]), "hv-a1");
    config->host_count = 1;
    config->log_level = HM_LOG_DEBUG;
    config->home = (struct hm_prefix){.addr = 0x0a010000u, .len = 24};
    config->home_router = RIG_ROUTER;
    config->control_listen = true;
    config->hypervisors = rig->hypervisors;
    config->hypervisor_count = 2;
    config->max_bindings = 8;
    config->links[0] = (struct hm_link_config){
        .name = "lan", .addr = RIG_AGENT, .prefix = config->home, .mac = RIG_AGENT_MAC, .mtu = 1500};
    config->routes[0] = (struct hm_route_config){.gateway = RIG_ROUTER};
    for (unsigned i = 0; i < 2; i++) {
        struct hm_hypervisor_config *hypervisor = &rig->hypervisors[i];
        snprintf(hypervisor->name, sizeof(hypervisor->name), "hv%u", i);
        hypervisor->key_id = 2000 + i;
        hypervisor->key.len = 32;
        memset(hypervisor->key.bytes, (int)(0x40 + i), 32);
        hypervisor->allow_count = i == 0; /* the second may move nothing */
    }
}

/* The subnet's router, with a WAN on link 1: 192.0.2.1, peers behind 192.0.2.254. */
static inline void rig_init_gateway(struct rig *rig)
{
    rig_init(rig);
    rig->config.links[0].addr = RIG_ROUTER;
    rig->config.link_count = 2;
    rig->config.links[1] = (struct hm_link_config){.name = "wan",
                                                   .role = HM_LINK_WAN,
                                                   .addr = 0xc0000201u,
                                                   .prefix = {.addr = 0xc0000200u, .len = 24},
                                                   .mac = RIG_WAN_MAC,
                                                   .mtu = 1500};
    rig->config.routes[0] = (struct hm_route_config){.gateway = 0xc00002feu, .link = 1};
}

static inline void rig_pass_us(struct rig *rig, uint64_t us)
{
    rig->now.mono_us += us;
    rig->now.ntp += (us << 32) / 1000000;
}

static inline void rig_forget_frames(struct rig *rig)
{
    rig->frame_count = 0;
}

/* The ARP packet of a frame that was sent; false when it is none. */
static inline bool rig_arp(const struct rig_frame *frame, struct hm_arp *arp)
{
    struct hm_ethernet ethernet;

    return hm_ethernet_decode(frame->bytes, frame->len, &ethernet) == 0 &&
           ethernet.type == HM_ETHERTYPE_ARP &&
           hm_arp_decode(frame->bytes + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN, arp) == 0;
}

/* How many frames with this Ethernet source were sent. */
static inline unsigned rig_count_from(const struct rig *rig, const struct hm_mac *src)
{
    unsigned count = 0;

    for (unsigned i = 0; i < rig->frame_count && i < RIG_FRAMES; i++)
        count += memcmp(rig->frames[i].bytes + 6, src->b, 6) == 0;
    return count;
}

#endif
