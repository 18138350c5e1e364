/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated live migration, told to the agents as `notify-migrate watch` tells it at both ends. */
#include "platform/sim/migration.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGING_MS 2000
#define PATIENCE_MS 300 /* how long a watch holds the VM */
#define MARKER_MS 50
#define LOOK_US 200 /* how often it looks whether the marker has come */
#define FETCH_WAIT_MS 5

static void enter(struct hm_sim_migration *migration, enum hm_sim_migration_step step);

static void later(struct hm_sim_migration *migration, uint64_t in_us)
{
    hm_sim_cancel(migration->sim, &migration->event);
    hm_sim_arm(migration->sim, &migration->event, migration->sim->now_us + in_us);
}

static bool is_silent(const struct hm_sim_migration *migration)
{
    enum hm_sim_migration_step from = migration->options.silent_from;

    return from != HM_SIM_STEP_IDLE && migration->step >= from;
}

/* Asks; false when nobody tells the agents anything any more. */
static bool ask(struct hm_sim_migration *migration, struct hm_sim_hypervisor *hypervisor,
                const struct hm_control_message *message)
{
    if (is_silent(migration))
        return false;
    hm_sim_hypervisor_ask(hypervisor, message);
    return true;
}

static struct hm_control_message about(const struct hm_sim_migration *migration, enum hm_control_op op)
{
    const struct hm_sim_iface *iface = &migration->vm->iface;
    struct hm_control_message message = {
        .op = op, .addr_count = iface->addr_count, .macs = {iface->mac}, .mac_count = 1};

    memcpy(message.addrs, iface->addrs, iface->addr_count * sizeof(message.addrs[0]));
    snprintf(message.vm, sizeof(message.vm), "%s", iface->port.name);
    message.handover_id = migration->handover_id;
    return message;
}

/* --- the source --------------------------------------------------------------------------------------- */

static void begin_staging(struct hm_sim_migration *migration)
{
    struct hm_control_message message = about(migration, HM_OP_IMMINENT);

    snprintf(message.host, sizeof(message.host), "%s", migration->host);
    message.has_stop_notice = !migration->options.is_untold;
    if (!ask(migration, migration->source, &message) || migration->options.is_unstaged)
        enter(migration, HM_SIM_STEP_STOPPING);
    else
        later(migration, STAGING_MS * HM_SIM_MS);
}

static void begin_stopping(struct hm_sim_migration *migration)
{
    struct hm_control_message message = about(migration, HM_OP_STOPPED);

    migration->stopped_us = migration->sim->now_us;
    hm_sim_guest_tap_hold(&migration->tap);
    hm_sim_host_pause(migration->vm);
    message.handover_id = 0;
    message.has_salvage = true;
    if (migration->options.is_untold || !ask(migration, migration->source, &message))
        enter(migration, HM_SIM_STEP_MOVING);
    else
        later(migration, PATIENCE_MS * HM_SIM_MS);
}

/* What its TAP was given since it stopped, up to the end of the old path. */
static void collect(struct hm_sim_migration *migration)
{
    struct hm_sim_guest_tap *tap = &migration->tap;
    unsigned count = tap->has_marker ? tap->before_marker : tap->waiting;
    struct hm_sim_frame *frame = tap->first;

    migration->salvage = malloc((size_t)count * (HM_SIM_FRAME_MAX + 2) + 1);
    assert(migration->salvage != NULL);
    for (unsigned i = 0; i < count; i++, frame = frame->next) {
        uint8_t *at = migration->salvage + migration->salvage_len;

        at[0] = (uint8_t)(frame->len >> 8);
        at[1] = (uint8_t)frame->len;
        memcpy(at + 2, hm_sim_frame_bytes(frame), frame->len);
        migration->salvage_len += 2 + frame->len;
    }
}

static void send_piece(struct hm_sim_migration *migration, uint64_t offset)
{
    struct hm_control_message message = about(migration, HM_OP_SALVAGE);
    size_t left = migration->salvage_len - (size_t)offset;

    message.offset = offset;
    message.data_len = (unsigned)(left < HM_CONTROL_DATA_LEN ? left : HM_CONTROL_DATA_LEN);
    memcpy(message.data, migration->salvage + offset, message.data_len);
    message.is_last = message.data_len == left;
    message.cut = message.is_last ? HM_CUT_EXACT : HM_CUT_NONE;
    if (!ask(migration, migration->source, &message))
        enter(migration, HM_SIM_STEP_MOVING);
}

