/* SPDX-License-Identifier: BSD-3-Clause */
/* Notices: what hypervisors say, and the same relayed by another agent.
 *
 * An imminent move is resolved first: which addresses, and where is the VM now? What is not known is asked
 * for on the home LAN, and, when the move is to this subnet, at all peers (LOCATE). Then the agent where the
 * VM is becomes the source: this one (agent/source), or another to which the notice is relayed (MOVE), once.
 * A hypervisor may move only what its key allows; the agent that it speaks to checks that. */
#include "firmware/agent/notice.h"

#include <stdio.h>
#include <string.h>

#include "firmware/agent/destination.h"
#include "firmware/agent/divert.h"
#include "firmware/agent/end_marker.h"
#include "firmware/agent/prepare.h"
#include "firmware/agent/progress.h"
#include "firmware/agent/resolve.h"
#include "firmware/agent/restart.h"
#include "firmware/agent/salvage.h"
#include "firmware/agent/source.h"
#include "firmware/agent/stop.h"

#define SEARCH_MS 1000      /* for answers on the LAN */
#define MAX_WAIT_MS 60000   /* what an asker may ask for */
#define SEARCH_STEP_MS 20   /* how often to look whether one came */
#define RELAY_MARGIN_MS 200 /* the relaying agent waits that much longer than the relayed */

/* An imminent move, or a LOCATE, that is being worked on. */
struct hm_notice {
    struct hm_agent *agent;
    struct hm_control_request *request;
    struct hm_timer timer;
    uint64_t search_end_ms;
    uint64_t deadline_ms;
    unsigned locating; /* peers whose answer to LOCATE is open */
    bool found;        /* one of them has it */
};

size_t hm_notice_len(void)
{
    return sizeof(struct hm_notice);
}

static void refuse(struct hm_agent *agent, struct hm_control_request *request, enum hm_control_code code,
                   const char *text)
{
    hm_control_answer_text(&agent->server, request, code, "%s", text);
}

/* Ends the work; the caller answers the request. The notice is gone after that. */
static struct hm_control_request *end(struct hm_notice *notice)
{
    struct hm_agent *agent = notice->agent;
    struct hm_control_request *request = notice->request;
    hm_timer_cancel(&agent->env->wheel, &notice->timer);
    notice->request = NULL;
    if (notice->locating == 0)
        hm_slab_give(&agent->notices, notice);
    return request;
}

static uint32_t left_ms(const struct hm_notice *notice)
{
    uint64_t now_ms = hm_env_ms(notice->agent->env);
    return notice->deadline_ms > now_ms ? (uint32_t)(notice->deadline_ms - now_ms) : 1;
}

bool hm_notice_is_allowed(const struct hm_control_request *request, const struct hm_control_node *nodes,
                          unsigned node_count, char *text, size_t len)
{
    char addr[HM_IP_TEXT_LEN];
    for (unsigned i = 0; request->hypervisor != NULL && i < node_count; i++) {
        if (hm_security_may_move(request->hypervisor, nodes[i].home_addr))
            continue;
        snprintf(text, len, "the key of %s may not move %s", request->hypervisor->name,
                 hm_ip_text(nodes[i].home_addr, addr));
        return false;
    }
    return true;
}

/* --- imminent ----------------------------------------------------------------------------------------- */

static void on_relayed(void *arg, const struct hm_control_message *message)
{
    struct hm_notice *notice = arg;
    struct hm_agent *agent = notice->agent;
    struct hm_control_request *request = end(notice);
    if (message == NULL) {
        refuse(agent, request, HM_CONTROL_UNREACHABLE, "the agent where the VM is does not answer");
        return;
    }
    struct hm_control_message answer = *message;
    hm_control_answer(&agent->server, request, &answer);
}

/* Hands the notice to the agent where the VM is. */
static void relay(struct hm_notice *notice, struct hm_peer *peer, const char *vm,
                  const struct hm_control_node *nodes, unsigned node_count)
{
    const struct hm_control_message *asked = &notice->request->message;
    uint32_t wait_ms = left_ms(notice);
    struct hm_control_message message = {.op = HM_OP_MOVE,
                                         .dry_run = asked->dry_run,
                                         .has_stop_notice = asked->has_stop_notice,
                                         .relayed = true,
                                         .wait_ms = wait_ms};
    snprintf(message.vm, sizeof(message.vm), "%s", vm);
    snprintf(message.host, sizeof(message.host), "%s", asked->host);
    for (unsigned i = 0; i < node_count; i++)
        message.addrs[message.addr_count++] = nodes[i].home_addr;
    notice->found = true; /* an answer to LOCATE that is still open must not relay it once more */
    hm_timer_cancel(&notice->agent->env->wheel, &notice->timer);
    hm_control_call(&notice->agent->calls, peer, &message, wait_ms + RELAY_MARGIN_MS, on_relayed, notice);
}

