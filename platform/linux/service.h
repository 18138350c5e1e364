/* SPDX-License-Identifier: BSD-3-Clause */
/* What a service manager is told (sd_notify(3), by hand: it is one datagram). */
#ifndef HM_LINUX_SERVICE_H
#define HM_LINUX_SERVICE_H

/* Sends "READY=1" or the like when the manager asked for it; otherwise nothing happens. */
void hm_service_notify(const char *state);

#endif
