/* SPDX-License-Identifier: BSD-3-Clause */
/* notify-migrate's dialogue against agents that answer, forge, hint, disagree about the time or say nothing.
 *
 * Each agent is a child process with a UDP socket on the loopback; it answers each datagram by its
 * behaviour. Nothing asserts a time: a wait is only long enough, or is meant to run out. */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/linux/clock.h"
#include "platform/linux/notify_client.h"
#include "platform/linux/notify_report.h"
#include "tests/unit/unit.h"

#define LONG_MS 20000 /* never waited for */
#define SHORT_MS 400  /* always waited for */
#define HOUR_MS 3600000

static const struct hm_key key = {.bytes = "a key that is only for this test", .len = 32};
static const struct hm_key other_key = {.bytes = "a key that nobody here should use", .len = 32};

struct agent {
    int fd;
    struct sockaddr_in from; /* of the datagram at hand */
    unsigned number;         /* of the datagram at hand, from 0 */
    struct hm_control_message request;
    struct hm_control_message first;
    uint64_t last_timestamp;
};

typedef void (*behaviour)(struct agent *agent);

static void reply_with(struct agent *agent, struct hm_control_message message, const struct hm_key *with)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    size_t len = hm_control_encode(&message, with, bytes);

    sendto(agent->fd, bytes, len, 0, (struct sockaddr *)&agent->from, sizeof(agent->from));
}

static struct hm_control_message make_reply(const struct agent *agent, enum hm_control_code code)
{
    struct hm_control_message reply = {.kind = HM_CONTROL_REPLY, .code = code};
    struct hm_time now;

    hm_clock_read(&now);
    reply.op = agent->request.op;
    reply.key_id = agent->request.key_id;
    reply.request_id = agent->request.request_id;
    reply.timestamp = now.ntp;
    return reply;
}

static void serve(struct agent *agent, behaviour behave)
{
    for (;; agent->number++) {
        uint8_t bytes[HM_CONTROL_MAX_LEN];
        socklen_t from_len = sizeof(agent->from);
        ssize_t len =
            recvfrom(agent->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&agent->from, &from_len);

        if (len < 0 || hm_control_decode(bytes, (size_t)len, &agent->request) != 0 ||
            !hm_control_is_authentic(bytes, (size_t)len, &key))
            _exit(1);
        if (agent->number == 0)
            agent->first = agent->request;
        behave(agent);
    }
}

