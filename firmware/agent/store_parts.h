/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the store share: store (when is written), store_write (objects to records), store_load
 * (records to objects). */
#ifndef HM_AGENT_STORE_PARTS_H
#define HM_AGENT_STORE_PARTS_H

#include "firmware/agent/store.h"

/* write: fills in the key's fields of the object's record; false when there is nothing to be kept of it. */
bool hm_store_describe(const struct hm_stored *stored, struct hm_record *record);

/* write: the store of the agent that the object belongs to; NULL: nothing is kept. */
struct hm_store *hm_store_of(const struct hm_stored *stored);

/* store: a record without an object to mark, written with the next batch; is_there false: removed. */
void hm_store_put(struct hm_store *store, const struct hm_record *record, bool is_there);

#endif
