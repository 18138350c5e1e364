/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the words and exit codes of notify-migrate's results. */
#include "platform/linux/notify_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define ADVICE_LEN 512
#define HANDOVER_LEN 17

enum hm_notify_exit hm_notify_exit_code(const struct hm_notify_result *result)
{
    switch (result->outcome) {
    case HM_NOTIFY_SILENT:
        return HM_NOTIFY_EXIT_UNREACHABLE;
    case HM_NOTIFY_BAD_KEY:
        return HM_NOTIFY_EXIT_KEY;
    case HM_NOTIFY_CLOCK:
        return HM_NOTIFY_EXIT_CLOCK;
    case HM_NOTIFY_BROKEN:
        return HM_NOTIFY_EXIT_INTERNAL;
    case HM_NOTIFY_ANSWERED:
        break;
    }
    switch (result->reply.code) {
    case HM_CONTROL_OK:
        return HM_NOTIFY_EXIT_DONE;
    case HM_CONTROL_REFUSED:
        return HM_NOTIFY_EXIT_REFUSED;
    case HM_CONTROL_UNKNOWN_VM:
        return HM_NOTIFY_EXIT_UNKNOWN_VM;
    case HM_CONTROL_UNKNOWN_HOST:
        return HM_NOTIFY_EXIT_UNKNOWN_HOST;
    case HM_CONTROL_UNREACHABLE:
        return HM_NOTIFY_EXIT_UNREACHABLE;
    case HM_CONTROL_KEY:
        return HM_NOTIFY_EXIT_KEY;
    case HM_CONTROL_CLOCK:
        return HM_NOTIFY_EXIT_CLOCK;
    case HM_CONTROL_MALFORMED:
        break;
    }
    return HM_NOTIFY_EXIT_INTERNAL;
}

static const char *done_word(const struct hm_notify_question *question)
{
    switch (question->op) {
    case HM_OP_IMMINENT:
        return question->dry_run ? "can be staged" : "staged";
    case HM_OP_LANDED:
        return "landed";
    case HM_OP_CANCEL:
        return "cancelled";
    case HM_OP_SHIELD:
    case HM_OP_STOPPED:
        return "told";
    default:
        return "known";
    }
}

static const char *result_word(const struct hm_notify_question *question, enum hm_notify_exit code)
{
    switch (code) {
    case HM_NOTIFY_EXIT_DONE:
        return done_word(question);
    case HM_NOTIFY_EXIT_REFUSED:
        return "refused";
    case HM_NOTIFY_EXIT_UNKNOWN_VM:
        return "unknown VM";
    case HM_NOTIFY_EXIT_UNKNOWN_HOST:
        return "unknown host";
    case HM_NOTIFY_EXIT_UNREACHABLE:
        return "not reachable in time";
    case HM_NOTIFY_EXIT_KEY:
        return "wrong key";
    case HM_NOTIFY_EXIT_CLOCK:
        return "clocks are apart";
    case HM_NOTIFY_EXIT_MIGRATION:
    case HM_NOTIFY_EXIT_USAGE:
    case HM_NOTIFY_EXIT_INTERNAL:
        break;
    }
    return "failed";
}

static void advise_silent(const struct hm_notify_question *question, const struct hm_notify_result *result,
                          char text[ADVICE_LEN])
{
    char agent[HM_IP_TEXT_LEN];

    snprintf(text, ADVICE_LEN, "the agent at %s:%u did not answer within %.1f s (%u requests sent%s); %s",
             hm_ip_text(question->target->addr, agent), (unsigned)question->target->port,
             (double)question->wait_ms / 1000, result->sent, result->port_closed ? ", port closed" : "",
             result->port_closed
                 ? "start the agent there, or correct address and port in notify.conf"
                 : "see that it runs (\"hypermip status\" there) and that UDP may pass both ways");
}

