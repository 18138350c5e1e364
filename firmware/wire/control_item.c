/* SPDX-License-Identifier: BSD-3-Clause */
/* The items of a control message: bytes to struct and back. */
#include "firmware/wire/control_item.h"

#include "firmware/base/err.h"
#include "firmware/wire/control_node.h"
#include "firmware/wire/text.h"

#include <assert.h>
#include <string.h>

enum item_type {
    ITEM_VM = 1,
    ITEM_HOST = 2,
    ITEM_MAC = 3,
    ITEM_ADDR = 4,
    ITEM_NODE = 5,
    ITEM_NEIGHBOURS = 6,
    ITEM_HANDOVER_ID = 7,
    ITEM_EPOCH = 8,
    ITEM_LIFETIME = 9,
    ITEM_WAIT = 10,
    ITEM_DRY_RUN = 11,
    ITEM_AGENT_ADDR = 12,
    ITEM_STATE = 13,
    ITEM_TEXT = 14,
    ITEM_RELAYED = 15,
    ITEM_OFFSET = 16,
    ITEM_CONFIRMED = 17,
    ITEM_LIMIT = 18,
    ITEM_DATA = 19,
    ITEM_HAS_SALVAGE = 20,
    ITEM_IS_LAST = 21,
    ITEM_IS_READY = 22,
    ITEM_HAS_STOP_NOTICE = 23,
    ITEM_HAS_OLD_PATH = 24,
    ITEM_CUT = 25,
    ITEM_TAP_DROPPED = 26,
    ITEM_FIRST_SKIPPABLE = 128,
};

#define MAC_LEN 6
#define ADDR_LEN 4
#define NEIGHBOUR_LEN 10

/* Items that a message may have more than once. */
static bool is_repeatable(uint8_t type)
{
    return type == ITEM_MAC || type == ITEM_ADDR || type == ITEM_NODE || type == ITEM_NEIGHBOURS ||
           type == ITEM_DATA;
}

/* A reader of one kind of value has the whole value to itself; all must be used up. */
static int finish(const struct hm_reader *value)
{
    return value->failed || value->left > 0 ? HM_ERR_MALFORMED : HM_OK;
}

static int read_text(struct hm_reader *value, char *text, size_t cap)
{
    if (value->left == 0 || value->left >= cap || !hm_text_is_clean(value->at, value->left))
        return HM_ERR_MALFORMED;
    hm_read_bytes(value, text, value->left);
    return HM_OK;
}

static int read_u32(struct hm_reader *value, uint32_t *out)
{
    *out = hm_read_u32(value);
    return finish(value);
}

static int read_u64(struct hm_reader *value, uint64_t *out)
{
    *out = hm_read_u64(value);
    return finish(value);
}

static int read_flag(struct hm_reader *value, bool *out)
{
    *out = true;
    return finish(value);
}

static int read_mac(struct hm_reader *value, struct hm_control_message *out)
{
    if (out->mac_count == HM_CONTROL_MAX_NODES)
        return HM_ERR_MALFORMED;
    hm_read_mac(value, &out->macs[out->mac_count++]);
    return finish(value);
}

static int read_addr(struct hm_reader *value, struct hm_control_message *out)
{
    if (out->addr_count == HM_CONTROL_MAX_NODES)
        return HM_ERR_MALFORMED;
    return read_u32(value, &out->addrs[out->addr_count++]);
}

static int read_node(struct hm_reader *value, struct hm_control_message *out)
{
    if (out->node_count == HM_CONTROL_MAX_NODES)
        return HM_ERR_MALFORMED;
    hm_control_node_read(value, &out->nodes[out->node_count++]);
    return finish(value);
}

static int read_neighbours(struct hm_reader *value, struct hm_control_message *out)
{
    while (value->left > 0 && !value->failed) {
        if (out->neighbour_count == HM_CONTROL_MAX_NEIGHBOURS)
            return HM_ERR_MALFORMED;
        struct hm_pair *neighbour = &out->neighbours[out->neighbour_count++];
        neighbour->addr = hm_read_u32(value);
        hm_read_mac(value, &neighbour->mac);
    }
    return finish(value);
}

static int read_data(struct hm_reader *value, struct hm_control_message *out)
{
    size_t len = value->left;

    if (len == 0 || len > sizeof(out->data) - out->data_len)
        return HM_ERR_MALFORMED;
    hm_read_bytes(value, out->data + out->data_len, len);
    out->data_len += (unsigned)len;
    return finish(value);
}

