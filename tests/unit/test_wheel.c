/* SPDX-License-Identifier: BSD-3-Clause */
/* The timing wheel against a plain list of due times, over random hours; and the rules one by one. */
#include "firmware/base/wheel.h"
#include "tests/unit/unit.h"

#define TIMERS 200

struct model {
    struct hm_wheel wheel;
    uint64_t random;
    uint64_t advance; /* number of the advance that runs or ran last */
    bool is_advancing;
    unsigned fired; /* in this advance */
    struct entry {
        struct model *model;
        struct hm_timer timer;
        bool is_armed;
        uint64_t due_ms;
        uint64_t not_in; /* number of an advance in which it must not fire */
    } entries[TIMERS];
};

static uint64_t random_delay(uint64_t *random)
{
    static const uint64_t spans[] = {
        1, 3, 256, 260, 70000, 3600000, 17000000, 90000000, UINT64_C(9000000000)};

    return unit_below(random, spans[unit_below(random, UNIT_COUNT(spans))]);
}

static void arm(struct entry *entry, uint64_t in_ms)
{
    struct model *model = entry->model;

    hm_timer_arm(&model->wheel, &entry->timer, in_ms);
    entry->is_armed = true;
    entry->due_ms = model->wheel.now_ms + in_ms;
    entry->not_in = model->is_advancing && in_ms == 0 ? model->advance : 0;
}

static void random_change(struct model *model)
{
    struct entry *entry = &model->entries[unit_below(&model->random, TIMERS)];

    if (unit_below(&model->random, 4) == 0) {
        hm_timer_cancel(&model->wheel, &entry->timer);
        entry->is_armed = false;
    } else {
        arm(entry, random_delay(&model->random));
    }
}

static void on_fire(void *arg)
{
    struct entry *entry = arg;
    struct model *model = entry->model;

    assert_true(model->is_advancing && entry->is_armed);
    assert_true(entry->due_ms <= model->wheel.now_ms);
    assert_true(entry->not_in != model->advance);
    assert_false(hm_timer_is_armed(&entry->timer));
    entry->is_armed = false;
    model->fired++;
    if (unit_below(&model->random, 3) == 0)
        arm(entry, random_delay(&model->random));
    if (unit_below(&model->random, 3) == 0)
        random_change(model);
}

/* Earliest due time of all; HM_WHEEL_NEVER: none is armed. */
static uint64_t earliest(const struct model *model)
{
    uint64_t first = HM_WHEEL_NEVER;

    for (unsigned i = 0; i < TIMERS; i++) {
        const struct entry *entry = &model->entries[i];
        assert_int_equal(hm_timer_is_armed(&entry->timer), entry->is_armed);
        if (entry->is_armed && entry->due_ms < first)
            first = entry->due_ms;
    }
    return first;
}

static void advance(struct model *model, uint64_t to_ms, unsigned budget)
{
    bool is_more_due;
    uint64_t first;

    model->advance++;
    model->fired = 0;
    model->is_advancing = true;
    is_more_due = hm_wheel_advance(&model->wheel, to_ms, budget);
    model->is_advancing = false;
    assert_true(model->wheel.now_ms == to_ms);
    assert_true(model->fired <= budget);
    first = earliest(model);
    assert_true(is_more_due || first > to_ms); /* or timers are still to be placed anew */
    if (first == HM_WHEEL_NEVER)
        assert_true(hm_wheel_next_ms(&model->wheel) == HM_WHEEL_NEVER);
    else
        assert_true(hm_wheel_next_ms(&model->wheel) <= first);
    if (!is_more_due) /* else a loop that waits for it would never wait */
        assert_true(hm_wheel_next_ms(&model->wheel) > to_ms);
}

static void run_against_model(uint64_t start_ms, uint64_t seed)
{
    struct model *model = calloc(1, sizeof(*model));
    uint64_t now_ms = start_ms;

    model->random = seed;
    hm_wheel_init(&model->wheel, start_ms);
    for (unsigned i = 0; i < TIMERS; i++) {
        model->entries[i].model = model;
        hm_timer_init(&model->entries[i].timer, on_fire, &model->entries[i]);
    }
    for (unsigned step = 0; step < 20000; step++) {
        uint64_t next_ms = hm_wheel_next_ms(&model->wheel);
        unsigned budget = unit_below(&model->random, 2) == 0 ? 1000 : (unsigned)unit_below(&model->random, 4);

        for (uint64_t changes = unit_below(&model->random, 4); changes > 0; changes--)
            random_change(model);
        if (unit_below(&model->random, 2) == 0)
            now_ms += random_delay(&model->random) / 2;
        else if (next_ms != HM_WHEEL_NEVER && next_ms > now_ms)
            now_ms = next_ms;
        advance(model, now_ms, budget);
    }
    assert_true(now_ms - start_ms > 3600000);
    free(model);
}

