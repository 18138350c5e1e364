/* SPDX-License-Identifier: BSD-3-Clause */
/* The TAP of a simulated VM, as its hypervisor sees it. */
#include "platform/sim/guest_tap.h"

#include <assert.h>
#include <string.h>

#include "firmware/wire/ethernet.h"
#include "firmware/wire/marker.h"

/* The takeover's broadcast (an ARP frame with the VM's own MAC as its source), or an agent's marker. */
static bool is_marker(const struct hm_sim_guest_tap *tap, struct hm_sim_frame *frame)
{
    struct hm_ethernet ethernet;
    uint64_t id;

    if (hm_ethernet_decode(hm_sim_frame_bytes(frame), frame->len, &ethernet) != 0)
        return false;
    if (ethernet.type == HM_ETHERTYPE_ARP && hm_mac_equal(&ethernet.src, &tap->vm->iface.mac))
        return true;
    return hm_marker_decode(hm_sim_frame_bytes(frame), frame->len, &id);
}

static void receive(void *ctx, struct hm_sim_frame *frame)
{
    struct hm_sim_guest_tap *tap = ctx;

    if (tap->is_read) {
        tap->receive(tap->ctx, frame);
        return;
    }
    if (!tap->has_marker && is_marker(tap, frame)) {
        tap->has_marker = true;
        tap->before_marker = tap->waiting;
        hm_sim_frame_give(tap->vm->sim, frame);
        return;
    }
    frame->next = NULL;
    *tap->end = frame;
    tap->end = &frame->next;
    tap->waiting++;
}

void hm_sim_guest_tap_init(struct hm_sim_guest_tap *tap, struct hm_sim_host *vm)
{
    struct hm_sim_port *port = &vm->iface.port;

    *tap = (struct hm_sim_guest_tap){.vm = vm, .receive = port->receive, .ctx = port->ctx, .is_read = true};
    tap->end = &tap->first;
    port->receive = receive;
    port->ctx = tap;
}

static struct hm_sim_frame *take(struct hm_sim_guest_tap *tap)
{
    struct hm_sim_frame *frame = tap->first;

    if (frame == NULL)
        return NULL;
    tap->first = frame->next;
    if (tap->first == NULL)
        tap->end = &tap->first;
    tap->waiting--;
    return frame;
}

void hm_sim_guest_tap_fini(struct hm_sim_guest_tap *tap)
{
    hm_sim_guest_tap_drop(tap);
    tap->vm->iface.port.receive = tap->receive;
    tap->vm->iface.port.ctx = tap->ctx;
}

void hm_sim_guest_tap_hold(struct hm_sim_guest_tap *tap)
{
    tap->is_read = false;
    tap->has_marker = false;
    tap->before_marker = 0;
}

void hm_sim_guest_tap_release(struct hm_sim_guest_tap *tap)
{
    for (struct hm_sim_frame *frame = take(tap); frame != NULL; frame = take(tap))
        tap->receive(tap->ctx, frame);
    tap->is_read = true;
}

void hm_sim_guest_tap_drop(struct hm_sim_guest_tap *tap)
{
    for (struct hm_sim_frame *frame = take(tap); frame != NULL; frame = take(tap))
        hm_sim_frame_give(tap->vm->sim, frame);
}

void hm_sim_guest_tap_write(struct hm_sim_guest_tap *tap, const uint8_t *bytes, size_t len)
{
    struct hm_sim_frame *frame = hm_sim_frame_take(tap->vm->sim);

    assert(len <= HM_SIM_FRAME_MAX);
    memcpy(hm_sim_frame_bytes(frame), bytes, len);
    frame->len = len;
    tap->receive(tap->ctx, frame);
}
