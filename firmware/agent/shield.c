/* SPDX-License-Identifier: BSD-3-Clause */
/* Shields: which machines' ports a hypervisor has closed to everybody but this agent.
 *
 * A short unsorted table: it is read when a visitor is staged, asks by ARP, or is reported, not for
 * each packet.
 *
 * A MAC that nobody here knows may be shielded by any hypervisor that may move something: the machine is yet
 * to come. What is known is shielded and unshielded only by who may move it. An entry whose hypervisor is not
 * configured any more (or was not written down, by an earlier version) is everybody's: whoever may speak of
 * its MAC takes its place. */
#include "firmware/agent/shield.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/agent/agent.h"
#include "firmware/agent/notice.h"

int hm_shields_init(struct hm_shields *shields, const struct hm_security *security)
{
    *shields = (struct hm_shields){.security = security,
                                   .entries = calloc(HM_SHIELDS_MAX, sizeof(*shields->entries))};
    return shields->entries == NULL ? HM_ERR_MEMORY : HM_OK;
}

void hm_shields_fini(struct hm_shields *shields)
{
    free(shields->entries);
    shields->entries = NULL;
    shields->count = 0;
}

static unsigned find(const struct hm_shields *shields, const struct hm_shield_record *shield)
{
    unsigned i = 0;
    while (i < shields->count && (shields->entries[i].key_id != shield->key_id ||
                                  !hm_mac_equal(&shields->entries[i].mac, &shield->mac)))
        i++;
    return i;
}

/* NULL when it is not configured any more. */
static const struct hm_hypervisor_config *owner_of(const struct hm_shields *shields,
                                                   const struct hm_shield_record *shield)
{
    return hm_security_hypervisor(shields->security, shield->key_id);
}

bool hm_shield_covers(const struct hm_shields *shields, const struct hm_control_node *node)
{
    for (unsigned i = 0; i < shields->count; i++) {
        if (!hm_mac_equal(&shields->entries[i].mac, &node->mac))
            continue;
        const struct hm_hypervisor_config *owner = owner_of(shields, &shields->entries[i]);
        if (owner == NULL || hm_security_may_move(owner, node->home_addr))
            return true;
    }
    return false;
}

int hm_shield_add(struct hm_shields *shields, const struct hm_shield_record *shield)
{
    if (find(shields, shield) < shields->count)
        return HM_OK;
    if (shields->count == HM_SHIELDS_MAX)
        return HM_ERR_FULL;
    shields->entries[shields->count++] = *shield;
    return HM_OK;
}

bool hm_shield_remove(struct hm_shields *shields, const struct hm_shield_record *shield)
{
    unsigned at = find(shields, shield);
    if (at == shields->count)
        return false;
    shields->entries[at] = shields->entries[--shields->count];
    return true;
}

unsigned hm_shield_share(const struct hm_shields *shields)
{
    const struct hm_router_config *config = shields->security->env->config;
    unsigned sharing = 0;
    for (unsigned i = 0; i < config->hypervisor_count; i++)
        sharing += config->hypervisors[i].allow_count > 0;
    return sharing > 1 ? HM_SHIELDS_MAX / sharing : HM_SHIELDS_MAX;
}

static unsigned count_of(const struct hm_shields *shields, uint32_t key_id)
{
    unsigned count = 0;
    for (unsigned i = 0; i < shields->count; i++)
        count += shields->entries[i].key_id == key_id;
    return count;
}

/* --- the request --------------------------------------------------------------------------------------- */

/* What is said and found of one MAC; text, of HM_CONTROL_TEXT_LEN, is the refusal. */
struct word {
    struct hm_agent *agent;
    const struct hm_control_request *request;
    struct hm_shield_record shield;
    char *text;
};

static bool may_move(const struct word *word, const struct hm_control_node *node)
{
    return hm_notice_is_allowed(word->request, node, 1, word->text, HM_CONTROL_TEXT_LEN);
}

static bool may_move_visitors(const struct word *word)
{
    const struct hm_visitors *visitors = &word->agent->foreign.visitors;
    const struct hm_visitor *at = hm_visitor_of_mac(visitors, &word->shield.mac, NULL);
    while (at != NULL && may_move(word, &at->node))
        at = hm_visitor_of_mac(visitors, &word->shield.mac, at);
    return at == NULL;
}

static bool may_move_bindings(const struct word *word)
{
    const struct hm_bindings *bindings = &word->agent->home.bindings;
    const struct hm_binding *at = hm_binding_of_mac(bindings, &word->shield.mac, NULL);
    while (at != NULL && may_move(word, &(struct hm_control_node){.home_addr = at->home_addr}))
        at = hm_binding_of_mac(bindings, &word->shield.mac, at);
    return at == NULL;
}

static bool may_move_handovers(const struct word *word)
{
    const struct hm_handover *at = word->agent->handovers.newest;
    for (; at != NULL; at = at->older)
        for (unsigned i = 0; i < at->node_count && !hm_handover_has_ended(at); i++)
            if (hm_mac_equal(&at->nodes[i].mac, &word->shield.mac) && !may_move(word, &at->nodes[i]))
                return false;
    return true;
}

