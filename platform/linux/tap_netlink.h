/* SPDX-License-Identifier: BSD-3-Clause */
/* What rtnetlink says of, and does to, one network device: counters, queue length, and a token bucket as its
 * qdisc. */
#ifndef HM_LINUX_TAP_NETLINK_H
#define HM_LINUX_TAP_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

struct hm_tap_netlink {
    int fd;
    unsigned ifindex;
    uint32_t sequence;
};

struct hm_tap_link {
    uint64_t tx_packets; /* of a TAP: frames that its program has read */
    uint64_t tx_dropped; /* frames that its queue had no room for */
    uint32_t txqueuelen;
    uint32_t mtu;
};

/* 0, or errno (ENODEV: no such device). */
int hm_tap_netlink_open(struct hm_tap_netlink *netlink, const char *device);
void hm_tap_netlink_close(struct hm_tap_netlink *netlink);

int hm_tap_netlink_read(struct hm_tap_netlink *netlink, struct hm_tap_link *link);
/* The kernel empties the root qdisc by that: frames that wait there are lost. */
int hm_tap_netlink_set_txqueuelen(struct hm_tap_netlink *netlink, uint32_t frames);

/* The root qdisc: a token bucket (sch_tbf) of that rate and burst, over a queue of at most queue_len bytes.
 * `is_new` puts it there in place of what was there; else the one there is changed: it keeps its queue, and
 * its bucket is full again. 0, or errno (ENOENT: the kernel has no such qdisc). */
int hm_tap_netlink_set_bucket(struct hm_tap_netlink *netlink, bool is_new, uint64_t bytes_per_s,
                              uint32_t burst_len, uint32_t queue_len);
#endif
