/* SPDX-License-Identifier: BSD-3-Clause */
/* The standard topology of the scenario tests (design.md section 3), in one call.
 *
 *   correspondent 10.9.0.5   stranger 10.9.0.66
 *          |                       |
 *          +------- LAN "net" -----+---- gate 10.9.0.1
 *                                         |
 *             10.1.0.1          10.2.0.1     10.3.0.1
 *                 |                 |             |
 *             LAN "a"           LAN "b"       LAN "c"
 *     agent    10.1.0.2          10.2.0.2      10.3.0.2
 *     neighbour .9               .9            .9
 *     host     .21 "hv-a1"       .21 "hv-b1"   .21 "hv-c1"
 *     VM       10.1.0.5
 *
 * In gateway mode there is a LAN "wan" instead: the agents have 192.0.2.1, .2 and .3 there, are their
 * subnets' routers 10.X.0.1, and the gate has 192.0.2.254 and 10.9.0.1. */
#ifndef HM_SIM_WORLD_H
#define HM_SIM_WORLD_H

#include "platform/sim/gate.h"
#include "platform/sim/hypervisor.h"
#include "platform/sim/report.h"
#include "platform/sim/stream.h"

enum hm_sim_site_number {
    HM_SIM_A,
    HM_SIM_B,
    HM_SIM_C,
    HM_SIM_SITES,
};

#define HM_SIM_PREFIX_LEN 24
#define HM_SIM_VM_ADDR 0x0a010005u
#define HM_SIM_VM2_ADDR 0x0a010006u
#define HM_SIM_KEY_ID 1000u        /* of the sites' hypervisors: + site number */
#define HM_SIM_MOBILE_SPI 400u     /* of the first node with an association of its own; the second: + 1 */
#define HM_SIM_NARROW_KEY_ID 2000u /* a hypervisor that may move nothing of these subnets */

/* Zero is a good value of each. */
struct hm_sim_world_options {
    bool gateways;
    bool same_router_mac; /* the gate has one MAC in all subnets, as VRRP's of one number */
    enum hm_takeover_mode takeover;
    uint16_t staged_lifetime_s; /* 0: 60 */
    uint16_t lifetime_s;        /* 0: 300 */
    enum hm_algorithm algorithm;
    enum hm_encapsulation tunnel;
    int64_t clock_us[HM_SIM_SITES]; /* what each site's clocks are ahead */
    const char *pcap_folder;        /* NULL: no captures; else one file per LAN */
    hm_sim_on_sent *on_sent;        /* of all agents; NULL: nobody looks */
    bool log_to_stderr;
    bool super_frames;             /* the agents' devices take them, */
    enum hm_tunnel_way tunnel_way; /* those into tunnels by this way, */
    uint32_t batch_us;             /* and what comes within so much time is sent together */
    bool stores;                   /* the agents have stores that survive them */
    bool twin_homes; /* with gateways: C's subnet has A's addresses, but for its router's, which is .3;
                         only A's are known outside */
    bool mobiles;    /* A's VMs 5 and 6, "vm" and "vm2", have associations of their own with it */
};

struct hm_sim_site {
    char name[2];
    char host_name[8]; /* "hv-a1" */
    uint32_t net;      /* 10.X.0.0 */
    struct hm_sim_lan lan;
    struct hm_sim_agent agent;
    uint32_t agent_addr;      /* on the LAN */
    uint32_t agent_peer_addr; /* by which other agents know it */
    struct hm_peer_config peers[HM_SIM_SITES];
    struct hm_hypervisor_config hypervisors[2];
    struct hm_mobile_config mobiles[2];
    struct hm_sim_host neighbour;
    struct hm_sim_host machine; /* the hypervisor's own interface */
    struct hm_sim_hypervisor hypervisor;
    struct hm_sim_pcap *pcap;
};

struct hm_sim_world {
    struct hm_sim sim;
    struct hm_sim_world_options options;
    struct hm_sim_lan net;
    struct hm_sim_lan wan; /* gateway mode */
    struct hm_sim_pcap *net_pcap;
    struct hm_sim_pcap *wan_pcap;
    struct hm_sim_gate gate;
    struct hm_sim_host correspondent;
    struct hm_sim_host stranger;
    struct hm_sim_site sites[HM_SIM_SITES];
    struct hm_sim_host vm;
};

/* Builds everything, starts the agents, and lets the VM say a word to all, so that MACs and addresses are
 * known. options may be NULL. */
struct hm_sim_world *hm_sim_world_create(uint64_t seed, const struct hm_sim_world_options *options);
/* The tests' own streams must be finished before. */
void hm_sim_world_destroy(struct hm_sim_world *world);

/* Another VM of a site, at its address ending in `number`, MAC 52:54:00:00:SITE:NUMBER; it has said a word.
 */
void hm_sim_world_add_vm(struct hm_sim_world *world, struct hm_sim_host *vm, const char *name,
                         enum hm_sim_site_number site, uint8_t number);
/* Lets a host ping another once, and runs until it was answered (for a second at most); was it? */
bool hm_sim_world_ping(struct hm_sim_world *world, struct hm_sim_host *from, uint32_t to);

/* Questions of notify-migrate about a VM named by its address. */
struct hm_control_message hm_sim_imminent(const struct hm_sim_host *vm, const struct hm_sim_site *to);
struct hm_control_message hm_sim_about(enum hm_control_op op, const struct hm_sim_host *vm);

/* Moves `count` hosts that are one VM, as a hypervisor does: pauses them, runs for pause_us, puts them into
 * the LAN, resumes them. */
void hm_sim_migrate(struct hm_sim_host *const *nics, unsigned count, struct hm_sim_lan *lan,
                    uint64_t pause_us);

/* Tells a site's agent that the VM will go to `to`, moves it, and lets things settle for a second. The code
 * of the agent's answer; a VM whose move was not staged stays where it is. */
int hm_sim_world_handover(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number from,
                          enum hm_sim_site_number to, uint64_t pause_us);

#endif
