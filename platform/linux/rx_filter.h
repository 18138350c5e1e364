/* SPDX-License-Identifier: BSD-3-Clause */
/* What a guest's network device lets in: QEMU's query-rx-filter, and what it says of a frame. */
#ifndef HM_LINUX_RX_FILTER_H
#define HM_LINUX_RX_FILTER_H

#include <jansson.h>

#include "platform/linux/cut.h"

#define HM_RX_FILTER_MACS 64 /* as many as virtio-net has */

enum hm_rx_filter_rule {
    HM_RX_NORMAL,
    HM_RX_NONE,
    HM_RX_ALL
};

struct hm_rx_filter_table {
    enum hm_rx_filter_rule rule;
    struct hm_mac macs[HM_RX_FILTER_MACS];
    unsigned count;
};

struct hm_rx_filter {
    bool is_known;
    bool is_promiscuous;
    bool no_broadcast;
    struct hm_mac mac;
    struct hm_rx_filter_table unicast, multicast;
};

/* Knows only the device's own address: then it is not clear what becomes of multicast. */
void hm_rx_filter_init(struct hm_rx_filter *filter, const struct hm_mac *mac);
/* Takes the entry of `answer` (of query-rx-filter) whose main address is the filter's; false when there is
 * none. */
bool hm_rx_filter_read(struct hm_rx_filter *filter, const json_t *answer);
/* How the device counts a frame. One above max_len may fill several buffers. */
enum hm_cut_kind hm_rx_filter_classify(const struct hm_rx_filter *filter, const struct hm_mac *dst,
                                       size_t len, size_t max_len);

#endif
