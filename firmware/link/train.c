/* SPDX-License-Identifier: BSD-3-Clause */
/* Trains of datagrams.
 *
 * A datagram is appended to those of its tunnel when the kernel would cut just these out of the whole: the
 * same headers, none before it shorter than the first, and it no longer. Without DF the identification
 * counts, and must be the next one, as the kernel makes it.
 *
 * Nothing overtakes anything that goes to the same agent: a super-frame, a datagram that does not fit, or
 * what goes there by another kind of tunnel, sends those that wait. */
#include "firmware/link/train.h"

#include <assert.h>
#include <string.h>

#include "firmware/wire/encapsulation.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/udp.h"

#define IP_AT HM_ETHERNET_LEN
#define ADDRS_AT (IP_AT + 12)
#define UDP_AT (IP_AT + HM_IPV4_LEN)
#define DATAGRAM_AT (UDP_AT + HM_UDP_LEN)

static bool has_addrs_of(const uint8_t *first, const uint8_t *bytes)
{
    return memcmp(first + ADDRS_AT, bytes + ADDRS_AT, 8) == 0;
}

static void finish(const struct hm_bundle *bundle, struct hm_frame *frame)
{
    struct hm_ipv4 ip = bundle->ip;
    ip.total_len = (uint16_t)(bundle->len - IP_AT);
    hm_ipv4_encode(frame->data + IP_AT, &ip);
    hm_encapsulation_encode(frame->data + UDP_AT, HM_ENCAPSULATION_UDP, &ip);
    frame->offload.gso_type = HM_OFFLOAD_GSO_UDP;
    frame->offload.hdr_len = DATAGRAM_AT;
    frame->offload.gso_size = (uint16_t)bundle->piece_len;
}

static const struct hm_bundle_kind DATAGRAMS = {.has_addrs_of = has_addrs_of, .finish = finish};

struct hm_bundles *hm_trains_create(struct hm_env *env, hm_bundle_send send, void *arg)
{
    return hm_bundles_create(env, &DATAGRAMS, HM_COUNT_TRAINS, env->config->link_count, send, arg);
}

/* Of what we send, only what path/tunnel and path/enter put into UDP tunnels has a checksum that is begun. */
static bool is_datagram(const struct hm_frame *frame)
{
    const struct hm_offload *offload = &frame->offload;
    assert((offload->flags & HM_OFFLOAD_NEEDS_CSUM) == 0 || offload->gso_type != HM_OFFLOAD_GSO_NONE ||
           (offload->csum_start == UDP_AT && offload->csum_offset == HM_UDP_CHECKSUM_AT));
    return offload->gso_type == HM_OFFLOAD_GSO_NONE && (offload->flags & HM_OFFLOAD_NEEDS_CSUM) != 0 &&
           frame->len <= HM_BUNDLE_LEN_MAX;
}

static bool may_follow(const struct hm_bundle *train, const struct hm_frame *frame, const struct hm_ipv4 *ip)
{
    const struct hm_ipv4 *first = &train->ip;
    return hm_bundle_has_room(train, frame->len - DATAGRAM_AT) && ip->tos == first->tos &&
           ip->ttl == first->ttl && ip->fragment == first->fragment &&
           ((ip->fragment & HM_IPV4_DF) != 0 || ip->id == (uint16_t)(first->id + train->count)) &&
           memcmp(hm_bundle_first(train), frame->data, HM_ETHERNET_LEN) == 0;
}

bool hm_train_take(struct hm_bundles *trains, unsigned link, const struct hm_ipv4 *ip,
                   const struct hm_frame *frame)
{
    if (trains == NULL)
        return false;
    struct hm_bundle *train = hm_bundles_find(trains, link, frame->data);
    bool is_one = is_datagram(frame);
    if (is_one && train != NULL && may_follow(train, frame, ip)) {
        hm_bundle_append(train, frame->data + DATAGRAM_AT, frame->len - DATAGRAM_AT);
        return true;
    }
    hm_bundles_send(trains, link, train);
    if (is_one)
        hm_bundles_begin(trains, link, frame, DATAGRAM_AT)->ip = *ip;
    return is_one;
}
