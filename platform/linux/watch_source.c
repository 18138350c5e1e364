/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the watch where the VM leaves.
 *
 * QEMU is told to pause before the switchover: then the VM has stopped, its counters are final, and the
 * migration waits. In that time the agent is told, the end of the old path is waited for, and what the guest
 * never got is sent to the agent. All of it has a deadline, since the VM stands still: at it, and on a
 * signal, the migration is let go whatever is missing. Without that pause the same is done from the STOP on,
 * with nobody waiting for us.
 *
 * A STOP is the migration's when QEMU says so (status pre-switchover or device, run state finish-migrate);
 * any other is somebody else's. RESUME after it is a failed migration, and the agent is told that. After a
 * post-copy has switched there is no way back, and nothing to tell. */
#include "platform/linux/watch_role.h"

#include <inttypes.h>
#include <string.h>

#include "platform/linux/watch_pause.h"
#include "platform/linux/watch_stop.h"

#define OPENING_US 2000000
#define SAMPLE_EVERY_US 4000
#define SAMPLE_IDLE_US 200000 /* before the migration, when FIRST_SAMPLES were taken */
#define FIRST_SAMPLES 100     /* a guest that still keeps up shows most */
#define SAMPLE_WAIT_US 1000000
#define CANCEL_US 10000000
#define IDLE_US 1000000

struct source {
    struct hm_watch *watch;
    struct hm_watch_pause pause;
    struct hm_watch_stop stop;
    bool is_told_to_end; /* by a signal, which was said */
};

static bool is_migrating(const struct hm_watch *watch)
{
    switch (watch->migration) {
    case HM_MIGRATION_SETUP:
    case HM_MIGRATION_ACTIVE:
    case HM_MIGRATION_PRE_SWITCHOVER:
    case HM_MIGRATION_DEVICE:
    case HM_MIGRATION_POSTCOPY:
    case HM_MIGRATION_CANCELLING:
        return true;
    case HM_MIGRATION_NONE:
    case HM_MIGRATION_COMPLETED:
    case HM_MIGRATION_FAILED:
    case HM_MIGRATION_CANCELLED:
    case HM_MIGRATION_COUNT:
        break;
    }
    return false;
}

/* It goes on, or has ended, elsewhere. */
static bool is_beyond_stop(const struct hm_watch *watch)
{
    return watch->migration == HM_MIGRATION_DEVICE || watch->migration == HM_MIGRATION_COMPLETED ||
           watch->migration == HM_MIGRATION_POSTCOPY;
}

static void let_go(struct source *source, const char *why)
{
    struct hm_watch *watch = source->watch;
    char error[HM_QMP_ERROR_LEN];
    json_t *answer;

    answer = hm_watch_command(watch, "migrate-continue", json_pack("{s:s}", "state", "pre-switchover"),
                              hm_watch_now_us() + OPENING_US, error);
    if (answer != NULL)
        hm_watch_say(watch, "continued", NULL, "the migration goes on%s", why);
    else if (watch->migration == HM_MIGRATION_PRE_SWITCHOVER)
        hm_watch_say(watch, "warning", NULL, "QEMU does not continue the migration: %s", error);
    json_decref(answer);
}

/* ---- the stop ---- */

/* The VM stands still before the switchover, and the migration waits. */
static void switch_over(struct source *source)
{
    struct hm_watch *watch = source->watch;
    uint64_t begin_us = hm_watch_now_us(), until_us = begin_us + watch->options->deadline_ms * 1000;

    hm_watch_stop_deal(&source->stop, begin_us);
    if (!source->pause.is_ours) { /* it is another's to continue, for as long as we have */
        while (watch->migration == HM_MIGRATION_PRE_SWITCHOVER && hm_watch_now_us() < until_us &&
               watch->signal == 0 && !watch->is_alone)
            hm_watch_turn(watch, until_us);
        if (watch->migration != HM_MIGRATION_PRE_SWITCHOVER)
            return;
    }
    if (hm_watch_now_us() >= until_us)
        hm_watch_say(watch, "warning", NULL, "the deadline of %" PRIu64 " ms is over (--deadline)",
                     watch->options->deadline_ms);
    let_go(source, "");
}

/* Is this STOP the migration's, and nobody waits for us any more? The state before the switchover may have
 * passed unseen: another has continued the migration, or QEMU does not pause. */
