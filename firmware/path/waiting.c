/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting: packets of a VM that moves, into its delivery and out of it (agent/delivery). */
#include "firmware/agent/waiting.h"
#include "firmware/agent/replay.h"
#include "firmware/link/output.h"
#include "firmware/path/path.h"

#define LATE_US 10000000u /* nobody sends a VM's packets after it for longer than that */

/* --- in ----------------------------------------------------------------------------------------------- */

struct hm_delivery *hm_path_old_way(const struct hm_path *path, uint32_t from_addr, uint32_t addr)
{
    if (hm_security_peer_by_addr(&path->agent->security, from_addr) == NULL)
        return NULL;
    for (struct hm_delivery *at = path->agent->deliveries.first; at != NULL; at = at->next) {
        const struct hm_handover *handover = at->of;
        if (at->target == HM_TARGET_FORWARD || handover->other != from_addr)
            continue;
        for (unsigned i = 0; i < handover->node_count; i++)
            if (handover->nodes[i].home_addr == addr)
                return at;
    }
    return NULL;
}

/* When it became sure that the VM is here: it has landed, or goes on here after all; 0: neither. */
static uint64_t came_us(const struct hm_handover *handover)
{
    if (handover->role == HM_ROLE_DESTINATION)
        return handover->step_us[HM_STEP_LANDED];
    return handover->is_returning ? handover->step_us[HM_STEP_ENDED] : 0;
}

bool hm_path_late(struct hm_path *path, uint32_t from_addr, uint32_t addr, struct hm_visitor **visitor)
{
    const struct hm_agent *agent = path->agent;
    const struct hm_handover *at = agent->handovers.newest;
    for (; at != NULL; at = at->older) {
        uint64_t since_us = came_us(at);
        if (at->other != from_addr || since_us == 0 || path->env->now.mono_us - since_us > LATE_US)
            continue;
        for (unsigned i = 0; i < at->node_count; i++) {
            if (at->nodes[i].home_addr != addr)
                continue;
            *visitor = hm_visitor_by_home(&agent->foreign.visitors, at->nodes[i].home_agent, addr);
            return *visitor != NULL || hm_env_is_own_addr(path->env, at->nodes[i].home_agent);
        }
    }
    return false;
}

void hm_path_wait(struct hm_path *path, struct hm_delivery *delivery, enum hm_delivery_way way,
                  struct hm_frame *frame)
{
    hm_env_count(path->env, HM_COUNT_TUNNEL_IN);
    if (!hm_path_lower_ttl(path, NULL, frame))
        return;
    if (hm_replay_applies(path->env, delivery->of))
        hm_replay_keep(path->agent, delivery->of, frame);
    else
        hm_delivery_put(delivery, way, frame);
}

void hm_path_redirect(struct hm_path *path, struct hm_visitor *visitor, struct hm_frame *frame)
{
    struct hm_handover *handover =
        hm_handover_lookup(&path->agent->handovers, visitor->next_handover_id, HM_ROLE_SOURCE);
    hm_env_count(path->env, HM_COUNT_TUNNEL_IN);
    if (!hm_path_lower_ttl(path, NULL, frame))
        return;
    if (handover != NULL)
        handover->redirected++;
    visitor->redirected_ms = hm_env_ms(path->env);
    hm_env_count(path->env, HM_COUNT_REDIRECTED);
    hm_path_encapsulate(path, visitor->next_addr, NULL, frame);
}

bool hm_path_wait_upward(struct hm_path *path, struct hm_binding *binding, uint32_t from_addr,
                         struct hm_frame *frame)
{
    bool is_ahead = binding->state == HM_BINDING_SWITCHING &&
                    hm_binding_motion(binding)->staged_care_of_addr == from_addr &&
                    binding->care_of_addr != from_addr;
    if (hm_binding_motion(binding)->upward == NULL && is_ahead)
        hm_home_hold_upward(&path->agent->home, binding, from_addr);
    struct hm_delivery *upward = hm_binding_motion(binding)->upward;
    if (upward == NULL || upward->remote_addr != from_addr)
        return false;
    hm_env_count(path->env, HM_COUNT_TUNNEL_IN);
    hm_delivery_put(upward, HM_WAY_NEW, frame);
    return true;
}

/* --- out ---------------------------------------------------------------------------------------------- */