static int read_cut(struct hm_reader *value, enum hm_cut *out)
{
    uint8_t cut = hm_read_u8(value);

    if (cut == HM_CUT_NONE || cut >= HM_CUT_COUNT)
        return HM_ERR_MALFORMED;
    *out = (enum hm_cut)cut;
    return finish(value);
}

/* Items of frames' streams, and of what precedes and follows them. */
static int read_stream_item(uint8_t type, struct hm_reader *value, struct hm_control_message *out)
{
    switch (type) {
    case ITEM_OFFSET:
        return read_u64(value, &out->offset);
    case ITEM_CONFIRMED:
        return read_u64(value, &out->confirmed);
    case ITEM_LIMIT:
        return read_u64(value, &out->limit);
    case ITEM_DATA:
        return read_data(value, out);
    case ITEM_HAS_SALVAGE:
        return read_flag(value, &out->has_salvage);
    case ITEM_IS_LAST:
        return read_flag(value, &out->is_last);
    case ITEM_IS_READY:
        return read_flag(value, &out->is_ready);
    case ITEM_HAS_STOP_NOTICE:
        return read_flag(value, &out->has_stop_notice);
    case ITEM_HAS_OLD_PATH:
        return read_flag(value, &out->has_old_path);
    case ITEM_CUT:
        return read_cut(value, &out->cut);
    case ITEM_TAP_DROPPED:
        return read_u32(value, &out->tap_dropped);
    default:
        return type >= ITEM_FIRST_SKIPPABLE ? HM_OK : HM_ERR_MALFORMED;
    }
}

static int read_item(uint8_t type, struct hm_reader *value, struct hm_control_message *out)
{
    switch (type) {
    case ITEM_VM:
        return read_text(value, out->vm, sizeof(out->vm));
    case ITEM_HOST:
        return read_text(value, out->host, sizeof(out->host));
    case ITEM_MAC:
        return read_mac(value, out);
    case ITEM_ADDR:
        return read_addr(value, out);
    case ITEM_NODE:
        return read_node(value, out);
    case ITEM_NEIGHBOURS:
        return read_neighbours(value, out);
    case ITEM_HANDOVER_ID:
        return read_u64(value, &out->handover_id);
    case ITEM_EPOCH:
        return read_u32(value, &out->epoch);
    case ITEM_LIFETIME:
        return read_u32(value, &out->lifetime_s);
    case ITEM_WAIT:
        return read_u32(value, &out->wait_ms);
    case ITEM_DRY_RUN:
        return read_flag(value, &out->dry_run);
    case ITEM_AGENT_ADDR:
        return read_u32(value, &out->agent_addr);
    case ITEM_STATE:
        return read_text(value, out->state, sizeof(out->state));
    case ITEM_TEXT:
        return read_text(value, out->text, sizeof(out->text));
    case ITEM_RELAYED:
        return read_flag(value, &out->relayed);
    default:
        return read_stream_item(type, value, out);
    }
}

int hm_control_item_decode_all(struct hm_reader *reader, struct hm_control_message *out)
{
    uint32_t seen = 0; /* a bit per known type */

    while (reader->left > 0) {
        uint8_t type = hm_read_u8(reader);
        uint8_t len = hm_read_u8(reader);
        struct hm_reader value = hm_read_sub(reader, len);

        if (reader->failed || read_item(type, &value, out) != HM_OK)
            return HM_ERR_MALFORMED;
        if (type >= ITEM_FIRST_SKIPPABLE || is_repeatable(type))
            continue;
        if ((seen & 1u << type) != 0)
            return HM_ERR_MALFORMED;
        seen |= 1u << type;
    }
    return HM_OK;
}

static void write_head(struct hm_writer *writer, enum item_type type, size_t len)
{
    hm_write_u8(writer, (uint8_t)type);
    hm_write_u8(writer, (uint8_t)len);
}

/* Empty: absent. A text that was cut within a character, or holds one that the other side would refuse,
 * is sent up to there. */
static void write_text(struct hm_writer *writer, enum item_type type, const char *text, size_t cap)
{
    const char *end = memchr(text, '\0', cap);
    size_t len;

    assert(end != NULL);
    len = (size_t)(end - text);
    while (len > 0 && !hm_text_is_clean((const uint8_t *)text, len))
        len--;
    if (len == 0)
        return;
    write_head(writer, type, len);
    hm_write_bytes(writer, text, len);
}

