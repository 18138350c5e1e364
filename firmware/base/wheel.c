/* SPDX-License-Identifier: BSD-3-Clause */
/* The timing wheel: where a timer waits, and in which order the slots are emptied.
 *
 * A slot of level L holds timers of one span of 256^L ms. Seen from the cursor, a timer waits in the
 * lowest level whose 256 slots reach its time; one beyond the last level waits in its farthest slot
 * and is placed anew from there. Invariants: no armed timer is before the cursor; a slot of level
 * 1..3 begins after the cursor, so the cursor's own slot is in use in level 0 only. The cursor jumps
 * from one slot's beginning to the next by the bitmaps, never millisecond by millisecond: at the
 * beginning of a slot of level 1..3 its timers are placed anew, all in lower levels (or farther
 * ahead); at a slot of level 0 they fire. When the budget is used up the cursor stays behind now_ms;
 * new timers still count from now_ms, so none is early. A slot of a million timers is placed anew in many
 * advances: so long the cursor stays at its beginning, where the rest of it is found first. */
#include "firmware/base/wheel.h"

#include <assert.h>
#include <stddef.h>

#define SLOT_BITS 8
#define SLOT_MASK (HM_WHEEL_SLOTS - 1)
#define WORDS (HM_WHEEL_SLOTS / 64)
#define END_MS (((uint64_t)1 << HM_TIMER_DUE_BITS) - 1) /* the end of time */
#define MOVES_PER_FIRE 16 /* timers placed anew: twice as long as one that fires may take */

static void link_in(struct hm_timer **head, struct hm_timer *timer)
{
    timer->next = *head;
    timer->link = head;
    if (timer->next != NULL)
        timer->next->link = &timer->next;
    *head = timer;
}

static void link_out(struct hm_timer *timer)
{
    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
    timer->next = NULL;
    timer->link = NULL;
}

/* Puts a timer into the slot that the cursor and its time say. */
static void place(struct hm_wheel *wheel, struct hm_timer *timer)
{
    unsigned level = 0;
    uint64_t slot = timer->due_ms;
    uint64_t from = wheel->cursor_ms;

    while (slot - from >= HM_WHEEL_SLOTS && level < HM_WHEEL_LEVELS - 1) {
        level++;
        slot >>= SLOT_BITS;
        from >>= SLOT_BITS;
    }
    if (slot - from >= HM_WHEEL_SLOTS)
        slot = from + SLOT_MASK;
    slot &= SLOT_MASK;
    wheel->used[level][slot / 64] |= (uint64_t)1 << (slot % 64);
    link_in(&wheel->slots[level][slot], timer);
}

/* Takes a timer out of its slot or the fresh list. The last one of a slot is its first one too: then what
 * pointed at it is the slot, and says which one it is. */
static void displace(struct hm_wheel *wheel, struct hm_timer *timer)
{
    uintptr_t at = ((uintptr_t)timer->link - (uintptr_t)wheel->slots) / sizeof(struct hm_timer *);
    bool is_last = timer->next == NULL && at < HM_WHEEL_LEVELS * HM_WHEEL_SLOTS;

    link_out(timer);
    if (is_last)
        wheel->used[at / HM_WHEEL_SLOTS][at % HM_WHEEL_SLOTS / 64] &= ~((uint64_t)1 << (at % 64));
}

/* How many slots after `from`, round the circle, the first one in use is; HM_WHEEL_SLOTS: none is. */
static unsigned distance(const uint64_t used[WORDS], unsigned from)
{
    unsigned word = from / 64;
    uint64_t bits = used[word] & (UINT64_MAX << (from % 64));

    /* The first word comes again at the end, for the slots before `from`. */
    for (unsigned i = 0; i <= WORDS; i++) {
        if (bits != 0) {
            unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
            return (slot - from) & SLOT_MASK;
        }
        word = (word + 1) % WORDS;
        bits = used[word];
    }
    return HM_WHEEL_SLOTS;
}

/* When the first slot of a level that is in use begins. */
static uint64_t level_next_ms(const struct hm_wheel *wheel, unsigned level)
{
    uint64_t at = wheel->cursor_ms >> (level * SLOT_BITS);
    unsigned ahead = distance(wheel->used[level], (unsigned)(at & SLOT_MASK));

    return ahead == HM_WHEEL_SLOTS ? HM_WHEEL_NEVER : (at + ahead) << (level * SLOT_BITS);
}