const struct hm_mac *hm_path_mac_for(const struct hm_delivery *delivery, const struct hm_frame *packet)
{
    struct hm_ipv4 ip;
    uint32_t addr = hm_ipv4_decode(packet->data, packet->len, &ip) == HM_OK ? ip.dst : 0;
    return hm_handover_mac_of(delivery->of, addr);
}

static void send_to_vm(struct hm_path *path, void *arg, struct hm_frame *frame)
{
    const struct hm_delivery *delivery = arg;
    hm_env_count(path->env, HM_COUNT_DELIVERED);
    hm_output_ethernet(path->env, delivery->link, hm_path_mac_for(delivery, frame),
                       &path->env->config->links[delivery->link].mac, frame);
}

/* Over the LAN the frame goes to the VM alone, and teaches no bridge a MAC of another LAN. */
static void send_salvaged(struct hm_path *path, const struct hm_delivery *delivery, struct hm_frame *frame)
{
    const struct hm_handover *handover = delivery->of;
    struct hm_ethernet ethernet;
    if (hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK) {
        hm_env_drop(path->env, HM_DROP_FRAME_SHORT, "salvaged");
        return;
    }
    if (hm_mac_is_group(&ethernet.dst))
        ethernet.dst = handover->nodes[0].mac;
    ethernet.src = path->env->config->links[delivery->link].mac;
    hm_ethernet_encode(frame->data, &ethernet);
    hm_env_count(path->env, HM_COUNT_SALVAGED);
    hm_output_frame(path->env, delivery->link, frame);
}

static void send_here(struct hm_path *path, struct hm_delivery *delivery, enum hm_delivery_way way,
                      struct hm_frame *frame)
{
    uint16_t mtu = path->env->config->links[delivery->link].mtu;
    if (way == HM_WAY_SALVAGE)
        send_salvaged(path, delivery, frame);
    else if (frame->len <= mtu)
        send_to_vm(path, delivery, frame);
    else
        hm_path_fit(path, NULL, mtu, frame, send_to_vm, delivery);
    hm_waiting_delivered(path->agent, delivery);
}

/* What the VM has sent before it was known to be here. */
static void send_up(struct hm_path *path, const struct hm_delivery *delivery, struct hm_frame *frame)
{
    const struct hm_handover *handover = delivery->of;
    struct hm_ipv4 ip;
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK)
        return;
    for (unsigned i = 0; i < handover->node_count; i++) {
        const struct hm_control_node *node = &handover->nodes[i];
        struct hm_visitor *visitor =
            hm_visitor_by_home(&path->agent->foreign.visitors, node->home_agent, node->home_addr);
        if (node->home_addr == ip.src && visitor != NULL) {
            hm_path_of_visitor(path, visitor, &ip, frame);
            return;
        }
    }
}

/* Makes the packet of a salvaged frame. Nobody has looked at it yet: what a neighbour sends to the VM is in
 * its TAP as it was sent. */
static bool unframe(struct hm_path *path, struct hm_frame *frame)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;
    if (hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK || ethernet.type != HM_ETHERTYPE_IPV4)
        return false; /* ARP and the like concern the LAN that the VM has left */
    hm_frame_pull(frame, HM_ETHERNET_LEN);
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK) {
        hm_env_drop(path->env, HM_DROP_IP_HEADER, "salvaged");
        return false;
    }
    if (!hm_ipv4_checksum_is_right(frame->data, ip.header_len)) {
        hm_env_drop(path->env, HM_DROP_IP_CHECKSUM, "salvaged");
        return false;
    }
    frame->len = ip.total_len; /* without the padding of a short frame */
    return true;
}

/* What waits as a frame for the VM's TAP goes to another agent as the packet that it is. */
static void send_after(struct hm_path *path, const struct hm_delivery *delivery, enum hm_delivery_way way,
                       struct hm_frame *frame)
{
    if (way != HM_WAY_SALVAGE || unframe(path, frame))
        hm_path_encapsulate(path, delivery->remote_addr, NULL, frame);
}

void hm_path_send_waiting(void *arg, struct hm_delivery *delivery, enum hm_delivery_way way,
                          struct hm_frame *frame)
{
    struct hm_path *path = arg;
    if (way == HM_WAY_UP) {
        send_up(path, delivery, frame);
        return;
    }
    switch (delivery->target) {
    case HM_TARGET_VM:
        send_here(path, delivery, way, frame);
        return;
    case HM_TARGET_AGENT:
        send_after(path, delivery, way, frame);
        return;
    case HM_TARGET_FORWARD:
        hm_path_forward(path, frame);
        return;
    }
}