/* Zero: absent. */
static void write_u32(struct hm_writer *writer, enum item_type type, uint32_t value)
{
    if (value == 0)
        return;
    write_head(writer, type, 4);
    hm_write_u32(writer, value);
}

/* Zero: absent. */
static void write_u64(struct hm_writer *writer, enum item_type type, uint64_t value)
{
    if (value == 0)
        return;
    write_head(writer, type, 8);
    hm_write_u64(writer, value);
}

static void write_flag(struct hm_writer *writer, enum item_type type, bool is_set)
{
    if (is_set)
        write_head(writer, type, 0);
}

static void write_lists(struct hm_writer *writer, const struct hm_control_message *message)
{
    assert(message->mac_count <= HM_CONTROL_MAX_NODES && message->addr_count <= HM_CONTROL_MAX_NODES);
    assert(message->node_count <= HM_CONTROL_MAX_NODES);
    assert(message->neighbour_count <= HM_CONTROL_MAX_NEIGHBOURS);
    for (unsigned i = 0; i < message->mac_count; i++) {
        write_head(writer, ITEM_MAC, MAC_LEN);
        hm_write_mac(writer, &message->macs[i]);
    }
    for (unsigned i = 0; i < message->addr_count; i++) {
        write_head(writer, ITEM_ADDR, ADDR_LEN);
        hm_write_u32(writer, message->addrs[i]);
    }
    for (unsigned i = 0; i < message->node_count; i++) {
        write_head(writer, ITEM_NODE, HM_CONTROL_NODE_LEN);
        hm_control_node_write(writer, &message->nodes[i]);
    }
    if (message->neighbour_count > 0)
        write_head(writer, ITEM_NEIGHBOURS, message->neighbour_count * (size_t)NEIGHBOUR_LEN);
    for (unsigned i = 0; i < message->neighbour_count; i++) {
        hm_write_u32(writer, message->neighbours[i].addr);
        hm_write_mac(writer, &message->neighbours[i].mac);
    }
}

static void write_data(struct hm_writer *writer, const struct hm_control_message *message)
{
    assert(message->data_len <= sizeof(message->data));
    for (unsigned at = 0; at < message->data_len;) {
        unsigned left = message->data_len - at, len = left < UINT8_MAX ? left : UINT8_MAX;

        write_head(writer, ITEM_DATA, len);
        hm_write_bytes(writer, message->data + at, len);
        at += len;
    }
}

static void write_stream(struct hm_writer *writer, const struct hm_control_message *message)
{
    write_u64(writer, ITEM_OFFSET, message->offset);
    write_u64(writer, ITEM_CONFIRMED, message->confirmed);
    write_u64(writer, ITEM_LIMIT, message->limit);
    write_data(writer, message);
    write_flag(writer, ITEM_HAS_SALVAGE, message->has_salvage);
    write_flag(writer, ITEM_IS_LAST, message->is_last);
    write_flag(writer, ITEM_IS_READY, message->is_ready);
    write_flag(writer, ITEM_HAS_STOP_NOTICE, message->has_stop_notice);
    write_flag(writer, ITEM_HAS_OLD_PATH, message->has_old_path);
    if (message->cut != HM_CUT_NONE) {
        write_head(writer, ITEM_CUT, 1);
        hm_write_u8(writer, (uint8_t)message->cut);
    }
    write_u32(writer, ITEM_TAP_DROPPED, message->tap_dropped);
}

void hm_control_item_encode_all(struct hm_writer *writer, const struct hm_control_message *message)
{
    _Static_assert(HM_CONTROL_MAX_NEIGHBOURS * NEIGHBOUR_LEN <= UINT8_MAX, "the neighbours fit one item");
    write_text(writer, ITEM_VM, message->vm, sizeof(message->vm));
    write_text(writer, ITEM_HOST, message->host, sizeof(message->host));
    write_lists(writer, message);
    write_u64(writer, ITEM_HANDOVER_ID, message->handover_id);
    write_u32(writer, ITEM_EPOCH, message->epoch);
    write_u32(writer, ITEM_LIFETIME, message->lifetime_s);
    write_u32(writer, ITEM_WAIT, message->wait_ms);
    write_flag(writer, ITEM_DRY_RUN, message->dry_run);
    write_u32(writer, ITEM_AGENT_ADDR, message->agent_addr);
    write_text(writer, ITEM_STATE, message->state, sizeof(message->state));
    write_text(writer, ITEM_TEXT, message->text, sizeof(message->text));
    write_flag(writer, ITEM_RELAYED, message->relayed);
    write_stream(writer, message);
}