static void test_wheel_agrees_with_a_model(void **state)
{
    uint64_t seed = unit_seed(4);

    (void)state;
    run_against_model(0, seed);
    run_against_model(255, seed + 1);
    run_against_model(UINT64_C(0xffffffff) - 1000, seed + 2); /* all levels wrap soon */
    run_against_model(UINT64_C(1795000000123), seed + 3);
}

static void count(void *arg)
{
    ++*(unsigned *)arg;
}

static void test_a_timer_fires_once_and_not_early(void **state)
{
    static const uint64_t delays[] = {0,
                                      1,
                                      255,
                                      256,
                                      257,
                                      65535,
                                      65536,
                                      65537,
                                      16777215,
                                      16777216,
                                      4294967295u,
                                      UINT64_C(4294967296),
                                      UINT64_C(50000000000)};

    (void)state;
    for (uint64_t start_ms = 0; start_ms < 600; start_ms += 51) {
        for (size_t i = 0; i < UNIT_COUNT(delays); i++) {
            struct hm_wheel *wheel = malloc(sizeof(*wheel));
            struct hm_timer timer;
            unsigned fired = 0;

            hm_wheel_init(wheel, start_ms);
            hm_timer_init(&timer, count, &fired);
            assert_false(hm_timer_is_armed(&timer));
            hm_timer_arm(wheel, &timer, delays[i]);
            if (delays[i] > 0)
                assert_false(hm_wheel_advance(wheel, start_ms + delays[i] - 1, 10));
            assert_int_equal(fired, 0);
            assert_true(hm_wheel_next_ms(wheel) <= start_ms + delays[i]);
            assert_false(hm_wheel_advance(wheel, start_ms + delays[i], 10));
            assert_int_equal(fired, 1);
            assert_false(hm_timer_is_armed(&timer));
            assert_true(wheel->count == 0 && hm_wheel_next_ms(wheel) == HM_WHEEL_NEVER);
            free(wheel);
        }
    }
}

/* A loop that sleeps until next_ms wakes a few times per timer, not each millisecond. */
static void test_next_ms_leads_to_the_timer_in_few_steps(void **state)
{
    static struct hm_wheel wheel;
    struct hm_timer timer;
    unsigned fired = 0, steps = 0;

    (void)state;
    hm_wheel_init(&wheel, 12345);
    hm_timer_init(&timer, count, &fired);
    hm_timer_arm(&wheel, &timer, 30 * 24 * 3600 * UINT64_C(1000));
    while (fired == 0) {
        hm_wheel_advance(&wheel, hm_wheel_next_ms(&wheel), 1);
        steps++;
    }
    assert_in_range(steps, 1, 5);
}

static void test_budget_ends_an_advance_and_nothing_is_early_after_it(void **state)
{
    static struct hm_wheel wheel;
    struct hm_timer timers[10], late;
    unsigned fired = 0, late_fired = 0;

    (void)state;
    hm_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < 10; i++) {
        hm_timer_init(&timers[i], count, &fired);
        hm_timer_arm(&wheel, &timers[i], 100 + i);
    }
    hm_timer_init(&late, count, &late_fired);
    assert_true(hm_wheel_advance(&wheel, 1000, 4));
    assert_int_equal(fired, 4);
    hm_timer_arm(&wheel, &late, 50);
    assert_true(hm_wheel_advance(&wheel, 1000, 0));
    assert_true(hm_wheel_next_ms(&wheel) <= 1000);
    assert_false(hm_wheel_advance(&wheel, 1049, 100));
    assert_int_equal(fired, 10);
    assert_int_equal(late_fired, 0);
    assert_false(hm_wheel_advance(&wheel, 1050, 100));
    assert_int_equal(late_fired, 1);
}

struct counted {
    struct hm_timer timer;
    unsigned *fired;
};

static void count_far_away(void *arg)
{
    ++*((struct counted *)arg)->fired;
}

