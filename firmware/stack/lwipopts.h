/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's configuration: a stack without threads, timers, TCP or sockets, that terminates what is addressed to
 * the agent. */
#ifndef HM_STACK_LWIPOPTS_H
#define HM_STACK_LWIPOPTS_H

/* One thread calls in; there is nothing to lock. Timers are driven by the router's own wheel. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0

#define LWIP_IPV4 1
#define LWIP_IPV6 0
/* ARP is the router's own (link/neighbour): one table per router, proxying, and no ten-entry limit. */
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_ICMP 1
#define LWIP_UDP 1
#define LWIP_TCP 0
#define LWIP_RAW 1
#define LWIP_IGMP 0
#define LWIP_DHCP 0
#define LWIP_ACD 0
#define LWIP_AUTOIP 0
#define LWIP_DNS 0

/* The packet path forwards; lwIP's forwarding would clear checksums that it then does not compute. */
#define IP_FORWARD 0
#define IP_REASSEMBLY 1
#define IP_FRAG 1

/* Pools, not the heap of the C library: what is full is a counted drop. */
#define MEM_ALIGNMENT 8
#define MEM_SIZE (256 * 1024)
#define MEMP_NUM_PBUF 256
#define PBUF_POOL_SIZE 256
#define PBUF_POOL_BUFSIZE 1664
#define MEMP_NUM_UDP_PCB 96
#define MEMP_NUM_RAW_PCB 96
#define MEMP_NUM_REASSDATA 32
#define IP_REASS_MAX_PBUFS 128

/* Routing is the router's table; several routers may share this stack (the simulator). */
#define LWIP_HOOK_FILENAME "hooks.h"
#define LWIP_HOOK_IP4_ROUTE_SRC hm_stack_hook_route
#define LWIP_HOOK_IP4_INPUT hm_stack_hook_input

#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1 /* 32 bits */
#define MIB2_STATS 1       /* counts what was given up by reassembly */
#define LWIP_STATS_DISPLAY 0

#endif
