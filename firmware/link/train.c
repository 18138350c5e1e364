/* SPDX-License-Identifier: BSD-3-Clause */
/* Trains of datagrams.
 *
 * A datagram is appended to those of its tunnel when the kernel would cut just these out of the whole: the
 * same headers, none before it shorter than the first, and it no longer. Without DF the identification
 * counts, and must be the next one, as the kernel makes it.
 *
 * Nothing overtakes anything of ours: what else goes into the same tunnel (a super-frame, a datagram that
 * does not fit) sends those that wait for it; what is no IP packet, and every other packet of our own, sends
 * all, of other links as well: what an agent or a hypervisor is told may be about them. Packets of others go
 * their way.
 */
#include "firmware/link/train.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/link/output.h"
#include "firmware/wire/encapsulation.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/udp.h"

#define IP_AT HM_ETHERNET_LEN
#define ADDRS_AT (IP_AT + 12)
#define UDP_AT (IP_AT + HM_IPV4_LEN)
#define DATAGRAM_AT (UDP_AT + HM_UDP_LEN)

struct train {
    unsigned count; /* datagrams; 0: free */
    size_t len;     /* of the frame */
    size_t datagram_len;
    struct hm_ipv4 ip; /* of the first */
    bool is_ended;     /* by one that is shorter */
    uint8_t memory[HM_FRAME_HEADROOM + HM_FRAME_MAX];
};

struct hm_trains {
    struct hm_env *env;
    bool is_pending;
    unsigned next[HM_MAX_LINKS]; /* whose turn it is to make room */
    struct train trains[HM_MAX_LINKS][HM_TRAINS_PER_LINK];
};

struct hm_trains *hm_trains_create(struct hm_env *env)
{
    struct hm_trains *trains = calloc(1, sizeof(*trains));
    if (trains != NULL)
        trains->env = env;
    return trains;
}

void hm_trains_destroy(struct hm_trains *trains)
{
    free(trains);
}

static uint8_t *bytes_of(struct train *train)
{
    return train->memory + HM_FRAME_HEADROOM;
}

/* Makes one frame of the headers of the first and the bytes of all. */
static void finish(struct train *train, struct hm_frame *frame)
{
    train->ip.total_len = (uint16_t)(train->len - IP_AT);
    hm_ipv4_encode(frame->data + IP_AT, &train->ip);
    hm_encapsulation_encode(frame->data + UDP_AT, HM_ENCAPSULATION_UDP, &train->ip);
    frame->offload.gso_type = HM_OFFLOAD_GSO_UDP;
    frame->offload.hdr_len = DATAGRAM_AT;
    frame->offload.gso_size = (uint16_t)train->datagram_len;
}

/* NULL: nothing. */
static void send_train(struct hm_trains *trains, unsigned link, struct train *train)
{
    struct hm_frame frame;
    if (train == NULL || train->count == 0)
        return;
    hm_frame_init(&frame, train->memory, sizeof(train->memory), train->len);
    frame.offload = (struct hm_offload){
        .flags = HM_OFFLOAD_NEEDS_CSUM, .csum_start = UDP_AT, .csum_offset = HM_UDP_CHECKSUM_AT};
    if (train->count > 1) {
        finish(train, &frame);
        hm_env_count(trains->env, HM_COUNT_TRAINS);
    }
    train->count = 0;
    hm_output_now(trains->env, link, &frame);
}

static void send_link(struct hm_trains *trains, unsigned link)
{
    for (unsigned i = 0; i < HM_TRAINS_PER_LINK; i++)
        send_train(trains, link, &trains->trains[link][i]);
}

void hm_trains_flush(struct hm_trains *trains)
{
    if (trains == NULL || !trains->is_pending)
        return;
    trains->is_pending = false;
    for (unsigned link = 0; link < trains->env->config->link_count; link++)
        send_link(trains, link);
}

/* Ours into a tunnel, as path/tunnel makes them: the outer checksum is begun. */
static bool is_datagram(const struct hm_frame *frame, const struct hm_ipv4 *ip)
{
    const struct hm_offload *offload = &frame->offload;
    return offload->gso_type == HM_OFFLOAD_GSO_NONE && (offload->flags & HM_OFFLOAD_NEEDS_CSUM) != 0 &&
           offload->csum_start == UDP_AT && offload->csum_offset == HM_UDP_CHECKSUM_AT &&
           ip->header_len == HM_IPV4_LEN && frame->len == (size_t)IP_AT + ip->total_len &&
           frame->len > DATAGRAM_AT + HM_TUNNEL_DATA_LEN && !hm_ipv4_is_fragment(ip) &&
           ip->protocol == HM_IP_PROTO_UDP &&
           hm_encapsulation_is_one(ip->protocol, frame->data + UDP_AT, frame->len - UDP_AT);
}

