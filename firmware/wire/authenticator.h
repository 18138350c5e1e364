/* SPDX-License-Identifier: BSD-3-Clause */
/* Authenticators: HMAC-SHA-256 and HMAC-MD5 (RFC 5944 section 5.1), made and compared in constant time. */
#ifndef HM_WIRE_AUTHENTICATOR_H
#define HM_WIRE_AUTHENTICATOR_H

#include "firmware/router_config.h"

#define HM_AUTHENTICATOR_MAX_LEN 32

/* 32 for HMAC-SHA-256, 16 for HMAC-MD5. */
size_t hm_authenticator_len(enum hm_algorithm algorithm);

/* Writes hm_authenticator_len bytes of the MAC over `len` bytes. */
void hm_authenticator_make(enum hm_algorithm algorithm, const struct hm_key *key, const void *bytes,
                           size_t len, uint8_t out[HM_AUTHENTICATOR_MAX_LEN]);

/* True when `authenticator` (authenticator_len bytes) is the whole MAC of the bytes. Constant time. */
bool hm_authenticator_is_right(enum hm_algorithm algorithm, const struct hm_key *key, const void *bytes,
                               size_t len, const uint8_t *authenticator, size_t authenticator_len);

/* A key for another purpose, out of `key`: HMAC-SHA-256 over the label. So one secret between two
 * agents serves registrations and the control channel and neither's messages are good in the other. */
void hm_authenticator_derive(const struct hm_key *key, const char *label, struct hm_key *out);

#endif
