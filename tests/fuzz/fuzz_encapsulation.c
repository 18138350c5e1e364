/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers of tunnelled packets: the first byte is the protocol; what is read lies within the bytes. */
#include "firmware/base/err.h"
#include "firmware/wire/encapsulation.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_encapsulated out;
    struct hm_ipv4 outer = {.src = 0x0a010005, .dst = 0x0a030007};

    if (size == 0)
        return 0;
    outer.protocol = data[0];
    if (!hm_encapsulation_is_one(data[0], data + 1, size - 1))
        return 0;
    (void)hm_encapsulation_checksum_is_right(&outer, data + 1, size - 1);
    if (hm_encapsulation_decode(data[0], data + 1, size - 1, &out) == HM_OK) {
        FUZZ_CHECK(out.kind < HM_ENCAPSULATION_COUNT && out.header_len <= size - 1);
        FUZZ_CHECK(hm_encapsulation_protocol(out.kind) == data[0]);
    }
    return 0;
}