/* Something into a tunnel of another kind. */
static bool is_in_tunnel(const struct hm_frame *frame, const struct hm_ipv4 *ip)
{
    size_t headers_len = IP_AT + (size_t)ip->header_len;
    return frame->len > headers_len &&
           hm_encapsulation_is_one(ip->protocol, frame->data + headers_len, frame->len - headers_len);
}

static struct train *find(struct hm_trains *trains, unsigned link, const struct hm_frame *frame)
{
    for (unsigned i = 0; i < HM_TRAINS_PER_LINK; i++) {
        struct train *train = &trains->trains[link][i];
        if (train->count > 0 && memcmp(bytes_of(train) + ADDRS_AT, frame->data + ADDRS_AT, 8) == 0)
            return train;
    }
    return NULL;
}

static bool may_follow(struct train *train, const struct hm_frame *frame, const struct hm_ipv4 *ip)
{
    const struct hm_ipv4 *first = &train->ip;
    size_t len = frame->len - DATAGRAM_AT;
    return !train->is_ended && train->count < HM_TRAIN_MAX && len <= train->datagram_len &&
           train->len + len <= HM_FRAME_MAX && ip->tos == first->tos && ip->ttl == first->ttl &&
           ip->fragment == first->fragment &&
           ((ip->fragment & HM_IPV4_DF) != 0 || ip->id == (uint16_t)(first->id + train->count)) &&
           memcmp(bytes_of(train), frame->data, HM_ETHERNET_LEN) == 0;
}

static void append(struct train *train, const struct hm_frame *frame)
{
    size_t len = frame->len - DATAGRAM_AT;
    memcpy(bytes_of(train) + train->len, frame->data + DATAGRAM_AT, len);
    train->len += len;
    train->count++;
    train->is_ended = len < train->datagram_len;
}

static void begin(struct hm_trains *trains, unsigned link, const struct hm_frame *frame,
                  const struct hm_ipv4 *ip)
{
    struct train *train = &trains->trains[link][trains->next[link]++ % HM_TRAINS_PER_LINK];
    for (unsigned i = 0; i < HM_TRAINS_PER_LINK && train->count > 0; i++)
        train = trains->trains[link][i].count == 0 ? &trains->trains[link][i] : train;
    assert(frame->len <= HM_FRAME_MAX);
    send_train(trains, link, train);
    train->count = 1;
    train->len = frame->len;
    train->datagram_len = frame->len - DATAGRAM_AT;
    train->ip = *ip;
    train->is_ended = false;
    memcpy(bytes_of(train), frame->data, frame->len);
    trains->is_pending = true;
}

static void take(struct hm_trains *trains, unsigned link, const struct hm_frame *frame,
                 const struct hm_ipv4 *ip)
{
    struct train *train = find(trains, link, frame);
    if (train != NULL && may_follow(train, frame, ip)) {
        append(train, frame);
        return;
    }
    if (train != NULL)
        send_train(trains, link, train);
    begin(trains, link, frame, ip);
}

bool hm_train_take(struct hm_trains *trains, unsigned link, const struct hm_frame *frame)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;
    if (trains == NULL)
        return false;
    if (hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK ||
        ethernet.type != HM_ETHERTYPE_IPV4 ||
        hm_ipv4_decode(frame->data + IP_AT, frame->len - IP_AT, &ip) != HM_OK) {
        hm_trains_flush(trains);
        return false;
    }
    if (!hm_env_is_own_addr(trains->env, ip.src))
        return false;
    if (is_datagram(frame, &ip)) {
        take(trains, link, frame, &ip);
        return true;
    }
    if (frame->offload.gso_type != HM_OFFLOAD_GSO_NONE) /* into a tunnel */
        send_train(trains, link, find(trains, link, frame));
    else if (is_in_tunnel(frame, &ip))
        hm_trains_flush(trains);
    else
        hm_output_flush(trains->env);
    return false;
}
