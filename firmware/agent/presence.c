/* SPDX-License-Identifier: BSD-3-Clause */
/* Signs of life of visitors: asked for, waited for, and what follows them (a renewal, a landing).
 *
 * A registration is renewed only when its visitor was seen just now (RFC 5563 section 4.4). A silent one is
 * asked by ARP, as its home router would, once a second until its lifetime is over; the next frame of it, the
 * answer or any other, renews at once. After a restart, here or at its home, nothing from before counts. */
#include "firmware/agent/presence.h"

#include "firmware/link/output.h"

#define PROBE_MS 1000
#define FRESH_MS 5000 /* a sign of life that suffices for a renewal */

void hm_presence_call(const struct hm_foreign *foreign, const struct hm_visitor *visitor)
{
    const struct hm_mac *mac = hm_foreign_mac_for(foreign, visitor, visitor->node.router);
    struct hm_arp arp = {.op = HM_ARP_REQUEST,
                         .sender_mac = *mac,
                         .sender_addr = visitor->node.router,
                         .target_mac = visitor->node.mac,
                         .target_addr = visitor->node.home_addr};
    hm_output_arp(foreign->env, visitor->link, &visitor->node.mac,
                  hm_foreign_source_for(foreign, visitor, mac), &arp);
}

/* Its time to renew: when it was seen just now; else ask it and look again in a second. */
static void on_renewal(void *arg)
{
    struct hm_visitor *visitor = arg;
    struct hm_foreign *foreign = visitor->owner->arg;
    uint64_t silent_ms = hm_env_ms(foreign->env) - visitor->seen_ms;
    bool is_sought = visitor->state == HM_VISITOR_EXPECTED && visitor->awaits_sign;
    if (visitor->state == HM_VISITOR_EXPECTED && !is_sought)
        hm_presence_call(foreign, visitor);
    if (visitor->state != HM_VISITOR_PRESENT && !is_sought)
        return;
    if (visitor->registration.open && visitor->registration.purpose == HM_REGISTRATION_ACTIVATE)
        return; /* its outcome says when to renew */
    if (!is_sought && silent_ms <= FRESH_MS) {
        hm_registrant_start(&foreign->registrant, visitor, HM_REGISTRATION_RENEW,
                            foreign->env->config->lifetime_s);
        return;
    }
    visitor->awaits_sign = true;
    hm_presence_call(foreign, visitor);
    hm_timer_arm(&foreign->env->wheel, &visitor->renewal, PROBE_MS);
}

void hm_presence_init(struct hm_visitor *visitor)
{
    hm_timer_init(&visitor->renewal, on_renewal, visitor);
}

void hm_presence_seek(struct hm_foreign *foreign, struct hm_visitor *visitor, uint64_t in_ms)
{
    visitor->seen_ms = 0;
    visitor->awaits_sign = true;
    hm_timer_arm(&foreign->env->wheel, &visitor->renewal, in_ms);
}

void hm_presence_ask(struct hm_foreign *foreign, struct hm_visitor *visitor)
{
    hm_presence_call(foreign, visitor);
    hm_timer_arm(&foreign->env->wheel, &visitor->renewal, PROBE_MS);
}

void hm_presence_seen(struct hm_foreign *foreign, struct hm_visitor *visitor)
{
    bool was_sought = visitor->awaits_sign;
    visitor->seen_ms = hm_env_ms(foreign->env);
    visitor->awaits_sign = false;
    if (was_sought && visitor->state == HM_VISITOR_EXPECTED)
        hm_foreign_landed(foreign, visitor, "it is here");
    else if (was_sought && visitor->state == HM_VISITOR_PRESENT)
        hm_timer_arm(&foreign->env->wheel, &visitor->renewal, 0);
}
