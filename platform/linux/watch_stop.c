/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what is done at the stop: the cut is found, the agent is told, what was held is let go, the end of the
 * old path is waited for, and what the guest never got is sent to the agent. */
#include "platform/linux/watch_stop.h"

#include <inttypes.h>
#include <stdlib.h>

#include "platform/linux/salvage.h"

#define OLD_PATH_US 50000

struct hm_control_message hm_watch_stop_request(const struct hm_watch_stop *stop, enum hm_control_op op)
{
    struct hm_control_message request = stop->watch->request;

    request.op = op;
    request.handover_id = stop->handover_id;
    return request;
}

/* The migration has failed: the agent hears that next, and nothing else is of use to it. */
static bool runs_again(const struct hm_watch *watch)
{
    return watch->resume_us != 0;
}

static void await_old_path(struct hm_watch_stop *stop, uint64_t from, uint64_t until_us, uint64_t *end)
{
    struct hm_watch *watch = stop->watch;

    *end = from;
    while (!hm_watch_capture_find_end(stop->capture, stop->handover_id, end) && !runs_again(watch)) {
        if (hm_watch_now_us() >= until_us || watch->signal != 0) {
            hm_watch_say(watch, "warning", NULL,
                         "the end of the old path was not seen: what is under way on it now "
                         "may come late");
            return;
        }
        hm_watch_turn(watch, until_us);
    }
}

static void send_salvage(struct hm_watch_stop *stop, uint64_t end, uint64_t until_us)
{
    const struct hm_cut_finding *finding = &stop->finding;
    const struct hm_control_message request = hm_watch_stop_request(stop, HM_OP_SALVAGE);
    static struct hm_salvage salvage;
    struct hm_watch *watch = stop->watch;
    uint64_t begin_us = hm_watch_now_us();
    unsigned frames, skipped;
    size_t len;
    uint64_t begin = finding->how == HM_CUT_NONE ? end : finding->index;
    uint8_t *stream = hm_watch_capture_stream(stop->capture, begin, end, &len, &frames, &skipped);

    hm_salvage_begin(&salvage, &watch->dialogue, &request, stream, stream != NULL ? len : 0, finding->how,
                     stop->capture->dropped);
    while (!salvage.is_over && hm_watch_now_us() < until_us && watch->signal == 0 && !runs_again(watch)) {
        hm_watch_turn(watch, until_us);
        hm_salvage_work(&salvage);
    }
    if (salvage.is_refused)
        hm_watch_warn_result(watch, "salvage", &salvage.refusal);
    else if (salvage.is_over)
        hm_watch_say(watch, "salvaged",
                     json_pack("{s:i, s:I, s:s, s:i, s:i, s:i, s:f}", "frames", (int)frames, "bytes",
                               (json_int_t)len, "cut", hm_cut_name(finding->how), "ahead",
                               (int)finding->ahead, "skipped", (int)skipped, "tap_dropped",
                               (int)stop->capture->dropped, "took_ms",
                               (double)(hm_watch_now_us() - begin_us) / 1000),
                     "%u frames in %zu bytes, cut %s", frames, len, hm_cut_name(finding->how));
    else if (!runs_again(watch))
        hm_watch_say(watch, "warning", NULL, "the deadline came before the agent had the salvage");
    hm_salvage_end(&salvage);
    free(stream);
}

/* What the cut stands on, for whoever doubts it (cut.h); NULL: nothing was captured. */
static json_t *witnesses(const struct hm_watch_stop *stop)
{
    const struct hm_cut_counter *cut = stop->capture != NULL ? &stop->capture->cut : NULL;

    if (cut == NULL)
        return NULL;
    return json_pack("{s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "index",
                     (json_int_t)stop->finding.index, "read", (json_int_t)stop->finding.read, "base_hits",
                     (int)cut->base_hits, "low_hits", (int)cut->constant.low_hits, "room",
                     (int)(uint16_t)(cut->constant.high - cut->constant.low), "samples",
                     (int)cut->sample_count, "used", (int)stop->finding.used, "low", (int)cut->constant.low,
                     "after", (int)stop->finding.after);
}

static void say_stopped(const struct hm_watch_stop *stop, uint64_t begin_us)
{
    const struct hm_cut_finding *finding = &stop->finding;
    struct hm_watch *watch = stop->watch;
    const char *reason = finding->reason;

    hm_watch_say(watch, "stopped",
                 json_pack("{s:f, s:s, s:s*, s:f, s:I, s:o*}", "stop_time", (double)watch->stop_us / 1e6,
                           "cut", hm_cut_name(finding->how), "reason", reason, "took_ms",
                           (double)(hm_watch_now_us() - begin_us) / 1000, "captured",
                           (json_int_t)watch->ring.frame_count, "witnesses", witnesses(stop)),
                 "the agent knows it, handover %016" PRIx64 "%s%s", stop->handover_id,
                 reason != NULL ? "; the cut is not exact: " : "", reason != NULL ? reason : "");
}

static void find_cut(struct hm_watch_stop *stop, uint64_t until_us)
{
    stop->finding = (struct hm_cut_finding){.how = HM_CUT_NONE};
    if (stop->capture != NULL)
        hm_watch_capture_find_cut(stop->capture, until_us, hm_watch_hold_is_drained(&stop->hold),
                                  &stop->finding);
}

bool hm_watch_stop_undo(struct hm_watch_stop *stop, uint64_t until_us)
{
    if (stop->capture == NULL || !hm_watch_still_has_begun(&stop->capture->still))
        return true;
    if (!stop->is_switched) /* it ran again before anything could be done */
        find_cut(stop, until_us);
    return hm_watch_thrown_return(stop->capture, &stop->finding);
}

void hm_watch_stop_deal(struct hm_watch_stop *stop, uint64_t begin_us)
{
    struct hm_watch *watch = stop->watch;
    uint64_t until_us = begin_us + watch->options->deadline_ms * 1000, from = watch->ring.frame_count, end;
    struct hm_control_message request = hm_watch_stop_request(stop, HM_OP_STOPPED);
    struct hm_dialogue_slot *slot;

    stop->is_switched = stop->has_told = true;
    request.has_salvage = stop->capture != NULL;
    slot = hm_dialogue_begin(&watch->dialogue, &request, &HM_DIALOGUE_HASTY);
    find_cut(stop, until_us);
    hm_watch_await(watch, slot, until_us);
    hm_watch_hold_open(&stop->hold);
    if (hm_dialogue_is_ok(slot)) {
        stop->handover_id = slot->result.reply.handover_id;
        say_stopped(stop, begin_us);
        if (stop->capture != NULL) {
            uint64_t wait_us = hm_watch_now_us() + OLD_PATH_US;

            await_old_path(stop, from, wait_us < until_us ? wait_us : until_us, &end);
            if (!runs_again(watch))
                send_salvage(stop, end, until_us);
        }
    } else if (slot != NULL) {
        hm_watch_warn_result(watch, "stopped", &slot->result);
    }
    hm_dialogue_end(slot);
}
