/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the home agent share: home_verify (whose request is it), home_decide (may it be granted)
 * and home (carry it out). */
#ifndef HM_AGENT_HOME_PARTS_H
#define HM_AGENT_HOME_PARTS_H

#include "firmware/agent/home.h"

/* How much longer the home agent keeps what is staged than the agents of a move do: they know more, and end
 * it. */
#define HM_HOME_STRAY_MS 2000

/* Who vouches for a request. At least one of peer and mobile is there. */
struct hm_home_proof {
    bool has_named_address;             /* the request; else the node is known by its NAI */
    struct hm_peer *peer;               /* the agent that sent it; NULL: no association with the sender */
    struct hm_mobile *mobile;           /* the node itself; NULL: the agent alone, RFC 5563 section 4.3 */
    const struct hm_association *agent; /* of the peer: the one that the request used, else its own */
    enum hm_reply_code code;            /* ACCEPTED, or who failed: HA_MN_AUTH, HA_FA_AUTH */
};

/* verify: reads the request and finds who vouches for it. False: it was dropped, and all said. */
bool hm_home_verify(struct hm_home *home, const struct hm_datagram *datagram,
                    struct hm_registration_request *request, struct hm_home_proof *proof);

/* verify: who asks, for a log line. */
const char *hm_home_asker(const struct hm_home_proof *proof);

/* verify, RFC 5944 section 5.7.1: is the time stamp in the window, and newer than all that were accepted? */
bool hm_home_is_fresh(const struct hm_home *home, const struct hm_home_proof *proof,
                      const struct hm_registration_request *request, const struct hm_binding *binding);
/* verify: what a refusal (code 133) tells as our clock, in the high 32 bits; the low ones are 0. */
uint64_t hm_home_clock_to_tell(const struct hm_home *home, const struct hm_home_proof *proof,
                               const struct hm_binding *binding);
/* verify: no identification older than this is taken for a node of which nothing is known. */
uint64_t hm_home_oldest_fresh(const struct hm_home *home);

/* decide: does the node itself ask for a UDP tunnel, and not the agent? */
bool hm_home_is_tunnel_by_node(const struct hm_registration_request *request);

/* decide: HM_CODE_ACCEPTED, and which tunnel is granted; else why the registration is refused for its sake
 * (RFC 3519 section 4.6.1, RFC 5944 section 3.8.3.2). */
enum hm_reply_code hm_home_decide_tunnel(const struct hm_peer *peer,
                                         const struct hm_registration_request *request,
                                         enum hm_encapsulation *kind);

/* verify: sends the reply with the authenticators that the request calls for. */
void hm_home_send_reply(struct hm_home *home, const struct hm_datagram *datagram,
                        const struct hm_registration_request *request, const struct hm_home_proof *proof,
                        const struct hm_registration_reply *reply);

/* home: a node that is at home stays in the table for a while, for its last identification. */
void hm_home_remember(struct hm_home *home, struct hm_binding *binding);
/* home: a new entry, in state HOME; NULL when the table is full of nodes that are away. */
struct hm_binding *hm_home_add_entry(struct hm_home *home, uint32_t home_addr, const struct hm_mac *mac);

#endif