static bool is_migrations_stop(struct source *source)
{
    struct hm_watch *watch = source->watch;
    char state[32];

    if (source->stop.is_switched || source->is_told_to_end || watch->stop_us == 0)
        return false;
    if (is_beyond_stop(watch))
        return true;
    if (source->pause.is_on || watch->migration != HM_MIGRATION_ACTIVE)
        return false;
    hm_watch_run_state(watch, hm_watch_now_us() + SAMPLE_WAIT_US, state);
    return strcmp(state, "finish-migrate") == 0 || is_beyond_stop(watch);
}

/* ---- the ends ---- */

static enum hm_notify_exit fail(struct source *source, const char *event, const char *why)
{
    struct hm_watch *watch = source->watch;
    const struct hm_control_message request = hm_watch_stop_request(&source->stop, HM_OP_CANCEL);
    struct hm_dialogue_slot *slot;
    bool is_whole;

    if (watch->had_postcopy) { /* it has run at the destination: there is no way back */
        hm_watch_say(watch, event, NULL, "%s, after it had begun to run at the destination", why);
        return HM_NOTIFY_EXIT_MIGRATION;
    }
    hm_watch_pause_restore(watch, &source->pause); /* it may be started again soon */
    is_whole = hm_watch_stop_undo(&source->stop, hm_watch_now_us() + SAMPLE_WAIT_US);
    hm_watch_hold_open(&source->stop.hold);
    slot = hm_dialogue_begin(&watch->dialogue, &request, &HM_DIALOGUE_HASTY);
    hm_watch_await(watch, slot, hm_watch_now_us() + CANCEL_US);
    if (hm_dialogue_is_ok(slot))
        hm_watch_say(watch, event, NULL, "%s; the agent knows it", why);
    else if (slot != NULL) {
        hm_watch_warn_result(watch, "cancel", &slot->result);
        hm_watch_say(watch, event, NULL, "%s", why);
    }
    hm_dialogue_end(slot);
    if (!is_whole)
        hm_watch_thrown_recount(source->stop.capture, hm_watch_now_us() + SAMPLE_WAIT_US);
    return HM_NOTIFY_EXIT_MIGRATION;
}

static enum hm_notify_exit lose_monitor(struct source *source)
{
    struct hm_watch *watch = source->watch;

    if (watch->migration == HM_MIGRATION_COMPLETED) {
        hm_watch_say(watch, "completed", NULL, "the migration is complete");
        return HM_NOTIFY_EXIT_DONE;
    }
    hm_watch_say(watch, "warning", NULL, "%s%s",
                 watch->has_shut_down ? "the VM was shut down" : "the monitor has gone",
                 source->stop.has_told
                     ? ": the agent knows of the stop, and not how it ended (see notify-migrate status)"
                     : " before the VM stopped");
    return HM_NOTIFY_EXIT_INTERNAL;
}

/* True when there is nothing more to wait for. */
static bool is_over(struct source *source, enum hm_notify_exit *code)
{
    struct hm_watch *watch = source->watch;

    if (watch->migration == HM_MIGRATION_COMPLETED) {
        hm_watch_say(watch, "completed", NULL, "the migration is complete");
        *code = HM_NOTIFY_EXIT_DONE;
    } else if (watch->migration == HM_MIGRATION_FAILED) {
        *code = fail(source, "failed", "the migration failed");
    } else if (watch->migration == HM_MIGRATION_CANCELLED) {
        *code = fail(source, "cancelled", "the migration was cancelled");
    } else if (watch->is_alone) {
        *code = lose_monitor(source);
    } else if (source->stop.is_switched && watch->resume_us != 0 && !watch->had_postcopy) {
        *code = fail(source, "failed", "the VM runs here again");
    } else {
        return false;
    }
    return true;
}

/* A signal ends us when no migration is under way; else when it is over, and until then nothing is held up.
 */
static bool is_ended_by_signal(struct source *source)
{
    struct hm_watch *watch = source->watch;

    if (watch->signal == 0)
        return false;
    if (watch->migration == HM_MIGRATION_PRE_SWITCHOVER && source->pause.is_ours)
        let_go(source, " (on a signal)");
    hm_watch_hold_open(&source->stop.hold);
    if (!is_migrating(watch) || !source->pause.is_ours) {
        hm_watch_say(watch, "ended", NULL, "by a signal, before the migration was over");
        return true;
    }
    if (!source->is_told_to_end)
        hm_watch_say(watch, "warning", NULL,
                     "a signal came while the VM migrates: the watch stays to let the "
                     "migration go on, and does nothing else");
    source->is_told_to_end = true;
    return false;
}

static enum hm_notify_exit follow(struct source *source)
{
    struct hm_watch *watch = source->watch;
    enum hm_notify_exit code = HM_NOTIFY_EXIT_INTERNAL;
    uint64_t next_us = 0;
    unsigned first = 0;
    bool was_active = false;

