/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the watch where the VM arrives.
 *
 * The agent is told that what waits for the VM will be fetched, and written to the VM's TAP: nothing can
 * overtake it there. What neighbours on this LAN send to the VM waits meanwhile in the plug (plug.c).
 *
 * A QEMU started with -S stands still after its load: then all that waits is written before the VM runs, and
 * it is let go by us (or, --no-cont, by another). One without runs at once: then it is written as soon as it
 * runs. Either way the agent hears LANDED, and the fetching goes on until the agent says that the stream has
 * ended. Nothing holds the VM or the plug longer than the deadline. */
#include "platform/linux/watch_role.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "platform/linux/fetch.h"
#include "platform/linux/plug.h"
#include "platform/linux/watch_nic.h"

#define OPENING_US 2000000
#define ATTACH_AGAIN_US 20000
#define POSTCOPY_EVERY_US 2000
#define IDLE_US 1000000
#define HELD_UP_US 500
#define LONG_POLL_MS 5
#define QUEUE_MARGIN 64 /* frames of the TAP's queue that are left to others */

struct destination {
    struct hm_watch *watch;
    struct hm_plug plug;
    struct hm_fetch fetch;
    uint64_t handover_id;
    uint64_t read_at_start; /* the TAP's tx_packets when we began to write */
    uint64_t written;
    uint64_t room;        /* frames that may be written before the counters are asked again */
    uint64_t deadline_us; /* 0: not running yet */
};

static struct hm_control_message request_of(const struct destination *destination, enum hm_control_op op)
{
    struct hm_control_message request = destination->watch->request;

    request.op = op;
    request.handover_id = destination->handover_id;
    return request;
}

/* True: the VM will not come, or we are to end. */
static bool is_given_up(const struct hm_watch *watch)
{
    return watch->is_alone || watch->signal != 0 || watch->migration == HM_MIGRATION_FAILED;
}

/* A signal ends us when no VM comes yet; else we stay to let it run. */
static bool will_not_come(const struct hm_watch *watch)
{
    return watch->is_alone || watch->migration == HM_MIGRATION_FAILED ||
           (watch->signal != 0 && watch->migration == HM_MIGRATION_NONE);
}

/* The VM is loaded: it stands still, or even runs, while the agent is not attached to. */
static bool is_loaded(const struct hm_watch *watch)
{
    return watch->migration == HM_MIGRATION_COMPLETED || watch->resume_us != 0;
}

/* Turns, but not beyond end_us, which comes nearer when the VM waits for us. */
static bool attach_turn(struct hm_watch *watch, uint64_t until_us, uint64_t *end_us)
{
    uint64_t now = hm_watch_now_us(), soon_us = now + watch->options->deadline_ms * 1000;
    bool was_loaded = is_loaded(watch);

    if (now >= *end_us || now >= until_us || is_given_up(watch))
        return false;
    hm_watch_turn(watch, until_us < *end_us ? until_us : *end_us);
    if (!was_loaded && is_loaded(watch) && soon_us < *end_us)
        *end_us = soon_us;
    return true;
}

/* Until the agent is prepared, which may be a while after us. */
static bool attach(struct destination *destination, enum hm_notify_exit *code)
{
    struct hm_watch *watch = destination->watch;
    const struct hm_control_message request = request_of(destination, HM_OP_ATTACH);
    uint64_t wait_ms = is_loaded(watch) ? watch->options->deadline_ms : watch->options->wait_ms;
    uint64_t end_us = hm_watch_now_us() + wait_ms * 1000;
    struct hm_notify_result result = {.outcome = HM_NOTIFY_SILENT};

    do {
        struct hm_dialogue_slot *slot = hm_dialogue_begin(&watch->dialogue, &request, &HM_DIALOGUE_HASTY);
        uint64_t again_us;

        while (!slot->is_over && attach_turn(watch, end_us, &end_us))
            continue;
        result = slot->result;
        hm_dialogue_end(slot);
        if (result.outcome == HM_NOTIFY_ANSWERED && result.reply.code == HM_CONTROL_OK) {
            destination->handover_id = result.reply.handover_id;
            return true;
        }
        if (result.outcome != HM_NOTIFY_ANSWERED || result.reply.code != HM_CONTROL_UNKNOWN_VM)
            break;
        again_us = hm_watch_now_us() + ATTACH_AGAIN_US;
        while (attach_turn(watch, again_us, &end_us))
            continue;
    } while (hm_watch_now_us() < end_us && !is_given_up(watch));
    hm_watch_warn_result(watch, "attach", &result);
    *code = hm_notify_exit_code(&result);
    return false;
}

