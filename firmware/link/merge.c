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
 * its flow that wait; what is no IP packet (a takeover, an end marker) sends all of its link. Other packets
 * go their way. */
#include "firmware/link/merge.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/link/output.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/tcp.h"

#define SEGMENTS_MAX 64
#define IP_AT HM_ETHERNET_LEN
#define TCP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)
#define PROTOCOL_AT (IP_AT + 9)

struct segment {
    const uint8_t *bytes; /* the frame */
    struct hm_ipv4 ip;
    struct hm_tcp tcp;
    size_t headers_len, payload_len;
};

struct flow {
    unsigned count; /* segments; 0: free */
    size_t len;     /* of the frame */
    size_t headers_len;
    size_t segment_len; /* payload of the first */
    uint32_t next_seq;
    uint8_t flags;
    uint8_t memory[HM_FRAME_HEADROOM + 65536];
};

struct hm_merge {
    struct hm_env *env;
    bool is_pending;
    unsigned next[HM_MAX_LINKS]; /* whose turn it is to make room */
    struct flow flows[HM_MAX_LINKS][HM_MERGE_FLOWS];
};

struct hm_merge *hm_merge_create(struct hm_env *env)
{
    struct hm_merge *merge = calloc(1, sizeof(*merge));
    if (merge != NULL)
        merge->env = env;
    return merge;
}

void hm_merge_destroy(struct hm_merge *merge)
{
    free(merge);
}

static uint8_t *bytes_of(struct flow *flow)
{
    return flow->memory + HM_FRAME_HEADROOM;
}

/* Makes one frame of the headers of the first and the bytes of all. */
static void finish(struct flow *flow, struct hm_frame *frame)
{
    uint8_t *ip_bytes = frame->data + IP_AT, *tcp = frame->data + TCP_AT;
    size_t packet_len = flow->len - HM_ETHERNET_LEN;
    struct hm_ipv4 ip;
    if (hm_ipv4_decode(ip_bytes, packet_len, &ip) != HM_OK)
        return;
    hm_ipv4_set_extent(ip_bytes, HM_IPV4_LEN, (uint16_t)packet_len, ip.fragment);
    hm_tcp_begin_sum(tcp, packet_len - HM_IPV4_LEN, ip.src, ip.dst, flow->flags);
    frame->offload = (struct hm_offload){
        .flags = HM_OFFLOAD_NEEDS_CSUM,
        .gso_type = (uint8_t)(HM_OFFLOAD_GSO_TCPV4 | (flow->flags & HM_TCP_CWR ? HM_OFFLOAD_GSO_ECN : 0)),
        .hdr_len = (uint16_t)flow->headers_len,
        .gso_size = (uint16_t)flow->segment_len,
        .csum_start = TCP_AT,
        .csum_offset = HM_TCP_CHECKSUM_AT,
    };
}

static void send_flow(struct hm_merge *merge, unsigned link, struct flow *flow)
{
    struct hm_frame frame;
    if (flow->count == 0)
        return;
    hm_frame_init(&frame, flow->memory, sizeof(flow->memory), flow->len);
    if (flow->count > 1) {
        finish(flow, &frame);
        hm_env_count(merge->env, HM_COUNT_MERGED);
    }
    flow->count = 0;
    hm_output_now(merge->env, link, &frame);
}

static void send_link(struct hm_merge *merge, unsigned link)
{
    for (unsigned i = 0; i < HM_MERGE_FLOWS; i++)
        send_flow(merge, link, &merge->flows[link][i]);
}

void hm_merge_flush(struct hm_merge *merge)
{
    if (merge == NULL || !merge->is_pending)
        return;
    merge->is_pending = false;
    for (unsigned link = 0; link < merge->env->config->link_count; link++)
        send_link(merge, link);
}

/* Of a TCP packet. False: it could be none of a super-frame. */
static bool read_segment(const struct hm_frame *frame, struct segment *out)
{
    size_t len;
    if (frame->len < TCP_AT + HM_TCP_LEN || frame->offload.flags != 0 || frame->offload.gso_type != 0)
        return false;
    out->bytes = frame->data;
    if (hm_ipv4_decode(frame->data + IP_AT, frame->len - IP_AT, &out->ip) != HM_OK ||
        out->ip.header_len != HM_IPV4_LEN || hm_ipv4_is_fragment(&out->ip))
        return false;
    len = (size_t)out->ip.total_len - HM_IPV4_LEN;
    if (hm_tcp_decode(frame->data + TCP_AT, len, &out->tcp) != HM_OK)
        return false;
    out->headers_len = TCP_AT + (size_t)out->tcp.header_len;
    out->payload_len = len - out->tcp.header_len;
    return true;
}

