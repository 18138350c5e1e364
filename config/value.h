/* SPDX-License-Identifier: BSD-3-Clause */
/* Values: the text after '=' to a value of its key's type, and what is allowed in words. */
#ifndef HM_CONFIG_VALUE_H
#define HM_CONFIG_VALUE_H

#include "config/keys.h"

#define HM_FOUND_LEN 96
#define HM_ALLOWED_LEN 240

/* Parses text for the key and stores it at `to` (the value's own place, in the shape of its type; lists
 * grow). False when it is not allowed: then `found` says what was there in words that never hold key
 * material, and of a list the items before the wrong one are kept. */
bool hm_value_parse(const struct hm_key_spec *spec, const char *text, unsigned line, void *to,
                    char found[HM_FOUND_LEN]);

/* What the key's value may be, for faults, help and manual. */
const char *hm_value_allowed(const struct hm_key_spec *spec, char text[HM_ALLOWED_LEN]);

/* Puts a text of the file in quotes, shortened, without control characters; long hex strings are taken
 * for key material and only measured. */
const char *hm_value_quote(const char *text, char found[HM_FOUND_LEN]);

/* True for 1 to 63 of A-Z a-z 0-9 . _ - that do not start with '.' or '-'. */
bool hm_value_is_name(const char *text);

struct hm_key;
/* Hex digits (an even number, HM_KEY_MIN_LEN to HM_KEY_MAX_LEN bytes) to a key; else false and `found`. */
bool hm_value_parse_key(const char *text, size_t len, struct hm_key *key, char found[HM_FOUND_LEN]);

#endif