static void begin_moving(struct hm_sim_migration *migration)
{
    uint64_t end_us = migration->stopped_us + migration->options.pause_us;

    later(migration, end_us > migration->sim->now_us ? end_us - migration->sim->now_us : 0);
}

/* --- the destination ---------------------------------------------------------------------------------- */

/* How much of what was fetched is whole frames. */
static size_t whole_len(const struct hm_sim_migration *migration)
{
    size_t at = 0;

    while (migration->fetched_len - at >= 2) {
        size_t len = (size_t)migration->fetched[at] << 8 | migration->fetched[at + 1];

        if (migration->fetched_len - at < 2 + len)
            break;
        at += 2 + len;
    }
    return at;
}

static void fetch(struct hm_sim_migration *migration)
{
    struct hm_control_message message = about(migration, HM_OP_FETCH);

    message.offset = migration->written + migration->fetched_len;
    message.confirmed = migration->written + whole_len(migration);
    message.wait_ms = FETCH_WAIT_MS;
    if (!ask(migration, migration->destination, &message))
        enter(migration, migration->step == HM_SIM_STEP_FETCHING ? HM_SIM_STEP_LANDING : HM_SIM_STEP_DONE);
}

/* Writes the whole frames of the stream to the TAP. A VM that is paused reads them first when it runs: so
 * they may as well wait in the stream until then. */
static void write_frames(struct hm_sim_migration *migration)
{
    size_t at = 0, end = whole_len(migration);

    while (at < end) {
        size_t len = (size_t)migration->fetched[at] << 8 | migration->fetched[at + 1];

        hm_sim_guest_tap_write(&migration->tap, migration->fetched + at + 2, len);
        at += 2 + len;
    }
    migration->fetched_len -= at;
    migration->written += at;
    if (migration->fetched_len > 0)
        memmove(migration->fetched, migration->fetched + at, migration->fetched_len);
}

static void keep(struct hm_sim_migration *migration, const struct hm_control_message *reply)
{
    migration->fetched = realloc(migration->fetched, migration->fetched_len + reply->data_len + 1);
    assert(migration->fetched != NULL);
    memcpy(migration->fetched + migration->fetched_len, reply->data, reply->data_len);
    migration->fetched_len += reply->data_len;
}

/* The paused VM's TAP holds what is in the stream; it counts as written. */
static void on_fetched_before(struct hm_sim_migration *migration, const struct hm_control_message *reply)
{
    if (reply->code != HM_CONTROL_OK) {
        enter(migration, HM_SIM_STEP_LANDING);
        return;
    }
    keep(migration, reply);
    migration->acknowledged = migration->destination->request.confirmed;
    if (reply->is_ready && migration->written + migration->fetched_len >= reply->limit)
        enter(migration, HM_SIM_STEP_LANDING);
    else
        fetch(migration);
}

static void on_fetched_after(struct hm_sim_migration *migration, const struct hm_control_message *reply)
{
    if (reply->code != HM_CONTROL_OK) {
        enter(migration, HM_SIM_STEP_DONE);
        return;
    }
    bool was_all = migration->is_last;
    keep(migration, reply);
    migration->acknowledged = migration->destination->request.confirmed;
    write_frames(migration);
    migration->is_last |= reply->is_last && migration->written >= reply->limit;
    if (was_all)
        enter(migration, HM_SIM_STEP_DONE);
    else
        fetch(migration);
}

