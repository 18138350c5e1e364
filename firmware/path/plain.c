/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain: what the kernel left to us. A sender on this host hands over TCP super-frames of up to 64 KB, and
 * checksums that are only begun (virtio_net_hdr): one system call instead of many. Here they become plain
 * frames, before anything looks at them: so all of the path knows plain frames alone.
 *
 * A super-frame is cut where its sender's kernel would have cut it (gso_size), or smaller where the packets
 * go into a tunnel that is narrower: they would be cut a second time there. That is a guess at the way, and
 * only for the size. */
#include <string.h>

#include "firmware/path/path.h"
#include "firmware/wire/tcp.h"

#define UDP_CHECKSUM_OFFSET 6
#define PIECES_MAX \
    1400 /* 64 KB in pieces of 48 bytes, the least that a segment has (RFC 9293 section 3.7.1) */
#define FRAME_MAX 65535

struct super_frame {
    const uint8_t *bytes; /* Ethernet header and all */
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;
    struct hm_tcp tcp;
    size_t headers_len; /* all three */
    size_t payload_len;
    size_t piece_len; /* payload of each piece but the last */
};

/* Into which tunnel would it go? 0: into none. */
static uint32_t tunnel_to(const struct hm_path *path, const struct super_frame *frame)
{
    const struct hm_binding *binding = hm_binding_lookup(&path->agent->home.bindings, frame->ip.dst);
    const struct hm_visitor *visitor;
    if (binding != NULL && hm_binding_is_absent(binding))
        return binding->care_of_addr;
    visitor = hm_visitor_of_mac(&path->agent->foreign.visitors, &frame->ethernet.src, NULL);
    return visitor != NULL && visitor->state == HM_VISITOR_PRESENT ? visitor->node.home_agent : 0;
}

static size_t piece_len(struct hm_path *path, const struct super_frame *frame, uint16_t gso_size)
{
    size_t headers_len = frame->headers_len - HM_ETHERNET_LEN, room;
    /* Without DF the identifications count: more pieces than the sender has reckoned with would use some
     * twice. */
    uint32_t remote_addr = frame->ip.fragment & HM_IPV4_DF ? tunnel_to(path, frame) : 0;
    struct hm_tunnel_state *tunnel =
        remote_addr != 0 ? hm_tunnel_state_use(&path->tunnels, remote_addr) : NULL;
    if (tunnel == NULL)
        return gso_size;
    room = (size_t)hm_tunnel_state_mtu(&path->tunnels, tunnel) - HM_IPV4_LEN;
    return room > headers_len && room - headers_len < gso_size ? room - headers_len : gso_size;
}

/* False: it is nothing that we can cut. */
static bool read_super_frame(struct hm_path *path, const struct hm_frame *frame, struct super_frame *out)
{
    const uint8_t *packet, *segment;
    size_t segment_len;
    if (hm_ethernet_decode(frame->data, frame->len, &out->ethernet) != HM_OK ||
        out->ethernet.type != HM_ETHERTYPE_IPV4 || frame->offload.gso_size == 0 ||
        (frame->offload.flags & HM_OFFLOAD_NEEDS_CSUM) == 0) /* else nobody has looked at its checksum */
        return false;
    packet = frame->data + HM_ETHERNET_LEN;
    if (hm_ipv4_decode(packet, frame->len - HM_ETHERNET_LEN, &out->ip) != HM_OK ||
        !hm_ipv4_checksum_is_right(packet, out->ip.header_len) || out->ip.protocol != HM_IP_PROTO_TCP ||
        hm_ipv4_is_fragment(&out->ip))
        return false;
    segment = packet + out->ip.header_len;
    segment_len = (size_t)out->ip.total_len - out->ip.header_len;
    if (hm_tcp_decode(segment, segment_len, &out->tcp) != HM_OK)
        return false;
    out->bytes = frame->data;
    out->headers_len = (size_t)HM_ETHERNET_LEN + out->ip.header_len + out->tcp.header_len;
    out->payload_len = segment_len - out->tcp.header_len;
    out->piece_len = piece_len(path, out, frame->offload.gso_size);
    /* A guest chooses gso_size: it shall not make us work for long, nor a piece that is no packet. */
    return out->payload_len > 0 && out->payload_len / out->piece_len <= PIECES_MAX &&
           out->headers_len + (out->piece_len < out->payload_len ? out->piece_len : out->payload_len) <=
               FRAME_MAX;
}

