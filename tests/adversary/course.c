/* SPDX-License-Identifier: BSD-3-Clause */
/* The course of one seed. */
#include "tests/adversary/course.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/adversary/invariants.h"
#include "tests/adversary/script.h"

#define RATE 300u
#define PROBES_DOWN 5000
#define PROBES_UP 5001
#define HEAL_US ((SCRIPT_STAGED_S + 2) * (uint64_t)HM_SIM_S) /* a message may have to be repeated */
#define SETTLE_US (16u * HM_SIM_S) /* the longest that an agent may keep what is over */
#define MOVE_LIMIT_US (20u * HM_SIM_S)

struct course {
    bool has_log;
    struct script script;

    struct hm_sim_world *world;
    struct chaos chaos;
    struct invariants invariants;
    struct invariants_excuse excuse;
    struct hm_sim_stream down, up;
    struct hm_sim_migration migration;
    unsigned move;                /* under way */
    unsigned known[SCRIPT_MOVES]; /* handovers that the move's destination knew before it */
    enum hm_sim_site_number from[SCRIPT_MOVES], to[SCRIPT_MOVES];
    bool is_risky[SCRIPT_MOVES];   /* the VM went although nobody had agreed, */
    bool was_untold[SCRIPT_MOVES]; /* and its stop was not told either */
    enum hm_sim_migration_step step;
    bool is_frozen;
    bool is_lost; /* nobody is left who knows where the VM went */
    unsigned moved;
};