/* ---- the TAP ---- */

/* How many frames the TAP's queue has room for. */
static void measure_room(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;
    struct hm_tap_link link;
    uint64_t waiting;

    if (hm_tap_netlink_read(&watch->tap, &link) != 0)
        return;
    waiting = destination->read_at_start + destination->written - link.tx_packets;
    if ((int64_t)waiting < 0) /* QEMU has read others' frames as well */
        waiting = 0;
    destination->room =
        waiting + QUEUE_MARGIN < link.txqueuelen ? link.txqueuelen - QUEUE_MARGIN - waiting : 0;
}

static bool write_frame(void *ctx, const uint8_t *frame, size_t len)
{
    struct destination *destination = ctx;
    int error;

    if (len < 14) /* no frame: nothing to write */
        return true;
    if (destination->room == 0)
        measure_room(destination);
    if (destination->room == 0)
        return false;
    error = hm_plug_write(&destination->plug, frame, len);
    if (error != 0 && error != EMSGSIZE && error != EINVAL) {
        destination->room = 0;
        return false;
    }
    destination->room--;
    destination->written++; /* also one that the device refuses, as too long: it would refuse it always */
    return true;
}

/* False: nothing can be written, so the agent is left to deliver over the LAN. */
static bool open_tap(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;
    struct hm_tap_link link;
    int error;

    if (!hm_watch_nic_find(watch, hm_watch_now_us() + OPENING_US, &watch->mac) &&
        watch->request.mac_count > 0)
        watch->mac = watch->request.macs[0];
    if (hm_tap_netlink_read(&watch->tap, &link) == 0)
        destination->read_at_start = link.tx_packets;
    error = hm_plug_init(&destination->plug, &watch->tap, &watch->mac);
    if (error == ENOENT)
        hm_watch_say(watch, "warning", NULL,
                     "this kernel has no qdisc tbf: frames from this LAN may overtake those that wait");
    else if (error != 0)
        hm_watch_say(watch, "warning", NULL, "%s cannot be plugged: %s (be root)", watch->options->device,
                     strerror(error));
    return destination->plug.direct >= 0;
}

static void open_plug(struct destination *destination)
{
    uint64_t begin_us = hm_watch_now_us();
    bool was_closed = destination->plug.is_closed;
    int error = hm_plug_open(&destination->plug);

    if (error != 0)
        hm_watch_say(destination->watch, "warning", NULL,
                     "the plug does not open: %s: delete the qdisc of %s", strerror(error),
                     destination->watch->options->device);
    else if (was_closed)
        hm_watch_say(destination->watch, "unplugged",
                     json_pack("{s:f}", "took_ms", (double)(hm_watch_now_us() - begin_us) / 1000),
                     "frames of this LAN go straight to the VM");
}

/* ---- the steps ---- */

static void fetch_turn(struct destination *destination, uint64_t until_us)
{
    if (hm_fetch_is_held_up(&destination->fetch) && hm_watch_now_us() + HELD_UP_US < until_us)
        until_us = hm_watch_now_us() + HELD_UP_US;
    hm_watch_turn(destination->watch, until_us);
    hm_fetch_work(&destination->fetch);
}

