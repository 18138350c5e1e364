/* SPDX-License-Identifier: BSD-3-Clause */
/* Control messages: any bytes are decoded; what is accepted is written, read, and written alike. */
#include "firmware/base/err.h"
#include "firmware/wire/control.h"
#include "tests/fuzz/fuzz.h"

static const struct hm_key key = {.bytes = "fuzz fuzz fuzz fuzz", .len = 16};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hm_control_message message, back;
    uint8_t bytes[HM_CONTROL_MAX_LEN], again[HM_CONTROL_MAX_LEN];
    size_t len;

    (void)hm_control_is_authentic(data, size, &key);
    if (hm_control_decode(data, size, &message) != HM_OK)
        return 0;
    len = hm_control_encode(&message, &key, bytes);
    FUZZ_CHECK(len > 0); /* all that the items may hold together has room */
    FUZZ_CHECK(hm_control_is_authentic(bytes, len, &key) == (message.kind != HM_CONTROL_HINT));
    FUZZ_CHECK(hm_control_decode(bytes, len, &back) == HM_OK);
    FUZZ_CHECK(hm_control_encode(&back, &key, again) == len && memcmp(bytes, again, len) == 0);
    return 0;
}
