/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole routers on the simulated platform: the input is a program of events.
 *
 * Frames, super-frames, tunnelled packets, ARP, registration and control messages (made from the input, and
 * authentic), time, commands of hypervisors, moves of a VM, restarts, losses. After each event the tables are
 * within their limits, and what the agents sent has possible lengths; at the end everything is freed. */
#include "firmware/wire/registration.h"
#include "platform/sim/world.h"
#include "tests/fuzz/router_messages.h"
#include "tests/fuzz/router_super_frame.h"

#define MAX_EVENTS 96
#define MAX_TIME_US (600ull * HM_SIM_S)

static void on_raw_frame(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_SIM_FRAME_MAX];
    uint8_t choice = fuzz_u8(f);
    struct hm_ethernet ethernet = {.dst = fuzz_mac(f), .src = fuzz_mac(f), .type = HM_ETHERTYPE_IPV4};
    size_t len = fuzz_u8(f);
    const uint8_t *from = hm_read_take(&f->input, len);

    if (from == NULL)
        return;
    if (choice & 1)
        ethernet.type = (choice & 2) != 0 ? HM_ETHERTYPE_ARP : hm_read_u16(&f->input);
    hm_ethernet_encode(bytes, &ethernet);
    memcpy(bytes + HM_ETHERNET_LEN, from, len);
    size_t whole = HM_ETHERNET_LEN + len;
    if (choice & 4)
        whole = whole < 20 ? whole : fuzz_u8(f) % 20;
    fuzz_frame(f, site, choice >> 7, bytes, whole);
}

static void on_arp(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_ARP_FRAME_LEN], choice = fuzz_u8(f);
    struct hm_mac dst = fuzz_mac(f), src = fuzz_mac(f);
    struct hm_arp arp = {.op = 1 + (choice & 3),
                         .sender_mac = (choice & 4) != 0 ? fuzz_mac(f) : src,
                         .sender_addr = fuzz_addr(f),
                         .target_mac = fuzz_mac(f),
                         .target_addr = fuzz_addr(f)};

    hm_arp_encode_frame(bytes, &dst, &src, (choice & 8) != 0 ? HM_ETHERTYPE_RARP : HM_ETHERTYPE_ARP, &arp);
    fuzz_frame(f, site, choice >> 7, bytes, sizeof(bytes));
}

static size_t fill_payload(struct fuzz_router_world *f, uint8_t *payload, size_t cap)
{
    size_t len = fuzz_u8(f);
    const uint8_t *from = hm_read_take(&f->input, len);

    if (from == NULL)
        len = 0;
    else
        memcpy(payload, from, len);
    if (len % 4 == 3) { /* a large one */
        size_t whole = len * 6 < cap ? len * 6 : cap;
        memset(payload + len, 0x5a, whole - len);
        len = whole;
    }
    return len;
}

static struct hm_ipv4 read_header(struct fuzz_router_world *f)
{
    static const uint8_t PROTOCOLS[] = {
        HM_IP_PROTO_UDP, HM_IP_PROTO_ICMP, HM_IP_PROTO_TCP, HM_IP_PROTO_IPIP, 47, 55, 2, 0};
    uint8_t choice = fuzz_u8(f);
    struct hm_ipv4 ip = {
        .ttl = (choice & 8) != 0 ? fuzz_u8(f) : 64, .protocol = PROTOCOLS[choice & 7], .id = choice};

    if (choice & 16)
        ip.fragment = hm_read_u16(&f->input);
    if (choice & 32)
        ip.tos = fuzz_u8(f);
    ip.src = fuzz_addr(f);
    ip.dst = fuzz_addr(f);
    return ip;
}

/* An IP packet with a right header, from any MAC to any MAC. */
static void on_packet(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_SIM_FRAME_MAX], choice = fuzz_u8(f);
    struct hm_ethernet ethernet = {.dst = fuzz_mac(f), .src = fuzz_mac(f), .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = read_header(f);
    size_t len = fill_payload(f, bytes + FUZZ_UDP_AT, 1500 - HM_IPV4_LEN);

    ip.total_len = (uint16_t)(HM_IPV4_LEN + len);
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    fuzz_frame(f, site, choice, bytes, FUZZ_UDP_AT + len);
}

