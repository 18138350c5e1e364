/* SPDX-License-Identifier: BSD-3-Clause */
/* Durable records: the key, the envelope with version and sum, and the fields of each kind. */
#include "firmware/wire/record.h"

#include "firmware/base/err.h"
#include "firmware/wire/control_node.h"
#include "firmware/wire/text.h"

#include <assert.h>
#include <string.h>

#define SUM_LEN 4

/* --- writing ------------------------------------------------------------------------------------------ */

static void write_name(struct hm_writer *writer, const char *name)
{
    size_t len = strlen(name);
    hm_write_u8(writer, (uint8_t)len);
    hm_write_bytes(writer, name, len);
}

static void write_care_of(struct hm_writer *writer, const struct hm_care_of_record *care_of)
{
    hm_write_u32(writer, care_of->addr);
    hm_write_u16(writer, care_of->lifetime_s);
    hm_write_u64(writer, care_of->end_ntp);
}

static void write_binding(struct hm_writer *writer, const struct hm_binding_record *binding)
{
    hm_write_mac(writer, &binding->mac);
    write_name(writer, binding->vm);
    hm_write_u8(writer, (uint8_t)binding->care_of_count);
    for (unsigned i = 0; i < binding->care_of_count; i++)
        write_care_of(writer, &binding->care_of[i]);
    hm_write_u64(writer, binding->handover_id);
    hm_write_u32(writer, binding->epoch);
    write_care_of(writer, &binding->staged);
    hm_write_u64(writer, binding->staged_handover_id);
    hm_write_u32(writer, binding->staged_epoch);
    hm_write_u64(writer, binding->identification);
    hm_write_mac(writer, &binding->agent_mac);
    hm_write_u8(writer, binding->is_revocable);
    hm_write_u32(writer, binding->registered_time);
}

static void write_visitor(struct hm_writer *writer, const struct hm_visitor_record *visitor)
{
    hm_control_node_write(writer, &visitor->node);
    write_name(writer, visitor->vm);
    hm_write_u8(writer, visitor->was_here);
    hm_write_u64(writer, visitor->handover_id);
    hm_write_u32(writer, visitor->epoch);
    hm_write_u64(writer, visitor->end_ntp);
    hm_write_u8(writer, (uint8_t)visitor->neighbour_count);
    for (unsigned i = 0; i < visitor->neighbour_count; i++) {
        hm_write_u32(writer, visitor->neighbours[i].addr);
        hm_write_mac(writer, &visitor->neighbours[i].mac);
    }
    hm_write_u8(writer, visitor->is_revocable);
    hm_write_u32(writer, visitor->registered_time);
}

static void write_handover(struct hm_writer *writer, const struct hm_handover_record *handover)
{
    hm_write_u32(writer, handover->epoch);
    hm_write_u8(writer, (uint8_t)handover->stage);
    write_name(writer, handover->vm);
    write_name(writer, handover->host);
    hm_write_u32(writer, handover->other);
    hm_write_u8(writer, handover->has_stop_notice);
    hm_write_u64(writer, handover->started_ntp);
    hm_write_u64(writer, handover->end_ntp);
    hm_write_u8(writer, (uint8_t)handover->node_count);
    for (unsigned i = 0; i < handover->node_count; i++)
        hm_control_node_write(writer, &handover->nodes[i]);
}

static void write_fields(struct hm_writer *writer, const struct hm_record *record)
{
    switch (record->kind) {
    case HM_RECORD_AGENT:
        hm_write_u32(writer, record->agent.last_epoch);
        hm_write_u64(writer, record->agent.forgotten);
        return;
    case HM_RECORD_BINDING:
        write_binding(writer, &record->binding);
        return;
    case HM_RECORD_HANDOVER:
        write_handover(writer, &record->handover);
        return;
    case HM_RECORD_MOBILE:
        hm_write_u64(writer, record->mobile.identification);
        return;
    case HM_RECORD_REVOCATION:
        hm_write_u64(writer, record->revocation.end_ntp);
        return;
    case HM_RECORD_SHIELD:
        return;
    case HM_RECORD_VISITOR:
        write_visitor(writer, &record->visitor);
        return;
    }
}

/* A record without a key id was written before shields had one: it keeps its form, so that it can be removed.
 */
static void write_shield_key(struct hm_writer *writer, const struct hm_shield_record *shield)
{
    hm_write_mac(writer, &shield->mac);
    if (shield->key_id != 0)
        hm_write_u32(writer, shield->key_id);
}

