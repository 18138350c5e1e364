/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over the extensions of a message, and their writing.
 *
 * The walk goes twice over the message. The first round checks all lengths, refuses what is unknown
 * and must not be skipped, and notes the authentication extensions. The second fills in values, but
 * only of extensions that an authentication extension follows: without one they are anybody's.
 * Whether that authenticator is right is the caller's question, who has the keys. Extensions are not
 * aligned. RFC 5944 sections 1.8 to 1.11 and 3.5; RFC 3115; RFC 5563 section 5. */
#include "firmware/wire/extension.h"

#include "firmware/base/err.h"
#include "firmware/wire/authenticator.h"
#include "firmware/wire/text.h"

#include <string.h>

#define PMIP_SUB_METHOD 1       /* of 47, RFC 5563 section 5.1 */
#define PMIP_SUB_INTERFACE_ID 1 /* of 147, RFC 5563 section 5.2 */
#define SPI_LEN 4
#define HANDOVER_VALUE_LEN 12
#define CRITICAL_VENDOR_FIXED_LEN 6 /* vendor, type; RFC 3115 section 2.1 */
#define VENDOR_FIXED_LEN 8          /* reserved, vendor, type; RFC 3115 section 2.2 */
#define UDP_TUNNEL_LEN 6            /* RFC 3519 sections 3.1 and 3.2 */

/* One extension as it stands in the message. */
struct found {
    uint8_t type;
    uint8_t sub_type; /* of the long layout; critical vendor extensions have a reserved byte there */
    struct hm_reader value;
    size_t spi_end; /* offset in the message behind an SPI, were there one */
    size_t end;     /* offset in the message behind the extension */
};

static bool is_auth(uint8_t type)
{
    return type == HM_EXT_MN_HA_AUTH || type == HM_EXT_MN_FA_AUTH || type == HM_EXT_FA_HA_AUTH;
}

/* Types with a 16-bit length, RFC 5944 section 1.10. */
static bool is_long(uint8_t type)
{
    return type == HM_EXT_CRITICAL_VENDOR || type == HM_EXT_PMIP;
}

/* RFC 5944 section 1.8: from 128 on an unknown one may be skipped. */
static bool is_acceptable(uint8_t type)
{
    return type >= 128 || type == HM_EXT_PAD || is_auth(type) || is_long(type) ||
           type == HM_EXT_UDP_TUNNEL_REPLY;
}

/* Takes one extension off a reader over the whole message. Asked for by type first, as an unknown
 * type's layout is unknown too. */
static int take(struct hm_reader *reader, size_t message_len, struct found *out)
{
    size_t value_len = 0;

    *out = (struct found){.type = hm_read_u8(reader)};
    if (!is_acceptable(out->type))
        return HM_ERR_REFUSED;
    if (is_long(out->type)) {
        out->sub_type = hm_read_u8(reader);
        value_len = hm_read_u16(reader);
    } else if (out->type != HM_EXT_PAD) {
        value_len = hm_read_u8(reader);
    }
    out->spi_end = message_len - reader->left + SPI_LEN;
    out->value = hm_read_sub(reader, value_len);
    out->end = message_len - reader->left;
    return reader->failed ? HM_ERR_MALFORMED : HM_OK;
}

static int note_auth(struct found *found, struct hm_extensions *out)
{
    struct hm_auth_ext *auth = found->type == HM_EXT_MN_HA_AUTH   ? &out->mn_ha
                               : found->type == HM_EXT_MN_FA_AUTH ? &out->mn_fa
                                                                  : &out->fa_ha;
    uint32_t spi = hm_read_u32(&found->value);

    if (found->value.failed || found->value.left == 0)
        return HM_ERR_MALFORMED;
    if (auth->count < UINT8_MAX)
        auth->count++;
    if (auth->present) /* the first one is kept: the one over the fewest bytes */
        return HM_OK;
    auth->present = true;
    auth->spi = spi;
    auth->authenticator = found->value.at;
    auth->authenticator_len = found->value.left;
    auth->covered_len = found->spi_end;
    return HM_OK;
}

static int read_nai(struct found *found, struct hm_extensions *out)
{
    size_t len = found->value.left;

    if (len == 0 || len > HM_NAI_MAX_LEN || !hm_text_is_clean(found->value.at, len))
        return HM_ERR_MALFORMED;
    memset(out->nai, 0, sizeof(out->nai));
    hm_read_bytes(&found->value, out->nai, len);
    return HM_OK;
}

static int read_pmip(struct found *found, struct hm_extensions *out)
{
    if (found->sub_type != PMIP_SUB_METHOD)
        return HM_ERR_REFUSED; /* as an unknown type below 128 */
    if (found->value.left != 1)
        return HM_ERR_MALFORMED;
    out->has_pmip_method = true;
    out->pmip_method = hm_read_u8(&found->value);
    return HM_OK;
}

static int read_pmip_skippable(struct found *found, struct hm_extensions *out)
{
    uint8_t sub_type = hm_read_u8(&found->value);

    if (found->value.failed)
        return HM_ERR_MALFORMED;
    /* An interface id may be anything; only one that can be a MAC is of use. */
    if (sub_type == PMIP_SUB_INTERFACE_ID && found->value.left == sizeof(out->mac.b)) {
        out->has_mac = true;
        hm_read_mac(&found->value, &out->mac);
    }
    return HM_OK;
}

static int read_handover(struct hm_reader *value, struct hm_extensions *out)
{
    if (value->left != HANDOVER_VALUE_LEN)
        return HM_ERR_MALFORMED;
    out->handover_id = hm_read_u64(value);
    out->epoch = hm_read_u32(value);
    return HM_OK;
}

