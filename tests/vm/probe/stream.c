/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the counting of numbered streams: received, doubled, reordered, and the gaps that are left. */
#include "stream.h"

#include <stdio.h>
#include <string.h>

void stream_count_reset(struct stream_count *count, uint32_t stream)
{
    memset(count, 0, sizeof(*count));
    count->stream = stream;
}

static bool is_seen(const struct stream_count *count, uint32_t seq)
{
    return seq < PROBE_SEQ_MAX && (count->seen[seq / 8] & 1u << seq % 8) != 0;
}

void stream_count_add(struct stream_count *count, uint32_t seq)
{
    if (seq >= PROBE_SEQ_MAX) {
        count->foreign++;
        return;
    }
    if (is_seen(count, seq)) {
        count->doubled++;
        return;
    }
    count->seen[seq / 8] |= (uint8_t)(1u << seq % 8);
    count->received++;
    if (seq < count->next)
        count->reordered++;
    else
        count->next = seq + 1;
}

/* The first missing number at or behind `from`, or `end`. */
static uint32_t next_missing(const struct stream_count *count, uint32_t from, uint32_t end)
{
    while (from < end && is_seen(count, from))
        from++;
    return from;
}

void stream_count_print(const struct stream_count *count, uint32_t sent, char *text, size_t len)
{
    size_t at;
    uint32_t first, behind;
    const char *comma = "";

    at = (size_t)snprintf(text, len,
                          "{\"received\":%u,\"doubled\":%u,\"reordered\":%u,\"foreign\":%u,\"gaps\":[",
                          count->received, count->doubled, count->reordered, count->foreign);
    for (first = next_missing(count, 0, sent); first < sent; first = next_missing(count, behind, sent)) {
        for (behind = first; behind < sent && !is_seen(count, behind); behind++)
            ;
        if (at + 40 > len)
            break;
        at += (size_t)snprintf(text + at, len - at, "%s[%u,%u]", comma, first, behind - 1);
        comma = ",";
    }
    snprintf(text + at, len - at, "]}");
}

uint64_t stream_pace_next_ns(const struct stream_pace *pace)
{
    return pace->start_ns + (uint64_t)pace->sent * 1000000000u / pace->rate;
}
