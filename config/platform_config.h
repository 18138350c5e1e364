/* SPDX-License-Identifier: BSD-3-Clause */
/* What the Linux platform is told at its start: devices, sockets, the user to become. */
#ifndef HM_CONFIG_PLATFORM_CONFIG_H
#define HM_CONFIG_PLATFORM_CONFIG_H

#include "firmware/router_config.h"

#define HM_DEVICE_LEN 16 /* IFNAMSIZ, with the zero */
#define HM_PATH_LEN 200  /* with the zero */
#define HM_SOCKET_PATH_MAX 107
#define HM_RUN_DIR "/run/hypermip"
#define HM_STORE_DIR "/var/lib/hypermip"
#define HM_AGENT_FILE_PATH "/etc/hypermip/hypermip.ini"
#define HM_NOTIFY_FILE_PATH "/etc/hypermip/notify.conf"

/* Of the router's link with the same number. */
struct hm_tap_config {
    char device[HM_DEVICE_LEN];
    bool create;                /* false: it must be there already */
    char bridge[HM_DEVICE_LEN]; /* empty: none */
    uint16_t mtu;
    struct hm_mac agent_mac; /* the device's own must differ from it */
};

struct hm_kernel_address {
    uint32_t addr;
    uint16_t port;
};

struct hm_platform_config {
    struct hm_tap_config taps[HM_MAX_LINKS];
    unsigned tap_count;
    struct hm_kernel_address kernel_addrs[HM_MAX_KERNEL_ADDRS];
    unsigned kernel_addr_count;
    char user[HM_NAME_LEN]; /* to become after all is open; "root": stay */
    char socket[HM_PATH_LEN];
    char store[HM_PATH_LEN]; /* folder of the store; empty: none */
    enum hm_log_level log_level;
};

#endif
