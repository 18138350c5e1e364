/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated plain IP router.
 *
 * A packet is forwarded in the frame that it came in; while it is on its path that frame is an event
 * of its own, which ends at the outgoing interface. */
#include "platform/sim/gate.h"

#include <assert.h>
#include <string.h>

#include "firmware/wire/ethernet.h"
#include "firmware/wire/icmp.h"

#define ECHO_REPLY 0
#define ECHO_REQUEST 8
#define TTL 64
#define MTU 1500

static void on_ip(void *ctx, struct hm_sim_iface *iface, struct hm_sim_frame *frame);

void hm_sim_gate_init(struct hm_sim_gate *gate, struct hm_sim *sim)
{
    *gate = (struct hm_sim_gate){.sim = sim};
}

unsigned hm_sim_gate_add_iface(struct hm_sim_gate *gate, const char *name, const struct hm_mac *mac,
                               uint32_t addr, uint8_t prefix_len, struct hm_sim_lan *lan)
{
    unsigned number = gate->iface_count++;
    struct hm_sim_iface *iface = &gate->ifaces[number];

    assert(number < HM_SIM_GATE_IFACES);
    hm_sim_iface_init(iface, gate->sim, name, mac, addr, prefix_len);
    iface->on_ip = on_ip;
    iface->ctx = gate;
    gate->mtu[number] = MTU;
    hm_sim_port_attach(&iface->port, lan);
    hm_sim_gate_add_route(gate, &iface->prefix, 0, number);
    return number;
}

void hm_sim_gate_add_route(struct hm_sim_gate *gate, const struct hm_prefix *prefix, uint32_t next_hop,
                           unsigned iface)
{
    assert(gate->route_count < HM_SIM_GATE_ROUTES);
    gate->routes[gate->route_count++] =
        (struct hm_sim_route){.prefix = *prefix, .next_hop = next_hop, .iface = iface};
}

void hm_sim_gate_set_path(struct hm_sim_gate *gate, unsigned a, unsigned b, const struct hm_sim_knobs *knobs)
{
    gate->paths[a][b] = *knobs;
    gate->paths[b][a] = *knobs;
}

static const struct hm_sim_route *find_route(const struct hm_sim_gate *gate, uint32_t dst)
{
    const struct hm_sim_route *best = NULL;

    for (unsigned i = 0; i < gate->route_count; i++) {
        const struct hm_sim_route *route = &gate->routes[i];

        if (hm_prefix_contains(&route->prefix, dst) && (best == NULL || route->prefix.len > best->prefix.len))
            best = route;
    }
    return best;
}

static uint8_t *packet_of(struct hm_sim_frame *frame)
{
    return hm_sim_frame_bytes(frame) + HM_ETHERNET_LEN;
}

static void on_path_end(void *arg)
{
    struct hm_sim_frame *frame = arg;

    hm_sim_iface_send(frame->to, frame->note, frame);
}

/* Sends the frame, which it owns, over the path to its interface. */
static void travel(struct hm_sim_gate *gate, unsigned in, unsigned out, uint32_t next_hop,
                   struct hm_sim_frame *frame)
{
    const struct hm_sim_knobs *knobs = &gate->paths[in][out];
    uint64_t at_us;

    if (hm_sim_random_chance(&gate->sim->random, knobs->loss_ppm)) {
        gate->lost++;
        hm_sim_frame_give(gate->sim, frame);
        return;
    }
    at_us = hm_sim_knobs_arrival(knobs, gate->sim, &gate->last_us[in][out]);
    if (at_us == gate->sim->now_us) {
        hm_sim_iface_send(&gate->ifaces[out], next_hop, frame);
        return;
    }
    frame->to = &gate->ifaces[out];
    frame->note = next_hop;
    hm_sim_event_init(&frame->event, on_path_end, frame);
    hm_sim_arm(gate->sim, &frame->event, at_us);
}

/* Routes the packet, which has a valid header, towards dst. */
static void route_packet(struct hm_sim_gate *gate, unsigned in, uint32_t dst, struct hm_sim_frame *frame)
{
    const struct hm_sim_route *route = find_route(gate, dst);
    uint32_t next_hop;

    if (route == NULL) {
        gate->no_route++;
        hm_sim_frame_give(gate->sim, frame);
        return;
    }
    next_hop = route->next_hop != 0 ? route->next_hop : dst;
    if (hm_sim_random_chance(&gate->sim->random, gate->paths[in][route->iface].dup_ppm))
        travel(gate, in, route->iface, next_hop, hm_sim_frame_copy(gate->sim, frame));
    travel(gate, in, route->iface, next_hop, frame);
}

