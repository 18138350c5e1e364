/* SPDX-License-Identifier: BSD-3-Clause */
/* Port probe: ARP probes (RFC 5227: without a sender's address, so nobody's cache changes) with the agent's
 * MAC and with one that nobody has, to the home router, or to the node that was heard of last. The answers
 * go to those MACs: so does, at this port, what is sent to a machine that is away. */
#include "firmware/agent/port_probe.h"

#include "firmware/link/output.h"

#define TRIES 3
#define TRY_MS 200
#define FRESH_US 500000u /* an outcome that suffices: who waits for it looks more often */

static void on_timer(void *arg);

void hm_port_probe_init(struct hm_port_probe *probe, struct hm_env *env, struct hm_neighbours *neighbours)
{
    *probe = (struct hm_port_probe){.env = env, .neighbours = neighbours};
    hm_timer_init(&probe->timer, on_timer, probe);
}

static void end(struct hm_port_probe *probe, enum hm_port_probe_state state)
{
    hm_timer_cancel(&probe->env->wheel, &probe->timer);
    probe->state = state;
    probe->ended_us = probe->env->now.mono_us;
}

static void send(const struct hm_port_probe *probe, const struct hm_mac *mac)
{
    const struct hm_arp arp = {.op = HM_ARP_REQUEST, .sender_mac = *mac, .target_addr = probe->target};
    hm_output_arp(probe->env, probe->env->home_link, &HM_MAC_BROADCAST, mac, &arp);
}

static const struct hm_mac *own_mac(const struct hm_port_probe *probe)
{
    return &probe->env->config->links[probe->env->home_link].mac;
}

static void on_timer(void *arg)
{
    struct hm_port_probe *probe = arg;
    if (probe->tries++ == TRIES) {
        end(probe, probe->is_there ? HM_PORT_PROBE_REFUSED : HM_PORT_PROBE_SILENT);
        return;
    }
    send(probe, own_mac(probe));
    send(probe, &probe->mac);
    hm_timer_arm(&probe->env->wheel, &probe->timer, TRY_MS);
}

/* 0: nobody is known. */
static uint32_t choose_target(const struct hm_port_probe *probe)
{
    uint32_t router = probe->env->config->home_router;
    if (!hm_env_is_own_addr(probe->env, router))
        return router;
    const struct hm_neighbour *entry = probe->neighbours->newest;
    while (entry != NULL && (!entry->has_mac || entry->link != probe->env->home_link))
        entry = entry->older;
    return entry != NULL ? entry->addr : 0;
}

void hm_port_probe_begin(struct hm_port_probe *probe)
{
    bool is_fresh =
        probe->state != HM_PORT_PROBE_NEVER && probe->env->now.mono_us - probe->ended_us < FRESH_US;
    if (probe->state == HM_PORT_PROBE_OPEN || is_fresh)
        return;
    probe->target = choose_target(probe);
    probe->state = probe->target != 0 ? HM_PORT_PROBE_OPEN : HM_PORT_PROBE_NEVER;
    if (probe->target == 0)
        return;
    uint64_t random = hm_env_random(probe->env);
    probe->mac.b[0] = 0x02; /* locally administered */
    for (unsigned i = 1; i < sizeof(probe->mac.b); i++)
        probe->mac.b[i] = (uint8_t)(random >> 8 * i);
    probe->is_there = false;
    probe->tries = 0;
    on_timer(probe);
}

void hm_port_probe_see(struct hm_port_probe *probe, unsigned link, const struct hm_ethernet *ethernet,
                       const struct hm_arp *arp)
{
    if (probe->state != HM_PORT_PROBE_OPEN || link != probe->env->home_link || arp->op != HM_ARP_REPLY ||
        arp->sender_addr != probe->target)
        return;
    if (hm_mac_equal(&ethernet->dst, own_mac(probe)))
        probe->is_there = true;
    else if (hm_mac_equal(&ethernet->dst, &probe->mac))
        end(probe, HM_PORT_PROBE_PASSED);
}

const char *hm_port_probe_state_name(enum hm_port_probe_state state)
{
    switch (state) {
    case HM_PORT_PROBE_NEVER:
        return NULL;
    case HM_PORT_PROBE_OPEN:
        return "asked";
    case HM_PORT_PROBE_PASSED:
        return "yes";
    case HM_PORT_PROBE_REFUSED:
        return "no";
    case HM_PORT_PROBE_SILENT:
        return "silent";
    }
    return NULL;
}
