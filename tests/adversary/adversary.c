/* SPDX-License-Identifier: BSD-3-Clause */
/* The adversary: whole handovers on the simulated platform, one course of faults for each seed.
 *
 * Usage: adversary [--seeds N] [--from S] [--jobs J] [--find] | --seed S
 *   --seeds N  how many (100); --from S  the first (1); --jobs J  processes that share them (1)
 *   --find     ends with 0 when a breach is found, and with 1 when none is: for planted faults
 *   --seed S   this one alone, with the agents' logs
 *
 * A seed that breaks an invariant is printed with the breach; the same seed does the same again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/adversary/course.h"

#define JOBS_MAX 16
#define BREACHES_MAX 10 /* shown of each share */

struct options {
    uint64_t seeds, from, only;
    unsigned jobs;
    bool find;
};

/* What a process shares with its parent. */
struct share {
    uint64_t seed; /* running */
    uint64_t done, broken, moved, deaths, events;
};

static void run_share(const struct options *options, unsigned number, struct share *shares)
{
    struct share *share = &shares[number];

    for (uint64_t i = number; i < options->seeds; i += options->jobs) {
        struct course_result result;

        if (options->find && shares[0].broken + shares[options->jobs - 1].broken > 0)
            break;
        share->seed = options->from + i;
        course_run(share->seed, false, &result);
        share->done++;
        share->moved += result.moved;
        share->deaths += result.deaths;
        share->events += result.events;
        if (result.is_broken && share->broken++ < BREACHES_MAX) {
            printf("seed %" PRIu64 ": %s\n", share->seed, result.what);
            fflush(stdout);
        }
    }
}

/* Waits for a share's process; a process that crashed has broken its seed. */
static void await_share(pid_t pid, struct share *share)
{
    int status = 0;

    if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    printf("seed %" PRIu64 ": the program ended by itself (status %d)\n", share->seed, status);
    share->broken++;
}

static int run_all(const struct options *options)
{
    struct share *shares =
        mmap(NULL, JOBS_MAX * sizeof(*shares), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct share sum = {0};
    struct timespec begin, end;
    pid_t pids[JOBS_MAX];

    if (shares == MAP_FAILED)
        abort();
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (unsigned i = 0; i < options->jobs; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            run_share(options, i, shares);
            exit(0);
        }
    }
    for (unsigned i = 0; i < options->jobs; i++) {
        await_share(pids[i], &shares[i]);
        sum.done += shares[i].done;
        sum.broken += shares[i].broken;
        sum.moved += shares[i].moved;
        sum.deaths += shares[i].deaths;
        sum.events += shares[i].events;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " broken; %" PRIu64 " moves, %" PRIu64
           " deaths, %" PRIu64 " events; %.1f s\n",
           sum.done, options->from, sum.broken, sum.moved, sum.deaths, sum.events,
           (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    return (sum.broken > 0) != options->find;
}

static int run_one(uint64_t seed)
{
    struct course_result result;

    course_run(seed, true, &result);
    printf("seed %" PRIu64 ": %s%s (%" PRIu64 " events)\n", seed, result.is_broken ? "" : "holds",
           result.what, result.events);
    return result.is_broken;
}

static bool parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.seeds = 100, .from = 1, .jobs = 1};
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;

        if (strcmp(argv[i], "--find") == 0)
            options->find = true;
        else if (strcmp(argv[i], "--seeds") == 0 && has_value)
            options->seeds = strtoull(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--from") == 0 && has_value)
            options->from = strtoull(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--seed") == 0 && has_value)
            options->only = strtoull(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--jobs") == 0 && has_value)
            options->jobs = (unsigned)strtoul(argv[++i], NULL, 0);
        else
            return false;
    }
    return options->jobs >= 1 && options->jobs <= JOBS_MAX && options->from >= 1;
}

int main(int argc, char **argv)
{
    struct options options;

    if (!parse(&options, argc, argv)) {
        fprintf(stderr, "usage: adversary [--seeds N] [--from S] [--jobs 1..%d] [--find] | --seed S\n",
                JOBS_MAX);
        return 2;
    }
    return options.only != 0 ? run_one(options.only) : run_all(&options);
}
