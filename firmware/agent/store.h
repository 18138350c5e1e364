/* SPDX-License-Identifier: BSD-3-Clause */
/* The store: what an agent knows and must not lose, written down before it is acknowledged.
 *
 * Every binding, visitor and handover has a mark in it. Whoever changes one sets the mark; at the end of each
 * event of the router the marked objects are written as records (wire/record.h) in one batch. While a batch
 * is under way changes collect for the next, so the longer a disk takes, the more goes into one commit.
 * Whatever acknowledges (registration replies, answers on the control channel) waits until all that had been
 * changed before is durable; frames never wait, nor does what is told while a machine is stopped. At the
 * start the platform hands in what it has kept, and the objects come back: a binding forwards at once, a
 * visitor that was here is served after a sign of life, a handover goes on. What is newer elsewhere wins by
 * its epoch, as it does among peers (agent/restart).
 *
 * Without port.store nothing is kept, and everything here does nothing. */
#ifndef HM_AGENT_STORE_H
#define HM_AGENT_STORE_H

#include "firmware/stack/stack.h"
#include "firmware/wire/record.h"

struct hm_agent;
struct hm_mobile;
struct hm_held;

/* The mark; its owner embeds it. */
struct hm_stored {
    uint32_t place : 24;  /* among those that are to be written, from 1; 0: nothing is to be written */
    uint32_t kind : 7;    /* enum hm_record_kind */
    uint32_t is_kept : 1; /* a record of it is in the store, or on its way */
};

struct hm_store {
    struct hm_agent *agent;
    struct hm_env *env;
    struct hm_stored **marked; /* what is to be written; room for all there is. NULL: nothing is kept */
    size_t marked_count;
    bool is_loading;      /* what is made now has a record */
    bool is_changed;      /* records without a mark were written, or some were removed */
    uint64_t collecting;  /* ticket of the batch that changes go into, from 1 */
    uint64_t durable;     /* newest ticket of which that is known */
    struct hm_held *held; /* a ring, oldest at held_first; NULL: nothing is kept */
    unsigned held_first, held_count;
    void *arg;
    void (*send)(void *arg, const struct hm_datagram *datagram);
    void (*send_to_kernel)(void *arg, const struct hm_endpoint *to, const void *bytes, size_t len);
};

/* HM_ERR_MEMORY or 0. */
int hm_store_init(struct hm_store *store, struct hm_agent *agent);
void hm_store_fini(struct hm_store *store);

/* A new object: it is marked. Its owner's owner must be in it. */
void hm_stored_init(struct hm_stored *stored, enum hm_record_kind kind);
/* Something about the object has changed that its record tells. */
void hm_stored_mark(struct hm_stored *stored);
/* The object goes; its key must still be in it. */
void hm_stored_remove(struct hm_stored *stored);

/* Records of what has no mark. store may be NULL. */
void hm_store_note_agent(struct hm_store *store);
void hm_store_note_mobile(struct hm_store *store, const struct hm_mobile *mobile);
void hm_store_note_revocation(struct hm_store *store, const struct hm_revocation_record *revocation,
                              bool is_there);
void hm_store_note_shield(struct hm_store *store, const struct hm_shield_record *shield, bool is_there);

/* Keeps a message until all changes so far are durable; to: of a kernel address, else NULL. False: there is
 * nothing to wait for, the caller sends it. A message for which there is no room is dropped and counted: who
 * asked asks again. */
bool hm_store_hold(struct hm_store *store, const struct hm_endpoint *to, const struct hm_datagram *datagram);

/* The end of an event: what has changed is on its way. */
void hm_store_flush(struct hm_store *store);
/* The batch of that ticket is durable: what waited for it is sent. */
void hm_store_committed(struct hm_store *store, uint64_t ticket);

/* See hm_router_load. */
int hm_store_load(struct hm_store *store, const void *key, size_t key_len, const void *value,
                  size_t value_len);
/* All is loaded: what had not been acknowledged when the agent ended is called off. */
void hm_store_begin(struct hm_agent *agent);

#endif
