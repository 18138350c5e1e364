/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration Revocation and its Acknowledgment (RFC 3543 sections 3.3 and 3.4): bytes to struct and back.
 */
#ifndef HM_WIRE_REVOCATION_H
#define HM_WIRE_REVOCATION_H

#include "firmware/wire/registration.h"

/* Flags of a revocation; those of an acknowledgment have I at the top. */
#define HM_REVOCATION_A 0x8000 /* the sender is the home agent */
#define HM_REVOCATION_I 0x4000
#define HM_REVOCATION_ACK_I 0x8000

#define HM_REVOCATION_FIXED_LEN 20
#define HM_REVOCATION_ACK_FIXED_LEN 12

struct hm_revocation {
    uint16_t flags;
    uint32_t home_addr;
    uint32_t home_agent;      /* home domain address */
    uint32_t care_of_addr;    /* foreign domain address */
    uint32_t id;              /* the sender's time, as hm_revocation_time gives it */
    struct hm_extensions ext; /* decode only; borrows from the message */
};

struct hm_revocation_ack {
    uint16_t flags;
    uint32_t home_addr;
    uint32_t id;              /* the revocation's */
    struct hm_extensions ext; /* decode only */
};

/* 0, HM_ERR_MALFORMED or HM_ERR_REFUSED (see hm_extensions_decode). The type byte is checked too. */
int hm_revocation_decode(const uint8_t *bytes, size_t len, struct hm_revocation *out);
int hm_revocation_ack_decode(const uint8_t *bytes, size_t len, struct hm_revocation_ack *out);

/* Write the fixed part; the FA-HA authentication extension follows. */
void hm_revocation_write(struct hm_writer *writer, const struct hm_revocation *revocation);
void hm_revocation_ack_write(struct hm_writer *writer, const struct hm_revocation_ack *ack);

/* The 32-bit time of revocations and of extension 137 (RFC 3543 sections 3.2 and 3.5): milliseconds of an NTP
 * time modulo 2^32, without a jump at the end of the NTP era. */
uint32_t hm_revocation_time(uint64_t ntp);
/* Was a after b? For times less than 24 days apart. */
static inline bool hm_revocation_is_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

#endif
