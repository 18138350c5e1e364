/* SPDX-License-Identifier: BSD-3-Clause */
/* A hierarchical timing wheel: lifetimes and retransmissions, in milliseconds of monotonic time.
 *
 * Four levels of 256 slots of 1 ms, 256 ms, 65.5 s and 4.7 h; arming and cancelling are O(1). The
 * owner embeds a struct hm_timer. A timer fires once, from hm_wheel_advance, never before its time;
 * its callback may arm and cancel any timer, itself included, and may free its own object. */
#ifndef HM_BASE_WHEEL_H
#define HM_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define HM_WHEEL_LEVELS 4
#define HM_WHEEL_SLOTS 256
#define HM_WHEEL_NEVER UINT64_MAX

/* Bits of a time, which are enough for five centuries, and of a distance in memory. Two numbers in one word:
 * timers are most of what a million idle bindings hold. */
#define HM_TIMER_DUE_BITS 44
#define HM_TIMER_ARG_BITS (64 - HM_TIMER_DUE_BITS)

struct hm_timer {
    struct hm_timer *next;
    struct hm_timer **link; /* NULL: not armed */
    void (*fire)(void *arg);
    uint64_t due_ms : HM_TIMER_DUE_BITS;
    int64_t arg : HM_TIMER_ARG_BITS; /* how far from the timer it is */
};

struct hm_wheel {
    uint64_t now_ms;
    uint64_t cursor_ms;     /* slots before it are empty; behind now_ms while more is due than was fired */
    uint64_t count;         /* armed timers */
    bool is_advancing;      /* a callback runs */
    struct hm_timer *fresh; /* armed for now by a callback: for the next advance */
    struct hm_timer *slots[HM_WHEEL_LEVELS][HM_WHEEL_SLOTS];
    uint64_t used[HM_WHEEL_LEVELS][HM_WHEEL_SLOTS / 64]; /* a bit per slot that is not empty */
};

void hm_wheel_init(struct hm_wheel *wheel, uint64_t now_ms);

/* Sets what fires; the timer is not armed. arg is what the timer is part of, or something else that is less
 * than half a megabyte away. */
void hm_timer_init(struct hm_timer *timer, void (*fire)(void *arg), void *arg);
/* (Re-)arms for `in_ms` from the wheel's now; 0 fires at the next advance. */
void hm_timer_arm(struct hm_wheel *wheel, struct hm_timer *timer, uint64_t in_ms);
/* Nothing happens for a timer that is not armed. */
void hm_timer_cancel(struct hm_wheel *wheel, struct hm_timer *timer);
bool hm_timer_is_armed(const struct hm_timer *timer);

/* Moves to now_ms (never backwards) and fires what is due, at most `budget` timers, with work in proportion
 * to that however many are armed; true when more is due, or is still to be placed (call again after the
 * packets that wait). */
bool hm_wheel_advance(struct hm_wheel *wheel, uint64_t now_ms, unsigned budget);
/* A time not after the next due timer (it may be an earlier one: a level has to be broken down), or
 * HM_WHEEL_NEVER. */
uint64_t hm_wheel_next_ms(const struct hm_wheel *wheel);

#endif