/* Out of a tunnel of a peer, mostly. */
static void on_tunnelled(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_SIM_FRAME_MAX], choice = fuzz_u8(f);
    enum hm_encapsulation kind = (choice >> 6) % HM_ENCAPSULATION_COUNT;
    size_t before = hm_encapsulation_len(kind) - HM_IPV4_LEN;
    uint8_t *inner = bytes + before;
    struct hm_ipv4 ip = read_header(f);
    struct hm_ipv4 outer = {.ttl = 60,
                            .protocol = hm_encapsulation_protocol(kind),
                            .id = choice,
                            .src = (choice & 1) != 0 ? fuzz_addr(f) : fuzz_peer(f, site, choice >> 1)->addr,
                            .dst = f->world->sites[site].agent_peer_addr};
    size_t len = fill_payload(f, inner + HM_IPV4_LEN, 1480 - before - HM_IPV4_LEN);

    if (choice & 8)
        outer.fragment = hm_read_u16(&f->input);
    if (choice & 16)
        outer.tos = fuzz_u8(f);
    ip.total_len = (uint16_t)(HM_IPV4_LEN + len);
    hm_ipv4_encode(inner, &ip);
    if (choice & 32)
        inner[fuzz_u8(f) % HM_IPV4_LEN] ^= fuzz_u8(f);
    outer.total_len = (uint16_t)(HM_IPV4_LEN + before + HM_IPV4_LEN + len);
    hm_encapsulation_encode(bytes, kind, &outer);
    hm_encapsulation_finish_sum(bytes, before + HM_IPV4_LEN + len, kind);
    fuzz_ip(f, site, &outer, bytes, before + HM_IPV4_LEN + len);
}

/* An ICMP error about a packet that was on the wire. */
static void on_icmp_error(struct fuzz_router_world *f, unsigned site)
{
    uint8_t icmp[HM_SIM_FRAME_MAX], choice = fuzz_u8(f);
    unsigned at = choice % FUZZ_KEPT;
    const struct hm_ipv4 ip = {.ttl = 60,
                               .protocol = HM_IP_PROTO_ICMP,
                               .src = fuzz_addr(f),
                               .dst = f->world->sites[site].agent_peer_addr};
    size_t quoted = f->kept[at].len > HM_ETHERNET_LEN ? f->kept[at].len - HM_ETHERNET_LEN : 0;
    size_t most = 28 + fuzz_u8(f);
    struct hm_writer writer;

    hm_writer_init(&writer, icmp, sizeof(icmp));
    hm_write_u8(&writer, (choice & 4) != 0 ? fuzz_u8(f) : 3);
    hm_write_u8(&writer, (choice & 8) != 0 ? fuzz_u8(f) : 4);
    hm_write_u32(&writer, 0);
    hm_write_u16(&writer, hm_read_u16(&f->input));
    hm_write_bytes(&writer, f->kept[at].bytes + HM_ETHERNET_LEN, quoted < most ? quoted : most);
    uint16_t sum = (uint16_t)~hm_checksum_add(0, icmp, writer.len);
    hm_write_patch_u16(&writer, 2, sum);
    fuzz_ip(f, site, &ip, icmp, writer.len);
}

/* A frame that was on the wire, once more, whole or spoilt. */
static void on_replay(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_SIM_FRAME_MAX], choice = fuzz_u8(f);
    unsigned at = choice % FUZZ_KEPT;
    size_t len = f->kept[at].len;
    unsigned link = fuzz_peer_link(f, site);

    if (len == 0)
        return;
    memcpy(bytes, f->kept[at].bytes, len);
    memcpy(bytes, f->world->sites[site].agent.config.links[link].mac.b, 6);
    if (choice & 4)
        bytes[fuzz_u8(f) % len] ^= fuzz_u8(f);
    if (choice & 8)
        len = fuzz_u8(f) % len;
    fuzz_frame(f, site, link, bytes, len);
}

