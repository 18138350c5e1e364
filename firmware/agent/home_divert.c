/* SPDX-License-Identifier: BSD-3-Clause */
/* The home agent's part in a move: a node that has stopped where it was, and what comes by its old and new
 * ways. */
#include "firmware/agent/home_parts.h"

void hm_home_hold_upward(struct hm_home *home, struct hm_binding *binding, uint32_t from_addr)
{
    uint32_t wait_ms = home->env->config->reorder_wait_ms;
    struct hm_delivery *delivery =
        wait_ms > 0 && home->deliveries != NULL ? hm_delivery_add(home->deliveries, binding) : NULL;
    if (delivery == NULL)
        return;
    delivery->target = HM_TARGET_FORWARD;
    delivery->remote_addr = from_addr;
    delivery->is_closed[HM_WAY_SALVAGE] = true;
    hm_binding_set_upward(binding, delivery);
    hm_timer_arm(&home->env->wheel, &delivery->patience, wait_ms);
    hm_delivery_drain(delivery);
}

void hm_home_end_old_way(struct hm_binding *binding)
{
    if (hm_binding_motion(binding)->upward != NULL)
        hm_delivery_close(hm_binding_motion(binding)->upward, HM_WAY_OLD);
}

int hm_home_divert(struct hm_home *home, const struct hm_control_node *node, uint64_t handover_id,
                   struct hm_delivery *delivery)
{
    struct hm_binding *binding = hm_binding_lookup(&home->bindings, node->home_addr);
    bool is_staged = binding != NULL && hm_binding_motion(binding)->staged_handover_id == handover_id;
    if (delivery == NULL && !is_staged)
        return HM_ERR_UNKNOWN;
    if (binding == NULL)
        binding = hm_home_add_entry(home, node->home_addr, &node->mac);
    if (binding == NULL)
        return HM_ERR_FULL;
    bool was_absent = hm_binding_is_absent(binding);
    hm_binding_set_delivery(binding, delivery);
    hm_home_end_old_way(binding);
    if (binding->state == HM_BINDING_DIVERTED)
        return HM_OK;
    hm_binding_apply(binding, HM_BINDING_DIVERT, "stopped");
    /* The two agents of the handover end it; this is for when neither is left. */
    hm_binding_arm_staged(binding, (uint64_t)home->env->config->staged_lifetime_s * 1000 + HM_HOME_STRAY_MS);
    hm_arp_updates_stop(home->updates, binding->home_addr, &binding->mac);
    if (!was_absent) {
        hm_timer_cancel(&home->env->wheel, &binding->lifetime);
        hm_takeover_start(&binding->takeover, home->env->home_link, binding->home_addr, &binding->mac);
    }
    return HM_OK;
}

void hm_home_stay(struct hm_home *home, struct hm_binding *binding, const char *reason)
{
    hm_binding_cancel_staged(binding);
    hm_binding_set_staged(binding, 0, 0, 0);
    if (binding->care_of_addr != 0) {
        hm_binding_apply(binding, HM_BINDING_STAY_AWAY, reason);
        return;
    }
    hm_binding_apply(binding, HM_BINDING_STAY_HOME, reason);
    hm_takeover_hand_back(&binding->takeover);
    hm_home_remember(home, binding);
}
