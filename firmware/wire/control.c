/* SPDX-License-Identifier: BSD-3-Clause */
/* Header and authenticator of control messages, and the names of their numbers. */
#include "firmware/wire/control.h"

#include "firmware/base/err.h"
#include "firmware/wire/authenticator.h"
#include "firmware/wire/control_item.h"

#define MAGIC 0x484d4331u /* "HMC1" */

const char *hm_control_op_name(enum hm_control_op op)
{
    switch (op) {
    case HM_OP_IMMINENT:
        return "imminent";
    case HM_OP_LANDED:
        return "landed";
    case HM_OP_CANCEL:
        return "cancel";
    case HM_OP_STATUS:
        return "status";
    case HM_OP_SHIELD:
        return "shield";
    case HM_OP_STOPPED:
        return "stopped";
    case HM_OP_SALVAGE:
        return "salvage";
    case HM_OP_ATTACH:
        return "attach";
    case HM_OP_FETCH:
        return "fetch";
    case HM_OP_STOP:
        return "stop";
    case HM_OP_SALVAGED:
        return "salvaged";
    case HM_OP_DIVERT:
        return "divert";
    case HM_OP_UNDIVERT:
        return "undivert";
    case HM_OP_END:
        return "end marker";
    case HM_OP_HELLO:
        return "hello";
    case HM_OP_PREPARE:
        return "prepare";
    case HM_OP_LOCATE:
        return "locate";
    case HM_OP_MOVE:
        return "move";
    case HM_OP_ARRIVED:
        return "arrived";
    case HM_OP_ABORT:
        return "abort";
    case HM_OP_LAND:
        return "land";
    case HM_OP_RESTARTED:
        return "restarted";
    case HM_OP_RESTORE:
        return "restore";
    }
    return "unknown operation";
}

/* Asked with a number off the wire, which may be none of the enum. */
static bool is_op(uint8_t op)
{
    return (op >= HM_OP_IMMINENT && op <= HM_OP_FETCH) || (op >= HM_OP_PREPARE && op <= HM_OP_END) ||
           op == HM_OP_HELLO;
}

static const char *const CUT_NAMES[] = {"none", "exact", "counted", "estimated"};
_Static_assert(sizeof(CUT_NAMES) / sizeof(CUT_NAMES[0]) == HM_CUT_COUNT, "a name for each way");

const char *hm_cut_name(enum hm_cut cut)
{
    return CUT_NAMES[cut];
}

const char *hm_control_code_text(enum hm_control_code code)
{
    switch (code) {
    case HM_CONTROL_OK:
        return "done";
    case HM_CONTROL_REFUSED:
        return "refused";
    case HM_CONTROL_UNKNOWN_VM:
        return "unknown VM";
    case HM_CONTROL_UNKNOWN_HOST:
        return "unknown host";
    case HM_CONTROL_UNREACHABLE:
        return "not reachable in time";
    case HM_CONTROL_MALFORMED:
        return "malformed message";
    case HM_CONTROL_KEY:
        return "wrong key";
    case HM_CONTROL_CLOCK:
        return "clocks are apart";
    }
    return "unknown code";
}

/* Reads the header; false when these bytes are no control message at all. */
static bool read_header(struct hm_reader *reader, size_t len, struct hm_control_message *out)
{
    uint32_t magic = hm_read_u32(reader);
    uint8_t kind = hm_read_u8(reader);

    *out = (struct hm_control_message){0};
    if (magic != MAGIC || kind < HM_CONTROL_REQUEST || kind > HM_CONTROL_HINT)
        return false;
    if (len > HM_CONTROL_MAX_LEN || len < HM_CONTROL_HEADER_LEN)
        return false;
    if (kind == HM_CONTROL_HINT && len != HM_CONTROL_HEADER_LEN)
        return false;
    if (kind != HM_CONTROL_HINT && len < HM_CONTROL_HEADER_LEN + HM_CONTROL_AUTHENTICATOR_LEN)
        return false;
    out->kind = (enum hm_control_kind)kind;
    out->op = (enum hm_control_op)hm_read_u8(reader);
    out->code = (enum hm_control_code)hm_read_u8(reader);
    hm_read_skip(reader, 1);
    out->key_id = hm_read_u32(reader);
    out->timestamp = hm_read_u64(reader);
    out->request_id = hm_read_u64(reader);
    return true;
}

int hm_control_decode(const uint8_t *bytes, size_t len, struct hm_control_message *out)
{
    struct hm_reader reader;
    struct hm_reader items;

    hm_reader_init(&reader, bytes, len);
    if (!read_header(&reader, len, out))
        return HM_ERR_MALFORMED;
    if (!is_op((uint8_t)out->op) || (out->kind == HM_CONTROL_REQUEST && out->code != HM_CONTROL_OK))
        return HM_ERR_MALFORMED;
    if (out->kind == HM_CONTROL_HINT)
        return HM_OK;
    items = hm_read_sub(&reader, reader.left - HM_CONTROL_AUTHENTICATOR_LEN);
    return hm_control_item_decode_all(&items, out);
}

bool hm_control_is_authentic(const uint8_t *bytes, size_t len, const struct hm_key *key)
{
    size_t covered_len;

    if (len < HM_CONTROL_HEADER_LEN + HM_CONTROL_AUTHENTICATOR_LEN || len > HM_CONTROL_MAX_LEN)
        return false;
    covered_len = len - HM_CONTROL_AUTHENTICATOR_LEN;
    return hm_authenticator_is_right(HM_ALGORITHM_HMAC_SHA256, key, bytes, covered_len, bytes + covered_len,
                                     HM_CONTROL_AUTHENTICATOR_LEN);
}

size_t hm_control_encode(const struct hm_control_message *message, const struct hm_key *key,
                         uint8_t bytes[HM_CONTROL_MAX_LEN])
{
    struct hm_writer writer;
    uint8_t authenticator[HM_AUTHENTICATOR_MAX_LEN];

    hm_writer_init(&writer, bytes, HM_CONTROL_MAX_LEN);
    hm_write_u32(&writer, MAGIC);
    hm_write_u8(&writer, (uint8_t)message->kind);
    hm_write_u8(&writer, (uint8_t)message->op);
    hm_write_u8(&writer, (uint8_t)message->code);
    hm_write_u8(&writer, 0);
    hm_write_u32(&writer, message->key_id);
    hm_write_u64(&writer, message->timestamp);
    hm_write_u64(&writer, message->request_id);
    if (message->kind == HM_CONTROL_HINT)
        return writer.len;
    hm_control_item_encode_all(&writer, message);
    if (writer.failed)
        return 0;
    hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, key, bytes, writer.len, authenticator);
    hm_write_bytes(&writer, authenticator, HM_CONTROL_AUTHENTICATOR_LEN);
    return writer.failed ? 0 : writer.len;
}
