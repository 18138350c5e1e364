/* SPDX-License-Identifier: BSD-3-Clause */
/* DHCP: any bytes are decoded. */
#include "firmware/base/err.h"
#include "firmware/wire/dhcp.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_dhcp dhcp;

    if (hm_dhcp_decode(data, size, &dhcp) == HM_OK)
        FUZZ_CHECK(dhcp.type >= HM_DHCP_DISCOVER && dhcp.type <= HM_DHCP_INFORM);
    return 0;
}
