/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of a VM's network devices stands behind a TAP, as QEMU tells it. */
#ifndef HM_LINUX_WATCH_NIC_H
#define HM_LINUX_WATCH_NIC_H

#include "platform/linux/watch_loop.h"

#define HM_NIC_PATH_LEN 256

/* Reads QEMU's "info network": the address of the NIC whose backend has that ifname. False: not there, which
 * is so when QEMU was given the TAP as a descriptor. */
bool hm_watch_nic_parse(const char *info, const char *device, struct hm_mac *mac);

/* Finds the NIC's address: by the TAP, else by the VM's own (--mac), else the only NIC's. False: not clear.
 */
bool hm_watch_nic_find(struct hm_watch *watch, uint64_t until_us, struct hm_mac *mac);
/* The object path of the virtio device with that address; false: none, or this QEMU does not tell. */
bool hm_watch_nic_path(struct hm_watch *watch, const struct hm_mac *mac, uint64_t until_us,
                       char path[HM_NIC_PATH_LEN]);

#endif
