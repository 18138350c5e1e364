/* SPDX-License-Identifier: BSD-3-Clause */
/* Probes from a bridge: questions in the name of MACs and addresses that are the host's or nobody's. */
#ifndef HM_LINUX_LIVE_PROBE_H
#define HM_LINUX_LIVE_PROBE_H

#include "firmware/base/addr.h"

struct hm_live_probe {
    int fd;                /* hears all ARP of the bridge, also what is for other MACs */
    unsigned ifindex;      /* of the bridge */
    struct hm_mac own;     /* its MAC */
    struct hm_mac nobodys; /* one that nobody has, another one in each run */
};

/* One ARP request, and who answers. */
struct hm_live_question {
    struct hm_mac frame_src; /* of the frame */
    struct hm_mac frame_dst; /* zero: all */
    struct hm_mac sender;    /* in the packet; answers go there */
    uint32_t sender_addr;    /* 0: an ARP probe (RFC 5227), by which nobody's cache changes */
    uint32_t target;
};

/* 0 or errno. */
int hm_live_probe_open(struct hm_live_probe *probe, const char *bridge);
void hm_live_probe_close(struct hm_live_probe *probe);
void hm_live_probe_random_mac(struct hm_mac *mac);

/* Asks up to `tries` times; true, and the MAC, with the first answer that is not `except`'s. */
bool hm_live_probe_ask(const struct hm_live_probe *probe, const struct hm_live_question *question,
                       unsigned tries, const struct hm_mac *except, struct hm_mac *answered);

/* An ICMP echo from src to dst; true when it is answered. */
bool hm_live_probe_ping(const struct hm_live_probe *probe, const struct hm_pair *src,
                        const struct hm_pair *dst);

#endif