/* Ethernet and IP addresses, ports. */
static bool is_of_flow(struct flow *flow, const struct segment *segment)
{
    const uint8_t *first = bytes_of(flow);
    return flow->count > 0 && memcmp(first + TCP_AT, segment->bytes + TCP_AT, 4) == 0 &&
           memcmp(first + IP_AT + 12, segment->bytes + IP_AT + 12, 8) == 0 &&
           memcmp(first, segment->bytes, HM_ETHERNET_LEN) == 0;
}

static struct flow *find(struct hm_merge *merge, unsigned link, const struct segment *segment)
{
    for (unsigned i = 0; i < HM_MERGE_FLOWS; i++)
        if (is_of_flow(&merge->flows[link][i], segment))
            return &merge->flows[link][i];
    return NULL;
}

static bool has_right_checksum(const struct segment *segment)
{
    return hm_tcp_checksum_is_right(segment->bytes + TCP_AT, segment->tcp.header_len + segment->payload_len,
                                    segment->ip.src, segment->ip.dst);
}

/* May it be the first of several? */
static bool may_begin(const struct segment *segment)
{
    return segment->payload_len > 0 && (segment->ip.fragment & HM_IPV4_DF) != 0 &&
           (segment->tcp.flags & (uint8_t) ~(HM_TCP_CWR | HM_TCP_ECE)) == HM_TCP_ACK &&
           hm_tcp_may_cut(&segment->tcp) && has_right_checksum(segment);
}

static bool may_follow(struct flow *flow, const struct segment *segment)
{
    const uint8_t *first = bytes_of(flow);
    uint8_t alike = (uint8_t) ~(HM_TCP_PSH | HM_TCP_FIN | HM_TCP_CWR);
    return segment->payload_len > 0 && segment->payload_len <= flow->segment_len &&
           segment->headers_len == flow->headers_len && segment->tcp.seq == flow->next_seq &&
           flow->count < SEGMENTS_MAX && flow->len + segment->payload_len <= HM_FRAME_MAX &&
           (segment->ip.fragment & HM_IPV4_DF) != 0 && (segment->tcp.flags & HM_TCP_CWR) == 0 &&
           (segment->tcp.flags & alike) == (flow->flags & alike) && first[IP_AT + 1] == segment->ip.tos &&
           first[IP_AT + 8] == segment->ip.ttl &&
           hm_tcp_is_alike(first + TCP_AT, segment->bytes + TCP_AT, segment->tcp.header_len) &&
           has_right_checksum(segment);
}

static void begin(struct hm_merge *merge, unsigned link, const struct segment *segment)
{
    struct flow *flow = &merge->flows[link][merge->next[link]++ % HM_MERGE_FLOWS];
    for (unsigned i = 0; i < HM_MERGE_FLOWS && flow->count > 0; i++)
        flow = merge->flows[link][i].count == 0 ? &merge->flows[link][i] : flow;
    send_flow(merge, link, flow);
    flow->count = 1;
    flow->len = segment->headers_len + segment->payload_len;
    flow->headers_len = segment->headers_len;
    flow->segment_len = segment->payload_len;
    flow->next_seq = segment->tcp.seq + (uint32_t)segment->payload_len;
    flow->flags = segment->tcp.flags;
    memcpy(bytes_of(flow), segment->bytes, flow->len);
    merge->is_pending = true;
}

/* Appends it; the flow's super-frame ends with one that is shorter, or has a flag that belongs to the last.
 */
static void append(struct hm_merge *merge, unsigned link, struct flow *flow, const struct segment *segment)
{
    memcpy(bytes_of(flow) + flow->len, segment->bytes + segment->headers_len, segment->payload_len);
    flow->len += segment->payload_len;
    flow->count++;
    flow->next_seq += (uint32_t)segment->payload_len;
    flow->flags |= segment->tcp.flags;
    if (segment->payload_len < flow->segment_len || (segment->tcp.flags & (HM_TCP_PSH | HM_TCP_FIN)) != 0)
        send_flow(merge, link, flow);
}

bool hm_merge_take(struct hm_merge *merge, unsigned link, const struct hm_frame *frame)
{
    struct hm_ethernet ethernet;
    struct segment segment;
    struct flow *flow;
    if (merge == NULL)
        return false;
    if (hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK ||
        ethernet.type != HM_ETHERTYPE_IPV4) {
        send_link(merge, link);
        return false;
    }
    if (frame->len <= PROTOCOL_AT || frame->data[PROTOCOL_AT] != HM_IP_PROTO_TCP)
        return false;
    if (!read_segment(frame, &segment)) {
        send_link(merge, link); /* it may be of a flow that waits */
        return false;
    }
    flow = find(merge, link, &segment);
    if (flow != NULL && may_follow(flow, &segment)) {
        append(merge, link, flow, &segment);
        return true;
    }
    if (flow != NULL)
        send_flow(merge, link, flow);
    if (!may_begin(&segment))
        return false;
    begin(merge, link, &segment);
    return true;
}
