/* SPDX-License-Identifier: BSD-3-Clause */
/* The items of a control message; used by control.c alone. */
#ifndef HM_WIRE_CONTROL_ITEM_H
#define HM_WIRE_CONTROL_ITEM_H

#include "firmware/wire/control.h"

/* Reads all items into a message whose items are zero. 0 or HM_ERR_MALFORMED; then some may be filled in. */
int hm_control_item_decode_all(struct hm_reader *reader, struct hm_control_message *out);
/* Writes the items that are there. Asserts that counts and texts keep to their arrays. */
void hm_control_item_encode_all(struct hm_writer *writer, const struct hm_control_message *message);

#endif
