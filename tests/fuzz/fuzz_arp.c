/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP: any bytes are decoded; what is accepted is written to the same bytes. */
#include "firmware/base/err.h"
#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_ethernet header;
    uint8_t frame[HM_ARP_FRAME_LEN];
    struct hm_arp arp;

    if (hm_ethernet_decode(data, size, &header) != HM_OK)
        return 0;
    if (hm_arp_decode(data + HM_ETHERNET_LEN, size - HM_ETHERNET_LEN, &arp) != HM_OK)
        return 0;
    hm_arp_encode_frame(frame, &header.dst, &header.src, header.type, &arp);
    FUZZ_CHECK(memcmp(frame, data, HM_ETHERNET_LEN + HM_ARP_LEN) == 0);
    return 0;
}
