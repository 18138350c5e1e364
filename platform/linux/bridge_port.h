/* SPDX-License-Identifier: BSD-3-Clause */
/* A port of a Linux bridge, as the kernel tells of it: its switches and its VLANs. */
#ifndef HM_LINUX_BRIDGE_PORT_H
#define HM_LINUX_BRIDGE_PORT_H

#include <linux/if_link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HM_BRIDGE_PORT_SWITCHES 64 /* enough for IFLA_BRPORT_MAX of kernels to come */

struct hm_bridge_port {
    bool has[HM_BRIDGE_PORT_SWITCHES]; /* by IFLA_BRPORT_*: does the kernel know it? */
    bool is_on[HM_BRIDGE_PORT_SWITCHES];
    uint16_t pvid;         /* 0: what comes in untagged belongs to no VLAN */
    bool is_pvid_untagged; /* and what goes out of that VLAN has no tag */
    unsigned others;       /* further VLANs */
};

/* Asks the kernel; false: it is no port of a bridge. */
bool hm_bridge_port_read(const char *device, struct hm_bridge_port *port);

/* Looks for the port in a part of the kernel's answer (RTM_NEWLINK messages of family PF_BRIDGE). True:
 * found; *is_over: there is no further part. */
bool hm_bridge_port_parse(const void *answer, size_t len, unsigned ifindex, struct hm_bridge_port *port,
                          bool *is_over);

#endif