/* Sends an ICMP error about the packet back to where it came from; the frame is given back. */
static void refuse(struct hm_sim_gate *gate, unsigned in, struct hm_sim_frame *frame,
                   const struct hm_ipv4 *ip, struct hm_icmp_error error)
{
    uint8_t packet[HM_ICMP_ERROR_MAX_LEN];
    size_t len = 0;

    error.src = gate->ifaces[in].addrs[0];
    if (hm_icmp_may_answer(packet_of(frame), ip->total_len))
        len = hm_icmp_encode_error(packet, &error, packet_of(frame), ip->total_len);
    if (len == 0) {
        hm_sim_frame_give(gate->sim, frame);
        return;
    }
    memcpy(packet_of(frame), packet, len);
    frame->len = HM_ETHERNET_LEN + len;
    route_packet(gate, in, ip->src, frame);
}

/* Answers an echo request to the router itself. */
static void receive_own(struct hm_sim_gate *gate, unsigned in, struct hm_sim_frame *frame,
                        const struct hm_ipv4 *ip)
{
    uint8_t *icmp = packet_of(frame) + ip->header_len;
    struct hm_ipv4 back = *ip;
    uint16_t sum;
    size_t len = (size_t)ip->total_len - ip->header_len;

    if (ip->protocol != HM_IP_PROTO_ICMP || ip->header_len != HM_IPV4_LEN || hm_ipv4_is_fragment(ip) ||
        len < 8 || icmp[0] != ECHO_REQUEST) {
        hm_sim_frame_give(gate->sim, frame);
        return;
    }
    icmp[0] = ECHO_REPLY;
    icmp[2] = icmp[3] = 0;
    sum = (uint16_t)~hm_checksum_add(0, icmp, len);
    icmp[2] = (uint8_t)(sum >> 8);
    icmp[3] = (uint8_t)sum;
    back.src = ip->dst;
    back.dst = ip->src;
    back.ttl = TTL;
    hm_ipv4_encode(packet_of(frame), &back);
    route_packet(gate, in, back.dst, frame);
}

static bool is_own(const struct hm_sim_gate *gate, uint32_t addr)
{
    for (unsigned i = 0; i < gate->iface_count; i++) {
        if (hm_sim_iface_has_addr(&gate->ifaces[i], addr))
            return true;
    }
    return false;
}

static void forward(struct hm_sim_gate *gate, unsigned in, struct hm_sim_frame *frame,
                    const struct hm_ipv4 *ip)
{
    const struct hm_sim_route *route = find_route(gate, ip->dst);

    if (ip->ttl <= 1) {
        gate->expired++;
        refuse(gate, in, frame, ip, (struct hm_icmp_error){.type = HM_ICMP_TIME_EXCEEDED});
        return;
    }
    if (route != NULL && ip->total_len > gate->mtu[route->iface]) {
        const struct hm_icmp_error error = {.type = HM_ICMP_UNREACHABLE,
                                            .code = HM_ICMP_FRAGMENTATION_NEEDED,
                                            .next_hop_mtu = gate->mtu[route->iface]};

        gate->too_big++;
        refuse(gate, in, frame, ip, error);
        return;
    }
    gate->forwarded++;
    hm_ipv4_lower_ttl(packet_of(frame));
    route_packet(gate, in, ip->dst, frame);
}

static void on_ip(void *ctx, struct hm_sim_iface *iface, struct hm_sim_frame *frame)
{
    struct hm_sim_gate *gate = ctx;
    unsigned in = (unsigned)(iface - gate->ifaces);
    size_t len = frame->len - HM_ETHERNET_LEN;
    struct hm_ipv4 ip;

    /* A router does not carry what came as a link broadcast (RFC 1812 section 5.3.4). */
    if ((hm_sim_frame_bytes(frame)[0] & 1) != 0) {
        hm_sim_frame_give(gate->sim, frame);
        return;
    }
    if (hm_ipv4_decode(packet_of(frame), len, &ip) != 0 ||
        !hm_ipv4_checksum_is_right(packet_of(frame), ip.header_len)) {
        gate->malformed++;
        hm_sim_frame_give(gate->sim, frame);
        return;
    }
    frame->len = HM_ETHERNET_LEN + ip.total_len;
    if (is_own(gate, ip.dst))
        receive_own(gate, in, frame, &ip);
    else
        forward(gate, in, frame, &ip);
}
