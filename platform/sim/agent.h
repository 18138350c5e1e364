/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated agent: the firmware's router on simulated LANs, with power switch and log.
 *
 * The same router as on Linux. Its clock, its randomness and its frames come from the simulator; it
 * takes no time to work. A killed agent says nothing more; a started one knows its configuration and, when it
 * has a store, what was durable in there. */
#ifndef HM_SIM_AGENT_H
#define HM_SIM_AGENT_H

#include "firmware/router.h"
#include "platform/sim/lan.h"
#include "platform/sim/store.h"

struct hm_sim_agent;

/* Sees each frame that an agent sends, by any link. */
typedef void hm_sim_on_sent(const struct hm_sim_agent *agent, const uint8_t *bytes, size_t len);

/* Who answers on a kernel address's network; embedded by its owner. */
struct hm_sim_kernel_peer {
    uint32_t addr;
    uint16_t port;
    void (*receive)(void *ctx, const uint8_t *bytes, size_t len);
    void *ctx;
    struct hm_sim_agent *agent; /* set when it is added */
    struct hm_sim_kernel_peer *next;
};

struct hm_sim_agent {
    struct hm_sim *sim;
    struct hm_router_config config; /* filled in by the owner before the start, with what it points to */
    struct hm_port port;
    struct hm_router *router; /* NULL: not running */
    struct hm_sim_port links[HM_MAX_LINKS];
    struct hm_sim_random random;
    int64_t clock_offset_us; /* its wall clock minus the simulation's; may be changed at any time */
    uint64_t mono_base_us;
    struct hm_sim_event tick;
    struct hm_sim_event batch_end;
    uint64_t batch_us; /* so long after its first frame a batch ends; 0: each is one */
    struct hm_sim_store store;
    bool is_dead; /* being killed: nothing goes out */
    hm_sim_on_sent *on_sent;
    struct hm_sim_kernel_peer *kernel_peers;

    char *log; /* lines since the creation, ended by newlines; NULL: none */
    size_t log_len;
    size_t log_cap;
    bool log_to_stderr;

    unsigned starts;
    uint64_t refused; /* frames that a simulated interface does not take: too long, or with an offload */
};

/* `number` tells agents apart: their randomness and their monotonic clocks. */
void hm_sim_agent_init(struct hm_sim_agent *agent, struct hm_sim *sim, unsigned number);
/* From the next start on it has a store. */
void hm_sim_agent_give_store(struct hm_sim_agent *agent);
/* From the next start on its devices take super-frames, and `way` of those into tunnels. What they make of
 * them is plain frames again. */
void hm_sim_agent_take_super_frames(struct hm_sim_agent *agent, enum hm_tunnel_way way, uint64_t batch_us);
/* Kills it and frees its log. */
void hm_sim_agent_fini(struct hm_sim_agent *agent);

/* Starts the router. The links' ports are attached by the owner. */
void hm_sim_agent_start(struct hm_sim_agent *agent);
/* Ends it in order: what it says while it ends is still heard. */
void hm_sim_agent_stop(struct hm_sim_agent *agent);
/* Ends it at once, as kill -9 does. */
void hm_sim_agent_kill(struct hm_sim_agent *agent);
bool hm_sim_agent_is_running(const struct hm_sim_agent *agent);

struct hm_time hm_sim_agent_time(const struct hm_sim_agent *agent);
/* Hands it a frame at once, as a device that may bring super-frames does; the bytes may change. */
void hm_sim_agent_frame(struct hm_sim_agent *agent, unsigned link, struct hm_frame *frame);
/* Hands it a control datagram on a kernel address; it arrives a little later. */
void hm_sim_agent_datagram(struct hm_sim_agent *agent, const struct hm_endpoint *from, const void *bytes,
                           size_t len);
void hm_sim_agent_add_kernel_peer(struct hm_sim_agent *agent, struct hm_sim_kernel_peer *peer);

/* How many lines of its log contain the text. */
unsigned hm_sim_agent_logged(const struct hm_sim_agent *agent, const char *text);

#endif
