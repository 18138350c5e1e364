/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration messages and packets that a test makes itself, with the keys of the world's agents, and what
 * the agents sent in answer: a black box's two ends. */
#ifndef HM_SCENARIO_FORGE_H
#define HM_SCENARIO_FORGE_H

#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "tests/scenario/scenario.h"

#define FORGE_UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)
#define FORGE_PAYLOAD_AT (FORGE_UDP_AT + 8)
#define FORGE_CORRESPONDENT 0x0a090005u
#define FORGE_STRANGER 0x0a090042u
#define FORGE_SILENCE (-1)

/* A registration request to the agent of site A. Zero is a good value of each. */
struct forged_request {
    enum hm_sim_site_number as; /* whose key, SPI and address; not A: 0 means B */
    uint32_t home_addr;         /* 0: the VM's */
    uint32_t home_agent;        /* 0: A */
    uint32_t care_of_addr;      /* 0: the sender's */
    uint32_t from_addr;         /* 0: the sender's */
    uint8_t flags;              /* added to T */
    bool no_reverse_tunnel;
    uint16_t lifetime_s;
    uint64_t identification; /* 0: A's clock */
    uint64_t hold, handover; /* ids */
    uint32_t epoch;
    bool no_method, no_mac;
    uint8_t method;           /* of extension 47; 0: the right one */
    const struct hm_mac *mac; /* NULL: the VM's */
    const uint8_t *extra;     /* bytes before the authenticator */
    size_t extra_len;
    uint32_t spi; /* 0: the right one */
    bool spoil;   /* the authenticator */
    bool bad_checksum, no_checksum;
    size_t cut_to; /* bytes of the message that are sent; 0: all */
};

/* Sends it from the stranger's place, and waits; the code of A's reply, or FORGE_SILENCE. The reply's
 * frame goes to *reply when that is not NULL. */
int forge_request(struct hm_sim_world *world, const struct forged_request *what, struct meddler *reply);

/* The association of one site with another one. */
const struct hm_peer_config *forge_peer(const struct hm_sim_world *world, enum hm_sim_site_number site,
                                        enum hm_sim_site_number other);

/* A registration reply of A to the agent of site B, under the right key, with or without the low bits
 * changed. */
void forge_reply(struct hm_sim_world *world, uint8_t code, uint16_t lifetime_s, uint64_t identification);

/* Sends a UDP datagram or any IP packet from the stranger's place, whatever its source says. */
void forge_udp(struct hm_sim_world *world, uint32_t src, uint32_t dst, uint16_t port, const uint8_t *bytes,
               size_t len);
void forge_ip(struct hm_sim_world *world, const struct hm_ipv4 *header, const uint8_t *payload, size_t len);

/* An IP packet with a UDP datagram of eight bytes; gives its length. */
size_t forge_inner(uint8_t *packet, uint32_t src, uint32_t dst, uint8_t ttl);

/* Of a captured frame. */
struct hm_ipv4 forge_ip_of(const struct meddler *seen);
const uint8_t *forge_mip_of(const struct meddler *seen, size_t *len);
uint32_t forge_u32(const uint8_t *bytes);

/* Frames with an IP packet of this protocol that a site's agent sends. */
struct ip_watch {
    struct hm_sim_tap tap;
    const struct hm_sim_port *from;
    uint8_t protocol;
    unsigned seen;
    uint8_t frame[HM_SIM_FRAME_MAX]; /* the last */
    size_t frame_len;
};
void ip_watch_start(struct ip_watch *watch, struct hm_sim_world *world, enum hm_sim_site_number site,
                    uint8_t protocol);
void ip_watch_stop(struct ip_watch *watch, struct hm_sim_world *world, enum hm_sim_site_number site);

#endif
