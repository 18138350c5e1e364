/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated unmodified IP host: IP, ICMP echo, UDP, and the life of a virtual machine.
 *
 * Everything that a router on the way could spoil is checked on receipt: header checksum, lengths, UDP
 * checksum. Frames are built in place in pool frames. */
#include "platform/sim/host.h"

#include <assert.h>
#include <string.h>

#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/icmp.h"
#include "firmware/wire/tcp.h"
#include "platform/sim/stream.h"

#define UDP_LEN 8
#define ICMP_LEN 8
#define ECHO_REPLY 0
#define ECHO_REQUEST 8
#define TTL 64
#define TCP_WINDOW 1000

/* QEMU's announcements: how long each comes after the one before it (initial 50, step 100, max 550 ms). */
static const uint32_t ANNOUNCE_GAP_MS[HM_SIM_ANNOUNCE_ROUNDS] = {0, 50, 150, 250, 350};

static void on_announce(void *arg);
static void on_ip(void *ctx, struct hm_sim_iface *iface, struct hm_sim_frame *frame);

void hm_sim_host_init(struct hm_sim_host *host, struct hm_sim *sim, const char *name,
                      const struct hm_mac *mac, uint32_t addr, uint8_t prefix_len, uint32_t gateway)
{
    *host = (struct hm_sim_host){.sim = sim, .gateway = gateway};
    hm_sim_iface_init(&host->iface, sim, name, mac, addr, prefix_len);
    host->iface.on_ip = on_ip;
    host->iface.ctx = host;
    hm_sim_event_init(&host->announce, on_announce, host);
}

uint32_t hm_sim_host_addr(const struct hm_sim_host *host)
{
    return host->iface.addrs[0];
}

/* Writes the IP header before payload_len bytes that are in the frame already, and sends. */
static void finish_ip(struct hm_sim_host *host, struct hm_sim_frame *frame, uint32_t src, uint32_t dst,
                      uint8_t protocol, size_t payload_len)
{
    const struct hm_ipv4 ip = {
        .total_len = (uint16_t)(HM_IPV4_LEN + payload_len),
        .id = host->next_id++,
        .fragment = host->must_not_fragment || protocol == HM_IP_PROTO_TCP ? HM_IPV4_DF : 0,
        .ttl = TTL,
        .protocol = protocol,
        .src = src,
        .dst = dst,
    };
    bool is_on_link = hm_prefix_contains(&host->iface.prefix, dst) || dst == UINT32_MAX;

    assert(HM_ETHERNET_LEN + (size_t)ip.total_len <= HM_SIM_FRAME_MAX);
    if (!is_on_link && host->gateway == 0) {
        hm_sim_frame_give(host->sim, frame);
        return;
    }
    hm_ipv4_encode(hm_sim_frame_bytes(frame) + HM_ETHERNET_LEN, &ip);
    frame->len = HM_ETHERNET_LEN + ip.total_len;
    hm_sim_iface_send(&host->iface, is_on_link ? dst : host->gateway, frame);
}

/* Where the payload of a packet without options begins. */
static uint8_t *payload_of(struct hm_sim_frame *frame)
{
    return hm_sim_frame_bytes(frame) + HM_ETHERNET_LEN + HM_IPV4_LEN;
}

void hm_sim_host_send_ip(struct hm_sim_host *host, uint32_t src, uint32_t dst, uint8_t protocol,
                         const void *bytes, size_t len)
{
    struct hm_sim_frame *frame = hm_sim_frame_take(host->sim);

    assert(HM_ETHERNET_LEN + HM_IPV4_LEN + len <= HM_SIM_FRAME_MAX);
    memcpy(payload_of(frame), bytes, len);
    finish_ip(host, frame, src, dst, protocol, len);
}

/* The checksum of the bytes; 0 when they hold a right one. */
static uint16_t checksum(uint16_t sum, const uint8_t *bytes, size_t len)
{
    sum = hm_checksum_add(sum, bytes, len);
    return (uint16_t)(0xffffu - sum);
}

