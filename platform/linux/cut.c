/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the search for the cut.
 *
 * Three sequences run through a TAP in the same order: frames captured when they are handed to it (numbered
 * from 0), frames that QEMU has read from it (tx_packets), and buffers that the guest's device has filled
 * (the receive queue's used index, modulo 65,536).
 *
 * Captured and read differ by a constant, the base: what had been read before the capture began. read -
 * captured is never above it (a frame is captured before it can be read), and reaches it whenever the queue
 * is empty, which it mostly is: the base is the greatest difference seen. A frame that the TAP had no room
 * for was captured and is never read: the base is another then, and what was sampled before is forgotten.
 *
 * Filled and read differ by what is not for the guest, which the capture knows frame by frame, and by a
 * second constant. A sample gives it or less: used index, less the frames that count among those read when
 * the answer had come. Less, because QEMU may have read more after it answered, and may hold a frame or two
 * that it has read and not delivered. So the greatest is the constant, if any sample hit it: one during which
 * tx_packets stood still, or ENOUGH others that agree. Frames of which it is not clear how many buffers they
 * fill make the constant another: only samples behind the last such frame are of use.
 *
 * The cut is where the frames that count, and the constant, give the last used index. It is believed only
 * when it lies where it must: at most AHEAD_MAX frames before what was read. Otherwise the cut is counted:
 * AHEAD_MAX before what was read. Nothing is lost by that, and that many may be doubled. */
#include "platform/linux/cut.h"

#include <string.h>

#define AHEAD_MAX 2
#define ENOUGH 3
#define SAFE_AFTER_DROP 256 /* frames: fewer than any TAP's queue, whose tail is where frames are dropped */

void hm_cut_init(struct hm_cut_counter *cut)
{
    memset(cut, 0, sizeof(*cut));
}

void hm_cut_add_frame(struct hm_cut_counter *cut, enum hm_cut_kind kind)
{
    cut->before[cut->frames % HM_CUT_FRAMES].counted = cut->counted;
    cut->before[cut->frames % HM_CUT_FRAMES].unclear = cut->unclear;
    cut->counted += kind == HM_CUT_COUNTS;
    cut->unclear += kind == HM_CUT_UNCLEAR;
    cut->frames++;
}

void hm_cut_forget(struct hm_cut_counter *cut)
{
    cut->sample_count = 0;
}

static void raise_base(struct hm_cut_counter *cut, uint64_t read, uint64_t captured)
{
    int64_t base = (int64_t)(read - captured);

    if (!cut->has_base || base > cut->base)
        cut->base = base;
    cut->has_base = true;
}

void hm_cut_add_sample(struct hm_cut_counter *cut, const struct hm_cut_sample *sample)
{
    if (cut->has_base && sample->dropped != cut->dropped) {
        cut->base -= (int64_t)(sample->dropped - cut->dropped);
        hm_cut_forget(cut);
    }
    cut->dropped = sample->dropped;
    raise_base(cut, sample->read_end, sample->captured);
    if (!sample->has_used)
        return;
    if (cut->sample_count == HM_CUT_SAMPLES)
        memmove(cut->samples, cut->samples + 1, --cut->sample_count * sizeof(cut->samples[0]));
    cut->samples[cut->sample_count++] = *sample;
}

/* The counts before frame `index`; false when that is not known any more, or not yet. */
static bool counts_at(const struct hm_cut_counter *cut, int64_t index, uint32_t *counted, uint32_t *unclear)
{
    if (index < 0 || (uint64_t)index > cut->frames || (uint64_t)index + HM_CUT_FRAMES < cut->frames + 1)
        return false;
    *counted = (uint64_t)index == cut->frames ? cut->counted : cut->before[index % HM_CUT_FRAMES].counted;
    *unclear = (uint64_t)index == cut->frames ? cut->unclear : cut->before[index % HM_CUT_FRAMES].unclear;
    return true;
}

/* The greatest of the samples' constants, modulo 65,536; false when it is not sure. */
static bool find_constant(const struct hm_cut_counter *cut, uint32_t unclear_at_end, uint16_t *constant)
{
    unsigned agreeing = 0;

    for (unsigned i = 0; i < cut->sample_count; i++) {
        const struct hm_cut_sample *sample = &cut->samples[i];
        unsigned weight = sample->read == sample->read_end ? ENOUGH : 1;
        uint32_t counted, unclear;
        uint16_t one;

        if (!counts_at(cut, (int64_t)sample->read_end - cut->base, &counted, &unclear) ||
            unclear != unclear_at_end)
            continue;
        one = (uint16_t)(sample->used - (uint16_t)counted);
        if (agreeing == 0 || (int16_t)(uint16_t)(one - *constant) > 0) {
            *constant = one;
            agreeing = weight;
        } else if (one == *constant) {
            agreeing += weight;
        }
    }
    return agreeing >= ENOUGH;
}

/* Goes back from what was read to where the device's counter stands. */
static bool find_exact(const struct hm_cut_counter *cut, const struct hm_cut_sample *last, int64_t read,
                       struct hm_cut_finding *finding)
{
    uint32_t counted_at_read, unclear_at_read, counted, unclear;
    uint16_t constant = 0, ahead;

    if (!last->has_used || !counts_at(cut, read, &counted_at_read, &unclear_at_read) ||
        !find_constant(cut, unclear_at_read, &constant))
        return false;
    ahead = (uint16_t)(constant + (uint16_t)counted_at_read - last->used);
    if (ahead > AHEAD_MAX)
        return false;
    /* frames that are not for the guest, just behind its last one, are on either side: it is all the same */
    while (counts_at(cut, read, &counted, &unclear) && counted_at_read - counted < ahead)
        read--;
    if (read < 0)
        return false;
    *finding = (struct hm_cut_finding){.how = HM_CUT_EXACT, .index = (uint64_t)read, .ahead = ahead};
    return true;
}

void hm_cut_find(const struct hm_cut_counter *cut, const struct hm_cut_sample *last,
                 struct hm_cut_finding *finding)
{
    int64_t read;

    *finding = (struct hm_cut_finding){.how = HM_CUT_NONE, .index = cut->frames};
    if (!cut->has_base)
        return;
    read = (int64_t)last->read_end - cut->base;
    if (last->dropped != cut->dropped &&
        (cut->sample_count == 0 ||
         last->read_end - cut->samples[cut->sample_count - 1].read > SAFE_AFTER_DROP))
        return;
    if (read < 0 || (uint64_t)read > cut->frames)
        return;
    if (find_exact(cut, last, read, finding))
        return;
    finding->how = HM_CUT_COUNTED;
    finding->index = read < AHEAD_MAX ? 0 : (uint64_t)read - AHEAD_MAX;
    finding->ahead = AHEAD_MAX;
}
