/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing of bytes with the bounds in one static function, reserve. */
#include "firmware/base/writer.h"

#include <assert.h>
#include <string.h>

void hm_writer_init(struct hm_writer *writer, void *bytes, size_t cap)
{
    *writer = (struct hm_writer){.bytes = bytes, .cap = cap};
}

/* Room for len bytes, counted as written; NULL when they do not fit. */
static uint8_t *reserve(struct hm_writer *writer, size_t len)
{
    uint8_t *room;

    if (writer->failed || writer->cap - writer->len < len) {
        writer->failed = true;
        return NULL;
    }
    room = writer->bytes + writer->len;
    writer->len += len;
    return room;
}

/* The low `len` bytes of value, highest first. */
static void write_number(struct hm_writer *writer, uint64_t value, size_t len)
{
    uint8_t *room = reserve(writer, len);

    if (room == NULL)
        return;
    for (size_t i = len; i > 0; i--) {
        room[i - 1] = (uint8_t)value;
        value >>= 8;
    }
}

void hm_write_u8(struct hm_writer *writer, uint8_t value)
{
    write_number(writer, value, 1);
}

void hm_write_u16(struct hm_writer *writer, uint16_t value)
{
    write_number(writer, value, 2);
}

void hm_write_u32(struct hm_writer *writer, uint32_t value)
{
    write_number(writer, value, 4);
}

void hm_write_u64(struct hm_writer *writer, uint64_t value)
{
    write_number(writer, value, 8);
}

void hm_write_mac(struct hm_writer *writer, const struct hm_mac *mac)
{
    hm_write_bytes(writer, mac->b, sizeof(mac->b));
}

void hm_write_bytes(struct hm_writer *writer, const void *from, size_t len)
{
    uint8_t *room;

    if (len == 0)
        return;
    room = reserve(writer, len);
    if (room != NULL)
        memcpy(room, from, len);
}

void hm_write_zeros(struct hm_writer *writer, size_t len)
{
    uint8_t *room;

    if (len == 0)
        return;
    room = reserve(writer, len);
    if (room != NULL)
        memset(room, 0, len);
}

void hm_write_patch_u8(struct hm_writer *writer, size_t at, uint8_t value)
{
    assert(at < writer->len);
    writer->bytes[at] = value;
}

void hm_write_patch_u16(struct hm_writer *writer, size_t at, uint16_t value)
{
    assert(writer->len >= 2 && at <= writer->len - 2);
    writer->bytes[at] = (uint8_t)(value >> 8);
    writer->bytes[at + 1] = (uint8_t)value;
}