/* A million lifetimes that were granted in one go end in one go. */
static void test_an_advance_is_bounded_however_many_are_due(void **state)
{
    enum {
        COUNT = 100000,
        BUDGET = 10,
        DUE_MS = 70000
    };
    struct counted *timers = calloc(COUNT, sizeof(*timers));
    struct hm_wheel wheel;
    unsigned fired = 0, advances = 0, before;
    uint64_t random = 3;

    (void)state;
    hm_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        timers[i].fired = &fired;
        hm_timer_init(&timers[i].timer, count_far_away, &timers[i]);
        hm_timer_arm(&wheel, &timers[i].timer, DUE_MS + unit_below(&random, 100));
    }
    assert_false(hm_wheel_advance(&wheel, 65535, BUDGET));
    assert_true(hm_wheel_advance(&wheel, 65536, BUDGET)); /* their slot of a minute is placed anew, */
    assert_true(wheel.slots[2][1] != NULL);               /* and not all of it at once */
    while (hm_wheel_advance(&wheel, DUE_MS - 1, BUDGET))
        advances++;
    assert_true(advances >= COUNT / ((BUDGET + 1) * 8) - 1);
    assert_int_equal(fired, 0);
    do {
        before = fired;
        advances = (unsigned)hm_wheel_advance(&wheel, DUE_MS + 100, BUDGET);
        assert_true(fired - before <= BUDGET);
    } while (advances != 0);
    assert_int_equal(fired, COUNT);
    assert_int_equal(wheel.count, 0);
    free(timers);
}

static void test_time_does_not_go_back(void **state)
{
    static struct hm_wheel wheel;
    struct hm_timer timer;
    unsigned fired = 0;

    (void)state;
    hm_wheel_init(&wheel, 1000);
    hm_timer_init(&timer, count, &fired);
    assert_false(hm_wheel_advance(&wheel, 500, 10));
    hm_timer_arm(&wheel, &timer, 10);
    assert_false(hm_wheel_advance(&wheel, 1009, 10));
    assert_false(hm_wheel_advance(&wheel, 20, 10));
    assert_int_equal(fired, 0);
    assert_false(hm_wheel_advance(&wheel, 1010, 10));
    assert_int_equal(fired, 1);
}

struct again {
    struct hm_wheel wheel;
    struct hm_timer timer;
    unsigned fired;
};

static void arm_again_at_once(void *arg)
{
    struct again *again = arg;

    again->fired++;
    hm_timer_arm(&again->wheel, &again->timer, 0);
}

static void test_armed_for_now_by_a_callback_waits_for_the_next_advance(void **state)
{
    static struct again again;

    (void)state;
    hm_wheel_init(&again.wheel, 7);
    hm_timer_init(&again.timer, arm_again_at_once, &again);
    hm_timer_arm(&again.wheel, &again.timer, 0);
    for (unsigned i = 1; i <= 5; i++) {
        assert_true(hm_wheel_next_ms(&again.wheel) == 7);
        assert_true(hm_wheel_advance(&again.wheel, 7, 100));
        assert_int_equal(again.fired, i);
    }
    hm_timer_cancel(&again.wheel, &again.timer);
    hm_timer_cancel(&again.wheel, &again.timer);
    assert_true(again.wheel.count == 0 && hm_wheel_next_ms(&again.wheel) == HM_WHEEL_NEVER);
}

static void free_it(void *arg)
{
    free(arg);
}

static void test_a_callback_may_free_its_own_object(void **state)
{
    static struct hm_wheel wheel;

    (void)state;
    hm_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < 20; i++) {
        struct hm_timer *timer = malloc(sizeof(*timer));
        hm_timer_init(timer, free_it, timer);
        hm_timer_arm(&wheel, timer, 300 + i / 4);
    }
    assert_false(hm_wheel_advance(&wheel, 400, 100));
    assert_true(wheel.count == 0);
}

static void test_an_endless_delay_is_no_overflow(void **state)
{
    static struct hm_wheel wheel;
    struct hm_timer timer;
    unsigned fired = 0;

    (void)state;
    hm_wheel_init(&wheel, 1000);
    hm_timer_init(&timer, count, &fired);
    hm_timer_arm(&wheel, &timer, UINT64_MAX);
    while (hm_wheel_advance(&wheel, UINT64_C(4000000000000), 10)) /* it comes round often */
        continue;
    assert_int_equal(fired, 0);
    assert_true(hm_timer_is_armed(&timer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wheel_agrees_with_a_model),
        cmocka_unit_test(test_a_timer_fires_once_and_not_early),
        cmocka_unit_test(test_next_ms_leads_to_the_timer_in_few_steps),
        cmocka_unit_test(test_budget_ends_an_advance_and_nothing_is_early_after_it),
        cmocka_unit_test(test_an_advance_is_bounded_however_many_are_due),
        cmocka_unit_test(test_time_does_not_go_back),
        cmocka_unit_test(test_armed_for_now_by_a_callback_waits_for_the_next_advance),
        cmocka_unit_test(test_a_callback_may_free_its_own_object),
        cmocka_unit_test(test_an_endless_delay_is_no_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
