/* SPDX-License-Identifier: BSD-3-Clause */
/* What the scenario tests share: the standard world, probes both ways, meddling with single messages.
 *
 * The seed is 1, or the environment's HM_SIM_SEED. HM_SIM_LOG=1 shows the agents' logs with virtual time,
 * HM_SIM_PCAP=FOLDER writes what is sent on each LAN of the last world, HM_SIM_SENT=FILE what the agents of
 * all worlds send (sent.h). */
#ifndef HM_SCENARIO_SCENARIO_H
#define HM_SCENARIO_SCENARIO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/wire/control.h"
#include "firmware/wire/registration.h"
#include "platform/sim/world.h"

#define SCENARIO_RATE 1000u                 /* probes a second */
#define SCENARIO_PAUSE_US (40u * HM_SIM_MS) /* of a move, if nothing else is said */
#define SCENARIO_PROBES_DOWN 5000           /* UDP port of the probes to the VM */
#define SCENARIO_PROBES_UP 5001

/* Probes between one host and a VM, both ways. */
struct probes {
    struct hm_sim_stream down, up;
    struct hm_sim_counts down_before, up_before;
};

/* What a meddler looks for: bytes of UDP payloads on one LAN. */
struct pattern {
    bool is_registration; /* UDP 434 with this first byte; else control messages of this kind and operation */
    uint8_t type;
    enum hm_control_kind kind;
    enum hm_control_op op;
};

enum meddling {
    MEDDLE_WATCH,
    MEDDLE_DROP,
    MEDDLE_DOUBLE,
};

/* Meddles with the first `limit` messages that match, and keeps the last one seen. */
struct meddler {
    struct hm_sim_tap tap;
    struct pattern pattern;
    enum meddling meddling;
    unsigned limit;
    unsigned seen;
    struct hm_sim_port const *from; /* only frames from here; NULL: from anywhere */
    uint8_t frame[HM_SIM_FRAME_MAX];
    size_t frame_len;
};

/* The state of all agents' tables, to be compared. */
struct tables {
    struct hm_sim_report bindings[HM_SIM_SITES];
    struct hm_sim_report visitors[HM_SIM_SITES];
};

struct hm_sim_world *scenario_create(const struct hm_sim_world_options *options);
/* cmocka's: *state is a world of the default options. */
int scenario_setup(void **state);
int scenario_teardown(void **state);
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, scenario_setup, scenario_teardown)

/* port: SCENARIO_PROBES_DOWN or another even base for further probes to the same hosts. */
void probes_start(struct probes *probes, struct hm_sim_host *from, struct hm_sim_host *vm, unsigned rate);
void probes_start_at(struct probes *probes, struct hm_sim_host *from, struct hm_sim_host *vm,
                     uint32_t vm_addr, uint16_t port, unsigned rate);
void probes_stop(struct probes *probes);
/* Forgets what was counted so far: the checks look at what comes after. */
void probes_forget(struct probes *probes, struct hm_sim_world *world);
/* Stops, lets arrive what is in flight, checks what came since the last check, and starts again. Loss at most
 * rate x (pause + 10 ms) + 3 downwards, and as much upwards; nothing doubled, reordered or changed. */
void probes_check(struct probes *probes, struct hm_sim_world *world, uint64_t pause_us);

void meddler_start(struct meddler *meddler, struct hm_sim_lan *lan, struct pattern pattern,
                   enum meddling meddling, unsigned limit);
void meddler_stop(struct meddler *meddler, struct hm_sim_lan *lan);
struct pattern pattern_registration(uint8_t type);
struct pattern pattern_control(enum hm_control_kind kind, enum hm_control_op op);

void tables_read(struct tables *tables, struct hm_sim_world *world);
void tables_free(struct tables *tables);
/* Asserts that all agents' tables are what they were, lifetimes apart; frees `before`. */
void assert_tables_unchanged(struct hm_sim_world *world, struct tables *before);
/* Asserts that no agent has a visitor, or a binding but of a node that is at home again. */
void assert_tables_empty(struct hm_sim_world *world);
/* Lets a minute pass, and asserts that not even those are left. */
void assert_all_forgotten(struct hm_sim_world *world);
/* Asserts a field of the row of a home address, in a site's "bindings" or "visitors". */
void assert_row(struct hm_sim_world *world, enum hm_sim_site_number site, const char *report, uint32_t addr,
                const char *field, const char *expected);
/* The same for the states of the VM's binding at its home and of the visitor at a site; NULL: no row. */
void assert_states(struct hm_sim_world *world, uint32_t addr, const char *binding,
                   enum hm_sim_site_number visited, const char *visitor);
/* Asserts that two hosts reach each other by ping. */
void assert_ping(struct hm_sim_world *world, struct hm_sim_host *from, uint32_t to);

/* Stages, and asserts that it was staged. */
void stage(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number from,
           enum hm_sim_site_number to);
/* Moves the VM, staged or not, with the usual pause. */
void move_vm(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number to);
/* Stages, moves, lets it settle for a second. */
void handover(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number from,
              enum hm_sim_site_number to);
uint64_t counter(struct hm_sim_world *world, enum hm_sim_site_number site, const char *name);
/* Sends a captured frame again from the stranger's place, through the gate. */
void inject(struct hm_sim_world *world, const uint8_t *frame, size_t len);

#endif
