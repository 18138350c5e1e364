/* SPDX-License-Identifier: BSD-3-Clause */
/* The world of fuzz_router: simulated sites with small tables, a tap that checks what the agents send, and
 * the ways in which an input's bytes become frames of an agent. */
#ifndef HM_FUZZ_ROUTER_WORLD_H
#define HM_FUZZ_ROUTER_WORLD_H

#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/registration.h"
#include "platform/sim/world.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/router_device.h"

#define FUZZ_TABLE 3 /* entries of each table of the agents */
#define FUZZ_CORRESPONDENT 0x0a090005u
#define FUZZ_UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)
#define FUZZ_PAYLOAD_AT (FUZZ_UDP_AT + 8)
#define FUZZ_KEPT 4

struct fuzz_router_world {
    struct hm_sim_world *world;
    struct hm_reader input;
    struct hm_sim_tap taps[HM_SIM_SITES + 2];
    uint64_t last_identification[HM_SIM_SITES]; /* of the last request to each home agent */
    uint64_t last_request_id;                   /* of the last control request that was sent */
    uint8_t last_op;
    uint64_t last_handover_id;
    struct { /* frames that were seen last */
        uint8_t bytes[HM_SIM_FRAME_MAX];
        size_t len;
        unsigned site;
    } kept[FUZZ_KEPT];
    unsigned kept_count;
};

static inline uint8_t fuzz_u8(struct fuzz_router_world *f)
{
    return hm_read_u8(&f->input);
}

/* An address that means something in this world, or any. */
static inline uint32_t fuzz_addr(struct fuzz_router_world *f)
{
    const struct hm_sim_site *sites = f->world->sites;
    uint8_t choice = fuzz_u8(f);
    unsigned site = (choice >> 4) % HM_SIM_SITES;

    switch (choice & 0xf) {
    case 0:
        return HM_SIM_VM_ADDR;
    case 1:
        return HM_SIM_VM2_ADDR;
    case 2:
        return sites[site].agent_addr;
    case 3:
        return sites[site].agent_peer_addr;
    case 4:
        return sites[site].net + 1;
    case 5:
        return sites[site].net + 9;
    case 6:
        return sites[site].net + 255;
    case 7:
        return sites[site].net;
    case 8:
        return FUZZ_CORRESPONDENT;
    case 9:
        return UINT32_MAX;
    case 10:
        return 0;
    case 11:
        return 0xe000000bu;
    case 12:
        return sites[site].net + fuzz_u8(f);
    default:
        return hm_read_u32(&f->input);
    }
}

static inline struct hm_mac fuzz_mac(struct fuzz_router_world *f)
{
    uint8_t choice = fuzz_u8(f);
    const struct hm_sim_site *site = &f->world->sites[(choice >> 4) % HM_SIM_SITES];
    struct hm_mac mac;

    switch (choice & 7) {
    case 0:
        return f->world->vm.iface.mac;
    case 1:
        return site->agent.config.links[0].mac;
    case 2:
        return f->world->gate.ifaces[1].mac;
    case 3:
        return HM_MAC_BROADCAST;
    case 4:
        return site->neighbour.iface.mac;
    case 5:
        return (struct hm_mac){{0x52, 0x54, 0, 0, 1, (uint8_t)(choice >> 4)}};
    case 6:
        return HM_MAC_ZERO;
    default:
        hm_read_mac(&f->input, &mac);
        return mac;
    }
}

/* --- what the agents send ----------------------------------------------------------------------------- */

static inline void fuzz_note_message(struct fuzz_router_world *f, const uint8_t *bytes, size_t len)
{
    unsigned dst_port;

    if (len < FUZZ_PAYLOAD_AT || bytes[HM_ETHERNET_LEN + 9] != HM_IP_PROTO_UDP)
        return;
    dst_port = (unsigned)bytes[FUZZ_UDP_AT + 2] << 8 | bytes[FUZZ_UDP_AT + 3];
    if (dst_port == HM_MIP_PORT && len >= FUZZ_PAYLOAD_AT + HM_REQUEST_FIXED_LEN &&
        bytes[FUZZ_PAYLOAD_AT] == HM_MIP_REQUEST) {
        struct hm_reader reader;
        hm_reader_init(&reader, bytes + FUZZ_PAYLOAD_AT + 8, 16);
        uint32_t home_agent = hm_read_u32(&reader);
        (void)hm_read_u32(&reader);
        uint64_t identification = hm_read_u64(&reader);
        for (unsigned i = 0; i < HM_SIM_SITES; i++)
            if (f->world->sites[i].agent_peer_addr == home_agent)
                f->last_identification[i] = identification;
    } else if (dst_port == HM_CONTROL_PORT && len >= FUZZ_PAYLOAD_AT + HM_CONTROL_HEADER_LEN &&
               bytes[FUZZ_PAYLOAD_AT + 4] == HM_CONTROL_REQUEST) {
        struct hm_reader reader;
        hm_reader_init(&reader, bytes + FUZZ_PAYLOAD_AT + 20, 8);
        f->last_request_id = hm_read_u64(&reader);
        f->last_op = bytes[FUZZ_PAYLOAD_AT + 5];
    }
}

