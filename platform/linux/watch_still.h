/* SPDX-License-Identifier: BSD-3-Clause */
/* The last counters of a VM that has just stopped: the TAP's are read as soon as its STOP is heard, and QEMU
 * is asked for the device's, so that they are there before anybody lets the VM run again. */
#ifndef HM_LINUX_WATCH_STILL_H
#define HM_LINUX_WATCH_STILL_H

#include "platform/linux/cut.h"
#include "platform/linux/watch_loop.h"

/* What was read of the TAP, and when (Unix time; 0: not). */
struct hm_watch_still_look {
    struct hm_cut_sample sample;
    uint64_t at_us;
};

struct hm_watch_still {
    struct hm_watch *watch;
    const char *path;                   /* of the virtio device; empty: its counter cannot be asked for */
    struct hm_qmp_reply *used, *second; /* NULL: not asked */
    bool is_late;                       /* `used` was not there before RESUME */
    uint64_t stop_us;                   /* QEMU's stamp of it */
    struct hm_watch_still_look first, behind; /* at STOP, and behind both answers */
};

void hm_watch_still_init(struct hm_watch_still *still, struct hm_watch *watch, const char *path);
/* The replies are given back. */
void hm_watch_still_fini(struct hm_watch_still *still);
/* STOP was heard. */
void hm_watch_still_begin(struct hm_watch_still *still);
/* RESUME was heard. */
void hm_watch_still_end(struct hm_watch_still *still);
/* Answers may have come. */
void hm_watch_still_work(struct hm_watch_still *still);
/* Was STOP heard? */
bool hm_watch_still_has_begun(const struct hm_watch_still *still);

/* The counters of the VM that stands still, waited for; begins if STOP was not heard. False: the TAP's cannot
 * be read. */
bool hm_watch_still_take(struct hm_watch_still *still, uint64_t until_us, struct hm_cut_sample *last);
/* The TAP's tx_packets when the VM had stopped: QEMU keeps for it what it reads later. False: not known.
 * `base` as in cut.h. Ask once the VM runs again, or will. */
bool hm_watch_still_read(const struct hm_watch_still *still, uint64_t base, uint64_t *read);

#endif
