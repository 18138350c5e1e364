/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts in messages: what may go into a log line or onto a terminal. */
#ifndef HM_WIRE_TEXT_H
#define HM_WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for well-formed UTF-8 (RFC 3629; ASCII is a part of it) without control characters. */
bool hm_text_is_clean(const uint8_t *bytes, size_t len);

#endif