static void say(const struct course *course, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct course *course, const char *format, ...)
{
    va_list args;

    if (!course->has_log)
        return;
    fprintf(stderr, "%10.6f - ", course->world == NULL ? 0 : (double)course->world->sim.now_us / HM_SIM_S);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* --- the moves ---------------------------------------------------------------------------------------- */

static void on_event(void *ctx)
{
    struct course *course = ctx;
    const struct hm_sim_migration *migration = &course->migration;

    if (migration->step == course->step)
        return;
    course->step = migration->step;
    say(course, "move %u: step %u", course->move, course->step);
    if (migration->was_told)
        course->invariants.eyes[invariants_place(course->world)].is_blind = false;
    chaos_handle_step(&course->chaos, course->move, course->step);
}

static bool has_ended(void *ctx)
{
    const struct course *course = ctx;
    enum hm_sim_migration_step freezes_at = course->script.moves[course->move].freezes_at;

    return hm_sim_migration_is_done(&course->migration) ||
           (freezes_at != HM_SIM_STEP_IDLE && course->step == freezes_at);
}

/* What this move's own hypervisors excuse. */
static void excuse_move(struct course *course, enum hm_sim_site_number from)
{
    const struct hm_sim_migration *migration = &course->migration;
    struct invariants_excuse *excuse = &course->excuse;
    bool is_silent = migration->options.silent_from != HM_SIM_STEP_IDLE;

    if (migration->stopped_us == 0)
        return;
    if (!migration->was_told || course->is_frozen)
        excuse->lost = excuse->lost_up = UINT64_MAX;
    if (migration->options.is_unstaged) /* what it sends where nothing is staged yet has no way home */
        excuse->lost_up = UINT64_MAX;
    excuse->abandons |= course->is_frozen;
    if (excuse->lost != UINT64_MAX)
        excuse->lost += migration->abandoned;
    if (migration->written > migration->acknowledged)
        excuse->doubles = true;
    if (is_silent || !migration->was_told || !migration->was_salvaged)
        excuse->timeouts = excuse->order = true;
    if (migration->options.has_watch_there && migration->step == HM_SIM_STEP_DONE && !migration->is_last)
        excuse->order = true; /* the watch had no more patience */
    if (migration->has_failed && !chaos_plan_is_calm(&course->script.chaos))
        excuse->order = true; /* when a DIVERT is late, what it turns away comes back behind what follows */
    if (migration->options.is_unstaged && !chaos_plan_is_calm(&course->script.chaos)) {
        excuse->lost = UINT64_MAX; /* it did not wait for an answer, and that was late or a refusal */
        excuse->abandons = true;
    }
    if (migration->has_failed && from == HM_SIM_A)
        excuse->order =
            true; /* the bridges of its home bring new packets to it before the old ones are back */
    if (invariants_place(course->world) == HM_SIM_A && !migration->options.has_watch_there)
        excuse->order = true; /* nobody but a watch can write ahead of what the bridges bring */
    if (course->script.source != HM_SIM_SITES &&
        (migration->has_failed || !migration->options.has_watch_there))
        excuse->order = true; /* on a LAN that the VM shares with them, neighbours reach it past the agent */
}

static void start_probes(struct course *course)
{
    hm_sim_stream_start(&course->down, RATE, HM_SIM_PROBE_LEN);
    hm_sim_stream_start(&course->up, RATE, HM_SIM_PROBE_LEN);
}

static void stop_probes(struct course *course)
{
    hm_sim_stream_stop(&course->down);
    hm_sim_stream_stop(&course->up);
}

/* Nothing new happens; and the VM says a word now and then, as VMs do. */
static void heal(struct course *course)
{
    struct hm_sim_world *world = course->world;

    stop_probes(course);
    for (uint64_t us = 0; us < HEAL_US; us += 500 * HM_SIM_MS) {
        if (!course->is_frozen)
            hm_sim_host_ping(&world->vm, hm_sim_host_addr(&world->correspondent), HM_SIM_PROBE_LEN);
        hm_sim_run_for(&world->sim, 500 * HM_SIM_MS);
    }
}

static void run_move(struct course *course, const struct script_move *move)
{
    enum hm_sim_site_number from = invariants_place(course->world);
    struct hm_sim_site *here = &course->world->sites[from];
    enum hm_sim_site_number to = move->to == from ? (move->to + 1) % HM_SIM_SITES : move->to;
    struct hm_sim_site *there = &course->world->sites[to];

    say(course, "move %u: from %s to %s", course->move, here->name, there->name);
    course->step = HM_SIM_STEP_IDLE;
    course->from[course->move] = from;
    course->to[course->move] = to;
    course->known[course->move] =
        hm_sim_agent_is_running(&there->agent) ? hm_sim_agent_rows(&there->agent, "handovers") : 0;
    hm_sim_migration_start(&course->migration, &course->world->vm, &here->hypervisor, &there->hypervisor,
                           &there->lan, there->host_name, &move->options);
    invariants_watch(&course->invariants, &course->migration);
    hm_sim_run_while_not(&course->world->sim, has_ended, course, MOVE_LIMIT_US);
    course->is_frozen = hm_sim_host_is_paused(&course->world->vm);
    if (!course->is_frozen && !hm_sim_migration_is_done(&course->migration))
        invariants_break(&course->invariants, "move %u has no end", course->move);
    excuse_move(course, from);
    hm_sim_migration_fini(&course->migration);
    invariants_watch(&course->invariants, NULL);
    course->invariants.eyes[from].is_blind =
        course->migration.stopped_us != 0 && (!course->migration.was_told || move->options.is_unstaged);
    course->is_risky[course->move] = move->options.is_unstaged && invariants_place(course->world) != from;
    course->was_untold[course->move] = !course->migration.was_told;
    course->moved += invariants_place(course->world) != from;
    hm_sim_run_for(&course->world->sim, move->rest_us);
    if (move->options.silent_from != HM_SIM_STEP_IDLE) /* nobody announces a move before the last is over */
        heal(course);
    start_probes(course);
}

/* --- the reckoning ------------------------------------------------------------------------------------ */

/* Whoever dies has what is in its hands lost. Which messages were lost, and clocks apart, excuse nothing but
 * markers that come too late. */
static void excuse_chaos(struct course *course)
{
    const struct chaos *chaos = &course->chaos;
    struct invariants_excuse *excuse = &course->excuse;

    if (chaos->died > 0) {
        excuse->lost = excuse->lost_up = UINT64_MAX;
        excuse->order = excuse->timeouts = excuse->abandons = excuse->doubles = true;
    }
    if (chaos->lost + chaos->delayed > 0)
        excuse->timeouts = true;
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        excuse->order |= hm_sim_agent_logged(&course->world->sites[i].agent, "no marker ended the") > 0;
}

static void check_reach(struct course *course)
{
    const struct invariants_excuse none = {0};
    struct hm_sim_world *world = course->world;
    struct hm_sim_counts down = hm_sim_stream_counts(&course->down), up = hm_sim_stream_counts(&course->up);

    if (!hm_sim_world_ping(world, &world->correspondent, HM_SIM_VM_ADDR))
        invariants_break(&course->invariants, "the correspondent does not reach the VM");
    if (!hm_sim_world_ping(world, &world->vm, hm_sim_host_addr(&world->sites[HM_SIM_A].neighbour)))
        invariants_break(&course->invariants, "the VM does not reach its home neighbour");
    start_probes(course);
    hm_sim_run_for(&world->sim, 50 * HM_SIM_MS);
    stop_probes(course);
    hm_sim_run_for(&world->sim, 50 * HM_SIM_MS);
    down = hm_sim_stream_since(&course->down, &down);
    up = hm_sim_stream_since(&course->up, &up);
    invariants_check_probes(&course->invariants, "down, in the end", &down, 0, &none);
    invariants_check_probes(&course->invariants, "up, in the end", &up, 0, &none);
}

/* Has this agent given up a move of the VM to there? */
static bool has_refused(const struct hm_sim_agent *agent, const char *host)
{
    struct hm_sim_report report;
    bool has = false;

    hm_sim_report_init(&report, agent, "handovers");
    for (unsigned row = 0; row < report.rows; row++)
        has |= strcmp(hm_sim_report_text(&report, row, "host"), host) == 0 &&
               (strcmp(hm_sim_report_text(&report, row, "state"), "failed") == 0 ||
                strcmp(hm_sim_report_text(&report, row, "state"), "cancelled") == 0);
    hm_sim_report_fini(&report);
    return has;
}

/* A VM that goes before anybody has agreed goes at its own risk: the agent may have refused, or died. */
static bool is_unknown(const struct course *course)
{
    for (unsigned i = 0; i < course->script.move_count; i++) {
        const struct hm_sim_site *to = &course->world->sites[course->to[i]];
        const struct hm_sim_site *from = &course->world->sites[course->from[i]];
        bool has_heard = hm_sim_agent_rows(&to->agent, "handovers") > course->known[i];

        if (course->is_risky[i] && (course->was_untold[i] || course->chaos.died > 0 || !has_heard ||
                                    has_refused(&from->agent, to->host_name)))
            return true;
    }
    return false;
}

/* All agents that knew have died: nothing is stored here. Or where it is the agent has died, before its home
 * could hear of the landing. */
static bool is_forgotten(const struct course *course)
{
    bool is_deaf = course->script.chaos.deafness.for_us > 0 && course->script.chaos.deafness.site == HM_SIM_A;

    return (course->chaos.has_died[HM_SIM_A] && course->chaos.died > 1) ||
           (course->chaos.has_died[invariants_place(course->world)] && is_deaf);
}

static void reckon(struct course *course)
{
    struct hm_sim_world *world = course->world;
    struct hm_sim_counts down, up;

    hm_sim_run_for(&world->sim, 300 * HM_SIM_MS);
    stop_probes(course);
    chaos_end(&course->chaos);
    say(course, "the last fault is over");
    heal(course);
    course->is_lost = is_unknown(course) || is_forgotten(course);
    if (course->is_lost)
        course->excuse.lost = course->excuse.lost_up = UINT64_MAX;
    excuse_chaos(course);
    down = hm_sim_stream_counts(&course->down);
    up = hm_sim_stream_counts(&course->up);
    if (!course->is_frozen && !course->is_lost)
        check_reach(course);
    invariants_check_probes(&course->invariants, "down", &down, course->excuse.lost, &course->excuse);
    invariants_check_probes(&course->invariants, "up", &up, course->excuse.lost_up, &course->excuse);
    hm_sim_run_for(&world->sim, SETTLE_US);
    invariants_check_records(&course->invariants, &course->excuse);
    if (!course->is_lost && !is_unknown(course))
        invariants_check_tables(&course->invariants, course->is_frozen, course->chaos.died > 0);
}

static void init_probes(struct course *course)
{
    struct hm_sim_world *world = course->world;
    struct hm_sim_host *peer = course->script.source < HM_SIM_SITES
                                   ? &world->sites[course->script.source].neighbour
                                   : &world->correspondent;

    hm_sim_stream_init(&course->down, peer, hm_sim_host_addr(peer), &world->vm, HM_SIM_VM_ADDR, PROBES_DOWN);
    hm_sim_stream_init(&course->up, &world->vm, HM_SIM_VM_ADDR, peer, hm_sim_host_addr(peer), PROBES_UP);
    course->down.is_tcp = course->up.is_tcp = course->script.probes_are_tcp;
    course->down.burst = course->up.burst = course->script.burst;
    start_probes(course);
}

static void describe(const struct course *course, struct course_result *result)
{
    const struct chaos_plan *plan = &course->script.chaos;
    int len = snprintf(result->what, sizeof(result->what), "%s; %u moves", course->invariants.what,
                       course->script.move_count);

    for (unsigned i = 0; i < course->script.move_count && (size_t)len < sizeof(result->what); i++) {
        const struct hm_sim_migration_options *options = &course->script.moves[i].options;

        len += snprintf(result->what + len, sizeof(result->what) - (size_t)len,
                        " [to %u%s%s fails %u silent %u]", course->script.moves[i].to,
                        options->is_unstaged ? " unstaged" : "", options->has_watch_there ? " watched" : "",
                        options->fails_at, options->silent_from);
    }
    if ((size_t)len < sizeof(result->what))
        snprintf(result->what + len, sizeof(result->what) - (size_t)len,
                 "%s%s; messages lost %" PRIu64 ", doubled %" PRIu64 ", delayed %" PRIu64 "; deaths %u",
                 course->is_frozen ? " frozen" : "", chaos_plan_is_calm(plan) ? " calm" : "",
                 course->chaos.lost, course->chaos.doubled, course->chaos.delayed, course->chaos.died);
}

void course_run(uint64_t seed, bool has_log, struct course_result *result)
{
    static struct course course;

    course = (struct course){.has_log = has_log};
    script_draw(&course.script, seed, has_log);
    course.world = hm_sim_world_create(seed, &course.script.options);
    init_probes(&course);
    hm_sim_run_for(&course.world->sim, 20 * HM_SIM_MS);
    invariants_begin(&course.invariants, course.world);
    chaos_begin(&course.chaos, course.world, &course.script.chaos);
    course.world->sim.after_event = on_event;
    course.world->sim.after_event_ctx = &course;
    for (course.move = 0; course.move < course.script.move_count && !course.is_frozen; course.move++)
        run_move(&course, &course.script.moves[course.move]);
    course.world->sim.after_event = NULL;
    reckon(&course);
    *result = (struct course_result){.is_broken = course.invariants.is_broken,
                                     .events = course.world->sim.fired,
                                     .moved = course.moved,
                                     .deaths = course.chaos.died};
    describe(&course, result);
    chaos_fini(&course.chaos);
    invariants_fini(&course.invariants);
    hm_sim_stream_fini(&course.down);
    hm_sim_stream_fini(&course.up);
    hm_sim_world_destroy(course.world);
}
