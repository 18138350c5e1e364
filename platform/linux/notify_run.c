/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the running of another program as a migration.
 *
 * The program has our standard input and output. Signals that would end us are passed on to it, and its end
 * is then ours. */
#include "platform/linux/notify_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_FOUND 127

static volatile sig_atomic_t child;

static void pass_on(int signal_number)
{
    if (child > 0)
        kill((pid_t)child, signal_number);
}

static void catch_signals(void)
{
    static const int PASSED[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(PASSED) / sizeof(PASSED[0]); i++)
        sigaction(PASSED[i], &action, NULL);
}

/* Its exit status, as a shell has it. */
static int run_program(char **program)
{
    int status;
    pid_t pid;

    catch_signals(); /* exec sets them back in the child */
    pid = fork();
    if (pid == 0) {
        execvp(program[0], program);
        fprintf(stderr, "notify-migrate: %s: %s\n", program[0], strerror(errno));
        _exit(NOT_FOUND);
    }
    child = pid;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        fprintf(stderr, "notify-migrate: %s: %s\n", program[0], strerror(errno));
        return HM_NOTIFY_EXIT_INTERNAL;
    }
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void ask(const struct hm_notify_run *run, const struct hm_notify_target *target, enum hm_control_op op,
                struct hm_notify_result *result)
{
    struct hm_control_message request = *run->request;

    request.op = op;
    if (op != HM_OP_IMMINENT) {
        request.host[0] = '\0';
        request.has_stop_notice = false;
    }
    hm_notify_ask(target, &request, run->wait_ms, result);
}

static void report(const struct hm_notify_run *run, const struct hm_notify_target *target,
                   enum hm_control_op op, const struct hm_notify_result *result)
{
    const struct hm_notify_question question = {
        .op = op, .vm = run->vm, .host = run->host, .wait_ms = run->wait_ms, .target = target};

    hm_notify_report(&question, result, run->json);
    fflush(stdout);
}

/* The landing is the agents' to see; here it is only said when they have not. */
static void check_landing(const struct hm_notify_run *run, const struct hm_notify_target *target,
                          struct hm_notify_result *result)
{
    ask(run, target, HM_OP_STATUS, result);
    if (result->outcome != HM_NOTIFY_ANSWERED || result->reply.code != HM_CONTROL_OK)
        report(run, target, HM_OP_STATUS, result);
    else if (strcmp(result->reply.state, "preparing") == 0 || strcmp(result->reply.state, "prepared") == 0 ||
             strcmp(result->reply.state, "stopped") == 0)
        fprintf(stderr,
                "notify-migrate: %s ended well, and the agent has not seen %s land yet (state %s): see "
                "notify-migrate status\n",
                run->program[0], run->vm, result->reply.state);
}

int hm_notify_run(const struct hm_notify_run *run, const struct hm_notify_target *target)
{
    static struct hm_notify_result result;
    bool is_staged;
    int status;

    ask(run, target, HM_OP_IMMINENT, &result);
    is_staged = hm_notify_exit_code(&result) == HM_NOTIFY_EXIT_DONE;
    report(run, target, HM_OP_IMMINENT, &result);
    if (!is_staged && !run->proceeds)
        return (int)hm_notify_exit_code(&result);
    status = run_program(run->program);
    if (!is_staged)
        return status;
    if (status == 0) {
        check_landing(run, target, &result);
        return 0;
    }
    ask(run, target, HM_OP_CANCEL, &result);
    report(run, target, HM_OP_CANCEL, &result);
    return status;
}
