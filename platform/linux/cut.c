/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the search for the cut.
 *
 * Three sequences run through a TAP in the same order: frames captured when they are handed to it (numbered
 * from 0), frames that QEMU has read from it (tx_packets), and buffers that the guest's device has filled
 * (the receive queue's used index, modulo 65,536).
 *
 * Captured and read differ by a constant, the base: what had been read before the capture began. read -
 * captured is never above it (a frame is captured before it can be read), and reaches it whenever the queue
 * is empty, which it mostly is: the base is the greatest difference seen, and believed when it was seen
 * ENOUGH times. A frame that the TAP had no room for was captured and is never read: the base is another
 * then, and what was sampled before is forgotten.
 *
 * Filled and read differ by what is not for the guest, which the capture knows frame by frame, and by a
 * second constant. QEMU answers us and reads its TAP in one thread: when it answers it has delivered all that
 * it has read, but for one frame, which it holds while the guest has given no buffer. (A guest that cannot
 * keep up is so for seconds, with hundreds of frames in the TAP's queue.) So the constant is at least the
 * used index less the frames that count among those read after the answer, and at most that with those read
 * before the question, and one more when there may be a frame held. There is one for sure when QEMU read
 * nothing between question and answer, though the TAP had something for it. Each sample narrows the two
 * limits, and mostly they soon meet. Under many frames the high limit is hardly ever reached, since QEMU
 * reads some between our question and its answer; the low one is, by most samples (it reads none between its
 * answer and our look): the greatest that AGREED samples of a guest with room gave is the constant, too.
 * Frames of which it is not clear how many buffers they fill make the constant another.
 *
 * All that is true while the VM runs. From the stop on, before QEMU tells of it, frames are held whatever the
 * guest has given: a sample is for use here only when the VM was seen to run after it.
 *
 * At the stop QEMU throws away the frame that it holds, and reads one more: AHEAD_MAX. The cut is where the
 * frames that count, and the constant, give the last used index. It is exact when but one place is possible;
 * else it is counted: the first place possible. Nothing is lost by that, and at most AHEAD_MAX are doubled.
 *
 * What was read after the stop has not reached the guest, whatever its counter says: in one of some hundred
 * moves that counter took in a frame which came half a millisecond after the stop, and which the guest never
 * got.
 *
 * When nothing was handed to the TAP for a while before the stop (watch_hold.c), and all of it was read and
 * delivered, no counter but the TAP's is needed: nothing was ahead. */
#include "platform/linux/cut.h"

#include <string.h>

#define AHEAD_MAX 2
#define ENOUGH 3
#define AGREED 6
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

void hm_cut_add_filler(struct hm_cut_counter *cut)
{
    cut->base += cut->base_hits != 0;
}

void hm_cut_forget(struct hm_cut_counter *cut)
{
    cut->sample_count = 0;
    cut->constant.is_known = false;
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

static bool is_above(uint16_t one, uint16_t other)
{
    return (int16_t)(uint16_t)(one - other) > 0;
}

/* Narrows the constant by a sample; limits that cross say that it is another now. */
static void narrow(struct hm_cut_counter *cut, const struct hm_cut_sample *sample)
{
    int64_t read = (int64_t)sample->read - cut->base, read_end = (int64_t)sample->read_end - cut->base;
    bool has_more = (int64_t)sample->captured_before > read_end;
    bool is_held = sample->room == HM_CUT_ROOM_NONE && read == read_end && has_more;
    struct hm_cut_constant *constant = &cut->constant, one = {.is_known = true};
    uint32_t counted, counted_end, unclear;

    if (!counts_at(cut, is_held ? read - 1 : read, &counted, &unclear) ||
        !counts_at(cut, is_held ? read - 1 : read_end, &counted_end, &one.unclear) || unclear != one.unclear)
        return;
    one.low = (uint16_t)(sample->used - (uint16_t)counted_end);
    one.high = (uint16_t)(sample->used - (uint16_t)counted);
    if (!is_held && sample->room != HM_CUT_ROOM_SOME)
        one.high++;
    one.low_hits = sample->room == HM_CUT_ROOM_SOME;
    if (constant->is_known && constant->unclear == one.unclear) {
        if (constant->low == one.low)
            one.low_hits += constant->low_hits;
        if (is_above(constant->low, one.low)) {
            one.low = constant->low;
            one.low_hits = constant->low_hits;
        }
        if (is_above(one.high, constant->high))
            one.high = constant->high;
        one.is_known = !is_above(one.low, one.high);
    }
    *constant = one;
}

/* True when the base is another than before. */
static bool raise_base(struct hm_cut_counter *cut, const struct hm_cut_sample *sample)
{
    int64_t base = (int64_t)(sample->read_end - sample->captured);

    if (cut->base_hits != 0 && base <= cut->base) {
        /* a queue that nobody reads gives the same many times: only what has moved, or could, is a witness */
        if (base == cut->base && (sample->read_end != cut->base_read ||
                                  (sample->room == HM_CUT_ROOM_SOME && sample->read == sample->read_end)))
            cut->base_hits++;
        cut->base_read = base == cut->base ? sample->read_end : cut->base_read;
        return false;
    }
    cut->base = base;
    cut->base_hits = 1;
    cut->base_read = sample->read_end;
    return true;
}

void hm_cut_add_sample(struct hm_cut_counter *cut, const struct hm_cut_sample *sample)
{
    if (cut->base_hits != 0 && sample->dropped != cut->dropped) {
        cut->base -= (int64_t)(sample->dropped - cut->dropped);
        hm_cut_forget(cut);
    }
    cut->dropped = sample->dropped;
    cut->last_read = sample->read;
    if (raise_base(cut, sample)) {
        cut->constant.is_known = false;
        for (unsigned i = 0; i < cut->sample_count; i++)
            narrow(cut, &cut->samples[i]);
    }
    if (!sample->has_used)
        return;
    if (cut->sample_count == HM_CUT_SAMPLES)
        memmove(cut->samples, cut->samples + 1, --cut->sample_count * sizeof(cut->samples[0]));
    cut->samples[cut->sample_count++] = *sample;
    narrow(cut, sample);
}

/* The greatest that it may be. */
static uint16_t constant_high(const struct hm_cut_constant *constant)
{
    return constant->low_hits >= AGREED ? constant->low : constant->high;
}

bool hm_cut_constant(const struct hm_cut_counter *cut, uint16_t *value)
{
    *value = cut->constant.low;
    return cut->base_hits >= ENOUGH && cut->constant.is_known &&
           cut->constant.low == constant_high(&cut->constant);
}

/* How many of the frames that count, and that were read, the guest has not got: from `least` to `most`.
 * NULL, or why that is not known. */
static const char *find_ahead(const struct hm_cut_counter *cut, const struct hm_cut_sample *last,
                              uint32_t counted, uint32_t unclear, int *least, int *most)
{
    const struct hm_cut_constant *constant = &cut->constant;

    if (!last->has_used)
        return "the device's counter is not known";
    if (!constant->is_known)
        return cut->sample_count == 0 ? "the device's counter was never seen while the VM ran"
                                      : "the device's counter does not fit what was read from the TAP";
    if (constant->unclear != unclear)
        return "the VM was given a frame of which it is not known how many buffers it fills";
    *least = (int16_t)(uint16_t)(constant->low + (uint16_t)counted - last->used);
    *most = (int16_t)(uint16_t)(constant_high(constant) + (uint16_t)counted - last->used);
    if (*least < 0)
        *least = 0;
    if (*most > AHEAD_MAX)
        *most = AHEAD_MAX;
    return *least > *most ? "the device's last counter does not fit what was read from the TAP" : NULL;
}

/* The newest frame up to `index` before which all but `ahead` of the frames that count up to there come. */
static int64_t go_back(const struct hm_cut_counter *cut, int64_t index, int ahead)
{
    uint32_t counted, unclear, counted_there;

    if (!counts_at(cut, index, &counted_there, &unclear))
        return index;
    while (counts_at(cut, index, &counted, &unclear) && counted_there - counted < (uint32_t)ahead)
        index--;
    return index < 0 ? 0 : index;
}

bool hm_cut_is_drained(const struct hm_cut_counter *cut, const struct hm_cut_sample *sample)
{
    return cut->base_hits >= ENOUGH && sample->room != HM_CUT_ROOM_NONE &&
           (int64_t)(sample->read_end - sample->captured) == cut->base;
}

void hm_cut_find(const struct hm_cut_counter *cut, const struct hm_cut_sample *last, bool was_drained,
                 struct hm_cut_finding *finding)
{
    int64_t read = (int64_t)last->read_end - cut->base;
    uint32_t counted, unclear;
    int least = 0, most = AHEAD_MAX;

    *finding = (struct hm_cut_finding){.how = HM_CUT_NONE, .index = cut->frames, .read = (uint64_t)read};
    if (cut->base_hits == 0 || !counts_at(cut, read, &counted, &unclear)) {
        finding->reason = "the TAP's counter was never seen while the VM ran";
        return;
    }
    if (last->dropped != cut->dropped && last->read_end - cut->last_read > SAFE_AFTER_DROP) {
        finding->reason = "the TAP's queue overflowed at the end";
        return;
    }
    if (was_drained && (int64_t)(last->read_end - last->captured) == cut->base) {
        *finding =
            (struct hm_cut_finding){.how = HM_CUT_EXACT, .index = (uint64_t)read, .read = (uint64_t)read};
        return;
    }
    finding->reason = find_ahead(cut, last, counted, unclear, &least, &most);
    finding->how = HM_CUT_COUNTED;
    if (finding->reason != NULL) { /* frames, whatever they are */
        finding->ahead = AHEAD_MAX;
        finding->index = read < AHEAD_MAX ? 0 : (uint64_t)read - AHEAD_MAX;
        return;
    }
    finding->ahead = (unsigned)most;
    finding->index = (uint64_t)go_back(cut, read, most);
    if (least != most)
        finding->reason = "the device's counter was never seen while nothing was under way";
    else if (cut->base_hits < ENOUGH)
        finding->reason = "the TAP's queue was hardly ever seen empty";
    else
        finding->how = HM_CUT_EXACT;
}

void hm_cut_bound(const struct hm_cut_counter *cut, uint64_t read, struct hm_cut_finding *finding)
{
    int64_t index = (int64_t)read - cut->base;

    if (finding->how == HM_CUT_NONE || index < 0 || (uint64_t)index >= finding->index)
        return;
    finding->after = (unsigned)(finding->index - (uint64_t)index);
    finding->ahead += finding->after;
    finding->index = (uint64_t)index;
}