/* Lengths that no sender may write, whatever it was given. */
static inline void fuzz_check_sent(const uint8_t *bytes, size_t len)
{
    struct hm_ipv4 ip;

    FUZZ_CHECK(len >= HM_ETHERNET_LEN && len <= HM_ETHERNET_LEN + 1500);
    FUZZ_CHECK(memcmp(bytes, HM_MAC_ZERO.b, 6) != 0);
    FUZZ_CHECK((bytes[6] & 1) == 0);
    if (bytes[12] == 8 && bytes[13] == 6) {
        FUZZ_CHECK(len >= HM_ETHERNET_LEN + HM_ARP_LEN);
    } else if (bytes[12] == 8 && bytes[13] == 0) {
        FUZZ_CHECK(hm_ipv4_decode(bytes + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN, &ip) == 0);
        FUZZ_CHECK(hm_ipv4_checksum_is_right(bytes + HM_ETHERNET_LEN, ip.header_len));
        FUZZ_CHECK(ip.ttl > 0);
    }
}

static inline void fuzz_see(void *ctx, struct hm_sim_passing *passing)
{
    struct fuzz_router_world *f = ctx;

    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        const struct hm_sim_agent *agent = &f->world->sites[i].agent;
        if (passing->from < agent->links || passing->from >= agent->links + HM_MAX_LINKS)
            continue;
        fuzz_check_sent(passing->bytes, passing->len);
        fuzz_note_message(f, passing->bytes, passing->len);
    }
    if (passing->bytes[12] == 8 && passing->bytes[13] == 0) {
        unsigned at = f->kept_count++ % FUZZ_KEPT;
        memcpy(f->kept[at].bytes, passing->bytes, passing->len);
        f->kept[at].len = passing->len;
    }
}

static inline void fuzz_check_tables(const struct fuzz_router_world *f)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        const struct hm_sim_agent *agent = &f->world->sites[i].agent;
        FUZZ_CHECK(agent->refused == 0);
        if (!hm_sim_agent_is_running(agent))
            continue;
        FUZZ_CHECK(hm_sim_agent_rows(agent, "bindings") <= FUZZ_TABLE);
        FUZZ_CHECK(hm_sim_agent_rows(agent, "visitors") <= FUZZ_TABLE);
        FUZZ_CHECK(hm_sim_agent_rows(agent, "handovers") <= FUZZ_TABLE);
        (void)hm_sim_agent_rows(agent, "counters");
        (void)hm_sim_agent_rows(agent, "status");
    }
}

/* --- what the agents are given ------------------------------------------------------------------------ */

/* Hands a frame to an agent as if its port had brought it. */
static inline void fuzz_frame(struct fuzz_router_world *f, unsigned site, unsigned link, const uint8_t *bytes,
                              size_t len)
{
    struct hm_sim_agent *agent = &f->world->sites[site].agent;
    struct hm_sim_port *port = &agent->links[link % agent->config.link_count];
    struct hm_sim_frame *frame = hm_sim_frame_take(&f->world->sim);

    memcpy(hm_sim_frame_bytes(frame), bytes, len);
    frame->len = len;
    frame->to = port;
    port->receive(port->ctx, frame);
}

/* The link by which the other agents reach a site. */
static inline unsigned fuzz_peer_link(const struct fuzz_router_world *f, unsigned site)
{
    return f->world->sites[site].agent.config.link_count - 1;
}

