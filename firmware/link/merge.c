/* SPDX-License-Identifier: BSD-3-Clause */
/* Merging of TCP segments.
 *
 * A segment is appended to the last one of its flow (Ethernet, IP and TCP addresses) when a sender with
 * segmentation offload could have sent both in one: the next byte of the stream, the same acknowledgment,
 * window, options, TTL and TOS, no longer than the first, all before it as long as the first, DF on both (so
 * that the identifications mean nothing, RFC 6864), and no flag that says something about one segment alone,
 * but PSH and FIN on the last and CWR on the first. The checksum of each is looked at before, since that of
 * the whole is left to the kernel: one that is wrong goes on as it is.
 *
 * Nothing overtakes anything that it could be compared with: a segment that cannot be appended sends those of
 * its flow that wait, and TCP that cannot be read sends all of its lane. Other packets go their way. */
#include "firmware/link/merge.h"

#include <string.h>

#include "firmware/wire/ethernet.h"
#include "firmware/wire/tcp.h"

#define IP_AT HM_ETHERNET_LEN
#define ADDRS_AT (IP_AT + 12) /* and behind them, without options, the ports */
#define TCP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)

struct segment {
    const uint8_t *bytes; /* the frame */
    const struct hm_ipv4 *ip;
    struct hm_tcp tcp;
    size_t headers_len, payload_len;
};

/* Ethernet and IP addresses, ports. */
static bool has_addrs_of(const uint8_t *first, const uint8_t *bytes)
{
    return memcmp(first + ADDRS_AT, bytes + ADDRS_AT, 12) == 0 && memcmp(first, bytes, HM_ETHERNET_LEN) == 0;
}

static void finish(const struct hm_bundle *bundle, struct hm_frame *frame)
{
    size_t packet_len = bundle->len - HM_ETHERNET_LEN;
    hm_ipv4_set_extent(frame->data + IP_AT, HM_IPV4_LEN, (uint16_t)packet_len, bundle->ip.fragment);
    hm_tcp_begin_sum(frame->data + TCP_AT, packet_len - HM_IPV4_LEN, bundle->ip.src, bundle->ip.dst,
                     bundle->flags);
    frame->offload = (struct hm_offload){
        .flags = HM_OFFLOAD_NEEDS_CSUM,
        .gso_type = hm_tcp_gso_type(bundle->flags),
        .hdr_len = (uint16_t)bundle->headers_len,
        .gso_size = (uint16_t)bundle->piece_len,
        .csum_start = TCP_AT,
        .csum_offset = HM_TCP_CHECKSUM_AT,
    };
}

static const struct hm_bundle_kind SEGMENTS = {.has_addrs_of = has_addrs_of, .finish = finish};

struct hm_bundles *hm_merge_create(struct hm_env *env, enum hm_counter counter, unsigned lane_count,
                                   hm_bundle_send send, void *arg)
{
    return hm_bundles_create(env, &SEGMENTS, counter, lane_count, send, arg);
}

/* Of a TCP packet. False: it could be none of a super-frame. */
static bool read_segment(const struct hm_ipv4 *ip, const struct hm_frame *frame, struct segment *out)
{
    size_t len = (size_t)ip->total_len - ip->header_len;
    if (frame->offload.flags != 0 || frame->offload.gso_type != 0 || ip->header_len != HM_IPV4_LEN ||
        hm_ipv4_is_fragment(ip) || hm_tcp_decode(frame->data + TCP_AT, len, &out->tcp) != HM_OK)
        return false;
    out->bytes = frame->data;
    out->ip = ip;
    out->headers_len = TCP_AT + (size_t)out->tcp.header_len;
    out->payload_len = len - out->tcp.header_len;
    return true;
}

static bool has_right_checksum(const struct segment *segment)
{
    return hm_tcp_checksum_is_right(segment->bytes + TCP_AT, segment->tcp.header_len + segment->payload_len,
                                    segment->ip->src, segment->ip->dst);
}

/* May it be the first of several? */
static bool may_begin(const struct segment *segment)
{
    return segment->payload_len > 0 && segment->headers_len + segment->payload_len <= HM_BUNDLE_LEN_MAX &&
           (segment->ip->fragment & HM_IPV4_DF) != 0 &&
           (segment->tcp.flags & (uint8_t) ~(HM_TCP_CWR | HM_TCP_ECE)) == HM_TCP_ACK &&
           hm_tcp_may_cut(&segment->tcp) && has_right_checksum(segment);
}

static bool may_follow(const struct hm_bundle *flow, const struct segment *segment)
{
    const struct hm_ipv4 *ip = segment->ip;
    uint8_t alike = (uint8_t) ~(HM_TCP_PSH | HM_TCP_FIN | HM_TCP_CWR);
    return segment->payload_len > 0 && hm_bundle_has_room(flow, segment->payload_len) &&
           segment->headers_len == flow->headers_len && segment->tcp.seq == flow->next_seq &&
           (ip->fragment & HM_IPV4_DF) != 0 && (segment->tcp.flags & HM_TCP_CWR) == 0 &&
           (segment->tcp.flags & alike) == (flow->flags & alike) && flow->ip.tos == ip->tos &&
           flow->ip.ttl == ip->ttl &&
           hm_tcp_is_alike(hm_bundle_first(flow) + TCP_AT, segment->bytes + TCP_AT,
                           segment->tcp.header_len) &&
           has_right_checksum(segment);
}

static void begin(struct hm_bundles *merge, unsigned lane, const struct segment *segment,
                  const struct hm_frame *frame)
{
    struct hm_frame exact = *frame; /* without the padding of a short frame */
    exact.len = segment->headers_len + segment->payload_len;
    struct hm_bundle *flow = hm_bundles_begin(merge, lane, &exact, segment->headers_len);
    flow->ip = *segment->ip;
    flow->next_seq = segment->tcp.seq + (uint32_t)segment->payload_len;
    flow->flags = segment->tcp.flags;
}

/* Appends it; the flow's super-frame ends with one that is shorter, or has a flag that belongs to the last.
 */
static void append(struct hm_bundles *merge, unsigned lane, struct hm_bundle *flow,
                   const struct segment *segment)
{
    hm_bundle_append(flow, segment->bytes + segment->headers_len, segment->payload_len);
    flow->next_seq += (uint32_t)segment->payload_len;
    flow->flags |= segment->tcp.flags;
    if (flow->is_ended || (segment->tcp.flags & (HM_TCP_PSH | HM_TCP_FIN)) != 0)
        hm_bundles_send(merge, lane, flow);
}

bool hm_merge_take(struct hm_bundles *merge, unsigned lane, const struct hm_ipv4 *ip,
                   const struct hm_frame *frame)
{
    struct segment segment;
    if (merge == NULL || ip->protocol != HM_IP_PROTO_TCP)
        return false;
    if (!read_segment(ip, frame, &segment)) {
        hm_bundles_send_lane(merge, lane); /* it may be of a flow that waits */
        return false;
    }
    struct hm_bundle *flow = hm_bundles_find(merge, lane, frame->data);
    if (flow != NULL && may_follow(flow, &segment)) {
        append(merge, lane, flow, &segment);
        return true;
    }
    hm_bundles_send(merge, lane, flow);
    if (!may_begin(&segment))
        return false;
    begin(merge, lane, &segment, frame);
    return true;
}
