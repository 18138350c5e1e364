/* SPDX-License-Identifier: BSD-3-Clause */
/* Short texts of many objects, each in as little memory as it needs: cells of a few bytes, chained.
 *
 * There is room for the longest text of every object, so setting one cannot fail; cells that were never
 * needed were never touched (base/memory). */
#ifndef HM_BASE_TEXTS_H
#define HM_BASE_TEXTS_H

#include <stddef.h>
#include <stdint.h>

struct hm_texts {
    struct hm_texts_cell *cells;
    uint32_t free;  /* list of the cells that were given back; 0: none */
    uint32_t fresh; /* cells from here on were never taken */
    uint32_t count;
};

/* Room for `count` texts that are shorter than `size` (their zero counts). HM_ERR_MEMORY or 0. */
int hm_texts_init(struct hm_texts *texts, size_t count, size_t size);
void hm_texts_fini(struct hm_texts *texts);

/* Sets the owner's text; *at says where it is, and is 0 for an empty one. */
void hm_texts_set(struct hm_texts *texts, uint32_t *at, const char *text);
/* Copies the text that is there, as far as it fits; gives `text`. */
const char *hm_texts_get(const struct hm_texts *texts, uint32_t at, char *text, size_t size);

#endif