/* What went wrong here, or what the agent says; empty when there is nothing to say. */
static void explain(const struct hm_notify_question *question, const struct hm_notify_result *result,
                    char text[ADVICE_LEN])
{
    const char *reply = result->reply.text;

    text[0] = '\0';
    switch (result->outcome) {
    case HM_NOTIFY_SILENT:
        advise_silent(question, result, text);
        return;
    case HM_NOTIFY_BAD_KEY:
        snprintf(text, ADVICE_LEN,
                 "the agent does not accept our key %" PRIu32
                 ": compare id and key in notify.conf with the agent's "
                 "[hypervisor] section",
                 question->target->key_id);
        return;
    case HM_NOTIFY_CLOCK:
        snprintf(text, ADVICE_LEN,
                 "the agent refuses our clock even after one correction (its clock is %+.1f s from ours): "
                 "set both by NTP",
                 (double)result->clock_offset_ms / 1000);
        return;
    case HM_NOTIFY_BROKEN:
        snprintf(text, ADVICE_LEN, "%s",
                 result->error != 0 ? strerror(result->error)
                                    : "the request is too large: give fewer addresses");
        return;
    case HM_NOTIFY_ANSWERED:
        break;
    }
    if (result->reply.code == HM_CONTROL_OK || reply[0] != '\0')
        snprintf(text, ADVICE_LEN, "%s", reply);
    else if (result->reply.code == HM_CONTROL_UNKNOWN_VM)
        snprintf(text, ADVICE_LEN, "no agent knows this VM: give its address by --ip or --mac");
    else if (result->reply.code == HM_CONTROL_UNKNOWN_HOST)
        snprintf(text, ADVICE_LEN, "the agent knows no such host: add it to hosts in [agent] or [peer]");
    else
        snprintf(text, ADVICE_LEN, "%s", hm_control_code_text(result->reply.code));
}

/* As the agents' logs and reports have it; empty: none. */
static const char *handover_text(uint64_t id, char text[HANDOVER_LEN])
{
    snprintf(text, HANDOVER_LEN, "%016" PRIx64, id);
    if (id == 0)
        text[0] = '\0';
    return text;
}

static void print_json(const struct hm_notify_question *question, const struct hm_notify_result *result,
                       enum hm_notify_exit code, const char *text)
{
    const struct hm_control_message *reply = &result->reply;
    char agent[HM_IP_TEXT_LEN + 6], addr[HM_IP_TEXT_LEN];
    char handover[HANDOVER_LEN];
    json_t *object;

    handover_text(reply->handover_id, handover);
    snprintf(agent, sizeof(agent), "%s:%u", hm_ip_text(question->target->addr, addr),
             (unsigned)question->target->port);
    object =
        json_pack("{s:s, s:s, s:s?, s:i, s:s, s:s, s:s?, s:s?, s:b, s:s, s:i, s:f}", "command",
                  hm_control_op_name(question->op), "vm", question->vm, "host", question->host, "code",
                  (int)code, "result", result_word(question, code), "text", text, "handover",
                  handover[0] != '\0' ? handover : NULL, "state",
                  reply->state[0] != '\0' ? reply->state : NULL, "dry_run", question->dry_run, "agent", agent,
                  "requests", (int)result->sent, "clock_offset_ms", (double)result->clock_offset_ms);
    if (object == NULL || json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(16)) != 0)
        fputs("{\"code\": 1, \"result\": \"failed\"}", stdout);
    json_decref(object);
}

static void print_text(const struct hm_notify_question *question, const struct hm_notify_result *result,
                       enum hm_notify_exit code, const char *text)
{
    const struct hm_control_message *reply = &result->reply;
    char handover[HANDOVER_LEN];
    FILE *out = code == HM_NOTIFY_EXIT_DONE ? stdout : stderr;

    fprintf(out, "%s %s: %s", hm_control_op_name(question->op), question->vm, result_word(question, code));
    if (code == HM_NOTIFY_EXIT_DONE && question->host != NULL)
        fprintf(out, " for host %s", question->host);
    if (reply->state[0] != '\0')
        fprintf(out, ", state %s", reply->state);
    if (reply->handover_id != 0)
        fprintf(out, ", handover %s", handover_text(reply->handover_id, handover));
    if (text[0] != '\0')
        fprintf(out, ": %s", text);
    fputc('\n', out);
}

static void report(const struct hm_notify_question *question, const struct hm_notify_result *result,
                   bool as_json)
{
    enum hm_notify_exit code = hm_notify_exit_code(result);
    char text[ADVICE_LEN];

    explain(question, result, text);
    if (as_json)
        print_json(question, result, code, text);
    else
        print_text(question, result, code, text);
}

static void warn_of_clock(const struct hm_notify_result *result)
{
    if (result->outcome == HM_NOTIFY_ANSWERED && result->is_resynchronised)
        fprintf(stderr, "warning: the agent's clock is %+.1f s from ours: set both by NTP\n",
                (double)result->clock_offset_ms / 1000);
}

void hm_notify_report(const struct hm_notify_question *question, const struct hm_notify_result *result,
                      bool as_json)
{
    report(question, result, as_json);
    if (as_json)
        putchar('\n');
    warn_of_clock(result);
}

void hm_notify_report_all(const struct hm_notify_question *questions, const struct hm_notify_result *results,
                          unsigned count, bool as_json)
{
    for (unsigned i = 0; i < count; i++) {
        if (as_json)
            fputs(i == 0 ? "[" : ",\n ", stdout);
        report(&questions[i], &results[i], as_json);
    }
    if (as_json)
        fputs("]\n", stdout);
    warn_of_clock(&results[0]);
}
