/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbered probes, UDP datagrams or TCP segments, from one simulated host to another, and what became of
 * them. */
#ifndef HM_SIM_STREAM_H
#define HM_SIM_STREAM_H

#include "platform/sim/host.h"

#define HM_SIM_PROBE_LEN 24 /* magic, number, time: the shortest payload */

/* What has been counted since the start, or between two looks (hm_sim_stream_since). */
struct hm_sim_counts {
    uint64_t sent;
    uint64_t sent_in_pause; /* while the receiver was paused */
    uint64_t received;      /* different probes */
    uint64_t lost;          /* sent and not received: too high while some are in flight */
    uint64_t doubled;
    uint64_t reordered;
    uint64_t changed; /* with another payload or source than it was sent with */
};

struct hm_sim_stream {
    struct hm_sim_host *from;
    struct hm_sim_host *to;
    uint32_t src;
    uint32_t dst;
    uint16_t port;        /* tells the streams of a receiver apart */
    uint64_t interval_us; /* for each */
    size_t payload_len;
    /* May be set before the start: */
    bool is_tcp;    /* segments of one connection of which only this half is there */
    unsigned burst; /* so many probes at a time; 0 is 1 */

    struct hm_sim_event event;
    bool is_running;
    bool is_due; /* its time came while the sender was paused */
    struct hm_sim_stream *next_in;
    struct hm_sim_stream *next_out;

    uint64_t sent;
    uint64_t sent_in_pause;
    uint64_t received;
    uint64_t doubled;
    uint64_t reordered;
    uint64_t changed;
    uint64_t highest; /* number of the newest probe received, from 1 */
    uint64_t last_received_us;
    uint64_t longest_gap_us; /* between two probes received */
    uint64_t *seen;          /* a bit per probe */
    size_t seen_words;
};

/* From the sender's address src to the receiver's address dst; port must be the stream's own at `to`. */
void hm_sim_stream_init(struct hm_sim_stream *stream, struct hm_sim_host *from, uint32_t src,
                        struct hm_sim_host *to, uint32_t dst, uint16_t port);
void hm_sim_stream_fini(struct hm_sim_stream *stream);
/* Sends `rate` probes a second from now on, with payload_len bytes (at least HM_SIM_PROBE_LEN; TCP's the same
 * each time). */
void hm_sim_stream_start(struct hm_sim_stream *stream, unsigned rate, size_t payload_len);
void hm_sim_stream_stop(struct hm_sim_stream *stream);

struct hm_sim_counts hm_sim_stream_counts(const struct hm_sim_stream *stream);
/* The counts less those of an earlier look. */
struct hm_sim_counts hm_sim_stream_since(const struct hm_sim_stream *stream,
                                         const struct hm_sim_counts *before);

/* Called by the host: a datagram or segment to the stream's port came in; a paused sender runs on. */
void hm_sim_stream_receive(struct hm_sim_stream *stream, uint32_t src, const uint8_t *bytes, size_t len);
void hm_sim_stream_resume(struct hm_sim_stream *stream);

#endif
