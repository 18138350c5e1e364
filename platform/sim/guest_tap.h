/* SPDX-License-Identifier: BSD-3-Clause */
/* The TAP of a simulated VM, as its hypervisor sees it: what it is given while the VM does not read waits in
 * it.
 *
 * It stands between the VM's port and its interface. While the VM reads, frames pass. While it does not (it
 * is paused, or its hypervisor holds them back behind what it writes itself) they wait, in order. */
#ifndef HM_SIM_GUEST_TAP_H
#define HM_SIM_GUEST_TAP_H

#include "platform/sim/host.h"

struct hm_sim_guest_tap {
    struct hm_sim_host *vm;
    void (*receive)(void *ctx, struct hm_sim_frame *frame); /* the interface's own */
    void *ctx;
    bool is_read; /* frames pass */
    struct hm_sim_frame *first, **end;
    unsigned waiting;
    unsigned before_marker; /* how many of them came before the end of the old path */
    bool has_marker;
};

/* The VM reads. */
void hm_sim_guest_tap_init(struct hm_sim_guest_tap *tap, struct hm_sim_host *vm);
/* What waits is dropped, and the VM's port is as it was. */
void hm_sim_guest_tap_fini(struct hm_sim_guest_tap *tap);

/* The VM does not read from now on. */
void hm_sim_guest_tap_hold(struct hm_sim_guest_tap *tap);
/* It reads what waits, then what comes. */
void hm_sim_guest_tap_release(struct hm_sim_guest_tap *tap);
/* What waits is lost: another hypervisor's TAP begins empty. */
void hm_sim_guest_tap_drop(struct hm_sim_guest_tap *tap);
/* Hands the VM a frame past everything that waits. It must run. */
void hm_sim_guest_tap_write(struct hm_sim_guest_tap *tap, const uint8_t *bytes, size_t len);

#endif