/* The VM is here, or its whereabouts are known: go on. */
static void proceed(struct hm_notice *notice, const struct hm_resolved *resolved)
{
    struct hm_agent *agent = notice->agent;
    const struct hm_control_message *asked = &notice->request->message;
    struct hm_peer *holder = hm_security_peer_by_addr(&agent->security, resolved->care_of_addr);
    char text[HM_CONTROL_TEXT_LEN];
    if (!hm_notice_is_allowed(notice->request, resolved->nodes, resolved->node_count, text, sizeof(text))) {
        refuse(agent, end(notice), HM_CONTROL_REFUSED, text);
        return;
    }
    if (resolved->verdict == HM_RESOLVE_AWAY) {
        if (holder != NULL && !asked->relayed)
            relay(notice, holder, resolved->vm, resolved->nodes, resolved->node_count);
        else
            refuse(agent, end(notice), HM_CONTROL_UNKNOWN_VM, "it is not here");
        return;
    }
    if (hm_security_is_own_host(&agent->security, asked->host)) {
        refuse(agent, end(notice), HM_CONTROL_OK, "stays in its subnet: nothing to do");
        return;
    }
    struct hm_source_plan plan = {.vm = resolved->vm,
                                  .host = asked->host,
                                  .destination = hm_security_peer_by_host(&agent->security, asked->host),
                                  .nodes = resolved->nodes,
                                  .node_count = resolved->node_count,
                                  .wait_ms = left_ms(notice),
                                  .has_stop_notice = asked->has_stop_notice,
                                  .dry_run = asked->dry_run};
    hm_source_prepare(agent, &plan, end(notice));
}

static void on_located(void *arg, const struct hm_control_message *message)
{
    struct hm_notice *notice = arg;
    struct hm_agent *agent = notice->agent;
    char text[HM_CONTROL_TEXT_LEN];
    notice->locating--;
    if (notice->request == NULL) { /* answered meanwhile */
        if (notice->locating == 0)
            hm_slab_give(&agent->notices, notice);
        return;
    }
    if (message == NULL || message->code != HM_CONTROL_OK || message->node_count == 0 || notice->found)
        return;
    struct hm_peer *peer = hm_security_peer_by_spi(&agent->security, message->key_id);
    notice->found = true;
    if (!hm_notice_is_allowed(notice->request, message->nodes, message->node_count, text, sizeof(text)))
        refuse(agent, end(notice), HM_CONTROL_REFUSED, text);
    else
        relay(notice, peer, message->vm, message->nodes, message->node_count);
}

static void locate(struct hm_notice *notice)
{
    struct hm_agent *agent = notice->agent;
    const struct hm_control_message *asked = &notice->request->message;
    struct hm_control_message message = {.op = HM_OP_LOCATE,
                                         .wait_ms = asked->wait_ms,
                                         .relayed = true,
                                         .mac_count = asked->mac_count,
                                         .addr_count = asked->addr_count};
    memcpy(message.vm, asked->vm, sizeof(message.vm));
    memcpy(message.host, asked->host, sizeof(message.host));
    memcpy(message.macs, asked->macs, sizeof(message.macs));
    memcpy(message.addrs, asked->addrs, sizeof(message.addrs));
    unsigned peer_count = agent->security.peer_count;
    notice->locating = peer_count + 1; /* one for this loop: a call may end at once */
    for (unsigned i = 0; i < peer_count; i++)
        hm_control_call(&agent->calls, &agent->security.peers[i], &message, left_ms(notice), on_located,
                        notice);
    notice->locating--;
}

static void answer_unknown(struct hm_notice *notice, const struct hm_resolved *resolved)
{
    struct hm_agent *agent = notice->agent;
    refuse(agent, end(notice), HM_CONTROL_UNKNOWN_VM, resolved->missing);
}

static void answer_located(struct hm_notice *notice, const struct hm_resolved *resolved)
{
    struct hm_agent *agent = notice->agent;
    struct hm_control_message answer = {.code = HM_CONTROL_OK, .node_count = resolved->node_count};
    snprintf(answer.vm, sizeof(answer.vm), "%s", resolved->vm);
    memcpy(answer.nodes, resolved->nodes, sizeof(answer.nodes));
    hm_control_answer(&agent->server, end(notice), &answer);
}

/* Looks again whether all is known; true when the notice has been answered or passed on. */
static bool try_to_resolve(struct hm_notice *notice, bool last)
{
    struct hm_agent *agent = notice->agent;
    struct hm_control_request *request = notice->request;
    struct hm_resolved resolved;
    bool locates = request->message.op == HM_OP_LOCATE;
    /* An address on the operator's word alone is believed at the source only. */
    bool trust = !locates && last && !hm_security_is_own_host(&agent->security, request->message.host);
    hm_resolve(agent, &request->message, trust, &resolved);
    if (resolved.verdict == HM_RESOLVE_AMBIGUOUS)
        refuse(agent, end(notice), HM_CONTROL_REFUSED, resolved.missing);
    else if (resolved.verdict == HM_RESOLVE_UNKNOWN && !last)
        return false;
    else if (resolved.verdict == HM_RESOLVE_UNKNOWN)
        answer_unknown(notice, &resolved);
    else if (!locates)
        proceed(notice, &resolved);
    else if (resolved.verdict == HM_RESOLVE_HERE)
        answer_located(notice, &resolved);
    else
        refuse(agent, end(notice), HM_CONTROL_UNKNOWN_VM, "it is not here");
    return true;
}