/* Hands an agent an IP packet, addressed to its MAC, from its router. */
static inline void fuzz_ip(struct fuzz_router_world *f, unsigned site, const struct hm_ipv4 *header,
                           const uint8_t *payload, size_t len)
{
    unsigned link = fuzz_peer_link(f, site);
    struct hm_ethernet ethernet = {.dst = f->world->sites[site].agent.config.links[link].mac,
                                   .src = f->world->gate.ifaces[1].mac,
                                   .type = HM_ETHERTYPE_IPV4};
    uint8_t bytes[HM_SIM_FRAME_MAX];
    struct hm_ipv4 ip = *header;

    if (len > sizeof(bytes) - FUZZ_UDP_AT)
        return;
    ip.total_len = (uint16_t)(HM_IPV4_LEN + len);
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    memcpy(bytes + FUZZ_UDP_AT, payload, len);
    fuzz_frame(f, site, link, bytes, FUZZ_UDP_AT + len);
}

static inline void fuzz_udp(struct fuzz_router_world *f, unsigned site, uint32_t src, uint16_t src_port,
                            uint32_t dst, uint16_t dst_port, const uint8_t *bytes, size_t len)
{
    uint8_t udp[HM_SIM_FRAME_MAX];
    struct hm_writer writer;
    const struct hm_ipv4 ip = {.ttl = 60, .protocol = HM_IP_PROTO_UDP, .src = src, .dst = dst};

    hm_writer_init(&writer, udp, sizeof(udp) - FUZZ_UDP_AT);
    hm_write_u16(&writer, src_port);
    hm_write_u16(&writer, dst_port);
    hm_write_u16(&writer, (uint16_t)(8 + len));
    hm_write_u16(&writer, 0); /* no checksum */
    hm_write_bytes(&writer, bytes, len);
    if (!writer.failed)
        fuzz_ip(f, site, &ip, udp, writer.len);
}

/* --- beginning and end -------------------------------------------------------------------------------- */

static inline void fuzz_start_agent(struct hm_sim_agent *agent)
{
    agent->config.max_bindings = FUZZ_TABLE;
    agent->config.max_visitors = FUZZ_TABLE;
    agent->config.max_handovers = FUZZ_TABLE;
    agent->config.max_neighbours = 16;
    hm_sim_agent_start(agent);
}

static inline void fuzz_world_init(struct fuzz_router_world *f, const uint8_t *data, size_t size)
{
    struct hm_sim_world_options options = {.lifetime_s = 20};

    memset(f, 0, sizeof(*f));
    hm_reader_init(&f->input, data, size);
    uint8_t choice = fuzz_u8(f);
    options.gateways = (choice & 1) != 0;
    options.same_router_mac = (choice & 2) != 0;
    options.takeover = (choice & 4) != 0 ? HM_TAKEOVER_OWN : HM_TAKEOVER_MAC;
    options.algorithm = (choice & 8) != 0 ? HM_ALGORITHM_HMAC_MD5 : HM_ALGORITHM_HMAC_SHA256;
    bool has_super_frames = (choice & 16) != 0;
    if (has_super_frames)
        options.tunnel = (choice & 128) != 0 ? HM_ENCAPSULATION_IPIP : HM_ENCAPSULATION_UDP;
    else
        options.tunnel = (enum hm_encapsulation)((choice >> 5) % HM_ENCAPSULATION_COUNT);
    f->world = hm_sim_world_create(1, &options);
    struct hm_sim_lan *lans[] = {&f->world->sites[0].lan, &f->world->sites[1].lan, &f->world->sites[2].lan,
                                 &f->world->net, &f->world->wan};
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        hm_sim_agent_kill(&f->world->sites[i].agent);
        f->world->sites[i].agent.config.log_level = HM_LOG_ERROR;
        if (has_super_frames)
            fuzz_give_super_frames(&f->world->sites[i].agent, choice >> 5 & 3);
        fuzz_start_agent(&f->world->sites[i].agent);
    }
    for (unsigned i = 0; i < sizeof(lans) / sizeof(lans[0]); i++) {
        f->taps[i] = (struct hm_sim_tap){.see = fuzz_see, .ctx = f};
        hm_sim_lan_add_tap(lans[i], &f->taps[i]);
    }
    hm_sim_run_for(&f->world->sim, 20 * HM_SIM_MS);
}

static inline void fuzz_world_fini(struct fuzz_router_world *f)
{
    hm_sim_world_destroy(f->world);
}

#endif