/* The same over a UDP datagram with its pseudo-header. */
static uint16_t udp_sum(uint32_t src, uint32_t dst, const uint8_t *udp, size_t len)
{
    return checksum(hm_ipv4_pseudo_sum(src, dst, HM_IP_PROTO_UDP, (uint16_t)len), udp, len);
}

void hm_sim_host_send_udp(struct hm_sim_host *host, uint32_t src, uint16_t src_port, uint32_t dst,
                          uint16_t dst_port, const void *bytes, size_t len)
{
    struct hm_sim_frame *frame = hm_sim_frame_take(host->sim);
    uint8_t *udp = payload_of(frame);
    struct hm_writer writer;
    uint16_t sum;

    hm_writer_init(&writer, udp, HM_SIM_FRAME_MAX - HM_ETHERNET_LEN - HM_IPV4_LEN);
    hm_write_u16(&writer, src_port);
    hm_write_u16(&writer, dst_port);
    hm_write_u16(&writer, (uint16_t)(UDP_LEN + len));
    hm_write_u16(&writer, 0);
    hm_write_bytes(&writer, bytes, len);
    assert(!writer.failed);
    sum = udp_sum(src, dst, udp, writer.len);
    hm_write_patch_u16(&writer, 6, sum == 0 ? 0xffff : sum);
    finish_ip(host, frame, src, dst, HM_IP_PROTO_UDP, writer.len);
}

void hm_sim_host_send_tcp(struct hm_sim_host *host, uint32_t src, uint32_t dst, uint16_t port, uint32_t seq,
                          const void *bytes, size_t len)
{
    struct hm_sim_frame *frame = hm_sim_frame_take(host->sim);
    uint8_t *tcp = payload_of(frame);
    struct hm_writer writer;

    hm_writer_init(&writer, tcp, HM_SIM_FRAME_MAX - HM_ETHERNET_LEN - HM_IPV4_LEN);
    hm_write_u16(&writer, port);
    hm_write_u16(&writer, port);
    hm_write_u32(&writer, seq);
    hm_write_u32(&writer, 1);
    hm_write_u16(&writer, (HM_TCP_LEN / 4) << 12 | HM_TCP_ACK);
    hm_write_u16(&writer, TCP_WINDOW);
    hm_write_zeros(&writer, 4);
    hm_write_bytes(&writer, bytes, len);
    assert(!writer.failed);
    hm_tcp_set_piece(tcp, writer.len, src, dst, seq, HM_TCP_ACK);
    finish_ip(host, frame, src, dst, HM_IP_PROTO_TCP, writer.len);
}

void hm_sim_host_ping(struct hm_sim_host *host, uint32_t dst, size_t len)
{
    struct hm_sim_frame *frame = hm_sim_frame_take(host->sim);
    struct hm_writer writer;

    hm_writer_init(&writer, payload_of(frame), HM_SIM_FRAME_MAX - HM_ETHERNET_LEN - HM_IPV4_LEN);
    hm_write_u8(&writer, ECHO_REQUEST);
    hm_write_u8(&writer, 0);
    hm_write_u16(&writer, 0);
    hm_write_u16(&writer, 1);
    hm_write_u16(&writer, (uint16_t)++host->pings_sent);
    hm_write_zeros(&writer, len);
    hm_write_patch_u16(&writer, 2, checksum(0, writer.bytes, writer.len));
    finish_ip(host, frame, host->iface.addrs[0], dst, HM_IP_PROTO_ICMP, writer.len);
}

