/* SPDX-License-Identifier: BSD-3-Clause */
/* The one bounded reader of bytes: a read past the end gives 0 and sets `failed`, once and for all. */
#ifndef HM_BASE_READER_H
#define HM_BASE_READER_H

#include "firmware/base/addr.h"

struct hm_reader {
    const uint8_t *at; /* next byte; borrowed, the bytes outlive the reader */
    size_t left;       /* bytes from `at` to the end */
    bool failed;       /* sticky: a read went past the end */
};

void hm_reader_init(struct hm_reader *reader, const void *bytes, size_t len);

/* Network byte order. After a failure each of them returns 0 and moves nothing. */
uint8_t hm_read_u8(struct hm_reader *reader);
uint16_t hm_read_u16(struct hm_reader *reader);
uint32_t hm_read_u32(struct hm_reader *reader);
uint64_t hm_read_u64(struct hm_reader *reader);
void hm_read_mac(struct hm_reader *reader, struct hm_mac *mac);

/* Copies len bytes, or zeroes the destination on failure. */
void hm_read_bytes(struct hm_reader *reader, void *to, size_t len);
/* Borrowed pointer to len bytes and past them; NULL on failure. */
const uint8_t *hm_read_take(struct hm_reader *reader, size_t len);
void hm_read_skip(struct hm_reader *reader, size_t len);
/* A reader over the next len bytes, which this one skips. Failed (and empty) when they are not there. */
struct hm_reader hm_read_sub(struct hm_reader *reader, size_t len);

#endif
