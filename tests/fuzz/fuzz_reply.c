/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration Reply: any bytes are decoded; what is accepted is written and read again. */
#include "firmware/base/err.h"
#include "firmware/wire/registration.h"
#include "tests/fuzz/fuzz_extensions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_registration_reply reply, back;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    if (hm_registration_decode_reply(data, size, &reply) != HM_OK)
        return 0;
    fuzz_check_auth(&reply.ext.mn_ha, data, size);
    fuzz_check_auth(&reply.ext.mn_fa, data, size);
    fuzz_check_auth(&reply.ext.fa_ha, data, size);
    FUZZ_CHECK(reply.ext.values_len <= size);

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_reply(&writer, &reply);
    FUZZ_CHECK(writer.len == HM_REPLY_FIXED_LEN && memcmp(bytes, data, writer.len) == 0);
    fuzz_write_extensions(&writer, &reply.ext);
    FUZZ_CHECK(hm_registration_decode_reply(bytes, writer.len, &back) == HM_OK);
    fuzz_check_equal(&reply.ext, &back.ext);
    FUZZ_CHECK(hm_extension_auth_is_right(&back.ext.fa_ha, bytes, HM_ALGORITHM_HMAC_SHA256, &fuzz_key));
    FUZZ_CHECK(hm_extensions_are_covered(&back.ext, &back.ext.fa_ha));
    return 0;
}
