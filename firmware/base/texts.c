/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts in cells: a list of cells for each, the last one filled up with zeros. Cells are told by their
 * number, from 1. */
#include "firmware/base/texts.h"

#include "firmware/base/err.h"
#include "firmware/base/memory.h"

#include <assert.h>
#include <string.h>

#define CELL_TEXT 20 /* most names fit in one cell */

struct hm_texts_cell {
    uint32_t next; /* 0: the last one */
    char text[CELL_TEXT];
};

int hm_texts_init(struct hm_texts *texts, size_t count, size_t size)
{
    size_t cells = count * ((size + CELL_TEXT - 2) / CELL_TEXT);

    *texts = (struct hm_texts){.fresh = 1};
    if (cells >= UINT32_MAX)
        return HM_ERR_MEMORY;
    texts->count = (uint32_t)cells;
    texts->cells = hm_memory_take(cells + 1, sizeof(struct hm_texts_cell));
    return texts->cells == NULL ? HM_ERR_MEMORY : HM_OK;
}

void hm_texts_fini(struct hm_texts *texts)
{
    hm_memory_give(texts->cells);
    *texts = (struct hm_texts){0};
}

static uint32_t take(struct hm_texts *texts)
{
    uint32_t at = texts->free;

    if (at != 0)
        texts->free = texts->cells[at].next;
    else
        at = texts->fresh++;
    assert(at <= texts->count);
    texts->cells[at] = (struct hm_texts_cell){0};
    return at;
}

static void give_all(struct hm_texts *texts, uint32_t at)
{
    while (at != 0) {
        uint32_t next = texts->cells[at].next;
        texts->cells[at].next = texts->free;
        texts->free = at;
        at = next;
    }
}

void hm_texts_set(struct hm_texts *texts, uint32_t *at, const char *text)
{
    size_t left = strlen(text);

    give_all(texts, *at);
    for (*at = 0; left > 0; at = &texts->cells[*at].next) {
        size_t len = left < CELL_TEXT ? left : CELL_TEXT;
        *at = take(texts);
        memcpy(texts->cells[*at].text, text, len);
        text += len;
        left -= len;
    }
}

const char *hm_texts_get(const struct hm_texts *texts, uint32_t at, char *text, size_t size)
{
    size_t len = 0;

    for (; at != 0; at = texts->cells[at].next)
        for (size_t i = 0; i < CELL_TEXT && texts->cells[at].text[i] != '\0' && len + 1 < size; i++)
            text[len++] = texts->cells[at].text[i];
    text[len] = '\0';
    return text;
}
