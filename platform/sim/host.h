/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated unmodified IP host: a virtual machine, a neighbour, a correspondent, a hypervisor's host.
 *
 * One interface, a default router, ICMP echo, UDP, and segments of TCP without a connection. It knows nothing
 * of mobility. It can be paused as a virtual machine is (it neither sends nor receives, frames handed to it
 * are lost, its timers wait), moved to another LAN, and resumed with the announcements that QEMU sends in its
 * name. */
#ifndef HM_SIM_HOST_H
#define HM_SIM_HOST_H

#include "platform/sim/iface.h"

#define HM_SIM_ANNOUNCE_ROUNDS 5 /* QEMU: at 0, 50, 200, 450, 800 ms */

struct hm_sim_stream;

struct hm_sim_host {
    struct hm_sim *sim;
    struct hm_sim_iface iface;
    uint32_t gateway;       /* 0: none */
    bool is_silent;         /* no announcement after a resume */
    bool must_not_fragment; /* sets DF in what it sends */
    uint16_t next_id;

    /* UDP that is no stream, if set; bytes are borrowed. */
    void (*on_udp)(void *ctx, uint32_t src, uint16_t src_port, uint16_t dst_port, const uint8_t *bytes,
                   size_t len);
    void *ctx;

    struct hm_sim_stream *streams_in; /* see platform/sim/stream.h */
    struct hm_sim_stream *streams_out;

    struct hm_sim_event announce;
    unsigned announce_round;

    uint64_t paused_at_us;   /* of the last pause */
    uint64_t resumed_at_us;  /* of the last resume */
    uint64_t first_frame_us; /* first IP packet received after the last resume; 0: none yet */
    uint64_t pings_sent;
    uint64_t pings_answered;
    uint64_t ping_doubles; /* answers beyond one for each */
    uint16_t last_ping;
    uint64_t corrupt;   /* packets with a wrong checksum or length */
    uint64_t fragments; /* received, and dropped: no reassembly here */
    uint64_t strange;   /* IP packets to this MAC that are for somebody else */
    uint64_t icmp_errors;
    uint8_t icmp_type, icmp_code; /* of the last error */
    uint16_t icmp_mtu;
};

void hm_sim_host_init(struct hm_sim_host *host, struct hm_sim *sim, const char *name,
                      const struct hm_mac *mac, uint32_t addr, uint8_t prefix_len, uint32_t gateway);
/* The first address. */
uint32_t hm_sim_host_addr(const struct hm_sim_host *host);

/* Sends a UDP datagram from one of its addresses, unless it is paused. */
void hm_sim_host_send_udp(struct hm_sim_host *host, uint32_t src, uint16_t src_port, uint32_t dst,
                          uint16_t dst_port, const void *bytes, size_t len);
/* A segment with these bytes, from and to the same port, as one of many in a stream; DF is set. */
void hm_sim_host_send_tcp(struct hm_sim_host *host, uint32_t src, uint32_t dst, uint16_t port, uint32_t seq,
                          const void *bytes, size_t len);
/* Sends any IP payload. `src` need not be its own. */
void hm_sim_host_send_ip(struct hm_sim_host *host, uint32_t src, uint32_t dst, uint8_t protocol,
                         const void *bytes, size_t len);
/* One echo request of `len` bytes of data; pings_answered counts the reply. */
void hm_sim_host_ping(struct hm_sim_host *host, uint32_t dst, size_t len);

void hm_sim_host_pause(struct hm_sim_host *host);
/* Runs on; sends RARP at once and on QEMU's schedule unless it is silent. */
void hm_sim_host_resume(struct hm_sim_host *host);
/* Puts its cable into another LAN (NULL: into none). */
void hm_sim_host_move(struct hm_sim_host *host, struct hm_sim_lan *lan);
bool hm_sim_host_is_paused(const struct hm_sim_host *host);

#endif
