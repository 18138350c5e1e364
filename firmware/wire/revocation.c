/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixed parts of Registration Revocation and its Acknowledgment, and their 32-bit time. */
#include "firmware/wire/revocation.h"

#include "firmware/base/err.h"

#define MSEC_PER_SEC 1000

int hm_revocation_decode(const uint8_t *bytes, size_t len, struct hm_revocation *out)
{
    struct hm_reader reader;
    uint8_t type;

    hm_reader_init(&reader, bytes, len);
    *out = (struct hm_revocation){0};
    type = hm_read_u8(&reader);
    hm_read_skip(&reader, 1);
    out->flags = hm_read_u16(&reader);
    out->home_addr = hm_read_u32(&reader);
    out->home_agent = hm_read_u32(&reader);
    out->care_of_addr = hm_read_u32(&reader);
    out->id = hm_read_u32(&reader);
    if (reader.failed || type != HM_MIP_REVOCATION)
        return HM_ERR_MALFORMED;
    return hm_extensions_decode(bytes, len, HM_REVOCATION_FIXED_LEN, &out->ext);
}

int hm_revocation_ack_decode(const uint8_t *bytes, size_t len, struct hm_revocation_ack *out)
{
    struct hm_reader reader;
    uint8_t type;

    hm_reader_init(&reader, bytes, len);
    *out = (struct hm_revocation_ack){0};
    type = hm_read_u8(&reader);
    hm_read_skip(&reader, 1);
    out->flags = hm_read_u16(&reader);
    out->home_addr = hm_read_u32(&reader);
    out->id = hm_read_u32(&reader);
    if (reader.failed || type != HM_MIP_REVOCATION_ACK)
        return HM_ERR_MALFORMED;
    return hm_extensions_decode(bytes, len, HM_REVOCATION_ACK_FIXED_LEN, &out->ext);
}

void hm_revocation_write(struct hm_writer *writer, const struct hm_revocation *revocation)
{
    hm_write_u8(writer, HM_MIP_REVOCATION);
    hm_write_u8(writer, 0);
    hm_write_u16(writer, revocation->flags);
    hm_write_u32(writer, revocation->home_addr);
    hm_write_u32(writer, revocation->home_agent);
    hm_write_u32(writer, revocation->care_of_addr);
    hm_write_u32(writer, revocation->id);
}

void hm_revocation_ack_write(struct hm_writer *writer, const struct hm_revocation_ack *ack)
{
    hm_write_u8(writer, HM_MIP_REVOCATION_ACK);
    hm_write_u8(writer, 0);
    hm_write_u16(writer, ack->flags);
    hm_write_u32(writer, ack->home_addr);
    hm_write_u32(writer, ack->id);
}

uint32_t hm_revocation_time(uint64_t ntp)
{
    uint32_t seconds = (uint32_t)(ntp >> 32);
    uint32_t fraction_ms = (uint32_t)(((ntp & UINT32_MAX) * MSEC_PER_SEC) >> 32);

    return seconds * MSEC_PER_SEC + fraction_ms;
}