static void begin_landing(struct hm_sim_migration *migration)
{
    struct hm_control_message message = about(migration, HM_OP_LANDED);
    bool is_watched = migration->options.has_watch_there && !is_silent(migration);

    if (!migration->was_salvaged)
        migration->abandoned = migration->tap.waiting;
    hm_sim_guest_tap_drop(&migration->tap);
    hm_sim_host_move(migration->vm, migration->lan);
    if (!is_watched) /* only a watch has attached, and was told it */
        message.handover_id = 0;
    hm_sim_host_resume(migration->vm);
    write_frames(migration);
    if (!is_watched)
        hm_sim_guest_tap_release(&migration->tap);
    if (!ask(migration, migration->destination, &message))
        enter(migration, HM_SIM_STEP_DONE);
    else
        later(migration, PATIENCE_MS * HM_SIM_MS);
}

/* --- the course --------------------------------------------------------------------------------------- */

static void begin_cancelling(struct hm_sim_migration *migration)
{
    struct hm_control_message message = about(migration, HM_OP_CANCEL);

    migration->has_failed = true;
    if (hm_sim_host_is_paused(migration->vm)) {
        hm_sim_host_resume(migration->vm);
        hm_sim_guest_tap_release(&migration->tap);
    }
    message.handover_id = 0;
    if (!ask(migration, migration->source, &message))
        enter(migration, HM_SIM_STEP_DONE);
}

static void finish(struct hm_sim_migration *migration)
{
    hm_sim_cancel(migration->sim, &migration->event);
    hm_sim_hypervisor_abandon(migration->source);
    hm_sim_hypervisor_abandon(migration->destination);
    migration->source->ended = migration->destination->ended = NULL;
    if (!migration->tap.is_read)
        hm_sim_guest_tap_release(&migration->tap);
}

static void enter(struct hm_sim_migration *migration, enum hm_sim_migration_step step)
{
    if (migration->options.fails_at == step && step >= HM_SIM_STEP_COPYING && step <= HM_SIM_STEP_MOVING &&
        !migration->has_failed) {
        enter(migration, HM_SIM_STEP_CANCELLING);
        return;
    }
    migration->step = step;
    hm_sim_cancel(migration->sim, &migration->event);
    switch (step) {
    case HM_SIM_STEP_STAGING:
        begin_staging(migration);
        return;
    case HM_SIM_STEP_COPYING:
        later(migration, migration->options.copy_us);
        return;
    case HM_SIM_STEP_STOPPING:
        begin_stopping(migration);
        return;
    case HM_SIM_STEP_SALVAGING:
        later(migration, LOOK_US);
        return;
    case HM_SIM_STEP_MOVING:
        begin_moving(migration);
        return;
    case HM_SIM_STEP_FETCHING:
        later(migration, PATIENCE_MS * HM_SIM_MS);
        fetch(migration);
        return;
    case HM_SIM_STEP_LANDING:
        begin_landing(migration);
        return;
    case HM_SIM_STEP_CHASING:
        later(migration, PATIENCE_MS * HM_SIM_MS);
        fetch(migration);
        return;
    case HM_SIM_STEP_CANCELLING:
        begin_cancelling(migration);
        return;
    case HM_SIM_STEP_DONE:
        finish(migration);
        return;
    case HM_SIM_STEP_IDLE:
    case HM_SIM_STEP_COUNT:
        return;
    }
}

static bool can_fetch(const struct hm_sim_migration *migration)
{
    return migration->options.has_watch_there && !is_silent(migration);
}

/* Time is up in this step, or it was only that. */
static void on_event(void *arg)
{
    struct hm_sim_migration *migration = arg;
    uint64_t waited_us = migration->sim->now_us - migration->stopped_us;

    switch (migration->step) {
    case HM_SIM_STEP_STAGING: /* not staged: it stays where it is */
        enter(migration, HM_SIM_STEP_DONE);
        return;
    case HM_SIM_STEP_COPYING:
        enter(migration, HM_SIM_STEP_STOPPING);
        return;
    case HM_SIM_STEP_SALVAGING:
        if (migration->salvage != NULL || waited_us >= PATIENCE_MS * HM_SIM_MS) {
            enter(migration, HM_SIM_STEP_MOVING);
        } else if (migration->tap.has_marker || waited_us >= MARKER_MS * HM_SIM_MS) {
            collect(migration);
            later(migration, PATIENCE_MS * HM_SIM_MS);
            send_piece(migration, 0);
        } else {
            later(migration, LOOK_US);
        }
        return;
    case HM_SIM_STEP_MOVING:
        enter(migration, can_fetch(migration) ? HM_SIM_STEP_FETCHING : HM_SIM_STEP_LANDING);
        return;
    case HM_SIM_STEP_STOPPING:
        enter(migration, HM_SIM_STEP_MOVING);
        return;
    case HM_SIM_STEP_FETCHING:
        enter(migration, HM_SIM_STEP_LANDING);
        return;
    default:
        enter(migration, HM_SIM_STEP_DONE);
    }
}

