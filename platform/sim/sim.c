/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator's virtual time: event queue, frame pool.
 *
 * The queue is a binary heap by (time, order of arming); each event knows its place, so that
 * cancelling and re-arming cost a logarithm. Frames come from chunks that are never given back
 * before the end: a running simulation allocates nothing. */
#include "platform/sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_FRAMES 64
#define FIRST_QUEUE_CAP 256

struct hm_sim_chunk {
    struct hm_sim_chunk *next;
    struct hm_sim_frame frames[CHUNK_FRAMES];
};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

void hm_sim_init(struct hm_sim *sim, uint64_t seed)
{
    *sim = (struct hm_sim){
        .seed = seed,
        .now_us = HM_SIM_START_US,
        .random = hm_sim_random_fork(seed, 0),
        .queue = must(malloc(FIRST_QUEUE_CAP * sizeof(struct hm_sim_entry))),
        .queue_cap = FIRST_QUEUE_CAP,
    };
}

void hm_sim_fini(struct hm_sim *sim)
{
    struct hm_sim_chunk *chunk = sim->chunks;

    while (chunk != NULL) {
        struct hm_sim_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    free(sim->queue);
    *sim = (struct hm_sim){0};
}

void hm_sim_event_init(struct hm_sim_event *event, void (*fire)(void *arg), void *arg)
{
    *event = (struct hm_sim_event){.fire = fire, .arg = arg};
}

static bool is_before(const struct hm_sim_entry *a, const struct hm_sim_entry *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void put(struct hm_sim *sim, size_t at, const struct hm_sim_entry *entry)
{
    sim->queue[at] = *entry;
    entry->event->slot = at + 1;
}

/* Moves the entry towards the root from `at`, and puts it down. */
static void sift_up(struct hm_sim *sim, size_t at, const struct hm_sim_entry *entry)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (!is_before(entry, &sim->queue[parent]))
            break;
        put(sim, at, &sim->queue[parent]);
        at = parent;
    }
    put(sim, at, entry);
}

/* Moves the entry towards the leaves from `at`, and puts it down. */
static void sift_down(struct hm_sim *sim, size_t at, const struct hm_sim_entry *entry)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= sim->queue_len)
            break;
        if (child + 1 < sim->queue_len && is_before(&sim->queue[child + 1], &sim->queue[child]))
            child++;
        if (!is_before(&sim->queue[child], entry))
            break;
        put(sim, at, &sim->queue[child]);
        at = child;
    }
    put(sim, at, entry);
}

void hm_sim_cancel(struct hm_sim *sim, struct hm_sim_event *event)
{
    size_t at = event->slot;
    struct hm_sim_entry last;

    if (at == 0)
        return;
    event->slot = 0;
    at--;
    last = sim->queue[--sim->queue_len];
    if (at == sim->queue_len)
        return;
    if (at > 0 && is_before(&last, &sim->queue[(at - 1) / 2]))
        sift_up(sim, at, &last);
    else
        sift_down(sim, at, &last);
}

void hm_sim_arm(struct hm_sim *sim, struct hm_sim_event *event, uint64_t at_us)
{
    struct hm_sim_entry entry = {
        .at_us = at_us < sim->now_us ? sim->now_us : at_us, .order = sim->order++, .event = event};

    assert(event->fire != NULL);
    hm_sim_cancel(sim, event);
    if (sim->queue_len == sim->queue_cap) {
        sim->queue_cap *= 2;
        sim->queue = must(realloc(sim->queue, sim->queue_cap * sizeof(sim->queue[0])));
    }
    sift_up(sim, sim->queue_len++, &entry);
}

bool hm_sim_is_armed(const struct hm_sim_event *event)
{
    return event->slot != 0;
}

uint64_t hm_sim_due_us(const struct hm_sim *sim, const struct hm_sim_event *event)
{
    assert(event->slot != 0);
    return sim->queue[event->slot - 1].at_us;
}

bool hm_sim_step(struct hm_sim *sim)
{
    struct hm_sim_entry entry;

    if (sim->queue_len == 0)
        return false;
    entry = sim->queue[0];
    hm_sim_cancel(sim, entry.event);
    sim->now_us = entry.at_us;
    sim->fired++;
    entry.event->fire(entry.event->arg);
    if (sim->after_event != NULL)
        sim->after_event(sim->after_event_ctx);
    return true;
}

void hm_sim_run_until(struct hm_sim *sim, uint64_t at_us)
{
    while (sim->queue_len > 0 && sim->queue[0].at_us <= at_us)
        hm_sim_step(sim);
    if (sim->now_us < at_us)
        sim->now_us = at_us;
}

void hm_sim_run_for(struct hm_sim *sim, uint64_t for_us)
{
    hm_sim_run_until(sim, sim->now_us + for_us);
}

bool hm_sim_run_while_not(struct hm_sim *sim, bool (*is_true)(void *ctx), void *ctx, uint64_t limit_us)
{
    uint64_t end_us = sim->now_us + limit_us;

    while (!is_true(ctx)) {
        if (sim->queue_len == 0 || sim->queue[0].at_us > end_us) {
            sim->now_us = end_us;
            return false;
        }
        hm_sim_step(sim);
    }
    return true;
}

uint64_t hm_sim_unix_us(const struct hm_sim *sim)
{
    return (uint64_t)HM_SIM_UNIX_S * HM_SIM_S + (sim->now_us - HM_SIM_START_US);
}

struct hm_time hm_sim_time(const struct hm_sim *sim, int64_t offset_us, uint64_t mono_base_us)
{
    uint64_t unix_us = hm_sim_unix_us(sim) + (uint64_t)offset_us;

    return (struct hm_time){
        .mono_us = sim->now_us + mono_base_us,
        .ntp = hm_ntp_from_unix(unix_us / HM_SIM_S, (uint32_t)(unix_us % HM_SIM_S) * 1000u),
    };
}

struct hm_sim_frame *hm_sim_frame_take(struct hm_sim *sim)
{
    struct hm_sim_frame *frame;

    if (sim->free_frames == NULL) {
        struct hm_sim_chunk *chunk = must(malloc(sizeof(*chunk)));

        chunk->next = sim->chunks;
        sim->chunks = chunk;
        sim->chunks_len += sizeof(*chunk);
        for (size_t i = 0; i < CHUNK_FRAMES; i++) {
            chunk->frames[i].next = sim->free_frames;
            sim->free_frames = &chunk->frames[i];
        }
    }
    frame = sim->free_frames;
    sim->free_frames = frame->next;
    sim->frames_out++;
    frame->next = NULL;
    frame->len = 0;
    frame->event.slot = 0;
    return frame;
}

void hm_sim_frame_give(struct hm_sim *sim, struct hm_sim_frame *frame)
{
    assert(frame->event.slot == 0 && sim->frames_out > 0);
    frame->next = sim->free_frames;
    sim->free_frames = frame;
    sim->frames_out--;
}

struct hm_sim_frame *hm_sim_frame_copy(struct hm_sim *sim, const struct hm_sim_frame *frame)
{
    struct hm_sim_frame *copy = hm_sim_frame_take(sim);

    copy->len = frame->len;
    memcpy(copy->memory + HM_FRAME_HEADROOM, frame->memory + HM_FRAME_HEADROOM, frame->len);
    return copy;
}
