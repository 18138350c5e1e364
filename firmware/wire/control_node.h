/* SPDX-License-Identifier: BSD-3-Clause */
/* A node as bytes: in messages (wire/control.h) and in records (wire/record.h). */
#ifndef HM_WIRE_CONTROL_NODE_H
#define HM_WIRE_CONTROL_NODE_H

#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/wire/control.h"

#define HM_CONTROL_NODE_LEN 29

/* Home address (4), MAC (6), home agent (4), prefix (4 and 1), router (4), router's MAC (6). */
void hm_control_node_write(struct hm_writer *writer, const struct hm_control_node *node);
/* The reader has failed when they are too few, or the prefix is none: longer than 32, or with bits behind it.
 */
void hm_control_node_read(struct hm_reader *reader, struct hm_control_node *node);

#endif