/* Turns the request into its reply. */
static void answer_echo(struct hm_sim_host *host, struct hm_sim_frame *frame, const struct hm_ipv4 *ip,
                        size_t len)
{
    uint8_t *icmp = payload_of(frame);
    struct hm_writer writer = {.bytes = icmp, .len = len, .cap = len};

    icmp[0] = ECHO_REPLY;
    hm_write_patch_u16(&writer, 2, 0);
    hm_write_patch_u16(&writer, 2, checksum(0, icmp, len));
    finish_ip(host, frame, ip->dst, ip->src, HM_IP_PROTO_ICMP, len);
}

static void receive_icmp(struct hm_sim_host *host, struct hm_sim_frame *frame, const struct hm_ipv4 *ip,
                         const uint8_t *icmp, size_t len)
{
    struct hm_reader reader;
    uint8_t type, code;
    uint16_t low;

    hm_reader_init(&reader, icmp, len);
    type = hm_read_u8(&reader);
    code = hm_read_u8(&reader);
    hm_read_skip(&reader, 4);
    low = hm_read_u16(&reader);
    if (reader.failed || checksum(0, icmp, len) != 0) {
        host->corrupt++;
    } else if (type == ECHO_REQUEST && ip->header_len == HM_IPV4_LEN) {
        answer_echo(host, frame, ip, len);
        return;
    } else if (type == ECHO_REPLY) {
        if (low == host->last_ping)
            host->ping_doubles++;
        else
            host->pings_answered++;
        host->last_ping = low;
    } else if (type == HM_ICMP_UNREACHABLE || type == HM_ICMP_TIME_EXCEEDED || type == HM_ICMP_REDIRECT) {
        host->icmp_errors++;
        host->icmp_type = type;
        host->icmp_code = code;
        host->icmp_mtu = low;
    }
    hm_sim_frame_give(host->sim, frame);
}

static struct hm_sim_stream *stream_of(const struct hm_sim_host *host, bool is_tcp, uint32_t dst,
                                       uint16_t port)
{
    struct hm_sim_stream *stream = host->streams_in;

    while (stream != NULL && (stream->is_tcp != is_tcp || stream->port != port || stream->dst != dst))
        stream = stream->next_in;
    return stream;
}

static void receive_tcp(struct hm_sim_host *host, const struct hm_ipv4 *ip, const uint8_t *tcp, size_t len)
{
    struct hm_tcp header;
    struct hm_reader reader;
    struct hm_sim_stream *stream;

    hm_reader_init(&reader, tcp, len);
    hm_read_skip(&reader, 2);
    stream = stream_of(host, true, ip->dst, hm_read_u16(&reader));
    if (hm_tcp_decode(tcp, len, &header) != 0 || !hm_tcp_checksum_is_right(tcp, len, ip->src, ip->dst))
        host->corrupt++;
    else if (stream != NULL)
        hm_sim_stream_receive(stream, ip->src, tcp + header.header_len, len - header.header_len);
}

static void receive_udp(struct hm_sim_host *host, const struct hm_ipv4 *ip, const uint8_t *udp, size_t len)
{
    uint16_t src_port, dst_port, udp_len, sum;
    struct hm_reader reader;

    hm_reader_init(&reader, udp, len);
    src_port = hm_read_u16(&reader);
    dst_port = hm_read_u16(&reader);
    udp_len = hm_read_u16(&reader);
    sum = hm_read_u16(&reader);
    if (reader.failed || udp_len != len || (sum != 0 && udp_sum(ip->src, ip->dst, udp, len) != 0)) {
        host->corrupt++;
        return;
    }
    struct hm_sim_stream *stream = stream_of(host, false, ip->dst, dst_port);
    if (stream != NULL)
        hm_sim_stream_receive(stream, ip->src, udp + UDP_LEN, len - UDP_LEN);
    else if (host->on_udp != NULL)
        host->on_udp(host->ctx, ip->src, src_port, dst_port, udp + UDP_LEN, len - UDP_LEN);
}