static int read_critical_vendor(struct found *found, struct hm_extensions *out)
{
    uint32_t vendor = hm_read_u32(&found->value);
    uint16_t type = hm_read_u16(&found->value);

    if (found->value.failed)
        return HM_ERR_MALFORMED;
    if (vendor != HM_VENDOR_ID || type != HM_VENDOR_HOLD) {
        if (out->mn_ha.present && found->end > out->mn_ha.covered_len)
            out->has_agents_unknown_critical_vendor = true;
        else
            out->has_unknown_critical_vendor = true;
        return HM_OK;
    }
    out->has_hold = true;
    return read_handover(&found->value, out);
}

static int read_vendor(struct found *found, struct hm_extensions *out)
{
    uint32_t vendor;
    uint16_t type;

    hm_read_skip(&found->value, 2);
    vendor = hm_read_u32(&found->value);
    type = hm_read_u16(&found->value);
    if (found->value.failed)
        return HM_ERR_MALFORMED;
    if (vendor != HM_VENDOR_ID)
        return HM_OK;
    if (type == HM_VENDOR_HANDOVER) {
        out->has_handover = true;
        return read_handover(&found->value, out);
    }
    if (type == HM_VENDOR_STOP_NOTICE) {
        if (found->value.left != 0)
            return HM_ERR_MALFORMED;
        out->has_stop_notice = true;
    }
    if (type == HM_VENDOR_AGENT_MAC) {
        if (found->value.left != sizeof(out->agent_mac.b))
            return HM_ERR_MALFORMED;
        out->has_agent_mac = true;
        hm_read_mac(&found->value, &out->agent_mac);
    }
    return HM_OK;
}

static int read_revocation(struct found *found, struct hm_extensions *out)
{
    if (found->value.left != 6)
        return HM_ERR_MALFORMED;
    out->has_revocation = true;
    out->revocation_flags = hm_read_u16(&found->value);
    out->revocation_timestamp = hm_read_u32(&found->value);
    return HM_OK;
}

static int read_udp_request(struct found *found, struct hm_extensions *out)
{
    struct hm_udp_tunnel_request *request = &out->udp_request;

    if (found->value.left != UDP_TUNNEL_LEN)
        return HM_ERR_MALFORMED;
    if (hm_read_u8(&found->value) != 0) /* an unknown sub-type of a type that may be skipped */
        return HM_OK;
    request->is_given = true;
    request->end = found->end;
    hm_read_skip(&found->value, 1);
    request->flags = hm_read_u8(&found->value);
    request->encapsulation = hm_read_u8(&found->value);
    request->has_reserved = hm_read_u16(&found->value) != 0;
    return HM_OK;
}

static int read_udp_reply(struct found *found, struct hm_extensions *out)
{
    struct hm_udp_tunnel_reply *reply = &out->udp_reply;

    if (found->value.left != UDP_TUNNEL_LEN)
        return HM_ERR_MALFORMED;
    if (hm_read_u8(&found->value) != 0)
        return HM_ERR_REFUSED;
    reply->is_given = true;
    reply->code = hm_read_u8(&found->value);
    reply->flags = hm_read_u8(&found->value);
    hm_read_skip(&found->value, 1);
    reply->keepalive_s = hm_read_u16(&found->value);
    return HM_OK;
}

static int read_value(struct found *found, struct hm_extensions *out)
{
    switch (found->type) {
    case HM_EXT_CRITICAL_VENDOR:
        return read_critical_vendor(found, out);
    case HM_EXT_PMIP:
        return read_pmip(found, out);
    case HM_EXT_NAI:
        return read_nai(found, out);
    case HM_EXT_VENDOR:
        return read_vendor(found, out);
    case HM_EXT_REVOCATION:
        return read_revocation(found, out);
    case HM_EXT_UDP_TUNNEL_REQUEST:
        return read_udp_request(found, out);
    case HM_EXT_UDP_TUNNEL_REPLY:
        return read_udp_reply(found, out);
    case HM_EXT_PMIP_SKIPPABLE:
        return read_pmip_skippable(found, out);
    default:
        return HM_OK;
    }
}

/* First round: lengths, unknown types, authentication extensions. *last_auth_end is 0 without any. */
static int note_auths(struct hm_reader reader, size_t len, struct hm_extensions *out, size_t *last_auth_end)
{
    *last_auth_end = 0;
    while (reader.left > 0) {
        struct found found;
        int err = take(&reader, len, &found);

        if (err == HM_OK && is_auth(found.type)) {
            err = note_auth(&found, out);
            *last_auth_end = found.end;
        }
        if (err != HM_OK)
            return err;
    }
    return HM_OK;
}

int hm_extensions_decode(const uint8_t *message, size_t len, size_t at, struct hm_extensions *out)
{
    struct hm_reader reader;
    size_t last_auth_end;
    int err;

    *out = (struct hm_extensions){0};
    hm_reader_init(&reader, message, len);
    hm_read_skip(&reader, at);
    if (reader.failed)
        return HM_ERR_MALFORMED;
    err = note_auths(reader, len, out, &last_auth_end);
    while (err == HM_OK && len - reader.left < last_auth_end) {
        struct found found;
        err = take(&reader, len, &found);
        if (err == HM_OK && found.type != HM_EXT_PAD && !is_auth(found.type)) {
            err = read_value(&found, out);
            out->values_len = found.end;
        }
    }
    return err;
}

bool hm_extension_auth_is_right(const struct hm_auth_ext *ext, const uint8_t *message,
                                enum hm_algorithm algorithm, const struct hm_key *key)
{
    return ext->present && hm_authenticator_is_right(algorithm, key, message, ext->covered_len,
                                                     ext->authenticator, ext->authenticator_len);
}
