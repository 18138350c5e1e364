/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the bytes of a node. */
#include "firmware/wire/control_node.h"

void hm_control_node_write(struct hm_writer *writer, const struct hm_control_node *node)
{
    hm_write_u32(writer, node->home_addr);
    hm_write_mac(writer, &node->mac);
    hm_write_u32(writer, node->home_agent);
    hm_write_u32(writer, node->home_prefix.addr);
    hm_write_u8(writer, node->home_prefix.len);
    hm_write_u32(writer, node->router);
    hm_write_mac(writer, &node->router_mac);
}

void hm_control_node_read(struct hm_reader *reader, struct hm_control_node *node)
{
    struct hm_prefix *prefix = &node->home_prefix;

    node->home_addr = hm_read_u32(reader);
    hm_read_mac(reader, &node->mac);
    node->home_agent = hm_read_u32(reader);
    prefix->addr = hm_read_u32(reader);
    prefix->len = hm_read_u8(reader);
    node->router = hm_read_u32(reader);
    hm_read_mac(reader, &node->router_mac);
    if (prefix->len > 32 || !hm_prefix_contains(prefix, prefix->addr))
        reader->failed = true;
}
