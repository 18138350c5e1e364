/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands between the two IP headers of a tunnelled packet: nothing (RFC 2003), a GRE header (RFC 2784,
 * RFC 2890), or those of UDP and of a tunnel data message (RFC 3519 section 3.3). */
#ifndef HM_WIRE_ENCAPSULATION_H
#define HM_WIRE_ENCAPSULATION_H

#include "firmware/wire/ipv4.h"
#include "firmware/wire/udp.h"

#define HM_TUNNEL_PORT 434 /* UDP, of both ends (RFC 5944 section 1.8) */

#define HM_TUNNEL_DATA_LEN 4 /* of a data message's header, between UDP and the inner IP header */
/* Of all that stands before the inner IP header in a UDP tunnel. */
#define HM_TUNNEL_UDP_LEN (HM_IPV4_LEN + HM_UDP_LEN + HM_TUNNEL_DATA_LEN)

enum hm_encapsulation {
    HM_ENCAPSULATION_IPIP,
    HM_ENCAPSULATION_UDP,
    HM_ENCAPSULATION_GRE,
    HM_ENCAPSULATION_COUNT,
};

/* How a message between two agents travels: bare, by the tunnel as it was agreed, or, by a number from
 * HM_CARRIAGE_KINDS on, in a packet of one kind whatever was agreed: that shows whether the network lets it
 * pass. */
enum hm_carriage {
    HM_CARRIAGE_BARE,
    HM_CARRIAGE_TUNNEL,
    HM_CARRIAGE_KINDS, /* and the kind added to it */
};

static inline enum hm_carriage hm_carriage_of_kind(enum hm_encapsulation kind)
{
    return (enum hm_carriage)(HM_CARRIAGE_KINDS + kind);
}

static inline bool hm_carriage_is_of_a_kind(enum hm_carriage carriage)
{
    return carriage >= HM_CARRIAGE_KINDS;
}

/* One tunnelled packet's header behind the outer IP header, as found. */
struct hm_encapsulated {
    enum hm_encapsulation kind;
    size_t header_len; /* bytes of it */
    bool is_summed;    /* it has a checksum, which covers all that is in it */
};

const char *hm_encapsulation_name(enum hm_encapsulation kind);

/* Bytes that it adds to a packet, the outer IP header among them. */
size_t hm_encapsulation_len(enum hm_encapsulation kind);
/* Its number in the outer IP header. */
uint8_t hm_encapsulation_protocol(enum hm_encapsulation kind);
/* The kind of a tunnelled packet of that protocol. */
enum hm_encapsulation hm_encapsulation_of_protocol(uint8_t protocol);

/* Writes what follows the outer IP header: hm_encapsulation_len() less HM_IPV4_LEN bytes. The checksum of UDP
 * is begun only (the addresses' part): hm_encapsulation_finish_sum, or whoever sends it, sums up the rest. */
void hm_encapsulation_encode(uint8_t *bytes, enum hm_encapsulation kind, const struct hm_ipv4 *outer);
/* Finishes the checksum of what stands behind the outer IP header, len bytes in all, where there is one. */
void hm_encapsulation_finish_sum(uint8_t *bytes, size_t len, enum hm_encapsulation kind);

/* A data message's header, alone: for each of a train of them. */
void hm_encapsulation_encode_data(uint8_t *bytes);
bool hm_encapsulation_is_data(const uint8_t *bytes, size_t len);

/* Could a packet of this protocol, whose payload is `bytes`, be a tunnelled one? UDP: a data message between
 * the ports of two agents. Looks at the payload's first bytes only. */
bool hm_encapsulation_is_one(uint8_t protocol, const uint8_t *bytes, size_t len);
/* The header, from the payload of a packet for which that is true; only its beginning need be there.
 * HM_ERR_MALFORMED: too short, another version, or something else than IPv4 within. Checksums are not looked
 * at. */
int hm_encapsulation_decode(uint8_t protocol, const uint8_t *bytes, size_t len, struct hm_encapsulated *out);
/* Is the checksum right that the header may have? Of the whole payload. */
bool hm_encapsulation_checksum_is_right(const struct hm_ipv4 *outer, const uint8_t *bytes, size_t len);

#endif
