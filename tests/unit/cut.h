/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a decoder over all beginnings of a message, each in memory of just its length. */
#ifndef HM_UNIT_CUT_H
#define HM_UNIT_CUT_H

#include "tests/unit/unit.h"

typedef int unit_decoder(const uint8_t *bytes, size_t len);

/* The decoder must take the whole message, and none of its beginnings but those of the lengths `whole`. */
static inline void unit_cut(const uint8_t *bytes, size_t len, unit_decoder *decode, const size_t *whole,
                            size_t whole_count)
{
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t *copy = unit_copy(bytes, cut);
        bool is_whole = cut == len;
        int err = decode(copy, cut);

        for (size_t i = 0; i < whole_count; i++)
            is_whole |= cut == whole[i];
        if ((err == 0) != is_whole)
            fail_msg("cut at %zu of %zu: error %d", cut, len, err);
        free(copy);
    }
}

/* The decoder is run over each message with each of its bytes changed, for the sanitizers to judge. */
static inline void unit_tamper(const uint8_t *bytes, size_t len, unit_decoder *decode)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};

    for (size_t at = 0; at < len; at++) {
        for (size_t i = 0; i < UNIT_COUNT(masks); i++) {
            uint8_t *copy = unit_copy(bytes, len);
            copy[at] ^= masks[i];
            (void)decode(copy, len);
            free(copy);
        }
    }
}

#endif
