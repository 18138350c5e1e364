/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that QEMU had read from a VM's TAP, and threw away when the VM stopped. Where the VM goes on, the
 * destination gets them with the salvage; where it runs here again, they are given to it once more. */
#ifndef HM_LINUX_WATCH_THROWN_H
#define HM_LINUX_WATCH_THROWN_H

#include "platform/linux/watch_capture.h"

/* The VM runs here again, or will; `finding` is the cut at its stop. They are put into its TAP, and that is
 * said. False: the cut is not exact, so it is not known which they are. */
bool hm_watch_thrown_return(const struct hm_watch_capture *capture, const struct hm_cut_finding *finding);
/* The VM runs here again, and the cut at its stop was not found: the same by what its device counts now. That
 * it is not known is said. */
void hm_watch_thrown_recount(struct hm_watch_capture *capture, uint64_t until_us);

#endif