static void ask(behaviour behave, uint64_t wait_ms, struct hm_notify_result *result)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t name_len = sizeof(name);
    struct agent agent = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    struct hm_notify_target target = {.addr = INADDR_LOOPBACK, .key_id = 300, .key = key};
    struct hm_control_message request = {.op = HM_OP_IMMINENT, .vm = "vm1", .host = "hv-b", .wait_ms = 5000};
    pid_t child;
    int status;

    assert_int_equal(bind(agent.fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname(agent.fd, (struct sockaddr *)&name, &name_len), 0);
    target.port = ntohs(name.sin_port);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve(&agent, behave);
    close(agent.fd);
    hm_notify_ask(&target, &request, wait_ms, result);
    assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it understood every request */
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

/* ---- behaviours ---- */

static void answer(struct agent *agent)
{
    struct hm_control_message reply = make_reply(agent, HM_CONTROL_OK);

    reply.handover_id = 0x1234;
    strcpy(reply.state, "staged");
    reply_with(agent, reply, &key);
}

static void say_nothing(struct agent *agent)
{
    (void)agent;
}

/* All that must not be believed; then, to the third request, the truth. */
static void forge(struct agent *agent)
{
    struct hm_control_message reply = make_reply(agent, HM_CONTROL_OK);

    if (agent->number >= 2) {
        reply_with(agent, make_reply(agent, HM_CONTROL_REFUSED), &key);
        return;
    }
    reply_with(agent, reply, &other_key);
    reply.request_id++;
    reply_with(agent, reply, &key);
    reply = make_reply(agent, HM_CONTROL_OK);
    reply.op = HM_OP_CANCEL;
    reply_with(agent, reply, &key);
    reply = make_reply(agent, HM_CONTROL_OK);
    reply.key_id++;
    reply_with(agent, reply, &key);
    reply = make_reply(agent, HM_CONTROL_OK);
    reply.kind = HM_CONTROL_REQUEST;
    reply_with(agent, reply, &key);
    reply = make_reply(agent, HM_CONTROL_CLOCK);
    reply_with(agent, reply, &other_key);
    sendto(agent->fd, "HMC1", 4, 0, (struct sockaddr *)&agent->from, sizeof(agent->from));
    sendto(agent->fd, "", 0, 0, (struct sockaddr *)&agent->from, sizeof(agent->from));
}

static void hint(struct agent *agent)
{
    struct hm_control_message reply = make_reply(agent, HM_CONTROL_KEY);

    reply.kind = HM_CONTROL_HINT;
    reply_with(agent, reply, &key);
}

static void hint_of_another_request(struct agent *agent)
{
    struct hm_control_message reply = make_reply(agent, HM_CONTROL_KEY);

    reply.kind = HM_CONTROL_HINT;
    reply.request_id++;
    reply_with(agent, reply, &key);
}

static void hint_then_answer(struct agent *agent)
{
    hint(agent);
    if (agent->number > 0)
        answer(agent);
}

/* An agent whose clock is an hour ahead. */
static void check_clock(struct agent *agent)
{
    struct hm_control_message reply = make_reply(agent, HM_CONTROL_OK);
    int64_t apart;

    reply.timestamp = hm_ntp_add_ms(reply.timestamp, HOUR_MS);
    apart = hm_ntp_diff_ms(reply.timestamp, agent->request.timestamp);
    if (apart > HOUR_MS / 2 || apart < -HOUR_MS / 2)
        reply.code = HM_CONTROL_CLOCK;
    reply_with(agent, reply, &key);
}

static void refuse_clock(struct agent *agent)
{
    reply_with(agent, make_reply(agent, HM_CONTROL_CLOCK), &key);
}

/* Three requests are on the way before the first refusal arrives. */
static void check_clock_late(struct agent *agent)
{
    if (agent->number < 2)
        return;
    for (unsigned i = 0; i < (agent->number == 2 ? 3 : 1); i++)
        check_clock(agent);
}

/* A repetition has the same id and a later time stamp. */
static void check_repetition(struct agent *agent)
{
    bool good = agent->request.request_id == agent->first.request_id &&
                (agent->number == 0 || agent->request.timestamp > agent->last_timestamp);

    agent->last_timestamp = agent->request.timestamp;
    if (agent->number == 2)
        reply_with(agent, make_reply(agent, good ? HM_CONTROL_OK : HM_CONTROL_MALFORMED), &key);
}

/* ---- tests ---- */

static void test_answer_is_taken(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(answer, LONG_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_ANSWERED);
    assert_int_equal(result.reply.code, HM_CONTROL_OK);
    assert_int_equal(result.reply.handover_id, 0x1234);
    assert_string_equal(result.reply.state, "staged");
    assert_false(result.is_resynchronised);
}

static void test_silence_runs_out(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(say_nothing, SHORT_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_SILENT);
    assert_true(result.sent >= 2);
    assert_int_equal(hm_notify_exit_code(&result), HM_NOTIFY_EXIT_UNREACHABLE);
}

static void test_forged_replies_are_not_believed(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(forge, LONG_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_ANSWERED);
    assert_int_equal(result.reply.code, HM_CONTROL_REFUSED);
    assert_int_equal(hm_notify_exit_code(&result), HM_NOTIFY_EXIT_REFUSED);
}

static void test_hint_counts_when_the_time_is_out(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(hint, SHORT_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_BAD_KEY);
    assert_int_equal(hm_notify_exit_code(&result), HM_NOTIFY_EXIT_KEY);
    ask(hint_of_another_request, SHORT_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_SILENT);
}

static void test_hint_does_not_stand_against_an_answer(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(hint_then_answer, LONG_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_ANSWERED);
    assert_int_equal(result.reply.code, HM_CONTROL_OK);
}

static void test_clock_is_corrected_once(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(check_clock, LONG_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_ANSWERED);
    assert_int_equal(result.reply.code, HM_CONTROL_OK);
    assert_true(result.is_resynchronised);
    assert_true(result.clock_offset_ms > HOUR_MS / 2 && result.clock_offset_ms < 2 * HOUR_MS);
}

static void test_second_refusal_of_the_clock_ends_it(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(refuse_clock, LONG_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_CLOCK);
    assert_int_equal(hm_notify_exit_code(&result), HM_NOTIFY_EXIT_CLOCK);
}

static void test_late_refusals_of_old_requests_are_skipped(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(check_clock_late, LONG_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_ANSWERED);
    assert_int_equal(result.reply.code, HM_CONTROL_OK);
    assert_true(result.is_resynchronised);
}

static void test_repetition_has_the_same_id_and_a_new_time_stamp(void **state)
{
    struct hm_notify_result result;

    (void)state;
    ask(check_repetition, LONG_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_ANSWERED);
    assert_int_equal(result.reply.code, HM_CONTROL_OK);
}

/* A port that was just given back, on which nobody listens. */
static void test_closed_port_is_told(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t name_len = sizeof(name);
    struct hm_notify_target target = {.addr = INADDR_LOOPBACK, .key_id = 300, .key = key};
    const struct hm_control_message request = {.op = HM_OP_STATUS, .vm = "vm1"};
    struct hm_notify_result result;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &name_len), 0);
    close(fd);
    target.port = ntohs(name.sin_port);
    hm_notify_ask(&target, &request, SHORT_MS, &result);
    assert_int_equal(result.outcome, HM_NOTIFY_SILENT);
    assert_true(result.port_closed);
}

