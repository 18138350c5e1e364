/* SPDX-License-Identifier: BSD-3-Clause */
/* Bundles: frames that wait for each other on their way out, to leave as one: the headers of the first, and
 * what is behind the headers of each. Which ones may be together, and what becomes of their headers, is said
 * by merge (TCP segments) and train (datagrams). */
#ifndef HM_LINK_BUNDLE_H
#define HM_LINK_BUNDLE_H

#include "firmware/env.h"
#include "firmware/wire/encapsulation.h"

#define HM_BUNDLES_PER_LANE 8   /* at a time */
#define HM_BUNDLE_FRAMES_MAX 64 /* that leave as one; of datagrams older kernels take no more */
/* Of one that leaves as one: it may enter a UDP tunnel as it is. */
#define HM_BUNDLE_LEN_MAX (HM_FRAME_MAX - HM_TUNNEL_UDP_LEN)

struct hm_bundle {
    unsigned count;            /* frames; 0: free */
    size_t len;                /* of all, with the headers of the first */
    size_t headers_len;        /* of each */
    size_t piece_len;          /* behind them in the first; no other has more, and all but the last as much */
    struct hm_offload offload; /* of the first */
    struct hm_ipv4 ip;         /* of the first */
    uint32_t next_seq;         /* merge's */
    uint8_t flags;             /* merge's: of all segments */
    bool is_ended;             /* it takes no more */
    uint8_t *memory;           /* HM_FRAME_HEADROOM, and the frame */
};

struct hm_bundle_kind {
    /* Has the frame the addresses of the bundle that begins with `first`? Of either there are at least an
     * Ethernet and an IP header, and what hm_bundles_find's caller has looked at. */
    bool (*has_addrs_of)(const uint8_t *first, const uint8_t *bytes);
    /* Makes one of several: the headers of the frame, and frame->offload. */
    void (*finish)(const struct hm_bundle *bundle, struct hm_frame *frame);
};

/* What becomes of them; the frame is the bundle's memory. */
typedef void (*hm_bundle_send)(void *arg, unsigned lane, struct hm_frame *frame);

/* Lanes keep apart what never waits for each other: the links, say. */
struct hm_bundles;

/* Memory for all lanes; NULL: none. kind is borrowed; counter: of those that leave as one. */
struct hm_bundles *hm_bundles_create(struct hm_env *env, const struct hm_bundle_kind *kind,
                                     enum hm_counter counter, unsigned lane_count, hm_bundle_send send,
                                     void *arg);
/* What waits is lost. NULL is allowed. */
void hm_bundles_destroy(struct hm_bundles *bundles);

/* The one that has this frame's addresses, or NULL. */
struct hm_bundle *hm_bundles_find(struct hm_bundles *bundles, unsigned lane, const uint8_t *bytes);
/* Begins one with a copy of the frame, which has no more than HM_BUNDLE_LEN_MAX bytes; sends another one when
 * there is no room. The caller fills in the rest. */
struct hm_bundle *hm_bundles_begin(struct hm_bundles *bundles, unsigned lane, const struct hm_frame *frame,
                                   size_t headers_len);
/* Has it room for a frame with so much behind its headers? */
bool hm_bundle_has_room(const struct hm_bundle *bundle, size_t piece_len);
void hm_bundle_append(struct hm_bundle *bundle, const uint8_t *piece, size_t piece_len);

/* Does any wait, perhaps? bundles must not be NULL. */
bool hm_bundles_are_pending(const struct hm_bundles *bundles);

/* Sends one bundle (NULL: none), those of a lane, all (of NULL none). */
void hm_bundles_send(struct hm_bundles *bundles, unsigned lane, struct hm_bundle *bundle);
void hm_bundles_send_lane(struct hm_bundles *bundles, unsigned lane);
void hm_bundles_flush(struct hm_bundles *bundles);

static inline const uint8_t *hm_bundle_first(const struct hm_bundle *bundle)
{
    return bundle->memory + HM_FRAME_HEADROOM;
}

#endif
