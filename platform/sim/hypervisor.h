/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated hypervisor: the asking side of the control channel, as notify-migrate is (wire/control.h).
 *
 * It asks over the LAN, from a simulated host to the agent's own address, or on a kernel address. It
 * repeats what is not answered with the same request id and a new time stamp, and follows the agent's
 * clock once when it is told that the clocks are apart. */
#ifndef HM_SIM_HYPERVISOR_H
#define HM_SIM_HYPERVISOR_H

#include "firmware/wire/control.h"
#include "platform/sim/agent.h"
#include "platform/sim/host.h"

#define HM_SIM_ASK_FIRST_US (200u * HM_SIM_MS) /* first repetition; doubles */
#define HM_SIM_ASK_MAX_US (1000u * HM_SIM_MS)
#define HM_SIM_ASK_WAIT_US (8u * HM_SIM_S) /* when to give up */
#define HM_SIM_ASK_PORT 43400

/* How a question ended; what notify-migrate's exit codes tell. */
enum hm_sim_outcome {
    HM_SIM_IDLE, /* nothing asked yet */
    HM_SIM_ASKING,
    HM_SIM_ANSWERED, /* reply.code says what */
    HM_SIM_TIMED_OUT,
    HM_SIM_BAD_KEY,   /* timed out, and the agent hinted at the key */
    HM_SIM_BAD_CLOCK, /* refused for its clock after the retry, too */
};

struct hm_sim_hypervisor {
    struct hm_sim *sim;
    struct hm_sim_host *host;   /* on the agent's LAN */
    struct hm_sim_agent *agent; /* whom it asks on a kernel address, */
    uint32_t agent_addr;        /* and at which address over the LAN */
    bool by_kernel;
    struct hm_sim_kernel_peer kernel_peer;
    uint32_t key_id;
    struct hm_key key;
    int64_t clock_offset_us;
    struct hm_sim_random random;

    struct hm_control_message request;
    struct hm_control_message reply; /* the last accepted one */
    enum hm_sim_outcome outcome;
    uint64_t correction; /* of its time stamps, from the agent's clock */
    bool is_hinted;
    unsigned attempts; /* datagrams sent for the last question */
    unsigned resyncs;
    uint64_t asked_us;
    uint64_t answered_us;
    uint64_t unexpected; /* datagrams that answer nothing, or with a wrong authenticator */
    /* A question has ended, if set. It may ask the next one. */
    void (*ended)(void *ctx, struct hm_sim_hypervisor *hypervisor);
    void *ended_ctx;
    struct hm_sim_event repeat;
    uint64_t gap_us;
};

/* host, agent and key are borrowed or copied; the host's on_udp becomes the hypervisor's. */
void hm_sim_hypervisor_init(struct hm_sim_hypervisor *hypervisor, struct hm_sim_host *host,
                            struct hm_sim_agent *agent, uint32_t agent_addr, uint32_t key_id,
                            const struct hm_key *key);

/* Starts a question: op and items of `request`; the rest is filled in. One at a time. */
void hm_sim_hypervisor_ask(struct hm_sim_hypervisor *hypervisor, const struct hm_control_message *request);
/* Gives the open question up, as a killed program does. */
void hm_sim_hypervisor_abandon(struct hm_sim_hypervisor *hypervisor);
/* Runs the simulation until the question has ended. */
enum hm_sim_outcome hm_sim_hypervisor_wait(struct hm_sim_hypervisor *hypervisor);
/* Both; the reply's code, or a negative enum hm_sim_outcome. */
int hm_sim_hypervisor_call(struct hm_sim_hypervisor *hypervisor, const struct hm_control_message *request);

#endif
