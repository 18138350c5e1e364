/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the neighbours share: neighbour (the table) and neighbour_search (questions that no
 * packet waits for). */
#ifndef HM_LINK_NEIGHBOUR_PARTS_H
#define HM_LINK_NEIGHBOUR_PARTS_H

#include "firmware/link/neighbour.h"

/* Between two questions for one entry. */
#define HM_NEIGHBOUR_ASK_INTERVAL_MS 1000

void hm_neighbour_search_init(struct hm_neighbours *neighbours);

/* A host's address on the link, and not our own. */
bool hm_neighbour_is_learnable(const struct hm_neighbours *neighbours, unsigned link, uint32_t addr);

#endif
