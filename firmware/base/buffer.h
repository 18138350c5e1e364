/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers: packets that wait, in order, as one stream of bytes in pieces of a common pool.
 *
 * The stream has for each packet its length (2 bytes, network byte order) and its bytes: what the control
 * channel carries (wire/control.h). Positions count from the buffer's beginning and never go back. All memory
 * is taken when the pool is made; a buffer takes pieces as it fills and gives them back as it is emptied. */
#ifndef HM_BASE_BUFFER_H
#define HM_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HM_BUFFER_RECORD_LEN 2 /* of the length before each packet */
#define HM_BUFFER_PACKET_MAX 65535

struct hm_buffer_piece;

struct hm_buffer_pool {
    struct hm_buffer_piece *memory;
    struct hm_buffer_piece *free;
    size_t fresh; /* pieces from here on were never used: the system need not have given their memory yet */
    size_t count; /* of all pieces */
    size_t used;
};

struct hm_buffer {
    struct hm_buffer_pool *pool;
    struct hm_buffer_piece *first, *last;
    uint64_t begin;    /* position of the first byte that is still here */
    uint64_t end;      /* position behind the last one */
    size_t first_used; /* bytes of the first piece that were given back */
};

/* 0 or HM_ERR_MEMORY. len: bytes of packets that all buffers together can hold; rounded up to whole pieces.
 */
int hm_buffer_pool_init(struct hm_buffer_pool *pool, size_t len);
void hm_buffer_pool_fini(struct hm_buffer_pool *pool);

void hm_buffer_init(struct hm_buffer *buffer, struct hm_buffer_pool *pool);
/* Gives everything back; the buffer is empty after that, and its positions go on. */
void hm_buffer_clear(struct hm_buffer *buffer);

static inline uint64_t hm_buffer_len(const struct hm_buffer *buffer)
{
    return buffer->end - buffer->begin;
}

/* Adds a packet made of a head (may be of no length) and a body; false, and nothing changed, when the pool is
 * used up. */
bool hm_buffer_put(struct hm_buffer *buffer, const void *head, size_t head_len, const void *body,
                   size_t body_len);
/* Adds bytes of a stream as they are; false, and nothing changed, when the pool is used up. */
bool hm_buffer_append(struct hm_buffer *buffer, const void *bytes, size_t len);

/* Is a whole packet there? */
bool hm_buffer_has_packet(const struct hm_buffer *buffer);
/* Drops the first packet, if there is one. */
void hm_buffer_skip(struct hm_buffer *buffer);
/* Takes the oldest packet out; gives its length, 0 when no whole one is there. It must have at most `cap`
 * bytes. */
size_t hm_buffer_take(struct hm_buffer *buffer, void *to, size_t cap);

/* Copies up to len bytes of the stream from a position on; gives how many there were. None before `begin`. */
size_t hm_buffer_read(const struct hm_buffer *buffer, uint64_t position, void *to, size_t len);
/* Gives back what is before a position. */
void hm_buffer_release(struct hm_buffer *buffer, uint64_t position);

#endif
