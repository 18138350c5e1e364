/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading of bytes with the bounds in one function, hm_read_take. */
#include "firmware/base/reader.h"

#include <string.h>

void hm_reader_init(struct hm_reader *reader, const void *bytes, size_t len)
{
    *reader = (struct hm_reader){.at = bytes, .left = len};
}

const uint8_t *hm_read_take(struct hm_reader *reader, size_t len)
{
    const uint8_t *taken = reader->at;

    if (reader->failed || reader->left < len) {
        reader->failed = true;
        return NULL;
    }
    if (len > 0) { /* an empty reader may be over NULL, to which nothing may be added */
        reader->at += len;
        reader->left -= len;
    }
    return taken;
}

uint8_t hm_read_u8(struct hm_reader *reader)
{
    const uint8_t *b = hm_read_take(reader, 1);

    return b == NULL ? 0 : b[0];
}

uint16_t hm_read_u16(struct hm_reader *reader)
{
    const uint8_t *b = hm_read_take(reader, 2);

    return b == NULL ? 0 : (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t hm_read_u32(struct hm_reader *reader)
{
    const uint8_t *b = hm_read_take(reader, 4);

    return b == NULL ? 0 : (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint64_t hm_read_u64(struct hm_reader *reader)
{
    const uint8_t *b = hm_read_take(reader, 8);
    uint64_t value = 0;

    if (b == NULL)
        return 0;
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | b[i];
    return value;
}

void hm_read_mac(struct hm_reader *reader, struct hm_mac *mac)
{
    hm_read_bytes(reader, mac->b, sizeof(mac->b));
}

void hm_read_bytes(struct hm_reader *reader, void *to, size_t len)
{
    const uint8_t *from = hm_read_take(reader, len);

    if (len == 0)
        return;
    if (from == NULL)
        memset(to, 0, len);
    else
        memcpy(to, from, len);
}

void hm_read_skip(struct hm_reader *reader, size_t len)
{
    (void)hm_read_take(reader, len);
}

struct hm_reader hm_read_sub(struct hm_reader *reader, size_t len)
{
    const uint8_t *from = hm_read_take(reader, len);
    struct hm_reader sub = {.at = from, .left = len};

    if (reader->failed)
        sub = (struct hm_reader){.failed = true};
    return sub;
}
