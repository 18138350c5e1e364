/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the contract of a numbered stream: when its probes are due, and what was counted where they arrive. */
#ifndef HM_VM_PROBE_STREAM_H
#define HM_VM_PROBE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_SEQ_MAX (1u << 20) /* numbers per stream; a higher one is not counted and shows as a fault */

/* What has arrived of one stream. Zeroed by stream_count_reset(). */
struct stream_count {
    uint32_t stream;
    uint32_t received;  /* different numbers */
    uint32_t doubled;   /* numbers that had come before */
    uint32_t reordered; /* first arrivals behind a higher number */
    uint32_t foreign;   /* numbers outside the range */
    uint32_t next;      /* highest number seen, plus one */
    uint8_t seen[PROBE_SEQ_MAX / 8];
};

/* The absolute deadlines of a sender: number n is due at start + n / rate. */
struct stream_pace {
    uint64_t start_ns;
    uint32_t rate;
    uint32_t sent;
};

void stream_count_reset(struct stream_count *count, uint32_t stream);
void stream_count_add(struct stream_count *count, uint32_t seq);
/* Writes a JSON object, the missing numbers below `sent` among it as ranges, as many as fit. `len` >= 200. */
void stream_count_print(const struct stream_count *count, uint32_t sent, char *text, size_t len);

/* When the next probe is due, in the clock of `start_ns`. */
uint64_t stream_pace_next_ns(const struct stream_pace *pace);

#endif
