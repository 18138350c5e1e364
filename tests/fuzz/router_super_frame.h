/* SPDX-License-Identifier: BSD-3-Clause */
/* Super-frames for fuzz_router: as the kernel hands them over, or spoilt. */
#ifndef HM_FUZZ_ROUTER_SUPER_FRAME_H
#define HM_FUZZ_ROUTER_SUPER_FRAME_H

#include "firmware/wire/encapsulation.h"
#include "firmware/wire/tcp.h"
#include "tests/fuzz/router_messages.h"

#define FUZZ_WRAPPED_LEN (HM_IPV4_LEN + 8 + HM_TUNNEL_DATA_LEN) /* before the inner IP header */

static inline void fuzz_write_ip(uint8_t *bytes, uint8_t protocol, uint32_t src, uint32_t dst, size_t len,
                                 uint8_t choice)
{
    const struct hm_ipv4 ip = {.tos = choice & 3,
                               .total_len = (uint16_t)len,
                               .id = choice,
                               .fragment = (choice & 4) != 0 ? 0 : HM_IPV4_DF,
                               .ttl = (choice & 8) != 0 ? 1 : 64,
                               .protocol = protocol,
                               .src = src,
                               .dst = dst};

    hm_ipv4_encode(bytes, &ip);
}

/* An IP packet of TCP, whole but for the checksum, which is begun. Gives its length. */
static inline size_t fuzz_write_tcp(struct fuzz_router_world *f, uint8_t *ip, size_t payload_len,
                                    size_t header_len)
{
    uint8_t choice = fuzz_u8(f), *tcp = ip + HM_IPV4_LEN;
    uint32_t src = fuzz_addr(f), dst = fuzz_addr(f);

    fuzz_write_ip(ip, HM_IP_PROTO_TCP, src, dst, HM_IPV4_LEN + header_len + payload_len, choice);
    memset(tcp, 1, header_len);
    kernel_set_u16(tcp, 1000);
    kernel_set_u16(tcp + 2, 80);
    kernel_set_u16(tcp + 6, fuzz_u8(f));
    tcp[12] = (uint8_t)(header_len / 4 << 4);
    tcp[13] = fuzz_u8(f);
    kernel_set_u16(tcp + 16, kernel_pseudo(ip, HM_IP_PROTO_TCP, header_len + payload_len));
    memset(tcp + header_len, 0x5a, payload_len);
    return HM_IPV4_LEN + header_len + payload_len;
}

/* Puts the headers of a tunnel in front of inner_len bytes at `outer` + FUZZ_WRAPPED_LEN. */
static inline void fuzz_write_tunnel(const struct fuzz_router_world *f, unsigned site, uint32_t src,
                                     uint8_t *outer, size_t inner_len)
{
    uint8_t *udp = outer + HM_IPV4_LEN;

    fuzz_write_ip(outer, HM_IP_PROTO_UDP, src, f->world->sites[site].agent_peer_addr,
                  FUZZ_WRAPPED_LEN + inner_len, 0);
    kernel_set_u16(udp, HM_TUNNEL_PORT);
    kernel_set_u16(udp + 2, HM_TUNNEL_PORT);
    kernel_set_u16(udp + 4, 8 + HM_TUNNEL_DATA_LEN + inner_len);
    kernel_set_u16(udp + 6, kernel_pseudo(outer, HM_IP_PROTO_UDP, 8 + HM_TUNNEL_DATA_LEN + inner_len));
    hm_encapsulation_encode_data(udp + 8);
}

/* Datagrams of one length: packets out of a tunnel, each with its own header. Gives the length of all. */
static inline size_t fuzz_write_train(struct fuzz_router_world *f, uint8_t *at, size_t payload_len,
                                      size_t header_len, unsigned count)
{
    size_t len = 0;

    for (unsigned i = 0; i < count; i++) {
        uint8_t *ip = at + len + HM_TUNNEL_DATA_LEN;
        hm_encapsulation_encode_data(at + len);
        size_t packet_len = fuzz_write_tcp(f, ip, payload_len, header_len);
        kernel_fix_transport(ip, ip + HM_IPV4_LEN, packet_len - HM_IPV4_LEN, HM_IP_PROTO_TCP);
        len += HM_TUNNEL_DATA_LEN + packet_len;
    }
    return len;
}

static inline void fuzz_spoil(struct fuzz_router_world *f, struct hm_frame *frame, uint8_t choice)
{
    if (choice & 64)
        frame->data[fuzz_u8(f) % frame->len] ^= fuzz_u8(f);
    if (choice & 128)
        ((uint8_t *)&frame->offload)[fuzz_u8(f) % sizeof(frame->offload)] ^= fuzz_u8(f);
}