/* The piece that begins `at` bytes into the payload. The identification goes up by one, as the kernel does
 * it. */
static void make_piece(struct hm_path *path, const struct super_frame *frame, size_t at, size_t len,
                       unsigned number, struct hm_frame *piece)
{
    hm_frame_init(piece, path->plain, HM_PATH_SCRATCH_LEN, frame->headers_len + len);
    memcpy(piece->data, frame->bytes, frame->headers_len);
    memcpy(piece->data + frame->headers_len, frame->bytes + frame->headers_len + at, len);
    uint8_t *ip = piece->data + HM_ETHERNET_LEN;
    uint8_t flags = hm_tcp_piece_flags(frame->tcp.flags, at + len == frame->payload_len);
    if (at > 0) /* RFC 3168: the kernel leaves only such frames to us */
        flags &= (uint8_t)~HM_TCP_CWR;
    hm_ipv4_set_id(ip, (uint16_t)(frame->ip.id + number));
    hm_ipv4_set_extent(ip, frame->ip.header_len, (uint16_t)(piece->len - HM_ETHERNET_LEN),
                       frame->ip.fragment);
    hm_tcp_set_piece(ip + frame->ip.header_len, frame->tcp.header_len + len, frame->ip.src, frame->ip.dst,
                     frame->tcp.seq + (uint32_t)at, flags);
}

static void cut(struct hm_path *path, unsigned link, const struct super_frame *frame,
                void (*input)(struct hm_path *path, unsigned link, struct hm_frame *plain))
{
    unsigned number = 0;
    for (size_t at = 0, len; at < frame->payload_len; at += len, number++) {
        struct hm_frame piece;
        len = frame->payload_len - at < frame->piece_len ? frame->payload_len - at : frame->piece_len;
        make_piece(path, frame, at, len, number, &piece);
        input(path, link, &piece);
    }
}

/* The field holds what its sender has summed up so far. False: the offsets lead out of the frame. */
static bool complete_checksum(struct hm_frame *frame)
{
    size_t start = frame->offload.csum_start, field = start + frame->offload.csum_offset;
    uint16_t sum;
    if (start < HM_ETHERNET_LEN || field + 2 > frame->len)
        return false;
    sum = (uint16_t)~hm_checksum_add(0, frame->data + start, frame->len - start);
    if (sum == 0 && frame->offload.csum_offset == UDP_CHECKSUM_OFFSET)
        sum = 0xffff; /* RFC 768: 0 says that there is none */
    frame->data[field] = (uint8_t)(sum >> 8);
    frame->data[field + 1] = (uint8_t)sum;
    return true;
}

void hm_path_plain(struct hm_path *path, unsigned link, struct hm_frame *frame,
                   void (*input)(struct hm_path *path, unsigned link, struct hm_frame *plain))
{
    uint8_t gso_type = frame->offload.gso_type & (uint8_t)~HM_OFFLOAD_GSO_ECN;
    struct super_frame super_frame;
    if (gso_type == HM_OFFLOAD_GSO_NONE && (frame->offload.flags & HM_OFFLOAD_NEEDS_CSUM) == 0) {
        frame->offload =
            (struct hm_offload){0}; /* that its checksum was verified says nothing where it goes out */
        input(path, link, frame);
    } else if (gso_type == HM_OFFLOAD_GSO_NONE && complete_checksum(frame)) {
        frame->offload = (struct hm_offload){0};
        input(path, link, frame);
    } else if (gso_type == HM_OFFLOAD_GSO_TCPV4 && read_super_frame(path, frame, &super_frame)) {
        hm_env_count(path->env, HM_COUNT_SUPER_FRAMES);
        cut(path, link, &super_frame, input);
    } else {
        hm_env_drop(path->env, HM_DROP_OFFLOAD, "type %u", frame->offload.gso_type);
    }
}
