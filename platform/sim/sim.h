/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator's virtual time: one queue of events, one seed, a pool of frames.
 *
 * Nothing here reads a clock or a random device: a run is a function of its seed. Events of the same
 * microsecond fire in the order in which they were armed. */
#ifndef HM_SIM_SIM_H
#define HM_SIM_SIM_H

#include "firmware/base/clock.h"
#include "firmware/base/frame.h"
#include "platform/sim/random.h"

#define HM_SIM_MS 1000u
#define HM_SIM_S 1000000u

/* Virtual time starts here, so that 0 can mean "never". */
#define HM_SIM_START_US HM_SIM_S

/* Wall clock at HM_SIM_START_US, Unix seconds (in 2027). */
#define HM_SIM_UNIX_S 1800000000u

/* Longest frame: Ethernet header and 1,500 bytes, with some room for jumbo tests. */
#define HM_SIM_FRAME_MAX 2048
#define HM_SIM_FRAME_CAP (HM_FRAME_HEADROOM + HM_SIM_FRAME_MAX)

/* Embedded by its owner, who outlives it or cancels it. */
struct hm_sim_event {
    void (*fire)(void *arg);
    void *arg;
    size_t slot; /* place in the queue, from 1; 0: not armed */
};

/* An Ethernet frame on its way. Its first byte is always at memory + HM_FRAME_HEADROOM. Exactly one
 * party owns a frame: whoever is handed one sends it on, keeps it, or gives it back. */
struct hm_sim_frame {
    struct hm_sim_frame *next; /* for its owner's queue */
    size_t len;
    /* While it travels */
    struct hm_sim_event event;
    void *to;      /* who gets it next */
    uint32_t note; /* and what that one has to know */
    uint8_t memory[HM_SIM_FRAME_CAP];
};

struct hm_sim_entry {
    uint64_t at_us;
    uint64_t order;
    struct hm_sim_event *event;
};

struct hm_sim {
    uint64_t seed;
    uint64_t now_us;
    struct hm_sim_random random; /* of links and adversaries; participants have their own */
    uint64_t fired;              /* events so far */

    /* Called after each event, if set: where a test checks its invariants. */
    void (*after_event)(void *ctx);
    void *after_event_ctx;

    struct hm_sim_entry *queue; /* binary heap */
    size_t queue_len;
    size_t queue_cap;
    uint64_t order;

    struct hm_sim_frame *free_frames;
    struct hm_sim_chunk *chunks;
    size_t chunks_len; /* bytes of all */
    size_t frames_out; /* taken and not given back */
};

void hm_sim_init(struct hm_sim *sim, uint64_t seed);
/* Frees the queue and all frames, those in flight too. Events are not touched: their owners may be gone. */
void hm_sim_fini(struct hm_sim *sim);

void hm_sim_event_init(struct hm_sim_event *event, void (*fire)(void *arg), void *arg);
/* (Re-)arms; a time in the past means now. */
void hm_sim_arm(struct hm_sim *sim, struct hm_sim_event *event, uint64_t at_us);
void hm_sim_cancel(struct hm_sim *sim, struct hm_sim_event *event);
bool hm_sim_is_armed(const struct hm_sim_event *event);
/* When an armed event will fire. */
uint64_t hm_sim_due_us(const struct hm_sim *sim, const struct hm_sim_event *event);

/* Fires the next event; false when there is none. */
bool hm_sim_step(struct hm_sim *sim);
/* Fires all events up to and including at_us; the time is at_us afterwards. */
void hm_sim_run_until(struct hm_sim *sim, uint64_t at_us);
void hm_sim_run_for(struct hm_sim *sim, uint64_t for_us);
/* Runs until is_true(ctx), looked at after each event and once before; false when limit_us passed first. */
bool hm_sim_run_while_not(struct hm_sim *sim, bool (*is_true)(void *ctx), void *ctx, uint64_t limit_us);

/* Time as a participant sees it whose wall clock is off by offset_us and whose monotonic clock began
 * mono_base_us before the simulation. */
struct hm_time hm_sim_time(const struct hm_sim *sim, int64_t offset_us, uint64_t mono_base_us);
/* The simulation's own wall clock. */
uint64_t hm_sim_unix_us(const struct hm_sim *sim);

/* An empty frame; never NULL. */
struct hm_sim_frame *hm_sim_frame_take(struct hm_sim *sim);
void hm_sim_frame_give(struct hm_sim *sim, struct hm_sim_frame *frame);
struct hm_sim_frame *hm_sim_frame_copy(struct hm_sim *sim, const struct hm_sim_frame *frame);

static inline uint8_t *hm_sim_frame_bytes(struct hm_sim_frame *frame)
{
    return frame->memory + HM_FRAME_HEADROOM;
}

#endif
