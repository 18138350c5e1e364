/* SPDX-License-Identifier: BSD-3-Clause */
/* What the router counts beside its drops. */
#ifndef HM_BASE_COUNTERS_H
#define HM_BASE_COUNTERS_H

#include "firmware/base/drop.h"

/* X(symbol, name, what it counts) */
#define HM_COUNTERS(X)                                                                       \
    X(SUPER_FRAMES, "super-frames", "TCP super-frames received, and cut into plain frames")  \
    X(WHOLE, "whole", "TCP super-frames passed on whole, into a tunnel or out of it")        \
    X(FRAMES_IN, "frames-in", "frames received")                                             \
    X(GATHERED, "gathered", "TCP super-frames for a tunnel, made of several segments")       \
    X(MERGED, "merged", "TCP super-frames sent, merged of several segments")                 \
    X(TRAINS, "trains", "trains of datagrams sent, made of several packets")                 \
    X(FRAMES_OUT, "frames-out", "frames sent")                                               \
    X(TUNNEL_OUT, "tunnel-out", "packets put into a tunnel")                                 \
    X(TUNNEL_IN, "tunnel-in", "packets taken out of a tunnel")                               \
    X(DELIVERED, "delivered", "packets delivered to visitors")                               \
    X(TCP_CUT, "tcp-cut", "TCP segments that were cut to fit the tunnel")                    \
    X(FRAGMENTED, "fragmented", "packets cut into fragments before the tunnel")              \
    X(ICMP_TOO_BIG, "icmp-too-big", "ICMP fragmentation needed sent")                        \
    X(ICMP_OTHER, "icmp-other", "other ICMP errors sent")                                    \
    X(TUNNEL_ERRORS, "tunnel-errors", "ICMP errors from inside a tunnel")                    \
    X(ARP_PROXIED, "arp-proxied", "ARP requests answered for others")                        \
    X(ARP_TAKEOVER, "arp-takeover", "announcements sent for absent nodes")                   \
    X(ARP_CONFLICTS, "arp-conflicts", "address conflicts of absent nodes, defended")         \
    X(ARP_UPDATES, "arp-updates", "ARP updates sent to mobile nodes")                        \
    X(NEIGHBOURS_DISPLACED, "neighbours-displaced", "neighbours forgotten: table full")      \
    X(DHCP_CARRIED, "dhcp-carried", "DHCP broadcasts carried between visitor and home")      \
    X(RRQ_SENT, "rrq-sent", "registration requests sent")                                    \
    X(RRQ_RECEIVED, "rrq-received", "registration requests received")                        \
    X(RRP_SENT, "rrp-sent", "registration replies sent")                                     \
    X(RRP_ACCEPTED, "rrp-accepted", "registration requests accepted")                        \
    X(RRP_DENIED, "rrp-denied", "registration requests denied")                              \
    X(REVOCATIONS_SENT, "revocations-sent", "revocations sent, repetitions included")        \
    X(REVOCATIONS_ACKED, "revocations-acked", "revocations acknowledged by the peer")        \
    X(REVOCATIONS_RECEIVED, "revocations-received", "revocations carried out or found done") \
    X(CONTROL_REQUESTS, "control-requests", "control requests accepted")                     \
    X(CONTROL_REPEATS, "control-repeats", "control requests answered from memory")           \
    X(CONTROL_RESYNCS, "control-resyncs", "clock resynchronisations offered")                \
    X(CONTROL_REFUSED, "control-refused", "control requests answered by a refusal")          \
    X(BUFFERED, "buffered", "packets that waited for a VM during its move")                  \
    X(SALVAGED, "salvaged", "frames that a VM had not got before its move, delivered")       \
    X(REDIRECTED, "redirected", "packets forwarded to where their VM is going")              \
    X(HANDOVERS_STAGED, "handovers-staged", "handovers staged")                              \
    X(HANDOVERS_DONE, "handovers-done", "handovers completed")                               \
    X(HANDOVERS_ENDED, "handovers-ended", "handovers cancelled, failed or expired")          \
    X(HOME_AGAIN, "home-again", "frames of an absent node seen on its home LAN")

enum hm_counter {
#define HM_COUNTER_ENUM(symbol, name, text) HM_COUNT_##symbol,
    HM_COUNTERS(HM_COUNTER_ENUM)
#undef HM_COUNTER_ENUM
    HM_COUNTER_COUNT
};

struct hm_counters {
    uint64_t events[HM_COUNTER_COUNT];
    uint64_t drops[HM_DROP_COUNT];
};

const char *hm_counter_name(enum hm_counter counter);
const char *hm_counter_text(enum hm_counter counter);

#endif