/* When the first slot of all that is in use begins. */
static uint64_t slots_next_ms(const struct hm_wheel *wheel)
{
    uint64_t next = HM_WHEEL_NEVER;

    for (unsigned level = 0; level < HM_WHEEL_LEVELS; level++) {
        uint64_t level_next = level_next_ms(wheel, level);
        if (level_next < next)
            next = level_next;
    }
    return next;
}

/* Places the timers of a slot anew, which the cursor has reached, *moves of them at most. */
static void break_down(struct hm_wheel *wheel, unsigned level, unsigned slot, uint64_t *moves)
{
    for (; wheel->slots[level][slot] != NULL && *moves > 0; (*moves)--) {
        struct hm_timer *timer = wheel->slots[level][slot];
        displace(wheel, timer);
        place(wheel, timer);
    }
}

/* Moves the cursor to the beginning of the first slot in use. */
static void move_cursor(struct hm_wheel *wheel, uint64_t to_ms, uint64_t *moves)
{
    assert(to_ms >= wheel->cursor_ms);
    wheel->cursor_ms = to_ms;
    for (unsigned level = HM_WHEEL_LEVELS - 1; level > 0; level--)
        break_down(wheel, level, (unsigned)(to_ms >> (level * SLOT_BITS)) & SLOT_MASK, moves);
}

void hm_wheel_init(struct hm_wheel *wheel, uint64_t now_ms)
{
    *wheel = (struct hm_wheel){.now_ms = now_ms, .cursor_ms = now_ms};
}

void hm_timer_init(struct hm_timer *timer, void (*fire)(void *arg), void *arg)
{
    int64_t distance = (int64_t)((uintptr_t)arg - (uintptr_t)timer);

    *timer = (struct hm_timer){.fire = fire, .arg = distance};
    assert(timer->arg == distance);
}

void hm_timer_arm(struct hm_wheel *wheel, struct hm_timer *timer, uint64_t in_ms)
{
    assert(timer->fire != NULL);
    hm_timer_cancel(wheel, timer);
    timer->due_ms = in_ms < END_MS - wheel->now_ms ? wheel->now_ms + in_ms : END_MS;
    wheel->count++;
    if (in_ms == 0 && wheel->is_advancing) {
        link_in(&wheel->fresh, timer);
        return;
    }
    place(wheel, timer);
}

void hm_timer_cancel(struct hm_wheel *wheel, struct hm_timer *timer)
{
    if (timer->link == NULL)
        return;
    displace(wheel, timer);
    wheel->count--;
}

bool hm_timer_is_armed(const struct hm_timer *timer)
{
    return timer->link != NULL;
}

/* Fires one timer; its object may be gone afterwards. */
static void fire(struct hm_wheel *wheel, struct hm_timer *timer)
{
    hm_timer_cancel(wheel, timer);
    timer->fire((uint8_t *)timer + timer->arg);
}

/* Fires what is due in the slots; true when the budget ended it. */
static bool fire_due(struct hm_wheel *wheel, unsigned budget)
{
    uint64_t moves = ((uint64_t)budget + 1) * MOVES_PER_FIRE;

    for (;;) {
        uint64_t next_ms = slots_next_ms(wheel);
        struct hm_timer *timer;

        if (next_ms > wheel->now_ms) {
            wheel->cursor_ms = wheel->now_ms;
            return false;
        }
        move_cursor(wheel, next_ms, &moves);
        if (moves == 0)
            return true;
        timer = wheel->slots[0][next_ms & SLOT_MASK];
        if (timer == NULL)
            continue; /* the slot was of a higher level and held later ones */
        if (budget == 0)
            return true;
        budget--;
        fire(wheel, timer);
    }
}

bool hm_wheel_advance(struct hm_wheel *wheel, uint64_t now_ms, unsigned budget)
{
    bool is_more_due;

    assert(!wheel->is_advancing);
    if (now_ms > wheel->now_ms)
        wheel->now_ms = now_ms;
    wheel->is_advancing = true;
    is_more_due = fire_due(wheel, budget);
    wheel->is_advancing = false;
    while (wheel->fresh != NULL) {
        struct hm_timer *timer = wheel->fresh;
        displace(wheel, timer);
        place(wheel, timer);
        is_more_due = true;
    }
    return is_more_due;
}

uint64_t hm_wheel_next_ms(const struct hm_wheel *wheel)
{
    return wheel->fresh != NULL ? wheel->now_ms : slots_next_ms(wheel);
}
