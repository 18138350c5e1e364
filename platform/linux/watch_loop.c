/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the watch's loop, and what its events do to the watch's state. */
#include "platform/linux/watch_loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "platform/linux/clock.h"

#define OPENING_US 10000000 /* QEMU's first answers: it may just be starting */

static const char *const MIGRATION_NAMES[] = {"none",       "setup",           "active",    "pre-switchover",
                                              "device",     "postcopy-active", "completed", "failed",
                                              "cancelling", "cancelled"};
static_assert(sizeof(MIGRATION_NAMES) / sizeof(MIGRATION_NAMES[0]) == HM_MIGRATION_COUNT, "a name for each");

uint64_t hm_watch_now_us(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return now.mono_us;
}

uint64_t hm_watch_unix_us(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return hm_ntp_to_unix_us(now.ntp);
}

bool hm_watch_is_before_stop(const struct hm_watch *watch)
{
    return watch->migration == HM_MIGRATION_NONE || watch->migration == HM_MIGRATION_SETUP ||
           watch->migration == HM_MIGRATION_ACTIVE;
}

void hm_watch_migration_is(struct hm_watch *watch, const char *status)
{
    for (unsigned i = 0; i < HM_MIGRATION_COUNT && status != NULL; i++) {
        if (strcmp(status, MIGRATION_NAMES[i]) == 0)
            watch->migration = (enum hm_migration)i;
    }
    watch->had_postcopy = watch->had_postcopy || watch->migration == HM_MIGRATION_POSTCOPY;
}

static void tell_run(const struct hm_watch *watch, bool runs)
{
    if (watch->on_run != NULL)
        watch->on_run(watch->capture_ctx, runs);
}

static void on_event(void *ctx, const char *name, const json_t *data, uint64_t unix_us)
{
    struct hm_watch *watch = ctx;

    if (strcmp(name, "MIGRATION") == 0) {
        hm_watch_migration_is(watch, json_string_value(json_object_get(data, "status")));
        if (watch->after_stop_us == 0 && watch->stop_us != 0 &&
            (watch->migration == HM_MIGRATION_PRE_SWITCHOVER || watch->migration == HM_MIGRATION_DEVICE))
            watch->after_stop_us = unix_us;
    } else if (strcmp(name, "STOP") == 0) {
        watch->stop_us = unix_us;
        watch->resume_us = watch->after_stop_us = 0;
        tell_run(watch, false);
    } else if (strcmp(name, "RESUME") == 0) {
        watch->resume_us = unix_us;
        watch->stop_us = 0;
        tell_run(watch, true);
    } else if (strcmp(name, "SHUTDOWN") == 0) {
        watch->has_shut_down = true;
    } else if (strcmp(name, "NIC_RX_FILTER_CHANGED") == 0) {
        watch->has_new_filter = true;
    }
}

/* Signals that ask us to end are read from a descriptor: the VM must be let go before. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool complain(const char *what, const char *name, int error, const char *advice)
{
    fprintf(stderr, "notify-migrate: %s %s: %s%s\n", what, name, strerror(error), advice);
    return false;
}

bool hm_watch_open(struct hm_watch *watch, const struct hm_watch_options *options,
                   const struct hm_notify_target *target)
{
    char error[HM_QMP_ERROR_LEN];
    json_t *value;
    int err;

    memset(watch, 0, sizeof(*watch));
    watch->options = options;
    watch->target = target;
    watch->request = options->request;
    watch->qmp.fd = watch->tap.fd = watch->ring.fd = watch->dialogue.fd = -1;
    watch->signal_fd = open_signals();
    if ((err = hm_dialogue_open(&watch->dialogue, target)) != 0)
        return complain("the agent's", "socket", err, "");
    if ((err = hm_tap_netlink_open(&watch->tap, options->device)) != 0)
        return complain("--dev", options->device, err, ": give the VM's TAP, in its network namespace");
    if ((err = hm_qmp_open(&watch->qmp, options->monitor, on_event, watch)) != 0)
        return complain("--qmp", options->monitor, err,
                        ": start QEMU with -qmp unix:PATH,server=on,wait=off");
    value = hm_watch_command(watch, "qmp_capabilities", NULL, hm_watch_now_us() + OPENING_US, error);
    json_decref(value);
    if (value == NULL)
        fprintf(stderr,
                "notify-migrate: --qmp %s: %s: a monitor serves one client at a time; give QEMU one more\n",
                options->monitor, error);
    return value != NULL;
}

void hm_watch_close(struct hm_watch *watch)
{
    hm_tap_ring_close(&watch->ring);
    hm_qmp_close(&watch->qmp);
    hm_dialogue_close(&watch->dialogue);
    hm_tap_netlink_close(&watch->tap);
    if (watch->signal_fd >= 0)
        close(watch->signal_fd);
}

void hm_watch_drain(struct hm_watch *watch)
{
    /* all that is there, and not for ever: the kernel's ring holds no more than its slots */
    for (unsigned i = 0; watch->ring.fd >= 0 && i < 2 * watch->ring.slot_count; i++) {
        if (!hm_tap_ring_next(&watch->ring))
            return;
        watch->on_frame(watch->capture_ctx, watch->ring.frame_count - 1);
    }
}

