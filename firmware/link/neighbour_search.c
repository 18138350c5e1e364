/* SPDX-License-Identifier: BSD-3-Clause */
/* The search for neighbours: questions by ARP that no packet waits for. Out of curiosity, whose address was
 * heard of; for all addresses of a link; and of those whose place is in doubt. All are asked at a pace, so
 * that nobody makes a flood of them. */
#include "firmware/link/neighbour_parts.h"
#include "firmware/link/output.h"

#define MAX_SEARCHED 1024 /* addresses of one search */
#define SEARCH_STEP 64    /* of them at a time */
#define SEARCH_STEP_MS 10
#define WONDER_MS 30000 /* how long a question out of curiosity is not repeated */
#define WONDER_MIN_MS 1000

void hm_neighbour_ask(struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    struct hm_env *env = neighbours->env;
    const struct hm_link_config *config = &env->config->links[link];
    struct hm_arp arp = {
        .op = HM_ARP_REQUEST, .sender_mac = config->mac, .sender_addr = config->addr, .target_addr = addr};
    hm_output_arp(env, link, &HM_MAC_BROADCAST, &config->mac, &arp);
}

static bool was_wondered(struct hm_neighbours *neighbours, uint32_t addr)
{
    uint64_t now_ms = hm_env_ms(neighbours->env);
    for (unsigned i = 0; i < HM_NEIGHBOUR_QUESTIONS; i++) {
        const struct hm_neighbour_question *question = &neighbours->questions[i];
        if (question->addr == addr && now_ms - question->asked_ms < WONDER_MS)
            return true;
    }
    struct hm_neighbour_question *oldest = &neighbours->questions[neighbours->next_question];
    neighbours->next_question = (neighbours->next_question + 1) % HM_NEIGHBOUR_QUESTIONS;
    if (oldest->addr != 0 && now_ms - oldest->asked_ms < WONDER_MIN_MS)
        return true; /* too many different ones: a scan */
    *oldest = (struct hm_neighbour_question){.addr = addr, .asked_ms = now_ms};
    return false;
}

void hm_neighbour_wonder(struct hm_neighbours *neighbours, unsigned link, uint32_t addr)
{
    if (hm_neighbour_is_learnable(neighbours, link, addr) &&
        hm_neighbour_lookup(neighbours, link, addr) == NULL && !was_wondered(neighbours, addr))
        hm_neighbour_ask(neighbours, link, addr);
}

static void on_search(void *arg)
{
    struct hm_neighbours *neighbours = arg;
    const struct hm_link_config *config = &neighbours->env->config->links[neighbours->search_link];
    for (unsigned i = 0; i < SEARCH_STEP && neighbours->search_next < neighbours->search_last; i++) {
        uint32_t addr = neighbours->search_next++;
        if (addr != config->addr)
            hm_neighbour_ask(neighbours, neighbours->search_link, addr);
    }
    if (neighbours->search_next < neighbours->search_last)
        hm_timer_arm(&neighbours->env->wheel, &neighbours->search, SEARCH_STEP_MS);
}

void hm_neighbour_search_init(struct hm_neighbours *neighbours)
{
    hm_timer_init(&neighbours->search, on_search, neighbours);
}

void hm_neighbour_ask_all(struct hm_neighbours *neighbours, unsigned link)
{
    const struct hm_prefix *prefix = &neighbours->env->config->links[link].prefix;
    if (hm_timer_is_armed(&neighbours->search))
        return;
    neighbours->search_link = link;
    neighbours->search_next = prefix->addr + 1;
    neighbours->search_last = hm_prefix_broadcast(prefix);
    if (neighbours->search_last - neighbours->search_next > MAX_SEARCHED)
        neighbours->search_last = neighbours->search_next + MAX_SEARCHED;
    on_search(neighbours);
}

/* Questions go out as fast as those of a search. One that is being asked is left at its own pace: whoever
 * doubts it again and again must not keep it by that. */
void hm_neighbour_doubt(struct hm_neighbours *neighbours, unsigned link, const struct hm_mac *mac)
{
    uint64_t now_ms = hm_env_ms(neighbours->env);
    unsigned count = 0;
    struct hm_neighbour *entry = hm_neighbour_of_mac(neighbours, link, mac, NULL);
    for (; entry != NULL; entry = hm_neighbour_of_mac(neighbours, link, mac, entry))
        if (entry->retry.due_ms > now_ms + HM_NEIGHBOUR_ASK_INTERVAL_MS)
            hm_timer_arm(&neighbours->env->wheel, &entry->retry, count++ / SEARCH_STEP * SEARCH_STEP_MS);
}
