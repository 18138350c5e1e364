/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a packet was dropped: one enum; each reason has a name, a counter and a rate-limited log line. */
#ifndef HM_BASE_DROP_H
#define HM_BASE_DROP_H

#include <stdint.h>

/* X(symbol, name, what it means to an operator) */
#define HM_DROP_REASONS(X)                                                                            \
    X(FRAME_SHORT, "frame-short", "frame shorter than its headers")                                   \
    X(NOT_OURS, "not-ours", "frame for somebody else (flooded by a bridge)")                          \
    X(ETHERTYPE, "ethertype", "frame type that the agent does not carry")                             \
    X(OFFLOAD, "offload", "frame that needs an offload which was not agreed")                         \
    X(ARP_MALFORMED, "arp-malformed", "ARP packet with wrong fields or length")                       \
    X(ARP_GROUP_MAC, "arp-group-mac", "ARP packet that claims a broadcast, multicast or no MAC")      \
    X(RARP_UNKNOWN, "rarp-unknown", "announcement of a machine that is not expected")                 \
    X(IP_HEADER, "ip-header", "bad IPv4 version, header length or total length")                      \
    X(IP_CHECKSUM, "ip-checksum", "wrong IPv4 header checksum")                                       \
    X(IP_MARTIAN, "ip-martian", "impossible source or destination address")                           \
    X(IP_TTL, "ip-ttl", "time to live ran out")                                                       \
    X(IP_SOURCE, "ip-source", "source address that cannot come from this interface")                  \
    X(IP_OPTIONS, "ip-options", "IPv4 options with impossible lengths")                               \
    X(IP_SOURCE_ROUTE, "ip-source-route", "source-routed packet")                                     \
    X(IP_REASSEMBLY, "ip-reassembly", "fragments that overlap, never became whole, or had no room")   \
    X(ICMP_FORGED, "icmp-forged", "ICMP error about a packet that the agent did not send")            \
    X(NO_ROUTE, "no-route", "no route to the destination")                                            \
    X(NEIGHBOUR_SILENT, "neighbour-silent", "next hop does not answer ARP")                           \
    X(NEIGHBOUR_QUEUE, "neighbour-queue", "too many frames wait for an ARP answer")                   \
    X(TUNNEL_PEER, "tunnel-peer", "tunnelled packet whose outer source is not the binding's peer")    \
    X(TUNNEL_INNER, "tunnel-inner", "tunnelled packet whose inner address is no binding or visitor")  \
    X(TUNNEL_LOOP, "tunnel-loop", "packet that would go round in the tunnel")                         \
    X(TUNNEL_CHECKSUM, "tunnel-checksum", "tunnelled packet with a wrong outer UDP or GRE checksum")  \
    X(TUNNEL_MALFORMED, "tunnel-malformed", "tunnelled packet with a broken header")                  \
    X(INNER_CHECKSUM, "inner-checksum", "packet with a wrong checksum, from a tunnel without one")    \
    X(TCP_CHECKSUM, "tcp-checksum", "TCP segment with a wrong checksum, that was to be cut")          \
    X(TUNNEL_MTU, "tunnel-mtu", "too large for the tunnel, and must not be fragmented")               \
    X(VISITOR_SOURCE, "visitor-source", "frame of a visitor with an address that is not its own")     \
    X(VISITOR_ABSENT, "visitor-absent", "packet for a visitor that has not landed, or has left")      \
    X(MOBILE_BROADCAST, "mobile-broadcast", "broadcast or multicast of a visitor, not carried")       \
    X(HOME_SOURCE, "home-source", "packet from the home LAN in the name of an absent node")           \
    X(NOT_A_ROUTER, "not-a-router", "packet to be routed, but the agent is one-armed")                \
    X(MIP_MALFORMED, "mip-malformed", "registration message with wrong length or extension")          \
    X(MIP_TYPE, "mip-type", "unknown message type on UDP 434")                                        \
    X(MIP_EXTENSION, "mip-extension", "registration message with an unknown extension 0-127")         \
    X(MIP_NO_SA, "mip-no-sa", "registration message without a security association for it")           \
    X(MIP_AUTH, "mip-auth", "registration message with a wrong authenticator")                        \
    X(MIP_REPLAY, "mip-replay", "registration message with an identification that is not acceptable") \
    X(MIP_EARLY, "mip-early", "registration on hold before the last move was over; it is repeated")   \
    X(MIP_UNEXPECTED, "mip-unexpected", "registration reply that answers no request")                 \
    X(MIP_ROLE, "mip-role", "revocation in a role that its sender does not have")                     \
    X(CONTROL_MALFORMED, "control-malformed", "control message with wrong length or field")           \
    X(CONTROL_KEY, "control-key", "control message with an unknown key")                              \
    X(CONTROL_AUTH, "control-auth", "control message with a wrong authenticator")                     \
    X(CONTROL_CLOCK, "control-clock", "control message with a time stamp outside the window")         \
    X(CONTROL_UNEXPECTED, "control-unexpected", "control reply that answers no request")              \
    X(CONTROL_FULL, "control-full", "too many control requests at once")                              \
    X(EARLY_FRAME, "early-frame", "frame of an expected visitor before its move")                     \
    X(DHCP_MALFORMED, "dhcp-malformed", "DHCP message with wrong fields or length")                   \
    X(DHCP_RELAY, "dhcp-relay", "DHCP message of a client that is no visitor or binding there")       \
    X(STACK_FULL, "stack-full", "no buffer for a packet to the agent itself")                         \
    X(STACK_MALFORMED, "stack-malformed", "packet to the agent with a wrong checksum or length")      \
    X(STACK_UNWANTED, "stack-unwanted", "packet to the agent, or to all, that nobody here takes")     \
    X(BUFFER_FULL, "buffer-full", "no room for a packet that has to wait for a VM")                   \
    X(BUFFER_ABANDONED, "buffer-abandoned", "packet that waited for a VM which did not come")         \
    X(STORE_FULL, "store-full", "answer that had to wait for the store, and there was no room")       \
    X(SEND_FAILED, "send-failed", "the interface did not take the frame")

enum hm_drop {
#define HM_DROP_ENUM(symbol, name, text) HM_DROP_##symbol,
    HM_DROP_REASONS(HM_DROP_ENUM)
#undef HM_DROP_ENUM
    HM_DROP_COUNT
};

const char *hm_drop_name(enum hm_drop reason);
const char *hm_drop_text(enum hm_drop reason);

#endif