size_t hm_record_encode_key(const struct hm_record *record, uint8_t key[HM_RECORD_KEY_LEN])
{
    struct hm_writer writer;
    hm_writer_init(&writer, key, HM_RECORD_KEY_LEN);
    hm_write_u8(&writer, (uint8_t)record->kind);
    switch (record->kind) {
    case HM_RECORD_AGENT:
        break;
    case HM_RECORD_BINDING:
        hm_write_u32(&writer, record->binding.home_addr);
        break;
    case HM_RECORD_HANDOVER:
        hm_write_u8(&writer, record->handover.role);
        hm_write_u64(&writer, record->handover.id);
        break;
    case HM_RECORD_MOBILE:
        hm_write_u32(&writer, record->mobile.home_addr);
        break;
    case HM_RECORD_REVOCATION:
        hm_write_u32(&writer, record->revocation.home_addr);
        hm_write_u32(&writer, record->revocation.care_of_addr);
        break;
    case HM_RECORD_SHIELD:
        write_shield_key(&writer, &record->shield);
        break;
    case HM_RECORD_VISITOR:
        hm_write_u32(&writer, record->visitor.node.home_agent);
        hm_write_u32(&writer, record->visitor.node.home_addr);
        break;
    }
    assert(!writer.failed);
    return writer.len;
}

