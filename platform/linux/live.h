/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of `hypermip check --live`: findings, the devices, probes on the wire, the other agents. */
#ifndef HM_LINUX_LIVE_H
#define HM_LINUX_LIVE_H

#include <jansson.h>

#include "config/config.h"

#define HM_LIVE_MAX_NEIGHBOURS 3 /* of a LAN, that are asked where no router answers */

enum hm_live_verdict {
    HM_LIVE_OK,
    HM_LIVE_UNKNOWN, /* cannot be checked from here; told, and no reason for a warning's exit code */
    HM_LIVE_WARNING,
    HM_LIVE_FAULT,
    HM_LIVE_VERDICT_COUNT,
};

/* What the agent needs, and of the network around it (design: where an agent sits). Each is told of, if only
 * as unknown: hm_cli_live sees to it. */
enum hm_live_demand {
    HM_LIVE_AGENT,        /* it runs */
    HM_LIVE_DEVICE,       /* TAP and bridge are there and forward */
    HM_LIVE_ADDRESS,      /* nobody else has its address */
    HM_LIVE_MACS,         /* more than one MAC on its port */
    HM_LIVE_RECEPTION,    /* promiscuous reception there */
    HM_LIVE_ARP,          /* no ARP inspection */
    HM_LIVE_SOURCE,       /* no source check */
    HM_LIVE_VLAN,         /* one untagged interface per VLAN */
    HM_LIVE_CONTROL,      /* the other agents answer on the control port */
    HM_LIVE_REGISTRATION, /* UDP 434 passes */
    HM_LIVE_TUNNEL,       /* so do the tunnels' protocols */
    HM_LIVE_CLOCK,        /* the agents' clocks agree */
    HM_LIVE_DEMAND_COUNT,
};

struct hm_live {
    const struct hm_config *config;
    bool is_running;   /* the agent */
    bool tunnels_pass; /* to and from every peer */
    unsigned counts[HM_LIVE_VERDICT_COUNT];
    unsigned told[HM_LIVE_DEMAND_COUNT];
    json_t *rows; /* NULL: lines are printed */
};

/* Notes one line: what was asked, what was looked at, what was found, what to do. */
void hm_live_say(struct hm_live *live, enum hm_live_demand demand, enum hm_live_verdict verdict,
                 const char *subject, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* TAP and bridge of a link: there, up, forwarding, and nothing in between. */
void hm_live_check_device(struct hm_live *live, unsigned link);

/* What the bridge does at the agent's port: learns, floods, answers in its place; its VLAN. */
void hm_live_check_port(struct hm_live *live, unsigned link);

/* By frames with a MAC and an address that nobody has: what does the network of a LAN let through? */
void hm_live_check_wire(struct hm_live *live, unsigned link);
/* Has somebody else our address? */
void hm_live_check_address(struct hm_live *live, unsigned link);
/* Where a link's probes go out, and the probe; false: told why there is none. */
struct hm_live_probe;
bool hm_live_open_probe(struct hm_live *live, unsigned link, enum hm_live_demand demand,
                        char bridge[HM_DEVICE_LEN], struct hm_live_probe *probe);

/* Does this host check the sources of what it forwards? After the peers. */
void hm_live_check_host(struct hm_live *live);

/* The running agent's peers: way, answer, protocols, clock. */
void hm_live_check_peers(struct hm_live *live);
/* By the running agent: does its own port on the LAN let a second MAC through? */
void hm_live_check_own_port(struct hm_live *live);
/* Addresses on the LAN of a link that the running agent has heard of, the latest first; gives how many. */
unsigned hm_live_neighbours(const struct hm_live *live, unsigned link,
                            uint32_t addrs[HM_LIVE_MAX_NEIGHBOURS]);

/* A report of the running agent, to be released; NULL: none. */
json_t *hm_live_ask(const struct hm_live *live, const char *report);

/* The number in a file of /sys or /proc; false when there is none. */
bool hm_live_read(const char *path, long *number);
/* The same of a network device: "flags", "brport/state". */
bool hm_live_read_of(const char *device, const char *what, long *number);
/* The bridge that the link's TAP is in, or will be; empty: none. */
void hm_live_bridge(const struct hm_live *live, unsigned link, char bridge[HM_DEVICE_LEN]);

#endif