/* Is the packet whole, right and for this host? Counts what is not. */
static bool is_acceptable(struct hm_sim_host *host, const uint8_t *packet, size_t len, struct hm_ipv4 *ip)
{
    if (hm_ipv4_decode(packet, len, ip) != 0 || !hm_ipv4_checksum_is_right(packet, ip->header_len) ||
        ip->ttl == 0) {
        host->corrupt++;
        return false;
    }
    bool is_broadcast = ip->dst == UINT32_MAX && ip->protocol == HM_IP_PROTO_UDP;
    if (!is_broadcast && !hm_sim_iface_has_addr(&host->iface, ip->dst)) {
        host->strange += ip->dst != UINT32_MAX && ip->dst != hm_prefix_broadcast(&host->iface.prefix) &&
                         !hm_ip_is_multicast(ip->dst);
        return false;
    }
    if (hm_ipv4_is_fragment(ip)) {
        host->fragments++;
        return false;
    }
    return true;
}

static void on_ip(void *ctx, struct hm_sim_iface *iface, struct hm_sim_frame *frame)
{
    struct hm_sim_host *host = ctx;
    const uint8_t *packet = hm_sim_frame_bytes(frame) + HM_ETHERNET_LEN;
    struct hm_ipv4 ip;
    size_t len;

    (void)iface;
    if (!is_acceptable(host, packet, frame->len - HM_ETHERNET_LEN, &ip)) {
        hm_sim_frame_give(host->sim, frame);
        return;
    }
    if (host->first_frame_us == 0)
        host->first_frame_us = host->sim->now_us;
    len = (size_t)ip.total_len - ip.header_len;
    if (ip.protocol == HM_IP_PROTO_ICMP) {
        receive_icmp(host, frame, &ip, packet + ip.header_len, len);
        return;
    }
    if (ip.protocol == HM_IP_PROTO_UDP)
        receive_udp(host, &ip, packet + ip.header_len, len);
    else if (ip.protocol == HM_IP_PROTO_TCP)
        receive_tcp(host, &ip, packet + ip.header_len, len);
    hm_sim_frame_give(host->sim, frame);
}

static void announce(struct hm_sim_host *host)
{
    const struct hm_arp rarp = {
        .op = HM_RARP_REQUEST, .sender_mac = host->iface.mac, .target_mac = host->iface.mac};
    uint8_t bytes[HM_ARP_FRAME_LEN];

    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &host->iface.mac, HM_ETHERTYPE_RARP, &rarp);
    hm_sim_port_send_bytes(&host->iface.port, bytes, sizeof(bytes));
}

/* It is QEMU that announces, not the guest: a pause meanwhile ends the schedule. */
static void on_announce(void *arg)
{
    struct hm_sim_host *host = arg;

    announce(host);
    if (++host->announce_round < HM_SIM_ANNOUNCE_ROUNDS)
        hm_sim_arm(host->sim, &host->announce,
                   host->sim->now_us + (uint64_t)ANNOUNCE_GAP_MS[host->announce_round] * HM_SIM_MS);
}

bool hm_sim_host_is_paused(const struct hm_sim_host *host)
{
    return host->iface.frozen;
}

void hm_sim_host_pause(struct hm_sim_host *host)
{
    assert(!host->iface.frozen);
    hm_sim_cancel(host->sim, &host->announce);
    hm_sim_iface_freeze(&host->iface, true);
    host->paused_at_us = host->sim->now_us;
}

void hm_sim_host_resume(struct hm_sim_host *host)
{
    assert(host->iface.frozen);
    host->resumed_at_us = host->sim->now_us;
    host->first_frame_us = 0;
    host->announce_round = 0;
    if (!host->is_silent)
        on_announce(host);
    hm_sim_iface_freeze(&host->iface, false);
    for (struct hm_sim_stream *stream = host->streams_out; stream != NULL; stream = stream->next_out)
        hm_sim_stream_resume(stream);
}

void hm_sim_host_move(struct hm_sim_host *host, struct hm_sim_lan *lan)
{
    hm_sim_port_attach(&host->iface.port, lan);
}
