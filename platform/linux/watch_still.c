/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the counters of a VM that has just stopped.
 *
 * At a stop QEMU throws away the frame that it holds, then tells of the STOP, waits in the migration's thread
 * for BLOCKED_US, lets its main thread go on, and tells of the migration's next state. The main thread reads
 * one frame more from the TAP, holds it, and answers us. So what was read of the TAP within that time is
 * without that frame. Where we came later, QEMU's answers help: it gives one in each round of its loop, in
 * which it also looks at its TAP. Behind two of them it holds a frame, if the TAP has more.
 *
 * What came before RESUME, or was read before the time that QEMU gives it, is of a VM that stood still. */
#include "platform/linux/watch_still.h"

#include <string.h>

#define BLOCKED_US 1000

void hm_watch_still_init(struct hm_watch_still *still, struct hm_watch *watch, const char *path)
{
    *still = (struct hm_watch_still){.watch = watch, .path = path};
}

static void give_back(struct hm_qmp_reply **reply)
{
    if (*reply != NULL)
        hm_qmp_end(*reply);
    *reply = NULL;
}

void hm_watch_still_fini(struct hm_watch_still *still)
{
    give_back(&still->used);
    give_back(&still->second);
}

static void look(struct hm_watch *watch, struct hm_watch_still_look *one)
{
    struct hm_tap_link link;

    if (hm_tap_netlink_read(&watch->tap, &link) != 0)
        return;
    one->at_us = hm_watch_unix_us();
    hm_watch_drain(watch);
    one->sample.read = one->sample.read_end = link.tx_packets;
    one->sample.dropped = link.tx_dropped;
    one->sample.captured = one->sample.captured_before = watch->ring.frame_count;
}

void hm_watch_still_begin(struct hm_watch_still *still)
{
    struct hm_qmp *qmp = &still->watch->qmp;

    hm_watch_still_fini(still);
    hm_watch_still_init(still, still->watch, still->path);
    still->stop_us = still->watch->stop_us;
    look(still->watch, &still->first);
    if (still->path[0] != '\0')
        still->used = hm_qmp_command(qmp, "x-query-virtio-queue-status",
                                     json_pack("{s:s, s:i}", "path", still->path, "queue", 0));
    else
        still->used = hm_qmp_command(qmp, "query-status", NULL);
    still->second = hm_qmp_command(qmp, "query-status", NULL);
}

bool hm_watch_still_has_begun(const struct hm_watch_still *still)
{
    return still->second != NULL;
}

void hm_watch_still_end(struct hm_watch_still *still)
{
    still->is_late = still->used != NULL && !still->used->is_over;
}

void hm_watch_still_work(struct hm_watch_still *still)
{
    if (still->second != NULL && still->second->is_over && still->behind.at_us == 0)
        look(still->watch, &still->behind);
}

static bool was_still(const struct hm_watch_still *still, uint64_t at_us)
{
    return at_us != 0 && (still->watch->resume_us == 0 || at_us < still->watch->resume_us);
}

bool hm_watch_still_take(struct hm_watch_still *still, uint64_t until_us, struct hm_cut_sample *last)
{
    const json_t *value;

    if (still->second == NULL)
        hm_watch_still_begin(still);
    while (!still->second->is_over && hm_watch_now_us() < until_us)
        hm_watch_turn(still->watch, until_us);
    if (still->behind.at_us == 0 && still->first.at_us == 0)
        return false;
    *last = was_still(still, still->behind.at_us) ? still->behind.sample : still->first.sample;
    value = json_object_get(still->used->value, "used-idx");
    last->used = (uint16_t)json_integer_value(value);
    last->has_used = value != NULL && !still->is_late;
    return true;
}

bool hm_watch_still_read(const struct hm_watch_still *still, uint64_t base, uint64_t *read)
{
    const struct hm_cut_sample *behind = &still->behind.sample;

    *read = still->first.sample.read_end;
    if (still->first.at_us != 0 && still->first.at_us < still->stop_us + BLOCKED_US &&
        still->first.at_us < still->watch->after_stop_us)
        return true;
    *read = behind->read_end - 1;
    return was_still(still, still->behind.at_us) && behind->read_end - base < still->first.sample.captured;
}
