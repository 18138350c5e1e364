/* SPDX-License-Identifier: BSD-3-Clause */
/* Bundles of frames. */
#include "firmware/link/bundle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_LEN (HM_FRAME_HEADROOM + HM_FRAME_MAX + 1)

struct hm_bundles {
    struct hm_env *env;
    const struct hm_bundle_kind *kind;
    enum hm_counter counter;
    hm_bundle_send send;
    void *arg;
    unsigned lane_count;
    bool is_pending;
    unsigned next[HM_MAX_LINKS]; /* whose turn it is to make room */
    struct hm_bundle bundles[HM_MAX_LINKS][HM_BUNDLES_PER_LANE];
    uint8_t memory[];
};

struct hm_bundles *hm_bundles_create(struct hm_env *env, const struct hm_bundle_kind *kind,
                                     enum hm_counter counter, unsigned lane_count, hm_bundle_send send,
                                     void *arg)
{
    assert(lane_count <= HM_MAX_LINKS);
    struct hm_bundles *bundles =
        calloc(1, sizeof(*bundles) + (size_t)lane_count * HM_BUNDLES_PER_LANE * MEMORY_LEN);
    if (bundles == NULL)
        return NULL;
    bundles->env = env;
    bundles->kind = kind;
    bundles->counter = counter;
    bundles->send = send;
    bundles->arg = arg;
    bundles->lane_count = lane_count;
    for (unsigned i = 0; i < lane_count * HM_BUNDLES_PER_LANE; i++)
        bundles->bundles[i / HM_BUNDLES_PER_LANE][i % HM_BUNDLES_PER_LANE].memory =
            bundles->memory + (size_t)i * MEMORY_LEN;
    return bundles;
}

void hm_bundles_destroy(struct hm_bundles *bundles)
{
    free(bundles);
}

struct hm_bundle *hm_bundles_find(struct hm_bundles *bundles, unsigned lane, const uint8_t *bytes)
{
    for (unsigned i = 0; i < HM_BUNDLES_PER_LANE; i++) {
        struct hm_bundle *bundle = &bundles->bundles[lane][i];
        if (bundle->count > 0 && bundles->kind->has_addrs_of(hm_bundle_first(bundle), bytes))
            return bundle;
    }
    return NULL;
}

static struct hm_bundle *make_room(struct hm_bundles *bundles, unsigned lane)
{
    struct hm_bundle *bundle = bundles->bundles[lane];
    for (unsigned i = 0; i < HM_BUNDLES_PER_LANE; i++)
        if (bundle[i].count == 0)
            return &bundle[i];
    bundle += bundles->next[lane]++ % HM_BUNDLES_PER_LANE;
    hm_bundles_send(bundles, lane, bundle);
    return bundle;
}

struct hm_bundle *hm_bundles_begin(struct hm_bundles *bundles, unsigned lane, const struct hm_frame *frame,
                                   size_t headers_len)
{
    struct hm_bundle *bundle = make_room(bundles, lane);
    uint8_t *memory = bundle->memory;
    assert(frame->len <= HM_BUNDLE_LEN_MAX && headers_len < frame->len);
    *bundle = (struct hm_bundle){.count = 1,
                                 .len = frame->len,
                                 .headers_len = headers_len,
                                 .piece_len = frame->len - headers_len,
                                 .offload = frame->offload,
                                 .memory = memory};
    memcpy(memory + HM_FRAME_HEADROOM, frame->data, frame->len);
    bundles->is_pending = true;
    return bundle;
}

bool hm_bundle_has_room(const struct hm_bundle *bundle, size_t piece_len)
{
    return !bundle->is_ended && bundle->count < HM_BUNDLE_FRAMES_MAX && piece_len <= bundle->piece_len &&
           bundle->len + piece_len <= HM_BUNDLE_LEN_MAX;
}

void hm_bundle_append(struct hm_bundle *bundle, const uint8_t *piece, size_t piece_len)
{
    memcpy(bundle->memory + HM_FRAME_HEADROOM + bundle->len, piece, piece_len);
    bundle->len += piece_len;
    bundle->count++;
    bundle->is_ended = piece_len < bundle->piece_len;
}

void hm_bundles_send(struct hm_bundles *bundles, unsigned lane, struct hm_bundle *bundle)
{
    struct hm_frame frame;
    if (bundle == NULL || bundle->count == 0)
        return;
    hm_frame_init(&frame, bundle->memory, MEMORY_LEN, bundle->len);
    frame.offload = bundle->offload;
    if (bundle->count > 1) {
        bundles->kind->finish(bundle, &frame);
        hm_env_count(bundles->env, bundles->counter);
    }
    bundle->count = 0;
    bundles->send(bundles->arg, lane, &frame);
}

void hm_bundles_send_lane(struct hm_bundles *bundles, unsigned lane)
{
    for (unsigned i = 0; i < HM_BUNDLES_PER_LANE; i++)
        hm_bundles_send(bundles, lane, &bundles->bundles[lane][i]);
}

bool hm_bundles_are_pending(const struct hm_bundles *bundles)
{
    return bundles->is_pending;
}

void hm_bundles_flush(struct hm_bundles *bundles)
{
    if (bundles == NULL || !bundles->is_pending)
        return;
    bundles->is_pending = false;
    for (unsigned lane = 0; lane < bundles->lane_count; lane++)
        hm_bundles_send_lane(bundles, lane);
}
