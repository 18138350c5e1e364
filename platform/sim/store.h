/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated store: records that outlive a killed agent, as far as they were committed.
 *
 * A commit takes commit_us of virtual time; until then a kill loses it, whole. */
#ifndef HM_SIM_STORE_H
#define HM_SIM_STORE_H

#include "firmware/wire/record.h"
#include "platform/sim/sim.h"

struct hm_sim_record {
    struct hm_sim_record *next;
    uint8_t key[HM_RECORD_KEY_LEN];
    size_t key_len;
    uint8_t value[HM_RECORD_MAX_LEN];
    size_t value_len;
    bool is_removal; /* of a change */
};

struct hm_sim_store {
    struct hm_sim *sim;
    uint64_t commit_us;
    struct hm_sim_record *records;    /* durable, in the order of their keys */
    struct hm_sim_record *collecting; /* changes, newest first */
    struct hm_sim_record *committing;
    uint64_t ticket;
    struct hm_sim_event committed;
    void *ctx;
    void (*on_committed)(void *ctx, uint64_t ticket);
};

void hm_sim_store_init(struct hm_sim_store *store, struct hm_sim *sim);
/* Frees all. */
void hm_sim_store_fini(struct hm_sim_store *store);

/* Struct hm_port's two functions. */
void hm_sim_store_change(struct hm_sim_store *store, const void *key, size_t key_len, const void *value,
                         size_t value_len);
void hm_sim_store_commit(struct hm_sim_store *store, uint64_t ticket);

/* The agent is killed: what is not durable is lost. */
void hm_sim_store_kill(struct hm_sim_store *store);
/* The disk is lost as well. */
void hm_sim_store_clear(struct hm_sim_store *store);
/* How many records of a kind are durable. */
unsigned hm_sim_store_count(const struct hm_sim_store *store, enum hm_record_kind kind);

#endif
