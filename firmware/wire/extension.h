/* SPDX-License-Identifier: BSD-3-Clause */
/* Extensions of Mobile IP messages (RFC 5944 section 1.8-1.11): their three layouts, and those that we read.
 */
#ifndef HM_WIRE_EXTENSION_H
#define HM_WIRE_EXTENSION_H

#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/router_config.h"

enum hm_extension_type {
    HM_EXT_PAD = 0,
    HM_EXT_MN_HA_AUTH = 32,          /* RFC 5944 section 3.5.2 */
    HM_EXT_MN_FA_AUTH = 33,          /* RFC 5944 section 3.5.3 */
    HM_EXT_FA_HA_AUTH = 34,          /* RFC 5944 section 3.5.4 */
    HM_EXT_CRITICAL_VENDOR = 38,     /* RFC 3115 section 2.1 */
    HM_EXT_UDP_TUNNEL_REPLY = 44,    /* RFC 3519 section 3.2 */
    HM_EXT_PMIP = 47,                /* RFC 5563 section 5.1, long layout */
    HM_EXT_NAI = 131,                /* RFC 2794 */
    HM_EXT_VENDOR = 134,             /* RFC 3115 section 2.2 */
    HM_EXT_REVOCATION = 137,         /* RFC 3543 section 3.2 */
    HM_EXT_UDP_TUNNEL_REQUEST = 144, /* RFC 3519 section 3.1 */
    HM_EXT_PMIP_SKIPPABLE = 147,     /* RFC 5563 section 5.2 */
};

/* Vendor number of our own extensions: the documentation number of RFC 5612, as we have none. */
#define HM_VENDOR_ID 32473u
enum hm_vendor_type {
    HM_VENDOR_HOLD = 1, /* critical: stage the binding and change nothing yet; value: handover id, epoch */
    HM_VENDOR_HANDOVER = 2,    /* normal: handover id, epoch: which handover this registration completes */
    HM_VENDOR_AGENT_MAC = 3,   /* normal: the foreign agent's MAC on the visitor's LAN */
    HM_VENDOR_STOP_NOTICE = 4, /* normal, no value: a marker will end the old way from the node to its home */
};

/* UDP tunnel extensions, RFC 3519 sections 3.1 and 3.2. */
#define HM_UDP_TUNNEL_FORCED 0x80 /* flags: wanted though no NAT was seen */
#define HM_UDP_TUNNEL_AGREED 0    /* codes of the reply */
#define HM_UDP_TUNNEL_DECLINED 64

struct hm_udp_tunnel_request {
    bool is_given;
    bool has_reserved; /* the third reserved field, that must be 0, is not */
    uint8_t flags;
    uint8_t encapsulation; /* protocol number of what is inside; 0: as the request's flags say */
    size_t end;            /* bytes of the message up to its end: whose authenticators cover it */
};

struct hm_udp_tunnel_reply {
    bool is_given;
    uint8_t code;
    uint8_t flags;
    uint16_t keepalive_s; /* 0: the default */
};

/* PMIP authentication methods, RFC 5563 section 5.1. */
#define HM_PMIP_METHOD_FA_HA 1

/* One authentication extension, as found. */
struct hm_auth_ext {
    bool present;
    uint8_t count; /* how many of this type the message has */
    uint32_t spi;
    const uint8_t *authenticator; /* borrowed from the message */
    size_t authenticator_len;
    size_t covered_len; /* bytes of the message under it: from its first byte through the SPI */
};

#define HM_NAI_MAX_LEN 72 /* RFC 2794 recommends 72 octets; longer ones are refused as malformed */

/* All extensions of one message that we understand. */
struct hm_extensions {
    struct hm_auth_ext mn_ha;
    struct hm_auth_ext mn_fa;
    struct hm_auth_ext fa_ha;
    char nai[HM_NAI_MAX_LEN + 1]; /* empty: none */
    bool has_pmip_method;
    uint8_t pmip_method;
    bool has_mac; /* extension 147, interface id: the node's MAC */
    struct hm_mac mac;
    bool has_stop_notice; /* ours, as the next two */
    bool has_hold, has_handover;
    uint64_t handover_id;
    uint32_t epoch;
    bool has_agent_mac;
    struct hm_mac agent_mac;
    struct hm_udp_tunnel_request udp_request;
    struct hm_udp_tunnel_reply udp_reply;
    bool has_unknown_critical_vendor;        /* to be refused with 140 */
    bool has_agents_unknown_critical_vendor; /* behind the MN-HA authenticator: with 141 */
    bool has_revocation;                     /* RFC 3543 section 3.2 */
    uint16_t revocation_flags;
    uint32_t revocation_timestamp;
    size_t values_len; /* bytes of the message up to the end of the last extension that is filled in above */
    /* Extensions other than authentication ones that stand under no authenticator that follows, were
     * they looked at: they are NOT filled in above. Only what an authenticator covers counts. */
};

/* Walks the extensions of a message. `message` is its whole, `at` the offset of the first extension.
 * 0; HM_ERR_MALFORMED: a length passes the end or a known extension has a wrong one;
 * HM_ERR_REFUSED: an unknown extension 0-127 (drop the whole message, RFC 5944 section 1.8).
 * Unknown 128-255 are skipped. What stands behind the last authentication extension is ignored. */
int hm_extensions_decode(const uint8_t *message, size_t len, size_t at, struct hm_extensions *out);

/* True when `auth` (that the caller has found right) covers all values of `ext`. To be asked before any of
 * them is believed: else a right authenticator could be followed by values and a made-up authenticator of a
 * kind that the receiver does not check. */
static inline bool hm_extensions_are_covered(const struct hm_extensions *ext, const struct hm_auth_ext *auth)
{
    return auth->present && ext->values_len <= auth->covered_len;
}

void hm_extension_write_nai(struct hm_writer *writer, const char *nai);
void hm_extension_write_pmip_method(struct hm_writer *writer, uint8_t method);
void hm_extension_write_mac(struct hm_writer *writer, const struct hm_mac *mac);
void hm_extension_write_hold(struct hm_writer *writer, uint64_t handover_id, uint32_t epoch);
void hm_extension_write_handover(struct hm_writer *writer, uint64_t handover_id, uint32_t epoch);
void hm_extension_write_stop_notice(struct hm_writer *writer);
void hm_extension_write_agent_mac(struct hm_writer *writer, const struct hm_mac *mac);
/* Revocation support; the timestamp is as hm_revocation_time gives it. */
void hm_extension_write_revocation(struct hm_writer *writer, uint16_t flags, uint32_t timestamp);
void hm_extension_write_udp_request(struct hm_writer *writer, uint8_t flags, uint8_t encapsulation);
void hm_extension_write_udp_reply(struct hm_writer *writer, const struct hm_udp_tunnel_reply *reply);
/* Appends an authentication extension of `type` over everything written so far (RFC 5944 section 3.5.1). */
void hm_extension_write_auth(struct hm_writer *writer, enum hm_extension_type type, uint32_t spi,
                             enum hm_algorithm algorithm, const struct hm_key *key);

/* True when the extension's authenticator is right over the message. */
bool hm_extension_auth_is_right(const struct hm_auth_ext *ext, const uint8_t *message,
                                enum hm_algorithm algorithm, const struct hm_key *key);

#endif
