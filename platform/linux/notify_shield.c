/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the command `shield` of notify-migrate.
 *
 * The agent is told after the rules stand, and before they go: it never believes in a shield that is not
 * there. Rules are also taken away when the agent does not answer. */
#include "platform/linux/notify_shield.h"

#include <stdio.h>

#include "platform/linux/shield.h"

static bool is_good(const struct hm_notify_result *result)
{
    return result->outcome == HM_NOTIFY_ANSWERED && result->reply.code == HM_CONTROL_OK;
}

/* Asks the agent for its MAC on this LAN. */
static bool ask_mac(const struct hm_notify_target *target, uint64_t wait_ms, struct hm_mac *mac,
                    struct hm_notify_result *result)
{
    const struct hm_control_message question = {.op = HM_OP_SHIELD, .dry_run = true};

    hm_notify_ask(target, &question, wait_ms, result);
    if (!is_good(result) || result->reply.mac_count == 0)
        return false;
    *mac = result->reply.macs[0];
    return true;
}

static void tell_agent(const struct hm_notify_target *target, struct hm_control_message *request,
                       uint64_t wait_ms, struct hm_notify_result *result)
{
    if (request->mac_count == 0) {
        fputs("notify-migrate: the agent is not told whose port it is: give the VM's Ethernet address "
              "by --mac\n",
              stderr);
        request->dry_run = true; /* is it there at all? */
    }
    *result = (struct hm_notify_result){0};
    hm_notify_ask(target, request, wait_ms, result);
}

bool hm_notify_shield(const struct hm_notify_target *target, const struct hm_notify_shield *shield,
                      struct hm_control_message *request, uint64_t wait_ms, struct hm_notify_result *result)
{
    struct hm_mac mac = shield->agent_mac;

    if (request->dry_run) {
        hm_notify_ask(target, request, wait_ms, result);
        return hm_shield_is_possible(shield->device);
    }
    if (shield->remove) {
        snprintf(request->state, sizeof(request->state), "remove");
        tell_agent(target, request, wait_ms, result);
        return hm_shield_clear(shield->device);
    }
    if (!hm_shield_is_possible(shield->device))
        return false;
    if (!shield->has_agent_mac && !ask_mac(target, wait_ms, &mac, result))
        return true;
    if (!hm_shield_set(shield->device, &mac))
        return false;
    tell_agent(target, request, wait_ms, result);
    return true;
}
