/* SPDX-License-Identifier: BSD-3-Clause */
/* What the attackers' tests share: a VM on a visit with traffic both ways, what an attack must be counted as,
 * and the claim that neither the VM nor any table of any agent felt it.
 *
 * The tests' names say place (lan, path, key) and kind of attack (forged, replayed, reflected, truncated,
 * oversized, fragmented, flooding). */
#ifndef HM_SCENARIO_ATTACK_H
#define HM_SCENARIO_ATTACK_H

#include "tests/scenario/forge.h"

#define ATTACK_AGENT_A 0x0a010002u
#define ATTACK_AGENT_B 0x0a020002u
#define ATTACK_AGENT_C 0x0a030002u
#define ATTACK_EXPECTED 24
#define ATTACK_ANYWHERE HM_SIM_SITES /* at all sites together */
#define ATTACK_RECORDED 64

struct attack_expected {
    enum hm_sim_site_number site;
    const char *counter;
    uint64_t by;
    bool is_excused; /* `by` at most */
};

struct attack {
    struct hm_sim_world *world;
    struct probes probes;
    struct tables before;
    struct hm_sim_report handovers[HM_SIM_SITES];
    struct hm_sim_report counters[HM_SIM_SITES];
    struct attack_expected expected[ATTACK_EXPECTED];
    unsigned expected_count;
    size_t memory;
};

/* The VM is at B. The attack begins after this. */
void attack_begin(struct attack *attack, struct hm_sim_world *world);
/* The same where the VM is already. */
void attack_begin_here(struct attack *attack, struct hm_sim_world *world);
/* At the attack's end this counter of the site must have grown by so much more. Where anything at all is
 * expected of an attack, each drop at each site must be. At ATTACK_ANYWHERE: what lwIP gives up by its clock,
 * which all simulated agents share. */
void attack_expect(struct attack *attack, enum hm_sim_site_number site, const char *counter, uint64_t by);
/* By that much at most: what is sent in answer at a limited rate. */
void attack_excuse(struct attack *attack, enum hm_sim_site_number site, const char *counter, uint64_t by);
/* Asserts that it was counted as expected, that no packet was lost, no binding, visitor or handover changed,
 * no table is beyond its limit, and no memory was taken. */
void attack_end(struct attack *attack);
/* Asserts the counters only, and forgets what was expected: where the attack may change something. */
void attack_end_counted(struct attack *attack);

/* A control message of a peer or hypervisor to a site's agent, with this key; from the stranger's place. */
void attack_control(struct hm_sim_world *world, enum hm_sim_site_number to, uint32_t src,
                    const struct hm_key *key, struct hm_control_message *message);
/* The key of the control channel between two sites. */
struct hm_key attack_control_key(const struct hm_sim_world *world, enum hm_sim_site_number site,
                                 enum hm_sim_site_number other);

/* The counter of the first check that an agent's message to another does not pass, of which the authenticator
 * is wrong; spi: that of their association. */
const char *attack_fate(uint16_t port, const uint8_t *bytes, size_t len, uint32_t spi);

/* Asserts that a counter has grown by `by` since it was `before`. */
void assert_counted(struct hm_sim_world *world, enum hm_sim_site_number site, const char *name,
                    uint64_t before, uint64_t by);

/* Frames that pass a LAN. */
struct recorder {
    struct hm_sim_tap tap;
    struct hm_sim_lan *lan;
    const struct hm_sim_port *from; /* from here only; NULL: from anywhere */
    bool is_of_all;                 /* else messages of the agents and hypervisors only */
    unsigned count;
    struct recorded {
        uint8_t bytes[HM_SIM_FRAME_MAX];
        size_t len;
    } frames[ATTACK_RECORDED];
};

/* The first ATTACK_RECORDED of them. */
void recorder_start(struct recorder *recorder, struct hm_sim_lan *lan, const struct hm_sim_port *from,
                    bool is_of_all);
void recorder_stop(struct recorder *recorder);

/* Of a recorded UDP datagram. */
uint16_t recorded_port(const struct recorded *frame);
uint32_t recorded_src(const struct recorded *frame);
uint32_t recorded_dst(const struct recorded *frame);
/* Exchanges source and destination; no checksum changes by that. */
void recorded_turn(struct recorded *frame);

/* The outer fragments that wait, and the limit of that. */
void assert_reassembly_bounded(void);
/* After the time that fragments wait at most. */
void assert_reassembly_empty(struct hm_sim_world *world);

#endif
