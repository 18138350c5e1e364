/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers: packets that wait, in order, as one stream of bytes in pieces of a common pool. */
#include "firmware/base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/base/err.h"

#define PIECE_LEN 4080

struct hm_buffer_piece {
    struct hm_buffer_piece *next;
    uint8_t bytes[PIECE_LEN];
};

int hm_buffer_pool_init(struct hm_buffer_pool *pool, size_t len)
{
    size_t count = (len + PIECE_LEN - 1) / PIECE_LEN;
    *pool = (struct hm_buffer_pool){.memory = malloc(count * sizeof(struct hm_buffer_piece)), .count = count};
    return pool->memory == NULL ? HM_ERR_MEMORY : HM_OK;
}

void hm_buffer_pool_fini(struct hm_buffer_pool *pool)
{
    free(pool->memory);
    *pool = (struct hm_buffer_pool){0};
}

static struct hm_buffer_piece *take_piece(struct hm_buffer_pool *pool)
{
    struct hm_buffer_piece *piece = pool->free;
    if (piece != NULL)
        pool->free = piece->next;
    else
        piece = &pool->memory[pool->fresh++];
    pool->used++;
    piece->next = NULL;
    return piece;
}

static void give_first(struct hm_buffer *buffer)
{
    struct hm_buffer_piece *piece = buffer->first;
    buffer->first = piece->next;
    if (buffer->first == NULL)
        buffer->last = NULL;
    piece->next = buffer->pool->free;
    buffer->pool->free = piece;
    buffer->pool->used--;
    buffer->first_used = 0;
}

void hm_buffer_init(struct hm_buffer *buffer, struct hm_buffer_pool *pool)
{
    *buffer = (struct hm_buffer){.pool = pool};
}

void hm_buffer_clear(struct hm_buffer *buffer)
{
    hm_buffer_release(buffer, buffer->end);
}

/* Bytes of the last piece that are in use. */
static size_t last_used(const struct hm_buffer *buffer)
{
    uint64_t used = buffer->first_used + hm_buffer_len(buffer);
    return buffer->last == NULL ? PIECE_LEN : (size_t)((used - 1) % PIECE_LEN) + 1;
}

static bool has_room(const struct hm_buffer *buffer, size_t len)
{
    size_t left = PIECE_LEN - last_used(buffer);
    size_t needed = len <= left ? 0 : (len - left + PIECE_LEN - 1) / PIECE_LEN;
    return needed <= buffer->pool->count - buffer->pool->used;
}

static void write_bytes(struct hm_buffer *buffer, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    while (len > 0) {
        size_t at = last_used(buffer);
        if (at == PIECE_LEN) {
            struct hm_buffer_piece *piece = take_piece(buffer->pool);
            *(buffer->last != NULL ? &buffer->last->next : &buffer->first) = piece;
            buffer->last = piece;
            at = 0;
        }
        size_t part = PIECE_LEN - at < len ? PIECE_LEN - at : len;
        memcpy(buffer->last->bytes + at, from, part);
        buffer->end += part;
        from += part;
        len -= part;
    }
}

bool hm_buffer_append(struct hm_buffer *buffer, const void *bytes, size_t len)
{
    if (!has_room(buffer, len))
        return false;
    write_bytes(buffer, bytes, len);
    return true;
}

bool hm_buffer_put(struct hm_buffer *buffer, const void *head, size_t head_len, const void *body,
                   size_t body_len)
{
    size_t len = head_len + body_len;
    assert(len > 0 && len <= HM_BUFFER_PACKET_MAX);
    uint8_t record[HM_BUFFER_RECORD_LEN] = {(uint8_t)(len >> 8), (uint8_t)len};
    if (!has_room(buffer, sizeof(record) + len))
        return false;
    write_bytes(buffer, record, sizeof(record));
    write_bytes(buffer, head, head_len);
    write_bytes(buffer, body, body_len);
    return true;
}

size_t hm_buffer_read(const struct hm_buffer *buffer, uint64_t position, void *to, size_t len)
{
    uint8_t *out = to;
    if (position < buffer->begin || position >= buffer->end)
        return 0;
    if (len > buffer->end - position)
        len = (size_t)(buffer->end - position);
    uint64_t at = position - buffer->begin + buffer->first_used;
    const struct hm_buffer_piece *piece = buffer->first;
    for (; at >= PIECE_LEN; at -= PIECE_LEN)
        piece = piece->next;
    for (size_t done = 0; done < len; piece = piece->next, at = 0) {
        size_t part = PIECE_LEN - (size_t)at < len - done ? PIECE_LEN - (size_t)at : len - done;
        memcpy(out + done, piece->bytes + at, part);
        done += part;
    }
    return len;
}

void hm_buffer_release(struct hm_buffer *buffer, uint64_t position)
{
    assert(position <= buffer->end);
    while (buffer->begin < position) {
        uint64_t left = position - buffer->begin;
        size_t in_first = PIECE_LEN - buffer->first_used;
        size_t part = left < in_first ? (size_t)left : in_first;
        buffer->begin += part;
        buffer->first_used += part;
        if (buffer->first_used == PIECE_LEN)
            give_first(buffer);
    }
    if (buffer->begin == buffer->end && buffer->first != NULL)
        give_first(buffer);
}

static size_t first_len(const struct hm_buffer *buffer)
{
    uint8_t record[HM_BUFFER_RECORD_LEN];
    if (hm_buffer_read(buffer, buffer->begin, record, sizeof(record)) < sizeof(record))
        return 0;
    return (size_t)record[0] << 8 | record[1];
}

bool hm_buffer_has_packet(const struct hm_buffer *buffer)
{
    uint64_t len = hm_buffer_len(buffer);
    return len >= HM_BUFFER_RECORD_LEN && len >= HM_BUFFER_RECORD_LEN + first_len(buffer);
}

void hm_buffer_skip(struct hm_buffer *buffer)
{
    if (hm_buffer_has_packet(buffer))
        hm_buffer_release(buffer, buffer->begin + HM_BUFFER_RECORD_LEN + first_len(buffer));
}

size_t hm_buffer_take(struct hm_buffer *buffer, void *to, size_t cap)
{
    if (!hm_buffer_has_packet(buffer))
        return 0;
    size_t len = first_len(buffer);
    assert(len <= cap);
    hm_buffer_read(buffer, buffer->begin + HM_BUFFER_RECORD_LEN, to, len);
    hm_buffer_release(buffer, buffer->begin + HM_BUFFER_RECORD_LEN + len);
    return len;
}
