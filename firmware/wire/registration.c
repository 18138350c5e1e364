/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixed parts of Registration Request and Reply, and the texts of the reply codes. */
#include "firmware/wire/registration.h"

#include "firmware/base/err.h"

int hm_registration_decode_request(const uint8_t *bytes, size_t len, struct hm_registration_request *out)
{
    struct hm_reader reader;
    uint8_t type;

    hm_reader_init(&reader, bytes, len);
    *out = (struct hm_registration_request){0};
    type = hm_read_u8(&reader);
    out->flags = hm_read_u8(&reader);
    out->lifetime_s = hm_read_u16(&reader);
    out->home_addr = hm_read_u32(&reader);
    out->home_agent = hm_read_u32(&reader);
    out->care_of_addr = hm_read_u32(&reader);
    out->identification = hm_read_u64(&reader);
    if (reader.failed || type != HM_MIP_REQUEST)
        return HM_ERR_MALFORMED;
    return hm_extensions_decode(bytes, len, HM_REQUEST_FIXED_LEN, &out->ext);
}

int hm_registration_decode_reply(const uint8_t *bytes, size_t len, struct hm_registration_reply *out)
{
    struct hm_reader reader;
    uint8_t type;

    hm_reader_init(&reader, bytes, len);
    *out = (struct hm_registration_reply){0};
    type = hm_read_u8(&reader);
    out->code = hm_read_u8(&reader);
    out->lifetime_s = hm_read_u16(&reader);
    out->home_addr = hm_read_u32(&reader);
    out->home_agent = hm_read_u32(&reader);
    out->identification = hm_read_u64(&reader);
    if (reader.failed || type != HM_MIP_REPLY)
        return HM_ERR_MALFORMED;
    return hm_extensions_decode(bytes, len, HM_REPLY_FIXED_LEN, &out->ext);
}

void hm_registration_write_request(struct hm_writer *writer, const struct hm_registration_request *request)
{
    hm_write_u8(writer, HM_MIP_REQUEST);
    hm_write_u8(writer, request->flags);
    hm_write_u16(writer, request->lifetime_s);
    hm_write_u32(writer, request->home_addr);
    hm_write_u32(writer, request->home_agent);
    hm_write_u32(writer, request->care_of_addr);
    hm_write_u64(writer, request->identification);
}

void hm_registration_write_reply(struct hm_writer *writer, const struct hm_registration_reply *reply)
{
    hm_write_u8(writer, HM_MIP_REPLY);
    hm_write_u8(writer, reply->code);
    hm_write_u16(writer, reply->lifetime_s);
    hm_write_u32(writer, reply->home_addr);
    hm_write_u32(writer, reply->home_agent);
    hm_write_u64(writer, reply->identification);
}

const char *hm_reply_code_text(uint8_t code)
{
    static const char *const texts[UINT8_MAX + 1] = {
        [HM_CODE_ACCEPTED] = "accepted",
        [HM_CODE_ACCEPTED_NO_SIMULTANEOUS] = "accepted, no simultaneous bindings",
        /* 64-127 come from foreign agents, RFC 5944 section 3.4 and RFC 3024 */
        [64] = "foreign agent: reason unspecified",
        [65] = "foreign agent: administratively prohibited",
        [66] = "foreign agent: insufficient resources",
        [67] = "foreign agent: mobile node failed authentication",
        [68] = "foreign agent: home agent failed authentication",
        [69] = "foreign agent: lifetime too long",
        [70] = "foreign agent: poorly formed request",
        [71] = "foreign agent: poorly formed reply",
        [72] = "foreign agent: encapsulation unavailable",
        [74] = "foreign agent: reverse tunnel unavailable",
        [75] = "foreign agent: reverse tunnel is mandatory",
        [76] = "foreign agent: mobile node too distant",
        [77] = "foreign agent: invalid care-of address",
        [78] = "foreign agent: registration timeout",
        [HM_CODE_HA_UNSPECIFIED] = "reason unspecified",
        [HM_CODE_HA_PROHIBITED] = "administratively prohibited",
        [HM_CODE_HA_RESOURCES] = "insufficient resources",
        [HM_CODE_HA_MN_AUTH] = "mobile node failed authentication",
        [HM_CODE_HA_FA_AUTH] = "foreign agent failed authentication",
        [HM_CODE_HA_IDENTIFICATION] = "identification mismatch",
        [HM_CODE_HA_MALFORMED] = "poorly formed request",
        [HM_CODE_HA_TOO_MANY_BINDINGS] = "too many simultaneous bindings",
        [HM_CODE_HA_UNKNOWN_ADDRESS] = "unknown home agent address",
        [HM_CODE_HA_REVERSE_TUNNEL] = "reverse tunnel unavailable",
        [HM_CODE_HA_REVERSE_MANDATORY] = "reverse tunnel is mandatory",
        [HM_CODE_HA_ENCAPSULATION] = "encapsulation unavailable",
        [HM_CODE_HA_VENDOR_MN] = "vendor extension not understood",
        [HM_CODE_HA_VENDOR_FA] = "vendor extension of the foreign agent not understood",
        [HM_CODE_HA_PMIP_UNSUPPORTED] = "proxy registration unsupported",
        [HM_CODE_HA_PMIP_DISALLOWED] = "proxy registration not allowed for this agent",
    };

    return texts[code] != NULL ? texts[code] : "code";
}
