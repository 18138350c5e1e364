/* SPDX-License-Identifier: BSD-3-Clause */
/* The marker that ends the old path on a LAN. */
#include "firmware/wire/marker.h"

#include "firmware/base/err.h"
#include "firmware/base/reader.h"
#include "firmware/base/writer.h"
#include "firmware/wire/ethernet.h"

#define MAGIC 0x484d4d31u /* "HMM1" */

void hm_marker_encode(uint8_t bytes[HM_MARKER_FRAME_LEN], const struct hm_mac *dst, const struct hm_mac *src,
                      uint64_t handover_id)
{
    struct hm_ethernet ethernet = {.dst = *dst, .src = *src, .type = HM_ETHERTYPE_MARKER};
    struct hm_writer writer;

    hm_ethernet_encode(bytes, &ethernet);
    hm_writer_init(&writer, bytes + HM_ETHERNET_LEN, HM_MARKER_FRAME_LEN - HM_ETHERNET_LEN);
    hm_write_u32(&writer, MAGIC);
    hm_write_u64(&writer, handover_id);
    hm_write_zeros(&writer, writer.cap - writer.len);
}

bool hm_marker_decode(const uint8_t *bytes, size_t len, uint64_t *handover_id)
{
    struct hm_ethernet ethernet;
    struct hm_reader reader;

    if (hm_ethernet_decode(bytes, len, &ethernet) != HM_OK || ethernet.type != HM_ETHERTYPE_MARKER)
        return false;
    hm_reader_init(&reader, bytes + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN);
    uint32_t magic = hm_read_u32(&reader);
    *handover_id = hm_read_u64(&reader);
    return !reader.failed && magic == MAGIC;
}
