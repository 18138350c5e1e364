/* SPDX-License-Identifier: BSD-3-Clause */
/* Deliveries: what waits for a VM during a handover, by which way it came, and in which order it goes on.
 *
 * Three ways lead to a VM that moves, and each ends before the next begins: frames that its TAP had been
 * given at the old place (salvage), packets that went there and are forwarded (old), packets that come here
 * directly (new). An end marker closes a way, or the time that one waits for it. A delivery holds until there
 * is somebody to deliver to; then it drains, way after way, at a pace that a TAP's queue can take; what comes
 * meanwhile waits behind. When nothing is left and all ways but the new one are closed it is done, and
 * packets go straight on. Where the destination's hypervisor fetches what waits, it goes into a stream
 * instead, which that writes to the VM's own TAP.
 *
 * The same holds what comes for a VM that has stopped before its destination was ready, what comes back when
 * a move has failed, and what a VM has sent by its new way before its old one is closed. Memory and order
 * only: agent/stop, agent/salvage, agent/fetch, agent/rollback and agent/divert say what happens when. */
#ifndef HM_AGENT_DELIVERY_H
#define HM_AGENT_DELIVERY_H

#include "firmware/base/buffer.h"
#include "firmware/base/slab.h"
#include "firmware/env.h"

enum hm_delivery_state {
    HM_DELIVERY_HOLDING,
    HM_DELIVERY_DRAINING,
    HM_DELIVERY_DONE,
    HM_DELIVERY_STATE_COUNT,
};

enum hm_delivery_way {
    HM_WAY_SALVAGE, /* Ethernet frames */
    HM_WAY_OLD,     /* IP packets, as the next */
    HM_WAY_NEW,
    HM_WAY_COUNT,
    HM_WAY_UP = HM_WAY_COUNT, /* what the VM itself has sent, before it was known to run here */
};

/* Who gets it. */
enum hm_delivery_target {
    HM_TARGET_VM,      /* on a link of ours */
    HM_TARGET_AGENT,   /* another agent, by the tunnel */
    HM_TARGET_FORWARD, /* where the packet's own destination is */
};

struct hm_delivery_counts {
    uint64_t waited[HM_WAY_COUNT]; /* packets that waited, by their way */
    uint64_t dropped;              /* had no room */
    uint64_t overtaken;            /* waited when the VM could be reached by a way that passes us by */
    unsigned timeouts;             /* ways closed for want of a marker, and silence of who fetches */
};

struct hm_delivery {
    struct hm_deliveries *owner;
    struct hm_delivery *next; /* in use */
    void *of;                 /* the owner's: a handover, or a binding (target FORWARD) */
    enum hm_delivery_state state;
    enum hm_delivery_target target;
    uint32_t remote_addr; /* target AGENT */
    unsigned link;        /* target VM */

    struct hm_buffer ways[HM_WAY_COUNT];
    bool is_closed[HM_WAY_COUNT];
    bool needs_end; /* the new way must be closed as well before it is done */
    unsigned tokens;
    unsigned rounds; /* of the pace so far: who is sent more than that is sent it faster and faster */
    struct hm_timer pace;
    struct hm_timer patience;

    struct hm_buffer up; /* IP packets */
    uint64_t up_ms;      /* of the last */

    bool is_fetched;         /* a hypervisor fetches it; */
    struct hm_buffer stream; /* Ethernet frames, for it; what it leaves there is delivered as the rest is */
    uint64_t salvage_end;    /* of the stream: what comes behind was no salvage */
    uint64_t confirmed;      /* of the stream: what comes before was written */
    bool is_ready_told;      /* who fetches knows that all was there which is to be waited for */
    bool is_final;           /* the stream ends where it ends now */
    struct hm_timer silence; /* fires when it has not asked for too long */

    struct hm_delivery_counts counts;
};

struct hm_deliveries {
    struct hm_env *env;
    struct hm_slab slab;
    struct hm_buffer_pool pool;
    struct hm_delivery *first;
    uint8_t *packet; /* on its way out, with headroom */
    void *arg;
    /* Sends one packet to the delivery's target; frame->data is what the way holds. */
    void *send_arg;
    void (*send)(void *arg, struct hm_delivery *delivery, enum hm_delivery_way way, struct hm_frame *frame);
    /* The MAC of the VM for a packet that goes to it; target VM. */
    const struct hm_mac *(*mac_for)(const struct hm_delivery *delivery, const struct hm_frame *packet);
    /* There is more to fetch, or a way was closed. */
    void (*changed)(void *arg, struct hm_delivery *delivery);
    /* Nothing waits any more. The delivery may be given back from here. */
    void (*done)(void *arg, struct hm_delivery *delivery);
};

int hm_deliveries_init(struct hm_deliveries *deliveries, struct hm_env *env);
void hm_deliveries_fini(struct hm_deliveries *deliveries);

/* HOLDING, all ways open; NULL when there are too many. */
struct hm_delivery *hm_delivery_add(struct hm_deliveries *deliveries, void *of);
/* What still waits is dropped, and counted; gives the final counts. */
struct hm_delivery_counts hm_delivery_remove(struct hm_delivery *delivery);

/* A packet came by a way: it is copied and waits. Without room it is dropped and counted (and its first byte
 * overflows the VM's configured buffer or the pool: the log tells which). */
void hm_delivery_put(struct hm_delivery *delivery, enum hm_delivery_way way, const struct hm_frame *frame);
/* The VM has sent a packet here, and may not be here yet: it waits, or is dropped as too early. */
void hm_delivery_put_up(struct hm_delivery *delivery, const struct hm_frame *frame);
/* It is here: what it has sent goes on. */
void hm_delivery_send_up(struct hm_delivery *delivery);
/* Bytes of a stream of packets came by a way; false when there is no room. */
bool hm_delivery_append(struct hm_delivery *delivery, enum hm_delivery_way way, const uint8_t *bytes,
                        size_t len);

/* Nothing more comes by this way. */
void hm_delivery_close(struct hm_delivery *delivery, enum hm_delivery_way way);
/* Are all ways closed that come before the new one? */
bool hm_delivery_is_closed(const struct hm_delivery *delivery);
/* From now on the ways' markers are waited for as long as is configured. */
void hm_delivery_be_patient(struct hm_delivery *delivery);

/* There is somebody to deliver to: what waits goes out, as its order allows. */
void hm_delivery_drain(struct hm_delivery *delivery);
/* Another agent is the target from now on, and gets what waits. The delivery may be gone after that. */
void hm_delivery_turn(struct hm_delivery *delivery, uint32_t remote_addr);
/* What was moved into the stream and is no salvage waits as before. */
void hm_delivery_take_back(struct hm_delivery *delivery);
/* The target has changed, or is not there yet: what waits goes on waiting. */
void hm_delivery_hold(struct hm_delivery *delivery);

/* The destination's hypervisor asks for the stream: nothing is delivered but by it, until it ends that or is
 * silent. */
void hm_delivery_be_fetched(struct hm_delivery *delivery);
void hm_delivery_end_fetching(struct hm_delivery *delivery);
/* Moves into the stream what may go there by its order. */
void hm_delivery_fill_stream(struct hm_delivery *delivery);

static inline bool hm_delivery_is_empty(const struct hm_delivery *delivery)
{
    bool is_empty = !hm_buffer_has_packet(&delivery->stream); /* half a record will never be whole */
    for (unsigned way = 0; way < HM_WAY_COUNT; way++)
        is_empty = is_empty && !hm_buffer_has_packet(&delivery->ways[way]);
    return is_empty;
}

#endif
