/* SPDX-License-Identifier: BSD-3-Clause */
/* Security associations: whom this agent knows, by which keys, and what each may do.
 *
 * A peer agent has one or more associations (RFC 5563's per-node association: FA-HA authenticator), told
 * apart by SPI; requests are sent with the first, and every one is accepted, so keys can be rolled. Control
 * keys are derived from the same secrets. A mobile node may have an association of its own (MN-HA
 * authenticator). A hypervisor has a key and a list of prefixes that it may move. */
#ifndef HM_AGENT_SECURITY_H
#define HM_AGENT_SECURITY_H

#include "firmware/env.h"

struct hm_association {
    uint32_t spi;
    enum hm_algorithm algorithm;
    const struct hm_key *key;
    struct hm_key control_key; /* of a peer's only */
};

struct hm_peer {
    const struct hm_peer_config *config;
    struct hm_association associations[HM_MAX_ASSOCIATIONS]; /* [0]: what we send with */
    unsigned association_count;
    struct hm_key control_key;
    int64_t clock_offset_ms;       /* its clock minus ours, as its refusals told; 0 at the start */
    uint64_t newest_stamp;         /* time stamp of our last request on the control channel; 0: none yet */
    enum hm_encapsulation tunnel;  /* how packets are wrapped for it: the better of the next two */
    enum hm_encapsulation asked;   /* what it has granted when we registered a visitor last, */
    enum hm_encapsulation granted; /* and what we have granted it; IP-in-IP before any */
    uint8_t agreed;                /* a bit for each kind that was, in either role, since the start */
    uint64_t reminded_ms;          /* when it was told again that we began; 0: never */
    bool declines_udp;             /* it refuses registrations that ask for a UDP tunnel */
};

struct hm_mobile {
    const struct hm_mobile_config *config;
    struct hm_association association;
    uint64_t identification; /* newest accepted; 0: none yet. Outlives the node's binding. */
};

struct hm_security {
    struct hm_env *env;
    struct hm_peer *peers;
    unsigned peer_count;
    struct hm_mobile *mobiles;
    unsigned mobile_count;
};

int hm_security_init(struct hm_security *security, struct hm_env *env);
void hm_security_fini(struct hm_security *security);

/* Look-ups give NULL when there is none. */
struct hm_peer *hm_security_peer_by_addr(const struct hm_security *security, uint32_t addr);
struct hm_peer *hm_security_peer_by_spi(const struct hm_security *security, uint32_t spi);
/* The peer's association of that SPI. */
const struct hm_association *hm_security_association(const struct hm_peer *peer, uint32_t spi);
/* The node of that home address, or, when the address is 0, of that NAI. A NAI that is given (not empty) must
 * be its own. */
struct hm_mobile *hm_security_mobile(const struct hm_security *security, uint32_t home_addr, const char *nai);
struct hm_peer *hm_security_peer_by_host(const struct hm_security *security, const char *host);
const struct hm_hypervisor_config *hm_security_hypervisor(const struct hm_security *security,
                                                          uint32_t key_id);

/* Does the host belong to this agent's own subnet? */
bool hm_security_is_own_host(const struct hm_security *security, const char *host);
/* Notes how far the peer's clock is from ours, as its refusal told; worth a warning from a second on. */
void hm_security_note_clock(struct hm_env *env, struct hm_peer *peer, uint64_t peer_ntp);
/* Both note, and tell the log, how packets are wrapped for the peer from now on: it takes what it has asked
 * for or granted, in whichever role. */
void hm_security_grant_tunnel(const struct hm_security *security, struct hm_peer *peer,
                              enum hm_encapsulation kind);
void hm_security_agree_tunnel(const struct hm_security *security, struct hm_peer *peer,
                              enum hm_encapsulation kind);

/* The peer began: it knows of no agreement, and its configuration may be another one. */
void hm_security_forget_tunnel(const struct hm_security *security, struct hm_peer *peer);

/* RFC 3024 section 4.3.2: is this kind of tunnel one that was agreed with the peer? So is IP-in-IP, which
 * needs no agreement and is what an agent uses that has just begun; what we ask it for, since the answer may
 * come later than the first packet; and before anything was agreed, which an agent forgets when it ends, all
 * are. */
bool hm_security_takes_tunnel(const struct hm_peer *peer, enum hm_encapsulation kind);

/* May the hypervisor move a VM with this address? */
bool hm_security_may_move(const struct hm_hypervisor_config *hypervisor, uint32_t addr);

/* RFC 5944 section 5.7.1: is a time-stamp identification (or a control time stamp) within the tolerance of
 * our clock? */
bool hm_security_is_timely(const struct hm_env *env, uint64_t ntp);

#endif