/* Of TCP, from any MAC to any MAC. */
static inline void fuzz_plain_super(struct fuzz_router_world *f, struct hm_frame *frame, size_t header_len,
                                    uint16_t gso_size, uint16_t payload_len)
{
    struct hm_ethernet ethernet = {.dst = fuzz_mac(f), .src = fuzz_mac(f), .type = HM_ETHERTYPE_IPV4};

    hm_ethernet_encode(frame->data, &ethernet);
    frame->len = HM_ETHERNET_LEN + fuzz_write_tcp(f, frame->data + HM_ETHERNET_LEN, payload_len, header_len);
    frame->offload = (struct hm_offload){.flags = HM_OFFLOAD_NEEDS_CSUM,
                                         .gso_type = HM_OFFLOAD_GSO_TCPV4,
                                         .hdr_len = (uint16_t)(FUZZ_UDP_AT + header_len),
                                         .gso_size = gso_size,
                                         .csum_start = FUZZ_UDP_AT,
                                         .csum_offset = 16};
}

/* Of TCP within the tunnel, or a train of the tunnel's datagrams. */
static inline void fuzz_tunnelled_super(struct fuzz_router_world *f, struct hm_frame *frame,
                                        size_t header_len, uint16_t gso_size, uint16_t payload_len,
                                        bool is_train)
{
    uint8_t *inner = frame->data + HM_ETHERNET_LEN + FUZZ_WRAPPED_LEN;

    if (is_train) {
        frame->len = HM_ETHERNET_LEN + FUZZ_WRAPPED_LEN - HM_TUNNEL_DATA_LEN +
                     fuzz_write_train(f, inner - HM_TUNNEL_DATA_LEN, gso_size % 1401, header_len,
                                      1 + payload_len % 40);
        frame->offload = (struct hm_offload){
            .flags = HM_OFFLOAD_NEEDS_CSUM,
            .gso_type = HM_OFFLOAD_GSO_UDP,
            .hdr_len = FUZZ_UDP_AT + 8,
            .gso_size = (uint16_t)(HM_TUNNEL_DATA_LEN + HM_IPV4_LEN + header_len + gso_size % 1401),
            .csum_start = FUZZ_UDP_AT,
            .csum_offset = 6};
    } else {
        frame->len = HM_ETHERNET_LEN + FUZZ_WRAPPED_LEN + fuzz_write_tcp(f, inner, payload_len, header_len);
        frame->offload =
            (struct hm_offload){.flags = HM_OFFLOAD_NEEDS_CSUM | HM_OFFLOAD_TUNNEL_CSUM,
                                .gso_type = HM_OFFLOAD_GSO_TCPV4 | HM_OFFLOAD_GSO_TUNNEL,
                                .hdr_len = (uint16_t)(FUZZ_UDP_AT + FUZZ_WRAPPED_LEN + header_len),
                                .gso_size = gso_size,
                                .csum_start = FUZZ_UDP_AT + FUZZ_WRAPPED_LEN,
                                .csum_offset = 16,
                                .outer_transport_at = FUZZ_UDP_AT,
                                .inner_network_at = HM_ETHERNET_LEN + FUZZ_WRAPPED_LEN};
    }
}

static inline void fuzz_super_frame(struct fuzz_router_world *f, unsigned site)
{
    static uint8_t memory[HM_FRAME_HEADROOM + HM_FRAME_MAX];
    struct hm_sim_agent *agent = &f->world->sites[site].agent;
    uint8_t choice = fuzz_u8(f);
    unsigned link = (choice & 3) != 0 ? fuzz_peer_link(f, site) : 0;
    size_t header_len = HM_TCP_LEN + 4 * (fuzz_u8(f) % 11u);
    uint16_t payload_len = hm_read_u16(&f->input) % 65000, gso_size = hm_read_u16(&f->input);
    struct hm_ethernet ethernet = {
        .dst = agent->config.links[link].mac, .src = f->world->gate.ifaces[1].mac, .type = HM_ETHERTYPE_IPV4};
    struct hm_frame frame;

    if (!agent->port.takes_super_frames) /* then its device brings none */
        return;
    if ((choice & 16) == 0)
        gso_size %= 1401;
    hm_frame_init(&frame, memory, sizeof(memory), 0);
    if ((choice & 2) == 0) {
        fuzz_plain_super(f, &frame, header_len, gso_size, payload_len);
    } else {
        fuzz_tunnelled_super(f, &frame, header_len, gso_size, payload_len, (choice & 1) != 0);
        hm_ethernet_encode(frame.data, &ethernet);
        fuzz_write_tunnel(f, site, fuzz_peer(f, site, choice >> 3)->addr, frame.data + HM_ETHERNET_LEN,
                          frame.len - HM_ETHERNET_LEN - FUZZ_WRAPPED_LEN);
    }
    fuzz_spoil(f, &frame, choice);
    hm_sim_agent_frame(agent, link, &frame);
}

#endif
