/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration Request and Reply (RFC 5944 sections 3.3 and 3.4): bytes to struct and back. */
#ifndef HM_WIRE_REGISTRATION_H
#define HM_WIRE_REGISTRATION_H

#include "firmware/wire/extension.h"

#define HM_MIP_PORT 434     /* RFC 5944 section 1.8 */
#define HM_MIP_MAX_LEN 1024 /* of what we send */

enum hm_mip_type {
    HM_MIP_REQUEST = 1,
    HM_MIP_REPLY = 3,
    HM_MIP_REVOCATION = 7,
    HM_MIP_REVOCATION_ACK = 15,
};

/* Flags of the request, RFC 5944 section 3.3. */
#define HM_RRQ_S 0x80
#define HM_RRQ_B 0x40
#define HM_RRQ_D 0x20
#define HM_RRQ_M 0x10
#define HM_RRQ_G 0x08
#define HM_RRQ_r 0x04
#define HM_RRQ_T 0x02
#define HM_RRQ_x 0x01

#define HM_LIFETIME_INFINITE 0xffff
#define HM_REQUEST_FIXED_LEN 24
#define HM_REPLY_FIXED_LEN 20

/* Reply codes, protocol table of RFC 5944 section 3.4 and the RFCs named. */
enum hm_reply_code {
    HM_CODE_ACCEPTED = 0,
    HM_CODE_ACCEPTED_NO_SIMULTANEOUS = 1,
    HM_CODE_HA_UNSPECIFIED = 128,
    HM_CODE_HA_PROHIBITED = 129,
    HM_CODE_HA_RESOURCES = 130,
    HM_CODE_HA_MN_AUTH = 131,
    HM_CODE_HA_FA_AUTH = 132,
    HM_CODE_HA_IDENTIFICATION = 133,
    HM_CODE_HA_MALFORMED = 134,
    HM_CODE_HA_TOO_MANY_BINDINGS = 135,
    HM_CODE_HA_UNKNOWN_ADDRESS = 136,
    HM_CODE_HA_REVERSE_TUNNEL = 137,    /* RFC 3024 */
    HM_CODE_HA_REVERSE_MANDATORY = 138, /* RFC 3024 */
    HM_CODE_HA_ENCAPSULATION = 139,     /* RFC 3024 */
    HM_CODE_HA_VENDOR_MN = 140,         /* RFC 3115 */
    HM_CODE_HA_VENDOR_FA = 141,         /* RFC 3115 */
    HM_CODE_HA_UDP_UNAVAILABLE = 142,   /* RFC 3519 */
    HM_CODE_HA_PMIP_UNSUPPORTED = 149,  /* RFC 5563 */
    HM_CODE_HA_PMIP_DISALLOWED = 150,   /* RFC 5563 */
};
/* "accepted", "identification mismatch", ...; "code" for one that is not in the table. */
const char *hm_reply_code_text(uint8_t code);

struct hm_registration_request {
    uint8_t flags;
    uint16_t lifetime_s;
    uint32_t home_addr;
    uint32_t home_agent;
    uint32_t care_of_addr;
    uint64_t identification;
    struct hm_extensions ext; /* decode only; borrows from the message */
};

struct hm_registration_reply {
    uint8_t code;
    uint16_t lifetime_s;
    uint32_t home_addr;
    uint32_t home_agent;
    uint64_t identification;
    struct hm_extensions ext; /* decode only, but for udp_reply: to be answered with it */
};

/* 0, HM_ERR_MALFORMED or HM_ERR_REFUSED (see hm_extensions_decode). The type byte is checked too. */
int hm_registration_decode_request(const uint8_t *bytes, size_t len, struct hm_registration_request *out);
int hm_registration_decode_reply(const uint8_t *bytes, size_t len, struct hm_registration_reply *out);

/* Write the fixed part; extensions follow with hm_extension_write_*. */
void hm_registration_write_request(struct hm_writer *writer, const struct hm_registration_request *request);
void hm_registration_write_reply(struct hm_writer *writer, const struct hm_registration_reply *reply);

#endif
