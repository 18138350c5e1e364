/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated LAN: a learning bridge, and the ports that hosts, routers and agents hang on.
 *
 * The bridge learns source MACs, floods what it does not know, never sends a frame back to the port
 * that its MAC is learnt on, and forgets after its ageing time. A port that is pulled out leaves its
 * entries behind, as a stopped QEMU does behind a second switch: frames go nowhere until somebody
 * moves the MAC. */
#ifndef HM_SIM_LAN_H
#define HM_SIM_LAN_H

#include "firmware/base/addr.h"
#include "platform/sim/knobs.h"
#include "platform/sim/pcap.h"

#define HM_SIM_AGEING_US (300u * HM_SIM_S) /* Linux's and most switches' default */
#define HM_SIM_FDB_LEN 256
#define HM_SIM_WIRE_US 20 /* default delay from port to port */

struct hm_sim_lan;

struct hm_sim_port {
    const char *name;
    struct hm_sim *sim;
    /* Takes ownership of the frame. */
    void (*receive)(void *ctx, struct hm_sim_frame *frame);
    void *ctx;
    struct hm_sim_knobs knobs; /* of frames to this port */
    /* NULL, or the agent's MAC: a shield (platform/linux/shield.c). What comes from this port goes to that
     * MAC, whatever its destination was, and only what that MAC has sent comes to it. */
    const struct hm_mac *shield;

    struct hm_sim_lan *lan; /* NULL: no cable */
    struct hm_sim_port *next;
    uint32_t attachment; /* changes with each change of cable: what was in flight is lost */
    uint64_t last_arrival_us;
    uint64_t sent;     /* frames from this port into the LAN */
    uint64_t received; /* frames handed to it */
};

/* A frame as it enters the LAN, before the bridge looks at it. The observer may change
 * bytes in place, and what is not const: */
struct hm_sim_passing {
    struct hm_sim_lan *lan;
    const struct hm_sim_port *from;
    uint8_t *const bytes;
    size_t len;        /* may become smaller */
    unsigned copies;   /* 1; 0 drops the frame, 2 doubles it */
    uint64_t delay_us; /* 0; more lets it arrive later than frames behind it */
};

/* Embedded by its owner. */
struct hm_sim_tap {
    void (*see)(void *ctx, struct hm_sim_passing *passing);
    void *ctx;
    struct hm_sim_tap *next;
};

struct hm_sim_fdb_entry {
    uint64_t mac; /* 0: free */
    struct hm_sim_port *port;
    uint64_t seen_us;
    uint32_t moves; /* times that the MAC changed its port */
};

struct hm_sim_lan {
    struct hm_sim *sim;
    const char *name;
    uint64_t ageing_us;
    struct hm_sim_port *ports;
    struct hm_sim_tap *taps;
    struct hm_sim_pcap *pcap; /* borrowed; NULL: none */
    struct hm_sim_fdb_entry fdb[HM_SIM_FDB_LEN];
    uint64_t frames;
    uint64_t flooded;  /* unicast frames that went everywhere */
    uint64_t hairpins; /* frames whose MAC is learnt on the port they came from: dropped */
};

void hm_sim_lan_init(struct hm_sim_lan *lan, struct hm_sim *sim, const char *name);
/* Taps see frames in the order in which they were added. */
void hm_sim_lan_add_tap(struct hm_sim_lan *lan, struct hm_sim_tap *tap);
void hm_sim_lan_remove_tap(struct hm_sim_lan *lan, struct hm_sim_tap *tap);
/* The port that a MAC is learnt on now; NULL: unknown. */
const struct hm_sim_port *hm_sim_lan_lookup(const struct hm_sim_lan *lan, const struct hm_mac *mac);
/* How often a MAC has moved between ports. */
uint32_t hm_sim_lan_moves(const struct hm_sim_lan *lan, const struct hm_mac *mac);

void hm_sim_port_init(struct hm_sim_port *port, struct hm_sim *sim, const char *name,
                      void (*receive)(void *ctx, struct hm_sim_frame *frame), void *ctx);
/* Puts the cable into another LAN, or into none (NULL). */
void hm_sim_port_attach(struct hm_sim_port *port, struct hm_sim_lan *lan);
/* Takes ownership of the frame; without a cable it is lost. */
void hm_sim_port_send(struct hm_sim_port *port, struct hm_sim_frame *frame);
/* The same with a copy of the bytes; len at most HM_SIM_FRAME_MAX. */
void hm_sim_port_send_bytes(struct hm_sim_port *port, const void *bytes, size_t len);

#endif
