/* SPDX-License-Identifier: BSD-3-Clause */
/* The check of texts in messages. */
#include "firmware/wire/text.h"

/* Continuation bytes after a first byte; -1 when none begins so. */
static int continuation_count(uint8_t first)
{
    if (first < 0x80)
        return 0;
    if (first >= 0xc2 && first < 0xe0)
        return 1;
    if (first >= 0xe0 && first < 0xf0)
        return 2;
    if (first >= 0xf0 && first < 0xf5)
        return 3;
    return -1;
}

/* A character that has no shorter form, is no surrogate, and no control character (C0, DEL, C1, or the
 * line and paragraph separators). */
static bool is_clean_character(uint32_t character, int continuations)
{
    static const uint32_t smallest[] = {0x20, 0xa0, 0x800, 0x10000};

    if (character < smallest[continuations] || character > 0x10ffff)
        return false;
    if (character >= 0xd800 && character < 0xe000)
        return false;
    return character != 0x7f && character != 0x2028 && character != 0x2029;
}

bool hm_text_is_clean(const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    while (at < len) {
        int count = continuation_count(bytes[at]);
        uint32_t character;

        if (count < 0 || len - at <= (size_t)count)
            return false;
        character = count == 0 ? bytes[at] : bytes[at] & (0x3fu >> count);
        for (int i = 1; i <= count; i++) {
            if ((bytes[at + (size_t)i] & 0xc0) != 0x80)
                return false;
            character = character << 6 | (bytes[at + (size_t)i] & 0x3f);
        }
        if (!is_clean_character(character, count))
            return false;
        at += (size_t)count + 1;
    }
    return true;
}
