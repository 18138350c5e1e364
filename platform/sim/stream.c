/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbered probes: sending at a rate, and telling lost from doubled from reordered.
 *
 * Probes are numbered from 1. A bit per number says what was received; a number below the highest that
 * is new is a reordering. A paused sender skips nothing: its next probe has the next number, as a
 * stopped guest's program would send it. */
#include "platform/sim/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/reader.h"
#include "firmware/base/writer.h"

#define PROBE_MAGIC 0x686d7072u
#define FIRST_WORDS 64

static void on_event(void *arg);

void hm_sim_stream_init(struct hm_sim_stream *stream, struct hm_sim_host *from, uint32_t src,
                        struct hm_sim_host *to, uint32_t dst, uint16_t port)
{
    *stream = (struct hm_sim_stream){.from = from,
                                     .to = to,
                                     .src = src,
                                     .dst = dst,
                                     .port = port,
                                     .next_in = to->streams_in,
                                     .next_out = from->streams_out};
    hm_sim_event_init(&stream->event, on_event, stream);
    to->streams_in = stream;
    from->streams_out = stream;
}

void hm_sim_stream_fini(struct hm_sim_stream *stream)
{
    struct hm_sim_stream **at;

    hm_sim_stream_stop(stream);
    for (at = &stream->to->streams_in; *at != stream; at = &(*at)->next_in)
        ;
    *at = stream->next_in;
    for (at = &stream->from->streams_out; *at != stream; at = &(*at)->next_out)
        ;
    *at = stream->next_out;
    free(stream->seen);
    stream->seen = NULL;
}

void hm_sim_stream_start(struct hm_sim_stream *stream, unsigned rate, size_t payload_len)
{
    assert(rate > 0 && payload_len >= HM_SIM_PROBE_LEN);
    stream->interval_us = HM_SIM_S / rate;
    stream->burst = stream->burst == 0 ? 1 : stream->burst;
    stream->payload_len = payload_len;
    stream->is_running = true;
    hm_sim_arm(stream->from->sim, &stream->event, stream->from->sim->now_us);
}

void hm_sim_stream_stop(struct hm_sim_stream *stream)
{
    stream->is_running = false;
    stream->is_due = false;
    hm_sim_cancel(stream->from->sim, &stream->event);
}

static void send_probe(struct hm_sim_stream *stream)
{
    uint8_t bytes[HM_SIM_FRAME_MAX];
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_write_u32(&writer, PROBE_MAGIC);
    hm_write_u32(&writer, stream->port);
    hm_write_u64(&writer, ++stream->sent);
    hm_write_u64(&writer, stream->from->sim->now_us);
    hm_write_zeros(&writer, stream->payload_len - writer.len);
    stream->sent_in_pause += hm_sim_host_is_paused(stream->to);
    if (stream->is_tcp)
        hm_sim_host_send_tcp(stream->from, stream->src, stream->dst, stream->port,
                             (uint32_t)(stream->sent * stream->payload_len), bytes, writer.len);
    else
        hm_sim_host_send_udp(stream->from, stream->src, stream->port, stream->dst, stream->port, bytes,
                             writer.len);
}

static void on_event(void *arg)
{
    struct hm_sim_stream *stream = arg;

    if (hm_sim_host_is_paused(stream->from)) {
        stream->is_due = true;
        return;
    }
    for (unsigned i = 0; i < stream->burst; i++)
        send_probe(stream);
    hm_sim_arm(stream->from->sim, &stream->event,
               stream->from->sim->now_us + stream->burst * stream->interval_us);
}

void hm_sim_stream_resume(struct hm_sim_stream *stream)
{
    if (stream->is_due && stream->is_running) {
        stream->is_due = false;
        hm_sim_arm(stream->from->sim, &stream->event, stream->from->sim->now_us);
    }
}

/* Marks a number as received; false when it was already. */
static bool is_new(struct hm_sim_stream *stream, uint64_t number)
{
    size_t word = (size_t)(number / 64);
    uint64_t bit = (uint64_t)1 << (number % 64);

    if (word >= stream->seen_words) {
        size_t words = stream->seen_words == 0 ? FIRST_WORDS : stream->seen_words;

        while (words <= word)
            words *= 2;
        stream->seen = realloc(stream->seen, words * sizeof(stream->seen[0]));
        if (stream->seen == NULL)
            abort();
        memset(stream->seen + stream->seen_words, 0, (words - stream->seen_words) * sizeof(stream->seen[0]));
        stream->seen_words = words;
    }
    if ((stream->seen[word] & bit) != 0)
        return false;
    stream->seen[word] |= bit;
    return true;
}

void hm_sim_stream_receive(struct hm_sim_stream *stream, uint32_t src, const uint8_t *bytes, size_t len)
{
    uint64_t now_us = stream->to->sim->now_us;
    struct hm_reader reader;
    uint32_t magic, port;
    uint64_t number;

    hm_reader_init(&reader, bytes, len);
    magic = hm_read_u32(&reader);
    port = hm_read_u32(&reader);
    number = hm_read_u64(&reader);
    if (magic != PROBE_MAGIC || port != stream->port || number == 0 || number > stream->sent ||
        src != stream->src || len != stream->payload_len) {
        stream->changed++;
        return;
    }
    if (!is_new(stream, number)) {
        stream->doubled++;
        return;
    }
    if (number < stream->highest)
        stream->reordered++;
    else
        stream->highest = number;
    if (stream->received++ > 0 && now_us - stream->last_received_us > stream->longest_gap_us)
        stream->longest_gap_us = now_us - stream->last_received_us;
    stream->last_received_us = now_us;
}

struct hm_sim_counts hm_sim_stream_counts(const struct hm_sim_stream *stream)
{
    return (struct hm_sim_counts){
        .sent = stream->sent,
        .sent_in_pause = stream->sent_in_pause,
        .received = stream->received,
        .lost = stream->sent - stream->received,
        .doubled = stream->doubled,
        .reordered = stream->reordered,
        .changed = stream->changed,
    };
}

struct hm_sim_counts hm_sim_stream_since(const struct hm_sim_stream *stream,
                                         const struct hm_sim_counts *before)
{
    struct hm_sim_counts counts = hm_sim_stream_counts(stream);

    counts.sent -= before->sent;
    counts.sent_in_pause -= before->sent_in_pause;
    counts.received -= before->received;
    counts.lost -= before->lost;
    counts.doubled -= before->doubled;
    counts.reordered -= before->reordered;
    counts.changed -= before->changed;
    return counts;
}
