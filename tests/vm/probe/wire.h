/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the probes' datagram: its layout, its types, and the small clock helpers that both ends share. */
#ifndef HM_VM_PROBE_WIRE_H
#define HM_VM_PROBE_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define PROBE_MAGIC 0x484d5042u /* "HMPB" */
#define PROBE_LEN 64            /* bytes of UDP payload of each numbered probe and of each request */
#define PROBE_REPLY_LEN 1400    /* at most, a reply with its text */

/* One request is answered each time that it comes and done once: all of them name the stream that they are
 * about. */
enum probe_type {
    PROBE_DOWN = 1, /* numbered probe to the guest */
    PROBE_UP,       /* numbered probe from the guest */
    PROBE_START,    /* asks the guest to send PROBE_UP to the asker; arg: probes per second */
    PROBE_STARTED,
    PROBE_STOP,     /* asks the guest to end its stream */
    PROBE_STOPPED,  /* arg: how many it has sent */
    PROBE_REPORT,   /* asks what the guest has received; arg: how many were sent to it */
    PROBE_REPORTED, /* the header, then a text in JSON */
};

struct probe_header {
    uint32_t magic;
    uint32_t type;
    uint32_t stream;
    uint32_t seq;
    uint32_t arg;
    uint64_t time_ns; /* the sender's CLOCK_REALTIME, for those who read the captures */
};

#define PROBE_HEADER_LEN 28

static inline uint64_t probe_clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void probe_put32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof(value));
}

static inline uint32_t probe_get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

/* Writes PROBE_HEADER_LEN bytes. */
static inline void probe_encode(uint8_t *at, const struct probe_header *header)
{
    probe_put32(at, PROBE_MAGIC);
    probe_put32(at + 4, header->type);
    probe_put32(at + 8, header->stream);
    probe_put32(at + 12, header->seq);
    probe_put32(at + 16, header->arg);
    probe_put32(at + 20, (uint32_t)(header->time_ns >> 32));
    probe_put32(at + 24, (uint32_t)header->time_ns);
}

/* False: not one of ours. */
static inline bool probe_decode(struct probe_header *header, const uint8_t *at, size_t len)
{
    if (len < PROBE_HEADER_LEN || probe_get32(at) != PROBE_MAGIC)
        return false;
    header->magic = PROBE_MAGIC;
    header->type = probe_get32(at + 4);
    header->stream = probe_get32(at + 8);
    header->seq = probe_get32(at + 12);
    header->arg = probe_get32(at + 16);
    header->time_ns = (uint64_t)probe_get32(at + 20) << 32 | probe_get32(at + 24);
    return true;
}

#endif
