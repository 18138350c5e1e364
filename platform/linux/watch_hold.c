/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the hold at the source (--cut hold).
 *
 * Near the end of the pre-copy the plug (plug.c) in the VM's TAP is closed: what comes waits in the qdisc,
 * and QEMU reads and delivers what the TAP has, in some ms. At the stop nothing is then between TAP and
 * guest, and the cut is known by the TAP's counter alone. When the agent knows of the stop the plug is
 * opened: what waited goes to the TAP of a VM that stands still, is captured on the way, and is salvage.
 *
 * The end is near when QEMU could send what remains in the downtime that it aims at and NEAR_MS more, by the
 * throughput that it tells. A guess, so the plug is closed for the deadline at most; when the stop has not
 * come by then it is opened, and for AGAIN_US not closed. Nothing is lost either way, frames only wait.
 *
 * That the TAP is empty shows when its counter moves and reaches the frames captured, some times (cut.c), or
 * by the device's counter. Without that one nothing would move any more, so fillers are put there.
 *
 * Where QEMU does not tell its counter, a frame that it holds for a guest without buffers is not seen.
 *
 * To put the bucket on a TAP in use would lose what is handed over in that moment. It has to be there: the
 * watch that let the VM run here has put it there, or the operator did when the TAP was made. */
#include "platform/linux/watch_hold.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ASK_EVERY_US 10000
#define ASK_WAIT_US 1000000
#define AGAIN_US 1000000
#define NEAR_MS 100
#define DOWNTIME_MS 300 /* QEMU's default, when it does not tell */

void hm_watch_hold_init(struct hm_watch_hold *hold, struct hm_watch *watch)
{
    int error;

    *hold = (struct hm_watch_hold){.watch = watch};
    error = hm_plug_adopt(&hold->plug, &watch->tap, &watch->mac);
    hold->is_on = error == 0;
    if (hold->is_on)
        return;
    hm_plug_fini(&hold->plug);
    hm_watch_say(
        watch, "warning", NULL, "frames for %s cannot be held, so the cut is found as with --cut exact: %s",
        watch->options->device,
        error == ENOENT ? "its qdisc is no tbf; before the VM starts, do: tc qdisc replace dev TAP root tbf "
                          "rate 800gbit burst 64mb limit 32mb"
                        : strerror(error));
}

void hm_watch_hold_fini(struct hm_watch_hold *hold)
{
    if (hold->is_on)
        hm_plug_fini(&hold->plug);
    hold->is_on = false;
}

static bool is_closed(const struct hm_watch_hold *hold)
{
    return hold->is_on && hold->plug.is_closed;
}

void hm_watch_hold_sampled(struct hm_watch_hold *hold, bool is_drained)
{
    if (!is_closed(hold) || hold->is_drained)
        return;
    hold->is_drained = is_drained; /* and stays so, since nothing more comes */
    if (is_drained)
        hm_watch_say(hold->watch, "drained", NULL, "the VM has got what its TAP had");
}

int hm_watch_hold_filler(const struct hm_watch_hold *hold)
{
    return is_closed(hold) && !hold->is_drained ? hold->plug.direct : -1;
}

bool hm_watch_hold_is_drained(const struct hm_watch_hold *hold)
{
    return is_closed(hold) && hold->is_drained;
}

static uint64_t downtime_ms(struct hm_watch *watch, uint64_t until_us)
{
    json_t *answer = hm_watch_command(watch, "query-migrate-parameters", NULL, until_us, NULL);
    const json_t *value = json_object_get(answer, "downtime-limit");
    uint64_t limit_ms = value != NULL ? (uint64_t)json_integer_value(value) : DOWNTIME_MS;

    json_decref(answer);
    return limit_ms;
}

static bool is_end_near(struct hm_watch *watch)
{
    uint64_t until_us = hm_watch_now_us() + ASK_WAIT_US;
    json_t *answer = hm_watch_command(watch, "query-migrate", NULL, until_us, NULL);
    const json_t *ram = json_object_get(answer, "ram");
    double remaining_len = json_number_value(json_object_get(ram, "remaining"));
    double bytes_per_ms = json_number_value(json_object_get(ram, "mbps")) * 1e6 / 8 / 1000;
    json_int_t passes = json_integer_value(json_object_get(ram, "dirty-sync-count"));

    json_decref(answer);
    return bytes_per_ms > 0 && passes > 0 &&
           remaining_len / bytes_per_ms <= (double)(downtime_ms(watch, until_us) + NEAR_MS);
}

static void close_plug(struct hm_watch_hold *hold)
{
    int error = hm_plug_close(&hold->plug);

    hold->closed_us = hm_watch_now_us();
    hold->is_drained = false;
    if (error == 0) {
        hm_watch_say(hold->watch, "held", NULL, "frames for the VM wait until it has stopped");
        return;
    }
    hold->next_ask_us = hold->closed_us + AGAIN_US;
    hm_watch_say(hold->watch, "warning", NULL, "frames for the VM cannot be held: %s (be root)",
                 strerror(error));
}

void hm_watch_hold_open(struct hm_watch_hold *hold)
{
    int error = is_closed(hold) ? hm_plug_open(&hold->plug) : 0;

    if (error != 0)
        hm_watch_say(hold->watch, "warning", NULL,
                     "the frames held for the VM are not let go: %s; a moment more", strerror(error));
}

void hm_watch_hold_work(struct hm_watch_hold *hold)
{
    uint64_t now = hm_watch_now_us();

    if (!hold->is_on)
        return;
    if (is_closed(hold)) {
        if (now < hold->closed_us + hold->watch->options->deadline_ms * 1000 || hold->watch->stop_us != 0)
            return;
        hm_watch_hold_open(hold);
        hold->next_ask_us = now + AGAIN_US;
        hm_watch_say(hold->watch, "released", NULL, "the VM did not stop within %" PRIu64 " ms (--deadline)",
                     hold->watch->options->deadline_ms);
    } else if (now >= hold->next_ask_us && hold->watch->stop_us == 0) {
        hold->next_ask_us = now + ASK_EVERY_US;
        if (is_end_near(hold->watch) && hold->watch->stop_us == 0)
            close_plug(hold);
    }
}