static void test_every_code_has_its_exit_code(void **state)
{
    static const struct {
        enum hm_control_code code;
        enum hm_notify_exit exit_code;
    } PAIRS[] = {
        {HM_CONTROL_OK, HM_NOTIFY_EXIT_DONE},
        {HM_CONTROL_REFUSED, HM_NOTIFY_EXIT_REFUSED},
        {HM_CONTROL_UNKNOWN_VM, HM_NOTIFY_EXIT_UNKNOWN_VM},
        {HM_CONTROL_UNKNOWN_HOST, HM_NOTIFY_EXIT_UNKNOWN_HOST},
        {HM_CONTROL_UNREACHABLE, HM_NOTIFY_EXIT_UNREACHABLE},
        {HM_CONTROL_MALFORMED, HM_NOTIFY_EXIT_INTERNAL},
        {HM_CONTROL_KEY, HM_NOTIFY_EXIT_KEY},
        {HM_CONTROL_CLOCK, HM_NOTIFY_EXIT_CLOCK},
        {(enum hm_control_code)200, HM_NOTIFY_EXIT_INTERNAL},
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(PAIRS); i++) {
        struct hm_notify_result result = {.outcome = HM_NOTIFY_ANSWERED, .reply = {.code = PAIRS[i].code}};

        assert_int_equal(hm_notify_exit_code(&result), PAIRS[i].exit_code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_is_taken),
        cmocka_unit_test(test_silence_runs_out),
        cmocka_unit_test(test_forged_replies_are_not_believed),
        cmocka_unit_test(test_hint_counts_when_the_time_is_out),
        cmocka_unit_test(test_hint_does_not_stand_against_an_answer),
        cmocka_unit_test(test_clock_is_corrected_once),
        cmocka_unit_test(test_second_refusal_of_the_clock_ends_it),
        cmocka_unit_test(test_late_refusals_of_old_requests_are_skipped),
        cmocka_unit_test(test_repetition_has_the_same_id_and_a_new_time_stamp),
        cmocka_unit_test(test_closed_port_is_told),
        cmocka_unit_test(test_every_code_has_its_exit_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