static void on_salvaged(struct hm_sim_migration *migration, const struct hm_control_message *reply)
{
    bool is_over = reply->code != HM_CONTROL_OK || reply->offset >= migration->salvage_len;

    migration->was_salvaged = is_over && reply->code == HM_CONTROL_OK;
    if (is_over)
        enter(migration, HM_SIM_STEP_MOVING);
    else
        send_piece(migration, reply->offset);
}

/* A question of this migration has ended. */
static void on_answer(void *arg, struct hm_sim_hypervisor *hypervisor)
{
    struct hm_sim_migration *migration = arg;
    const struct hm_control_message *reply = &hypervisor->reply;
    bool is_fine = hypervisor->outcome == HM_SIM_ANSWERED && reply->code == HM_CONTROL_OK;

    if (hypervisor->outcome != HM_SIM_ANSWERED && migration->step != HM_SIM_STEP_CANCELLING)
        return; /* the step's own patience ends it */
    switch (migration->step) {
    case HM_SIM_STEP_STAGING:
        migration->was_staged = is_fine;
        enter(migration, is_fine ? HM_SIM_STEP_COPYING : HM_SIM_STEP_DONE);
        return;
    case HM_SIM_STEP_STOPPING:
        migration->handover_id = reply->handover_id;
        migration->was_told = is_fine;
        enter(migration, is_fine ? HM_SIM_STEP_SALVAGING : HM_SIM_STEP_MOVING);
        return;
    case HM_SIM_STEP_SALVAGING:
        on_salvaged(migration, reply);
        return;
    case HM_SIM_STEP_FETCHING:
        on_fetched_before(migration, reply);
        return;
    case HM_SIM_STEP_LANDING:
        enter(migration,
              can_fetch(migration) && !migration->tap.is_read ? HM_SIM_STEP_CHASING : HM_SIM_STEP_DONE);
        return;
    case HM_SIM_STEP_CHASING:
        on_fetched_after(migration, reply);
        return;
    case HM_SIM_STEP_CANCELLING:
        enter(migration, HM_SIM_STEP_DONE);
        return;
    default:
        return;
    }
}

void hm_sim_migration_start(struct hm_sim_migration *migration, struct hm_sim_host *vm,
                            struct hm_sim_hypervisor *source, struct hm_sim_hypervisor *destination,
                            struct hm_sim_lan *lan, const char *host,
                            const struct hm_sim_migration_options *options)
{
    *migration = (struct hm_sim_migration){.sim = vm->sim,
                                           .vm = vm,
                                           .source = source,
                                           .destination = destination,
                                           .lan = lan,
                                           .options = *options};
    snprintf(migration->host, sizeof(migration->host), "%s", host);
    hm_sim_guest_tap_init(&migration->tap, vm);
    hm_sim_event_init(&migration->event, on_event, migration);
    source->ended = destination->ended = on_answer;
    source->ended_ctx = destination->ended_ctx = migration;
    enter(migration, HM_SIM_STEP_STAGING);
}

static bool is_done(void *ctx)
{
    return hm_sim_migration_is_done(ctx);
}

void hm_sim_migration_wait(struct hm_sim_migration *migration)
{
    hm_sim_run_while_not(migration->sim, is_done, migration, 60 * HM_SIM_S);
}

void hm_sim_migration_fini(struct hm_sim_migration *migration)
{
    if (migration->step != HM_SIM_STEP_DONE)
        enter(migration, HM_SIM_STEP_DONE);
    hm_sim_guest_tap_fini(&migration->tap);
    free(migration->salvage);
    free(migration->fetched);
    migration->salvage = migration->fetched = NULL;
}
