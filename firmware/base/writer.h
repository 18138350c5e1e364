/* SPDX-License-Identifier: BSD-3-Clause */
/* The one bounded writer of bytes: what does not fit is not written and sets `failed`. */
#ifndef HM_BASE_WRITER_H
#define HM_BASE_WRITER_H

#include "firmware/base/addr.h"

struct hm_writer {
    uint8_t *bytes; /* borrowed */
    size_t len;     /* written so far */
    size_t cap;
    bool failed; /* sticky: something did not fit */
};

void hm_writer_init(struct hm_writer *writer, void *bytes, size_t cap);

/* Network byte order. */
void hm_write_u8(struct hm_writer *writer, uint8_t value);
void hm_write_u16(struct hm_writer *writer, uint16_t value);
void hm_write_u32(struct hm_writer *writer, uint32_t value);
void hm_write_u64(struct hm_writer *writer, uint64_t value);
void hm_write_mac(struct hm_writer *writer, const struct hm_mac *mac);
void hm_write_bytes(struct hm_writer *writer, const void *from, size_t len);
void hm_write_zeros(struct hm_writer *writer, size_t len);
/* Overwrites a byte or 16 bits written before, at offset `at`; asserts that they were written. */
void hm_write_patch_u8(struct hm_writer *writer, size_t at, uint8_t value);
void hm_write_patch_u16(struct hm_writer *writer, size_t at, uint16_t value);

#endif