static void on_time(struct fuzz_router_world *f, unsigned site)
{
    uint64_t value = fuzz_u8(f);
    uint64_t left = HM_SIM_START_US + MAX_TIME_US - f->world->sim.now_us;
    uint64_t us = site == 0 ? value * 200 : site == 1 ? value * 10 * HM_SIM_MS : value * HM_SIM_S / 4;

    if (f->world->sim.now_us < HM_SIM_START_US + MAX_TIME_US)
        hm_sim_run_for(&f->world->sim, us < left ? us : left);
}

static void on_vm(struct fuzz_router_world *f, unsigned site)
{
    struct hm_sim_host *vm = &f->world->vm;
    uint8_t choice = fuzz_u8(f);

    if ((choice & 1) != 0 && !hm_sim_host_is_paused(vm))
        hm_sim_host_pause(vm);
    if (choice & 2)
        hm_sim_host_move(vm, &f->world->sites[site].lan);
    if ((choice & 4) != 0 && hm_sim_host_is_paused(vm))
        hm_sim_host_resume(vm);
    if (choice & 8)
        hm_sim_host_ping(vm, fuzz_addr(f), (size_t)fuzz_u8(f) * 5);
    if (choice & 16)
        hm_sim_host_ping(&f->world->correspondent, HM_SIM_VM_ADDR, (size_t)fuzz_u8(f) * 5);
    if ((choice & 32) != 0 && !hm_sim_host_is_paused(vm)) /* a whole move as a hypervisor does it */
        (void)hm_sim_world_handover(f->world, vm, (enum hm_sim_site_number)(choice >> 6) % HM_SIM_SITES,
                                    (enum hm_sim_site_number)site, 5 * HM_SIM_MS);
}

static void on_power(struct fuzz_router_world *f, unsigned site)
{
    struct hm_sim_agent *agent = &f->world->sites[site].agent;
    uint8_t choice = fuzz_u8(f);

    if (choice & 1) {
        if (choice & 2)
            hm_sim_agent_kill(agent);
        else
            hm_sim_agent_stop(agent);
        fuzz_start_agent(agent);
    }
    if (choice & 4)
        agent->clock_offset_us = (int64_t)(int8_t)fuzz_u8(f) * HM_SIM_S;
    if (choice & 8) {
        const struct hm_sim_knobs knobs = {.loss_ppm = (uint32_t)fuzz_u8(f) * 4000,
                                           .dup_ppm = (uint32_t)fuzz_u8(f) * 4000,
                                           .delay_us = (uint32_t)fuzz_u8(f) * 1000};
        agent->links[0].knobs = knobs;
    }
}

static void on_bytes_434(struct fuzz_router_world *f, unsigned site)
{
    uint8_t choice = fuzz_u8(f), bytes[2048];
    size_t len = fill_payload(f, bytes, 1400);

    fuzz_udp(f, site, (choice & 1) != 0 ? fuzz_addr(f) : fuzz_peer(f, site, choice)->addr, 434,
             f->world->sites[site].agent_peer_addr, (choice & 2) != 0 ? HM_CONTROL_PORT : HM_MIP_PORT, bytes,
             len);
}

static void (*const EVENTS[])(struct fuzz_router_world *f, unsigned site) = {
    on_time,
    fuzz_registration_request,
    fuzz_hypervisor,
    fuzz_peer_control,
    on_vm,
    on_tunnelled,
    on_packet,
    on_arp,
    on_raw_frame,
    on_icmp_error,
    on_replay,
    on_power,
    on_bytes_434,
    fuzz_signed_bytes,
    fuzz_registration_reply,
    fuzz_super_frame,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_router_world f;

    if (size < 3)
        return 0;
    fuzz_world_init(&f, data, size);
    for (unsigned i = 0; i < MAX_EVENTS && f.input.left > 0; i++) {
        uint8_t choice = fuzz_u8(&f);
        unsigned site = choice / 16 % HM_SIM_SITES;
        EVENTS[choice % 16 % (sizeof(EVENTS) / sizeof(EVENTS[0]))](&f, site);
        fuzz_check_tables(&f);
    }
    hm_sim_run_for(&f.world->sim, HM_SIM_S);
    fuzz_check_tables(&f);
    fuzz_world_fini(&f);
    return 0;
}
