/* SPDX-License-Identifier: BSD-3-Clause */
/* Shields: which machines' ports a hypervisor has closed to everybody but this agent.
 *
 * A short unsorted table: it is read when a visitor is staged, asks by ARP, or is reported, not for
 * each packet. */
#include "firmware/agent/shield.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/agent/agent.h"

int hm_shields_init(struct hm_shields *shields)
{
    *shields = (struct hm_shields){.macs = calloc(HM_SHIELDS_MAX, sizeof(*shields->macs))};
    return shields->macs == NULL ? HM_ERR_MEMORY : HM_OK;
}

void hm_shields_fini(struct hm_shields *shields)
{
    free(shields->macs);
    shields->macs = NULL;
    shields->count = 0;
}

static unsigned find(const struct hm_shields *shields, const struct hm_mac *mac)
{
    unsigned i = 0;
    while (i < shields->count && !hm_mac_equal(&shields->macs[i], mac))
        i++;
    return i;
}

bool hm_shield_has(const struct hm_shields *shields, const struct hm_mac *mac)
{
    return find(shields, mac) < shields->count;
}

int hm_shield_add(struct hm_shields *shields, const struct hm_mac *mac)
{
    if (hm_shield_has(shields, mac))
        return HM_OK;
    if (shields->count == HM_SHIELDS_MAX)
        return HM_ERR_FULL;
    shields->macs[shields->count++] = *mac;
    return HM_OK;
}

void hm_shield_remove(struct hm_shields *shields, const struct hm_mac *mac)
{
    unsigned at = find(shields, mac);
    if (at < shields->count)
        shields->macs[at] = shields->macs[--shields->count];
}

/* Applies the request to each MAC; false when there is no room. */
static bool apply(struct hm_agent *agent, const struct hm_control_message *message, bool remove)
{
    char text[HM_MAC_TEXT_LEN];
    for (unsigned i = 0; i < message->mac_count; i++) {
        const struct hm_mac *mac = &message->macs[i];
        if (remove)
            hm_shield_remove(&agent->foreign.shields, mac);
        else if (hm_shield_add(&agent->foreign.shields, mac) != HM_OK)
            return false;
        hm_store_note_shield(agent->env->store, mac, !remove);
        hm_env_log(agent->env, HM_LOG_INFO, "%s: port %s", hm_mac_text(mac, text),
                   remove ? "not shielded any more" : "shielded");
    }
    return true;
}

void hm_shield_notice(struct hm_agent *agent, struct hm_control_request *request)
{
    const struct hm_control_message *message = &request->message;
    bool remove = strcmp(message->state, "remove") == 0;
    if (!message->dry_run && message->mac_count == 0) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_UNKNOWN_VM,
                               "a shield needs the machine's Ethernet address: give it by --mac");
        return;
    }
    if (!message->dry_run && !apply(agent, message, remove)) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "no room for another shield");
        return;
    }
    struct hm_control_message answer = {.code = HM_CONTROL_OK, .mac_count = 1};
    answer.macs[0] = agent->env->config->links[agent->env->home_link].mac;
    snprintf(answer.text, sizeof(answer.text), "%s", remove ? "not shielded" : "shielded");
    hm_control_answer(&agent->server, request, &answer);
}
