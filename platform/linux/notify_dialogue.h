/* SPDX-License-Identifier: BSD-3-Clause */
/* A hypervisor's dialogues with its agent over one socket: up to HM_DIALOGUE_SLOTS requests at a time, each
 * repeated until it is answered or given up. Nothing here waits: the caller polls `fd`. */
#ifndef HM_LINUX_NOTIFY_DIALOGUE_H
#define HM_LINUX_NOTIFY_DIALOGUE_H

#include "firmware/wire/control.h"

#define HM_DIALOGUE_SLOTS 32

struct hm_notify_target {
    uint32_t addr;
    uint16_t port;
    uint32_t key_id;
    struct hm_key key;
};

enum hm_notify_outcome {
    HM_NOTIFY_ANSWERED, /* `reply` is authentic; its code says what came of it */
    HM_NOTIFY_SILENT,   /* nothing authentic came in time */
    HM_NOTIFY_BAD_KEY,  /* nothing authentic came in time, and something said that the key is wrong */
    HM_NOTIFY_CLOCK,    /* the agent went on refusing our clock after one correction */
    HM_NOTIFY_BROKEN,   /* no socket, or a request that cannot be encoded: `error` */
};

struct hm_notify_result {
    enum hm_notify_outcome outcome;
    struct hm_control_message reply; /* HM_NOTIFY_ANSWERED */
    unsigned sent;                   /* datagrams */
    bool is_resynchronised;          /* the agent's clock was taken */
    int64_t clock_offset_ms;         /* the agent's clock minus ours, when the agent has told */
    bool port_closed;                /* the machine answers, and nobody listens there */
    int error;                       /* errno of HM_NOTIFY_BROKEN; 0: not encodable */
};

/* After how long a request is repeated: the time doubles from first to last. */
struct hm_dialogue_pace {
    uint32_t first_ms;
    uint32_t last_ms;
};

extern const struct hm_dialogue_pace HM_DIALOGUE_CALM;  /* 100 ms to 1 s: for what a person waits for */
extern const struct hm_dialogue_pace HM_DIALOGUE_HASTY; /* 10 to 80 ms: while a machine stands still */

/* One request's life. */
struct hm_dialogue_slot {
    bool is_used;
    bool is_over; /* `result` stands */
    struct hm_control_message request;
    struct hm_notify_result result;
    uint32_t repeat_ms; /* between the last datagram and the next */
    uint32_t last_ms;
    uint64_t next_ms;     /* when the next one is due */
    unsigned stale_clock; /* CLOCK replies that may still come from before the correction */
    bool has_hint;
};

struct hm_dialogue {
    const struct hm_notify_target *target;
    int fd; /* poll it for reading */
    bool is_resynchronised;
    int64_t clock_offset_ms;
    struct hm_dialogue_slot slots[HM_DIALOGUE_SLOTS];
};

/* Opens the socket, which only takes what comes from the agent. 0, or errno. The target stays the caller's
 * and must outlive the dialogue. */
int hm_dialogue_open(struct hm_dialogue *dialogue, const struct hm_notify_target *target);
void hm_dialogue_close(struct hm_dialogue *dialogue);

/* Sends a request (operation and items; the rest is filled in here). NULL when all slots are in use; else the
 * slot, the caller's until hm_dialogue_end. */
struct hm_dialogue_slot *hm_dialogue_begin(struct hm_dialogue *dialogue,
                                           const struct hm_control_message *request,
                                           const struct hm_dialogue_pace *pace);
/* Frees the slot; NULL is none. An answer that comes later is ignored. */
void hm_dialogue_end(struct hm_dialogue_slot *slot);

/* Takes what has come, and repeats what is due. */
void hm_dialogue_work(struct hm_dialogue *dialogue);
/* Milliseconds until something is due, -1: nothing. */
int hm_dialogue_due_ms(const struct hm_dialogue *dialogue);

/* True, when it is answered and the agent has said OK. */
bool hm_dialogue_is_ok(const struct hm_dialogue_slot *slot);

#endif
