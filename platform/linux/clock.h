/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's clocks as the firmware's time. */
#ifndef HM_LINUX_CLOCK_H
#define HM_LINUX_CLOCK_H

#include "firmware/base/clock.h"

void hm_clock_read(struct hm_time *now);

#endif