static void read_signals(struct hm_watch *watch)
{
    struct signalfd_siginfo info;

    if (read(watch->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        watch->signal = (int)info.ssi_signo;
}

static uint64_t earlier(uint64_t until_us, uint64_t now_us, int due_ms)
{
    uint64_t due_us = now_us + (uint64_t)due_ms * 1000;

    return due_ms >= 0 && due_us < until_us ? due_us : until_us;
}

void hm_watch_turn(struct hm_watch *watch, uint64_t until_us)
{
    struct pollfd ready[] = {{.fd = watch->signal_fd, .events = POLLIN},
                             {.fd = watch->qmp.fd, .events = POLLIN},
                             {.fd = watch->dialogue.fd, .events = POLLIN},
                             {.fd = watch->ring.fd, .events = POLLIN}};
    uint64_t now = hm_watch_now_us();
    struct timespec wait = {0};

    until_us = earlier(until_us, now, hm_dialogue_due_ms(&watch->dialogue));
    if (until_us > now)
        wait = (struct timespec){.tv_sec = (time_t)((until_us - now) / 1000000),
                                 .tv_nsec = (long)((until_us - now) % 1000000 * 1000)};
    ppoll(ready, sizeof(ready) / sizeof(ready[0]), &wait, NULL);
    if ((ready[3].revents & POLLERR) != 0) /* the TAP was down; else it would be told again and again */
        hm_tap_ring_clear_error(&watch->ring);
    read_signals(watch);
    hm_watch_drain(watch);
    if (!hm_qmp_work(&watch->qmp)) /* also when a command could not be sent */
        watch->is_alone = true;
    if (watch->on_turn != NULL)
        watch->on_turn(watch->capture_ctx);
    hm_dialogue_work(&watch->dialogue);
}

json_t *hm_watch_command(struct hm_watch *watch, const char *name, json_t *arguments, uint64_t until_us,
                         char error[HM_QMP_ERROR_LEN])
{
    struct hm_qmp_reply *reply = hm_qmp_command(&watch->qmp, name, arguments);
    json_t *value;

    while (!reply->is_over && hm_watch_now_us() < until_us)
        hm_watch_turn(watch, until_us);
    if (error != NULL)
        snprintf(error, HM_QMP_ERROR_LEN, "%s", reply->is_over ? reply->error : "no answer in time");
    value = json_incref(reply->value);
    hm_qmp_end(reply);
    return value;
}

void hm_watch_run_state(struct hm_watch *watch, uint64_t until_us, char state[32])
{
    json_t *answer = hm_watch_command(watch, "query-status", NULL, until_us, NULL);
    const char *text = json_string_value(json_object_get(answer, "status"));

    snprintf(state, 32, "%s", text != NULL ? text : "");
    json_decref(answer);
}

bool hm_watch_await(struct hm_watch *watch, const struct hm_dialogue_slot *slot, uint64_t until_us)
{
    while (slot != NULL && !slot->is_over && hm_watch_now_us() < until_us)
        hm_watch_turn(watch, until_us);
    return slot != NULL && slot->is_over;
}

static void print_json(const struct hm_watch *watch, const char *event, json_t *extra, const char *text)
{
    struct hm_time now;
    json_t *object;

    hm_clock_read(&now);
    object = json_pack("{s:s, s:s, s:f, s:s}", "event", event, "vm", watch->options->vm, "time",
                       (double)hm_ntp_to_unix_us(now.ntp) / 1e6, "text", text);
    if (extra != NULL)
        json_object_update(object, extra);
    if (object == NULL ||
        json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(16)) != 0)
        fprintf(stdout, "{\"event\":\"%s\"}", event);
    putchar('\n');
    json_decref(object);
}

void hm_watch_say(const struct hm_watch *watch, const char *event, json_t *extra, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (watch->options->json)
        print_json(watch, event, extra, text);
    else
        printf("watch %s: %s: %s\n", watch->options->vm, event, text);
    fflush(stdout);
    json_decref(extra);
}

void hm_watch_warn_result(const struct hm_watch *watch, const char *what,
                          const struct hm_notify_result *result)
{
    const char *why = "no answer in time";

    if (result->outcome == HM_NOTIFY_ANSWERED)
        why = result->reply.text[0] != '\0' ? result->reply.text : hm_control_code_text(result->reply.code);
    else if (result->outcome == HM_NOTIFY_CLOCK)
        why = "it refuses our clock";
    else if (result->outcome == HM_NOTIFY_BROKEN)
        why = result->error != 0 ? strerror(result->error) : "the request is too large";
    hm_watch_say(watch, "warning", json_pack("{s:i}", "code", (int)hm_notify_exit_code(result)),
                 "the agent did not take \"%s\": %s", what, why);
}
