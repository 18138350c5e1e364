/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP updates: telling a VM that has just landed which MAC its router and its home neighbours have now. */
#include "firmware/link/arp_update.h"

#include "firmware/link/output.h"

#define MAX_UPDATES 128 /* VMs that are being told at once */
/* After each round the pause to the next; Linux's locktime is 1 s. */
static const uint64_t PAUSE_MS[] = {10, 20, 70, 1100, 1200, 3000};
#define PAUSE_COUNT (sizeof(PAUSE_MS) / sizeof(PAUSE_MS[0]))

struct hm_arp_update {
    struct hm_arp_update *next;
    struct hm_arp_updates *owner;
    struct hm_arp_update_plan plan;
    struct hm_timer timer;
    unsigned round;
};

int hm_arp_updates_init(struct hm_arp_updates *updates, struct hm_env *env, struct hm_neighbours *neighbours)
{
    *updates = (struct hm_arp_updates){.env = env, .neighbours = neighbours};
    return hm_slab_init(&updates->slab, sizeof(struct hm_arp_update), MAX_UPDATES);
}

void hm_arp_updates_fini(struct hm_arp_updates *updates)
{
    hm_slab_fini(&updates->slab);
    updates->first = NULL;
}

void hm_arp_update_plan_add(struct hm_arp_update_plan *plan, uint32_t addr, const struct hm_mac *mac)
{
    for (unsigned i = 0; i < plan->pair_count; i++)
        if (plan->pairs[i].addr == addr)
            return;
    if (addr != 0 && addr != plan->vm_addr && plan->pair_count < HM_ARP_UPDATE_MAX)
        plan->pairs[plan->pair_count++] = (struct hm_pair){.addr = addr, .mac = *mac};
}

/* The MAC to tell; NULL when it is not known (and is asked for, for the next round). */
static const struct hm_mac *mac_for(struct hm_arp_updates *updates, const struct hm_arp_update_plan *plan,
                                    const struct hm_pair *pair)
{
    const struct hm_link_config *link = &updates->env->config->links[plan->link];
    if (!hm_mac_is_zero(&pair->mac))
        return &pair->mac;
    if (pair->addr == link->addr)
        return &link->mac;
    const struct hm_neighbour *entry = hm_neighbour_lookup(updates->neighbours, plan->link, pair->addr);
    if (entry != NULL)
        return &entry->mac;
    hm_neighbour_ask(updates->neighbours, plan->link, pair->addr);
    return NULL;
}

static void send_round(struct hm_arp_updates *updates, const struct hm_arp_update_plan *plan)
{
    struct hm_env *env = updates->env;
    if (plan->call_vm)
        hm_neighbour_ask(updates->neighbours, plan->link, plan->vm_addr);
    for (unsigned i = 0; i < plan->pair_count; i++) {
        const struct hm_mac *mac = mac_for(updates, plan, &plan->pairs[i]);
        if (mac == NULL)
            continue;
        const struct hm_mac *source = plan->teach_bridges ? mac : &env->config->links[plan->link].mac;
        struct hm_arp arp = {.op = HM_ARP_REQUEST,
                             .sender_mac = *mac,
                             .sender_addr = plan->pairs[i].addr,
                             .target_mac = plan->vm_mac,
                             .target_addr = plan->vm_addr};
        hm_output_arp(env, plan->link, &plan->vm_mac, source, &arp);
        hm_env_count(env, HM_COUNT_ARP_UPDATES);
    }
}

static void end(struct hm_arp_update *update)
{
    struct hm_arp_updates *updates = update->owner;
    struct hm_arp_update **link = &updates->first;
    while (*link != update)
        link = &(*link)->next;
    *link = update->next;
    hm_timer_cancel(&updates->env->wheel, &update->timer);
    hm_slab_give(&updates->slab, update);
}

static void on_timer(void *arg)
{
    struct hm_arp_update *update = arg;
    send_round(update->owner, &update->plan);
    if (update->round < PAUSE_COUNT)
        hm_timer_arm(&update->owner->env->wheel, &update->timer, PAUSE_MS[update->round++]);
    else
        end(update);
}

void hm_arp_updates_start(struct hm_arp_updates *updates, const struct hm_arp_update_plan *plan)
{
    hm_arp_updates_stop(updates, plan->vm_addr, &plan->vm_mac);
    struct hm_arp_update *update = hm_slab_take(&updates->slab);
    if (update == NULL) {
        send_round(updates, plan);
        return;
    }
    update->owner = updates;
    update->plan = *plan;
    update->next = updates->first;
    updates->first = update;
    hm_timer_init(&update->timer, on_timer, update);
    on_timer(update);
}

void hm_arp_updates_stop(struct hm_arp_updates *updates, uint32_t vm_addr, const struct hm_mac *vm_mac)
{
    for (struct hm_arp_update *update = updates->first; update != NULL; update = update->next) {
        if (update->plan.vm_addr == vm_addr && hm_mac_equal(&update->plan.vm_mac, vm_mac)) {
            end(update);
            return;
        }
    }
}

void hm_arp_updates_disown(struct hm_arp_updates *updates, unsigned link, const struct hm_mac *mac)
{
    for (struct hm_arp_update *update = updates->first; update != NULL; update = update->next)
        for (unsigned i = 0; update->plan.link == link && i < update->plan.pair_count; i++)
            if (hm_mac_equal(&update->plan.pairs[i].mac, mac))
                update->plan.pairs[i].mac = updates->env->config->links[link].mac;
}