/* May who asks say anything about this MAC? */
static bool may_speak(const struct word *word)
{
    const struct hm_hypervisor_config *hypervisor = word->request->hypervisor;
    if (hypervisor->allow_count > 0)
        return may_move_visitors(word) && may_move_bindings(word) && may_move_handovers(word);
    snprintf(word->text, HM_CONTROL_TEXT_LEN, "the key of %s may move nothing, and so shield nothing",
             hypervisor->name);
    return false;
}

static void note(const struct word *word, const struct hm_shield_record *shield, bool is_there)
{
    char mac[HM_MAC_TEXT_LEN];
    hm_store_note_shield(word->agent->env->store, shield, is_there);
    hm_env_log(word->agent->env, HM_LOG_INFO, "%s: port %s by %s", hm_mac_text(&shield->mac, mac),
               is_there ? "shielded" : "not shielded any more", word->request->hypervisor->name);
}

/* Entries of this MAC whose hypervisor is not known. */
static void remove_nobodys(const struct word *word)
{
    struct hm_shields *shields = &word->agent->foreign.shields;
    for (unsigned i = shields->count; i-- > 0;) {
        const struct hm_shield_record shield = shields->entries[i];
        if (!hm_mac_equal(&shield.mac, &word->shield.mac) || owner_of(shields, &shield) != NULL)
            continue;
        hm_shield_remove(shields, &shield);
        note(word, &shield, false);
    }
}

/* May all that is asked for be noted? A request is carried out whole, or not at all. */
static bool may_add(struct word *word)
{
    const struct hm_shields *shields = &word->agent->foreign.shields;
    const struct hm_control_message *message = &word->request->message;
    unsigned has = count_of(shields, word->shield.key_id), more = 0;
    for (unsigned i = 0; i < message->mac_count; i++) {
        word->shield.mac = message->macs[i];
        if (!may_speak(word))
            return false;
        more += find(shields, &word->shield) == shields->count;
    }
    if (more == 0 || (has + more <= hm_shield_share(shields) && shields->count + more <= HM_SHIELDS_MAX))
        return true;
    snprintf(word->text, HM_CONTROL_TEXT_LEN, "no room for %u more shield(s): %s has %u, its share is %u",
             more, word->request->hypervisor->name, has, hm_shield_share(shields));
    return false;
}

static void add(const struct word *word)
{
    struct hm_shields *shields = &word->agent->foreign.shields;
    bool is_new = find(shields, &word->shield) == shields->count;
    remove_nobodys(word);
    if (is_new && hm_shield_add(shields, &word->shield) == HM_OK)
        note(word, &word->shield, true);
}

/* Somebody else's entry of this MAC, or NULL. */
static const struct hm_hypervisor_config *other_owner(const struct word *word)
{
    const struct hm_shields *shields = &word->agent->foreign.shields;
    const struct hm_hypervisor_config *owner = NULL;
    for (unsigned i = 0; i < shields->count && owner == NULL; i++)
        if (hm_mac_equal(&shields->entries[i].mac, &word->shield.mac))
            owner = owner_of(shields, &shields->entries[i]);
    return owner;
}

/* One's own word can always be taken back. */
static bool take_back(const struct word *word)
{
    if (hm_shield_remove(&word->agent->foreign.shields, &word->shield)) {
        note(word, &word->shield, false);
        return true;
    }
    if (!may_speak(word))
        return false;
    remove_nobodys(word);
    const struct hm_hypervisor_config *other = other_owner(word);
    if (other == NULL)
        return true;
    snprintf(word->text, HM_CONTROL_TEXT_LEN, "%s has shielded it: only that host can take the shield away",
             other->name);
    return false;
}

/* Applies the request to each MAC. Of a shield that is to go, those before the first that is refused are
 * gone. */
static bool apply(struct hm_agent *agent, const struct hm_control_request *request, bool remove,
                  char text[HM_CONTROL_TEXT_LEN])
{
    struct word word = {.agent = agent, .request = request, .text = text};
    word.shield.key_id = request->hypervisor->key_id;
    if (!remove && !may_add(&word))
        return false;
    for (unsigned i = 0; i < request->message.mac_count; i++) {
        word.shield.mac = request->message.macs[i];
        if (!remove)
            add(&word);
        else if (!take_back(&word))
            return false;
    }
    return true;
}

void hm_shield_notice(struct hm_agent *agent, struct hm_control_request *request)
{
    char text[HM_CONTROL_TEXT_LEN];
    const struct hm_control_message *message = &request->message;
    bool remove = strcmp(message->state, "remove") == 0;
    if (!message->dry_run && message->mac_count == 0) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_UNKNOWN_VM,
                               "a shield needs the machine's Ethernet address: give it by --mac");
        return;
    }
    if (!message->dry_run && !apply(agent, request, remove, text)) {
        hm_control_answer_text(&agent->server, request, HM_CONTROL_REFUSED, "%s", text);
        return;
    }
    struct hm_control_message answer = {.code = HM_CONTROL_OK, .mac_count = 1};
    answer.macs[0] = agent->env->config->links[agent->env->home_link].mac;
    snprintf(answer.text, sizeof(answer.text), "%s", remove ? "not shielded" : "shielded");
    hm_control_answer(&agent->server, request, &answer);
}