/* CRC-32 of IEEE 802.3, bit by bit: records are short, and come one at a time. */
static uint32_t sum_of(uint32_t crc, const uint8_t *bytes, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

uint32_t hm_record_sum(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len)
{
    return sum_of(sum_of(0, key, key_len), bytes, len);
}

size_t hm_record_encode(const struct hm_record *record, uint8_t bytes[HM_RECORD_MAX_LEN])
{
    uint8_t key[HM_RECORD_KEY_LEN];
    size_t key_len = hm_record_encode_key(record, key);
    struct hm_writer writer;
    hm_writer_init(&writer, bytes, HM_RECORD_MAX_LEN);
    hm_write_u8(&writer, HM_RECORD_VERSION);
    write_fields(&writer, record);
    hm_write_u32(&writer, hm_record_sum(key, key_len, bytes, writer.len));
    assert(!writer.failed);
    return writer.len;
}

/* --- reading ------------------------------------------------------------------------------------------ */

static void read_name(struct hm_reader *reader, char name[HM_NAME_LEN])
{
    size_t len = hm_read_u8(reader);
    const uint8_t *bytes = hm_read_take(reader, len);
    if (bytes == NULL || len >= HM_NAME_LEN || !hm_text_is_clean(bytes, len))
        reader->failed = true;
    else
        memcpy(name, bytes, len);
}

/* A number of things that follow, at most `max`. */
static unsigned read_count(struct hm_reader *reader, unsigned max)
{
    unsigned count = hm_read_u8(reader);
    if (count <= max)
        return count;
    reader->failed = true;
    return 0;
}

static void read_care_of(struct hm_reader *reader, struct hm_care_of_record *care_of)
{
    care_of->addr = hm_read_u32(reader);
    care_of->lifetime_s = hm_read_u16(reader);
    care_of->end_ntp = hm_read_u64(reader);
}

static void read_binding(struct hm_reader *reader, struct hm_binding_record *binding)
{
    hm_read_mac(reader, &binding->mac);
    read_name(reader, binding->vm);
    binding->care_of_count = read_count(reader, HM_MAX_SIMULTANEOUS);
    for (unsigned i = 0; i < binding->care_of_count; i++)
        read_care_of(reader, &binding->care_of[i]);
    binding->handover_id = hm_read_u64(reader);
    binding->epoch = hm_read_u32(reader);
    read_care_of(reader, &binding->staged);
    binding->staged_handover_id = hm_read_u64(reader);
    binding->staged_epoch = hm_read_u32(reader);
    binding->identification = hm_read_u64(reader);
    hm_read_mac(reader, &binding->agent_mac);
    binding->is_revocable = read_count(reader, 1) != 0;
    binding->registered_time = hm_read_u32(reader);
}

static void read_visitor(struct hm_reader *reader, struct hm_visitor_record *visitor)
{
    const uint32_t home_agent = visitor->node.home_agent, home_addr = visitor->node.home_addr;
    hm_control_node_read(reader, &visitor->node);
    if (visitor->node.home_agent != home_agent || visitor->node.home_addr != home_addr)
        reader->failed = true;
    read_name(reader, visitor->vm);
    visitor->was_here = read_count(reader, 1) != 0;
    visitor->handover_id = hm_read_u64(reader);
    visitor->epoch = hm_read_u32(reader);
    visitor->end_ntp = hm_read_u64(reader);
    visitor->neighbour_count = read_count(reader, HM_CONTROL_MAX_NEIGHBOURS);
    for (unsigned i = 0; i < visitor->neighbour_count; i++) {
        visitor->neighbours[i].addr = hm_read_u32(reader);
        hm_read_mac(reader, &visitor->neighbours[i].mac);
    }
    visitor->is_revocable = read_count(reader, 1) != 0;
    visitor->registered_time = hm_read_u32(reader);
}

static void read_handover(struct hm_reader *reader, struct hm_handover_record *handover)
{
    handover->epoch = hm_read_u32(reader);
    handover->stage = (enum hm_record_stage)read_count(reader, HM_RECORD_STAGE_COUNT - 1);
    read_name(reader, handover->vm);
    read_name(reader, handover->host);
    handover->other = hm_read_u32(reader);
    handover->has_stop_notice = read_count(reader, 1) != 0;
    handover->started_ntp = hm_read_u64(reader);
    handover->end_ntp = hm_read_u64(reader);
    handover->node_count = read_count(reader, HM_CONTROL_MAX_NODES);
    for (unsigned i = 0; i < handover->node_count; i++)
        hm_control_node_read(reader, &handover->nodes[i]);
}

static void read_shield_key(struct hm_reader *key, struct hm_shield_record *shield)
{
    hm_read_mac(key, &shield->mac);
    if (key->left == 0)
        return;
    shield->key_id = hm_read_u32(key);
    if (shield->key_id == 0)
        key->failed = true;
}

/* False for a kind that is not known. */
static bool read_key(struct hm_reader *key, struct hm_record *record)
{
    record->kind = (enum hm_record_kind)hm_read_u8(key);
    switch (record->kind) {
    case HM_RECORD_AGENT:
        return true;
    case HM_RECORD_BINDING:
        record->binding.home_addr = hm_read_u32(key);
        return true;
    case HM_RECORD_HANDOVER:
        record->handover.role = hm_read_u8(key);
        record->handover.id = hm_read_u64(key);
        return true;
    case HM_RECORD_MOBILE:
        record->mobile.home_addr = hm_read_u32(key);
        return true;
    case HM_RECORD_REVOCATION:
        record->revocation.home_addr = hm_read_u32(key);
        record->revocation.care_of_addr = hm_read_u32(key);
        return true;
    case HM_RECORD_SHIELD:
        read_shield_key(key, &record->shield);
        return true;
    case HM_RECORD_VISITOR:
        record->visitor.node.home_agent = hm_read_u32(key);
        record->visitor.node.home_addr = hm_read_u32(key);
        return true;
    }
    return false;
}

static void read_fields(struct hm_reader *reader, struct hm_record *record)
{
    switch (record->kind) {
    case HM_RECORD_AGENT:
        record->agent.last_epoch = hm_read_u32(reader);
        record->agent.forgotten = hm_read_u64(reader);
        return;
    case HM_RECORD_BINDING:
        read_binding(reader, &record->binding);
        return;
    case HM_RECORD_HANDOVER:
        read_handover(reader, &record->handover);
        return;
    case HM_RECORD_MOBILE:
        record->mobile.identification = hm_read_u64(reader);
        return;
    case HM_RECORD_REVOCATION:
        record->revocation.end_ntp = hm_read_u64(reader);
        return;
    case HM_RECORD_SHIELD:
        return;
    case HM_RECORD_VISITOR:
        read_visitor(reader, &record->visitor);
        return;
    }
}

/* Takes the sum off the end; false when it is not that of key and value. */
static bool is_whole(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len)
{
    struct hm_reader reader;
    hm_reader_init(&reader, bytes, len);
    const uint8_t *covered = hm_read_take(&reader, len < SUM_LEN ? len : len - SUM_LEN);
    uint32_t sum = hm_read_u32(&reader);
    return !reader.failed && sum == hm_record_sum(key, key_len, covered, len - SUM_LEN);
}

int hm_record_decode(const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len,
                     struct hm_record *out)
{
    struct hm_record record = {0};
    struct hm_reader key_reader, reader;
    if (!is_whole(key, key_len, bytes, len))
        return HM_ERR_MALFORMED;
    hm_reader_init(&key_reader, key, key_len);
    hm_reader_init(&reader, bytes, len - SUM_LEN);
    if (hm_read_u8(&reader) != HM_RECORD_VERSION || !read_key(&key_reader, &record))
        return reader.failed ? HM_ERR_MALFORMED : HM_ERR_UNKNOWN;
    read_fields(&reader, &record);
    if (reader.failed || reader.left != 0 || key_reader.failed || key_reader.left != 0)
        return HM_ERR_MALFORMED;
    *out = record;
    return HM_OK;
}
