/* SPDX-License-Identifier: BSD-3-Clause */
/* The Ethernet header. */
#include "firmware/wire/ethernet.h"

#include "firmware/base/err.h"
#include "firmware/base/reader.h"
#include "firmware/base/writer.h"

int hm_ethernet_decode(const uint8_t *bytes, size_t len, struct hm_ethernet *out)
{
    struct hm_reader reader;

    hm_reader_init(&reader, bytes, len);
    hm_read_mac(&reader, &out->dst);
    hm_read_mac(&reader, &out->src);
    out->type = hm_read_u16(&reader);
    return reader.failed ? HM_ERR_MALFORMED : HM_OK;
}

void hm_ethernet_encode(uint8_t *bytes, const struct hm_ethernet *header)
{
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, HM_ETHERNET_LEN);
    hm_write_mac(&writer, &header->dst);
    hm_write_mac(&writer, &header->src);
    hm_write_u16(&writer, header->type);
}