static void on_search(void *arg)
{
    struct hm_notice *notice = arg;
    struct hm_env *env = notice->agent->env;
    uint64_t now_ms = hm_env_ms(env);
    bool is_over =
        now_ms >= notice->search_end_ms && (notice->locating == 0 || now_ms >= notice->deadline_ms);
    if (!notice->found && !try_to_resolve(notice, is_over))
        hm_timer_arm(&env->wheel, &notice->timer, SEARCH_STEP_MS);
}

/* A pair that was both named, of which nothing was heard: a short look suffices. */
static uint64_t search_ms(const struct hm_control_message *message)
{
    return message->addr_count > 0 && message->mac_count == 1 ? SEARCH_MS / 5 : SEARCH_MS;
}

static void begin(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    struct hm_notice *notice = hm_slab_take(&agent->notices);
    if (notice == NULL) {
        hm_control_defer_full(&agent->server, request);
        return;
    }
    uint64_t now_ms = hm_env_ms(agent->env);
    notice->agent = agent;
    notice->request = request;
    uint32_t wait_ms = message->wait_ms != 0 ? message->wait_ms : agent->env->config->wait_ms;
    if (wait_ms > MAX_WAIT_MS)
        wait_ms = MAX_WAIT_MS;
    notice->deadline_ms = now_ms + wait_ms;
    notice->search_end_ms = now_ms + (search_ms(message) < wait_ms / 2 ? search_ms(message) : wait_ms / 2);
    hm_timer_init(&notice->timer, on_search, notice);
    if (try_to_resolve(notice, false))
        return;
    hm_resolve_search(agent, message);
    hm_timer_arm(&agent->env->wheel, &notice->timer, SEARCH_STEP_MS);
    if (message->op == HM_OP_IMMINENT && hm_security_is_own_host(&agent->security, message->host))
        locate(notice);
}

static void handle_move(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    if (message->vm[0] == '\0' && message->mac_count == 0 && message->addr_count == 0)
        refuse(agent, request, HM_CONTROL_MALFORMED, "no VM is named");
    else if (!hm_security_is_own_host(&agent->security, message->host) &&
             hm_security_peer_by_host(&agent->security, message->host) == NULL)
        refuse(agent, request, HM_CONTROL_UNKNOWN_HOST, "no agent is configured for this host");
    else
        begin(agent, request);
}

void hm_notice_handle(struct hm_agent *agent, struct hm_control_request *request)
{
    switch (request->message.op) {
    case HM_OP_IMMINENT:
    case HM_OP_MOVE:
        handle_move(agent, request);
        return;
    case HM_OP_LANDED:
    case HM_OP_CANCEL:
    case HM_OP_STATUS:
    case HM_OP_STOPPED:
    case HM_OP_SALVAGE:
    case HM_OP_ATTACH:
    case HM_OP_FETCH:
        hm_progress_notice(agent, request);
        return;
    case HM_OP_SHIELD:
        hm_shield_notice(agent, request);
        return;
    case HM_OP_HELLO: /* the answer's time stamp is our clock */
        hm_control_answer_text(&agent->server, request, HM_CONTROL_OK, "%s", agent->env->config->name);
        return;
    case HM_OP_PREPARE:
        hm_prepare_asked(agent, request);
        return;
    case HM_OP_LOCATE:
        begin(agent, request);
        return;
    case HM_OP_ARRIVED:
        hm_source_arrived(agent, request);
        return;
    case HM_OP_ABORT:
        hm_progress_abort(agent, request);
        return;
    case HM_OP_LAND:
        hm_progress_land(agent, request);
        return;
    case HM_OP_RESTARTED:
        hm_restart_told(agent, request);
        return;
    case HM_OP_RESTORE:
        hm_restart_restore(agent, request);
        return;
    case HM_OP_STOP:
        hm_stop_told(agent, request);
        return;
    case HM_OP_SALVAGED:
        hm_salvage_told(agent, request);
        return;
    case HM_OP_DIVERT:
        hm_divert_told(agent, request);
        return;
    case HM_OP_UNDIVERT:
        hm_divert_undo(agent, request);
        return;
    case HM_OP_END:
        hm_end_marker_receive(agent, request);
        return;
    }
    refuse(agent, request, HM_CONTROL_MALFORMED, "unknown operation");
}
