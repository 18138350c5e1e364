/* SPDX-License-Identifier: BSD-3-Clause */
/* Takeover: standing in for an absent node on its home LAN, and handing its place back.
 *
 * Announcements are ARP requests for the address itself (RFC 5227 section 3: the form that every stack
 * takes). The first goes out at once, two more follow quickly because a broadcast may be lost, then one a
 * minute: bridges forget a silent MAC after 300 s by default. */
#include "firmware/link/takeover.h"

#include "firmware/base/memory.h"
#include "firmware/link/output.h"

#define REFRESH_MS 60000
#define PAUSE_MS \
    10000 /* a node that is back is heard again by then; a forged frame must not do lasting harm */
#define STALE_MS 1000   /* a frame that the node sent before it left may still be under way */
#define DEFEND_MS 10000 /* RFC 5227 section 1.1: DEFEND_INTERVAL */
static const uint64_t REPEAT_MS[] = {200, 1800}; /* RFC 5227 section 2.3: at least two, 2 s apart */
_Static_assert(sizeof(struct hm_takeover) == HM_CACHE_LINE, "see takeover.h");
#define REPEAT_COUNT (sizeof(REPEAT_MS) / sizeof(REPEAT_MS[0]))

static const struct hm_mac *own_mac(const struct hm_takeover *takeover)
{
    return &takeover->env->config->links[takeover->link].mac;
}

static bool takes_mac(const struct hm_takeover *takeover)
{
    return takeover->env->config->takeover == HM_TAKEOVER_MAC;
}

const struct hm_mac *hm_takeover_mac(const struct hm_takeover *takeover)
{
    return takes_mac(takeover) ? &takeover->mac : own_mac(takeover);
}

/* With takeover = own the frame's source is always the agent's, else bridges would learn the node's
 * MAC at the agent's port. */
static void announce(struct hm_takeover *takeover)
{
    const struct hm_mac *sender = takeover->restoring ? &takeover->mac : hm_takeover_mac(takeover);
    const struct hm_mac *source = takes_mac(takeover) ? &takeover->mac : own_mac(takeover);
    struct hm_arp arp = {.op = HM_ARP_REQUEST,
                         .sender_mac = *sender,
                         .sender_addr = takeover->addr,
                         .target_addr = takeover->addr};
    hm_output_arp(takeover->env, takeover->link, &HM_MAC_BROADCAST, source, &arp);
    hm_env_count(takeover->env, HM_COUNT_ARP_TAKEOVER);
    if (takeover->sent <= REPEAT_COUNT)
        takeover->sent++;
}

static void announce_again_later(struct hm_takeover *takeover)
{
    if (takeover->sent <= REPEAT_COUNT)
        hm_timer_arm(&takeover->env->wheel, &takeover->timer, REPEAT_MS[takeover->sent - 1]);
    else if (!takeover->restoring)
        hm_timer_arm(&takeover->env->wheel, &takeover->timer, REFRESH_MS);
}

static void on_timer(void *arg)
{
    struct hm_takeover *takeover = arg;
    takeover->paused = false;
    announce(takeover);
    announce_again_later(takeover);
}

void hm_takeover_init(struct hm_takeover *takeover, struct hm_env *env)
{
    *takeover = (struct hm_takeover){.env = env};
    hm_timer_init(&takeover->timer, on_timer, takeover);
}

static void begin(struct hm_takeover *takeover, unsigned link, uint32_t addr, const struct hm_mac *mac)
{
    takeover->link = (uint8_t)link;
    takeover->addr = addr;
    takeover->mac = *mac;
    takeover->sent = 0;
    takeover->restoring = false;
    takeover->started = hm_short_ms(hm_env_ms(takeover->env));
}

void hm_takeover_start(struct hm_takeover *takeover, unsigned link, uint32_t addr, const struct hm_mac *mac)
{
    begin(takeover, link, addr, mac);
    on_timer(takeover);
}

static void pause_again(struct hm_takeover *takeover)
{
    takeover->paused = true;
    hm_timer_arm(&takeover->env->wheel, &takeover->timer, PAUSE_MS);
}

void hm_takeover_pause(struct hm_takeover *takeover)
{
    if (hm_env_ms(takeover->env) - hm_short_ms_get(takeover->started) >= STALE_MS)
        pause_again(takeover);
}

void hm_takeover_restore(struct hm_takeover *takeover, unsigned link, uint32_t addr, const struct hm_mac *mac,
                         bool may_be_back)
{
    begin(takeover, link, addr, mac);
    if (may_be_back)
        pause_again(takeover);
    else
        hm_timer_arm(&takeover->env->wheel, &takeover->timer, 0);
}

void hm_takeover_settle(struct hm_takeover *takeover)
{
    if (takeover->paused || takeover->restoring || !hm_timer_is_armed(&takeover->timer))
        return;
    takeover->sent = REPEAT_COUNT + 1;
    hm_timer_arm(&takeover->env->wheel, &takeover->timer, REFRESH_MS);
}

void hm_takeover_resume(struct hm_takeover *takeover)
{
    if (takeover->paused)
        on_timer(takeover);
}

void hm_takeover_hand_back(struct hm_takeover *takeover)
{
    hm_timer_cancel(&takeover->env->wheel, &takeover->timer);
    if (takes_mac(takeover))
        return;
    takeover->restoring = true;
    takeover->sent = 0;
    on_timer(takeover);
}

void hm_takeover_fini(struct hm_takeover *takeover)
{
    hm_timer_cancel(&takeover->env->wheel, &takeover->timer);
}

void hm_takeover_answer(struct hm_takeover *takeover, uint32_t asker_addr, const struct hm_mac *asker_mac)
{
    if (takeover->paused)
        return;
    const struct hm_mac *mac = hm_takeover_mac(takeover);
    struct hm_arp arp = {.op = HM_ARP_REPLY,
                         .sender_mac = *mac,
                         .sender_addr = takeover->addr,
                         .target_mac = *asker_mac,
                         .target_addr = asker_addr};
    hm_output_arp(takeover->env, takeover->link, asker_mac, mac, &arp);
    hm_env_count(takeover->env, HM_COUNT_ARP_PROXIED);
}

bool hm_takeover_defend(struct hm_takeover *takeover)
{
    uint64_t now_ms = hm_env_ms(takeover->env);
    uint64_t defended_ms = hm_short_ms_get(takeover->defended);
    bool is_due = defended_ms == 0 || now_ms - defended_ms >= DEFEND_MS;
    if (takeover->paused || takeover->restoring || !is_due)
        return false;
    takeover->defended = hm_short_ms(now_ms);
    uint8_t sent = takeover->sent;
    announce(takeover);
    takeover->sent = sent; /* none of its schedule */
    return true;
}