    for (;;) {
        bool is_active = watch->migration == HM_MIGRATION_ACTIVE;
        bool samples = (is_active || watch->migration == HM_MIGRATION_NONE) && watch->stop_us == 0 &&
                       source->stop.capture != NULL && !source->is_told_to_end && !source->stop.is_switched;
        uint64_t now = hm_watch_now_us();

        if (is_active && !was_active && source->stop.capture != NULL)
            hm_watch_capture_renew(source->stop.capture);
        was_active = is_active;
        if (is_migrations_stop(source))
            hm_watch_stop_deal(&source->stop, now);
        if (is_over(source, &code) || is_ended_by_signal(source))
            return code;
        if (watch->migration == HM_MIGRATION_CANCELLING)
            hm_watch_hold_open(&source->stop.hold);
        if (watch->migration == HM_MIGRATION_PRE_SWITCHOVER && !source->stop.is_switched &&
            !source->is_told_to_end) {
            switch_over(source);
        } else if (samples && now >= next_us) {
            if (is_active)
                hm_watch_hold_work(&source->stop.hold);
            hm_watch_capture_fill(source->stop.capture, hm_watch_hold_filler(&source->stop.hold));
            hm_watch_capture_sample(source->stop.capture, now + SAMPLE_WAIT_US);
            hm_watch_hold_sampled(&source->stop.hold, source->stop.capture->is_drained);
            next_us =
                hm_watch_now_us() + (is_active || ++first < FIRST_SAMPLES ? SAMPLE_EVERY_US : SAMPLE_IDLE_US);
        } else {
            hm_watch_turn(watch, samples ? next_us : now + IDLE_US);
        }
    }
}

/* --to: the agent is told that the VM will move. */
static bool announce(struct source *source, enum hm_notify_exit *code)
{
    struct hm_watch *watch = source->watch;
    struct hm_control_message request = hm_watch_stop_request(&source->stop, HM_OP_IMMINENT);
    uint64_t begin_us = hm_watch_now_us();
    struct hm_dialogue_slot *slot;
    bool is_staged;

    memcpy(request.host, watch->options->request.host, sizeof(request.host));
    request.has_stop_notice = true;
    request.wait_ms = (uint32_t)(watch->options->wait_ms - watch->options->wait_ms / 10);
    slot = hm_dialogue_begin(&watch->dialogue, &request, &HM_DIALOGUE_CALM);
    while (slot != NULL && !slot->is_over && watch->signal == 0 &&
           hm_watch_now_us() < begin_us + watch->options->wait_ms * 1000)
        hm_watch_turn(watch, begin_us + watch->options->wait_ms * 1000);
    is_staged = hm_dialogue_is_ok(slot);
    if (is_staged)
        hm_watch_say(watch, "imminent", json_pack("{s:s}", "host", watch->options->host),
                     "staged for host %s", watch->options->host);
    else
        hm_watch_warn_result(watch, "imminent", &slot->result);
    *code = hm_notify_exit_code(&slot->result);
    hm_dialogue_end(slot);
    return is_staged;
}

enum hm_notify_exit hm_watch_source(struct hm_watch *watch)
{
    static struct hm_watch_capture capture;
    struct source source = {.watch = watch, .stop = {.watch = watch}};
    enum hm_notify_exit code = HM_NOTIFY_EXIT_DONE;

    if (hm_watch_capture_open(&capture, watch))
        source.stop.capture = &capture;
    if (watch->request.mac_count == 0 && watch->request.addr_count == 0 && !hm_mac_is_zero(&watch->mac))
        watch->request.macs[watch->request.mac_count++] = watch->mac;
    if (watch->options->host != NULL && !announce(&source, &code)) {
        hm_watch_capture_close(&capture);
        return code;
    }
    if (source.stop.capture != NULL && watch->options->cut == HM_WATCH_HOLD)
        hm_watch_hold_init(&source.stop.hold, watch);
    hm_watch_pause_set(watch, &source.pause);
    if (source.stop.capture != NULL)
        hm_watch_capture_sample(source.stop.capture, hm_watch_now_us() + OPENING_US);
    hm_watch_say(watch, "attached",
                 json_pack("{s:s, s:b, s:b}", "role", "source", "captures", source.stop.capture != NULL,
                           "pauses", source.pause.is_on),
                 "at the source%s", source.stop.capture != NULL ? "" : ", without salvage");
    code = follow(&source);
    hm_watch_hold_fini(&source.stop.hold);
    hm_watch_pause_restore(watch, &source.pause);
    hm_watch_capture_close(&capture);
    return code;
}