static void begin_fetch(struct destination *destination)
{
    struct hm_control_message request = request_of(destination, HM_OP_FETCH);
    int error = hm_plug_close(&destination->plug);

    if (error != 0)
        hm_watch_say(destination->watch, "warning", NULL, "the plug does not close: %s", strerror(error));
    request.wait_ms = LONG_POLL_MS;
    hm_fetch_begin(&destination->fetch, &destination->watch->dialogue, &request, write_frame, destination);
    hm_watch_say(destination->watch, "fetching", NULL, "what waits at the agent");
}

/* Waits for the VM to be loaded. True: it stands still (-S); false: it runs, or will not come. */
static bool await_load(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;
    bool is_plugged = false;
    char state[32];

    while (watch->resume_us == 0) {
        bool is_postcopy = watch->migration == HM_MIGRATION_POSTCOPY; /* it can run before all has come */

        if (watch->migration == HM_MIGRATION_ACTIVE && !is_plugged) {
            is_plugged = true;
            hm_plug_close(&destination->plug);
        }
        if (watch->migration == HM_MIGRATION_COMPLETED || is_postcopy)
            hm_watch_run_state(watch, hm_watch_now_us() + OPENING_US, state);
        if (watch->migration == HM_MIGRATION_COMPLETED && watch->resume_us == 0 &&
            strcmp(state, "running") == 0)
            watch->resume_us = hm_watch_unix_us(); /* we have come after its RESUME */
        if (watch->migration == HM_MIGRATION_COMPLETED || (is_postcopy && strcmp(state, "paused") == 0))
            return strcmp(state, "paused") == 0 && watch->resume_us == 0;
        if (will_not_come(watch))
            return false;
        hm_watch_turn(watch, hm_watch_now_us() + (is_postcopy ? POSTCOPY_EVERY_US : IDLE_US));
    }
    return false;
}

static void let_run(struct hm_watch *watch)
{
    char error[HM_QMP_ERROR_LEN];
    json_t *answer;

    if (watch->options->no_cont)
        return;
    answer = hm_watch_command(watch, "cont", NULL, hm_watch_now_us() + OPENING_US, error);
    if (answer == NULL && watch->resume_us == 0)
        hm_watch_say(watch, "warning", NULL, "QEMU does not let the VM run: %s", error);
    json_decref(answer);
}

/* The VM stands still until all that waits is in its TAP. */
static void fill_and_run(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;
    uint64_t begin_us = hm_watch_now_us(), end_us = begin_us + watch->options->deadline_ms * 1000;

    begin_fetch(destination);
    while (!hm_fetch_is_ready(&destination->fetch) && !destination->fetch.is_refused &&
           !hm_fetch_is_held_up(&destination->fetch) && /* there is room again only when it runs */
           hm_watch_now_us() < end_us && !is_given_up(watch))
        fetch_turn(destination, end_us);
    if (!hm_fetch_is_ready(&destination->fetch))
        hm_watch_say(watch, "warning", NULL, "the VM is let go before all that waits for it was there");
    else
        hm_watch_say(watch, "ready",
                     json_pack("{s:i, s:f}", "frames", (int)destination->fetch.frames, "took_ms",
                               (double)(hm_watch_now_us() - begin_us) / 1000),
                     "%u frames are in the TAP", destination->fetch.frames);
    let_run(watch);
}

/* While another lets the VM run: what comes meanwhile is written as well. */
static void await_run(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;

    while (watch->resume_us == 0 && !is_given_up(watch))
        fetch_turn(destination, hm_watch_now_us() + IDLE_US);
}

static void tell_landed(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;
    const struct hm_control_message request = request_of(destination, HM_OP_LANDED);
    struct hm_dialogue_slot *slot = hm_dialogue_begin(&watch->dialogue, &request, &HM_DIALOGUE_HASTY);

    hm_watch_say(watch, "running", json_pack("{s:f}", "resume_time", (double)watch->resume_us / 1e6),
                 "the VM runs here");
    destination->deadline_us = hm_watch_now_us() + watch->options->deadline_ms * 1000;
    if (destination->fetch.dialogue == NULL)
        begin_fetch(destination);
    while (slot != NULL && !slot->is_over && hm_watch_now_us() < destination->deadline_us)
        fetch_turn(destination, destination->deadline_us);
    if (!hm_dialogue_is_ok(slot))
        hm_watch_warn_result(watch, "landed", &slot->result);
    hm_dialogue_end(slot);
}

