/* SPDX-License-Identifier: BSD-3-Clause */
/* Super-frames: read and cut. */
#include "firmware/path/super_frame.h"

#include <string.h>

#include "firmware/base/err.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/udp.h"

#define PIECES_MAX \
    1400 /* 64 KB in pieces of 48 bytes, the least that a segment has (RFC 9293 section 3.7.1) */

/* --- reading ------------------------------------------------------------------------------------------ */

/* The next IP header, and it must be that of a packet which ends with the frame. */
static bool read_ip(const struct hm_frame *frame, size_t at, struct hm_super_frame *out)
{
    struct hm_ipv4 *ip = &out->ip[out->ip_count];
    if (at >= frame->len || hm_ipv4_decode(frame->data + at, frame->len - at, ip) != HM_OK ||
        !hm_ipv4_checksum_is_right(frame->data + at, ip->header_len) || hm_ipv4_is_fragment(ip) ||
        at + ip->total_len != frame->len)
        return false;
    out->ip_at[out->ip_count++] = at;
    return true;
}

/* The outer headers of a tunnel. What is between the UDP header and the inner IP header is anybody's: VMs
 * have tunnels of their own. */
static bool read_tunnel(const struct hm_frame *frame, struct hm_super_frame *out)
{
    out->tunnel_udp_at = out->ip_at[0] + out->ip[0].header_len;
    return out->ip[0].protocol == HM_IP_PROTO_UDP &&
           frame->offload.inner_network_at >= out->tunnel_udp_at + HM_UDP_LEN &&
           read_ip(frame, frame->offload.inner_network_at, out);
}

static bool read_transport(const struct hm_frame *frame, struct hm_super_frame *out)
{
    const struct hm_ipv4 *ip = hm_super_frame_inner(out);
    size_t at = out->ip_at[out->ip_count - 1] + ip->header_len;
    out->transport_at = at;
    if (!out->is_tcp) {
        out->headers_len = at + HM_UDP_LEN;
        return ip->protocol == HM_IP_PROTO_UDP;
    }
    if (ip->protocol != HM_IP_PROTO_TCP ||
        hm_tcp_decode(frame->data + at, frame->len - at, &out->tcp) != HM_OK)
        return false;
    out->headers_len = at + out->tcp.header_len;
    return true;
}

bool hm_super_frame_read(const struct hm_frame *frame, struct hm_super_frame *out)
{
    const struct hm_offload *offload = &frame->offload;
    uint8_t type = offload->gso_type & (uint8_t) ~(HM_OFFLOAD_GSO_ECN | HM_OFFLOAD_GSO_TUNNEL);
    struct hm_ethernet ethernet;
    *out = (struct hm_super_frame){
        .bytes = frame->data, .piece_len = offload->gso_size, .is_tcp = type == HM_OFFLOAD_GSO_TCPV4};
    if ((offload->flags & HM_OFFLOAD_NEEDS_CSUM) == 0 || /* else nobody has looked at its checksum */
        offload->gso_size == 0 || (!out->is_tcp && type != HM_OFFLOAD_GSO_UDP) ||
        hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK ||
        ethernet.type != HM_ETHERTYPE_IPV4 || !read_ip(frame, HM_ETHERNET_LEN, out) ||
        ((offload->gso_type & HM_OFFLOAD_GSO_TUNNEL) != 0 && !read_tunnel(frame, out)) ||
        !read_transport(frame, out) || out->headers_len >= frame->len)
        return false;
    out->payload_len = frame->len - out->headers_len;
    return true;
}

bool hm_super_frame_is_sane(const struct hm_super_frame *super)
{
    size_t longest = super->piece_len < super->payload_len ? super->piece_len : super->payload_len;
    return hm_super_frame_count(super) <= PIECES_MAX && super->headers_len + longest <= HM_FRAME_MAX;
}

bool hm_super_frame_may_be_finer(const struct hm_super_frame *super)
{
    return super->is_tcp && super->ip_count == 1 && (super->ip[0].fragment & HM_IPV4_DF) != 0 &&
           hm_tcp_may_cut(&super->tcp);
}

unsigned hm_super_frame_count(const struct hm_super_frame *super)
{
    return (unsigned)((super->payload_len + super->piece_len - 1) / super->piece_len);
}

void hm_super_frame_strip(struct hm_super_frame *super, size_t len)
{
    super->bytes += len;
    super->headers_len -= len;
    super->transport_at -= len;
    if (super->ip_count == 2 && len > super->ip_at[0]) {
        super->ip_at[0] = super->ip_at[1];
        super->ip[0] = super->ip[1];
        super->ip_count = 1;
        super->tunnel_udp_at = 0;
    }
    super->tunnel_udp_at -= super->tunnel_udp_at != 0 ? len : 0;
    for (unsigned i = 0; i < super->ip_count; i++)
        super->ip_at[i] -= len;
}

/* --- cutting ------------------------------------------------------------------------------------------ */

/* Sets the innermost header of a piece that ends at `end`. */
static void write_transport(const struct hm_super_frame *super, unsigned number, uint8_t *to, size_t end)
{
    const struct hm_ipv4 *ip = hm_super_frame_inner(super);
    uint8_t *transport = to + super->transport_at;
    size_t len = end - super->transport_at, at = number * super->piece_len;
    if (!super->is_tcp) {
        hm_udp_set_extent(transport, len, ip->src, ip->dst);
        return;
    }
    bool is_last = at + (end - super->headers_len) == super->payload_len;
    uint8_t flags = hm_tcp_piece_flags(super->tcp.flags, is_last);
    if (at > 0) /* RFC 3168: the kernel leaves only such frames to us */
        flags &= (uint8_t)~HM_TCP_CWR;
    hm_tcp_set_piece(transport, len, ip->src, ip->dst, super->tcp.seq + (uint32_t)at, flags);
}

size_t hm_super_frame_write_piece(const struct hm_super_frame *super, unsigned number, uint8_t *to)
{
    size_t at = number * super->piece_len;
    size_t len = super->payload_len - at < super->piece_len ? super->payload_len - at : super->piece_len;
    size_t end = super->headers_len + len;
    memcpy(to, super->bytes, super->headers_len);
    memcpy(to + super->headers_len, super->bytes + super->headers_len + at, len);
    for (unsigned i = 0; i < super->ip_count; i++) {
        uint8_t *ip = to + super->ip_at[i];
        hm_ipv4_set_id(ip, (uint16_t)(super->ip[i].id + number));
        hm_ipv4_set_extent(ip, super->ip[i].header_len, (uint16_t)(end - super->ip_at[i]),
                           super->ip[i].fragment);
    }
    write_transport(super, number, to, end);
    if (super->tunnel_udp_at != 0)
        hm_udp_set_extent(to + super->tunnel_udp_at, end - super->tunnel_udp_at, super->ip[0].src,
                          super->ip[0].dst);
    return end;
}
