/* SPDX-License-Identifier: BSD-3-Clause */
/* A plug in a VM's TAP: what a bridge hands to the TAP waits, in order, while our own frames pass by. */
#ifndef HM_LINUX_PLUG_H
#define HM_LINUX_PLUG_H

#include <sys/types.h>

#include "firmware/base/addr.h"
#include "platform/linux/tap_netlink.h"

struct hm_plug {
    struct hm_tap_netlink *tap;
    struct hm_mac mac; /* whom the fillers are for */
    uint32_t mtu;
    int direct; /* socket: past the qdisc */
    int queued; /* socket: through the qdisc */
    int guard;  /* pipe to the process that opens the plug if we die; -1: none */
    pid_t guard_pid;
    bool has_bucket; /* the qdisc is there */
    bool is_closed;
};

/* Opens the sockets, makes the TAP's queue long, gives the paused VM a filler, and puts the qdisc there,
 * open. 0; ENOENT: the kernel has no tbf, and there will be no plug; another errno: nothing can be written.
 * Do this while the VM does not run: what is handed to the TAP in these milliseconds is lost. */
int hm_plug_init(struct hm_plug *plug, struct hm_tap_netlink *tap, const struct hm_mac *mac);
/* The same while the VM runs, with the qdisc that is there already, and nothing is lost. ENOENT, too: it is
 * not there. */
int hm_plug_adopt(struct hm_plug *plug, struct hm_tap_netlink *tap, const struct hm_mac *mac);
/* Opens what is closed. The qdisc stays, open: to take it away would lose frames. */
void hm_plug_fini(struct hm_plug *plug);

/* From now on frames wait, up to HM_PLUG_QUEUE_LEN bytes. 0, or errno; without a qdisc nothing is done. */
int hm_plug_close(struct hm_plug *plug);
/* Lets go what waits, in order, and all that comes. */
int hm_plug_open(struct hm_plug *plug);

/* Puts a frame into the TAP, past all that waits. 0, or errno; ENOBUFS: the TAP's queue is full. */
int hm_plug_write(struct hm_plug *plug, const uint8_t *frame, size_t len);

#define HM_PLUG_QUEUE_LEN (32u * 1024 * 1024)

#endif