/* Until the stream has ended; the plug is open at the deadline. */
static enum hm_notify_exit finish(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;
    const struct hm_fetch *fetch = &destination->fetch;
    uint64_t end_us = hm_watch_now_us() + watch->options->wait_ms * 1000;

    while (!hm_fetch_is_complete(fetch) && !fetch->is_refused && hm_watch_now_us() < end_us &&
           watch->signal == 0 && !watch->is_alone) {
        bool is_due = hm_watch_now_us() >= destination->deadline_us;

        if (is_due && destination->plug.is_closed) {
            hm_watch_say(watch, "warning", NULL, "the plug is opened before all that waited was there");
            open_plug(destination);
        }
        fetch_turn(destination, is_due ? end_us : destination->deadline_us);
    }
    open_plug(destination);
    if (hm_fetch_is_complete(fetch)) {
        hm_watch_say(watch, "completed", json_pack("{s:i}", "frames", (int)fetch->frames),
                     "%u frames were delivered", fetch->frames);
        return HM_NOTIFY_EXIT_DONE;
    }
    if (fetch->is_refused)
        hm_watch_warn_result(watch, "fetch", &fetch->refusal);
    hm_watch_say(watch, "ended", NULL, "%u frames were delivered, and perhaps not all", fetch->frames);
    return fetch->is_refused ? hm_notify_exit_code(&fetch->refusal) : HM_NOTIFY_EXIT_UNREACHABLE;
}

static enum hm_notify_exit receive(struct destination *destination)
{
    struct hm_watch *watch = destination->watch;

    if (await_load(destination))
        fill_and_run(destination);
    if (watch->resume_us == 0 && destination->fetch.dialogue != NULL)
        await_run(destination);
    if (watch->resume_us == 0) {
        if (watch->signal != 0) {
            hm_watch_say(watch, "ended", NULL, "by a signal, before the VM ran");
            return HM_NOTIFY_EXIT_INTERNAL;
        }
        hm_watch_say(watch, "failed", NULL, "the VM did not come; the source's agent is told there");
        return HM_NOTIFY_EXIT_MIGRATION;
    }
    tell_landed(destination);
    return finish(destination);
}

enum hm_notify_exit hm_watch_destination(struct hm_watch *watch)
{
    static struct destination destination;
    enum hm_notify_exit code = HM_NOTIFY_EXIT_INTERNAL;
    json_t *answer;
    bool can_write;

    memset(&destination, 0, sizeof(destination));
    destination.watch = watch;
    answer =
        hm_watch_command(watch, "migrate-set-capabilities",
                         json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", "events", "state", 1),
                         hm_watch_now_us() + OPENING_US, NULL);
    if (answer == NULL)
        hm_watch_say(watch, "warning", NULL, "QEMU does not set the capability events");
    json_decref(answer);
    answer = hm_watch_command(watch, "query-migrate", NULL, hm_watch_now_us() + OPENING_US, NULL);
    hm_watch_migration_is(watch, json_string_value(json_object_get(answer, "status")));
    json_decref(answer);
    can_write = open_tap(&destination);
    if (watch->request.mac_count == 0 && watch->request.addr_count == 0 && !hm_mac_is_zero(&watch->mac))
        watch->request.macs[watch->request.mac_count++] = watch->mac;
    if (can_write && attach(&destination, &code)) {
        hm_watch_say(watch, "attached",
                     json_pack("{s:s, s:b}", "role", "destination", "plug", destination.plug.has_bucket),
                     "at the destination, handover %016" PRIx64, destination.handover_id);
        code = receive(&destination);
    } else if (await_load(&destination)) {
        let_run(watch); /* without the agent nothing is to be waited for */
    }
    hm_fetch_end(&destination.fetch);
    hm_plug_fini(&destination.plug);
    return code;
}
