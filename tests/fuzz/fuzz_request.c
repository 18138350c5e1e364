/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration Request: any bytes are decoded; what is accepted is written and read again. */
#include "firmware/base/err.h"
#include "firmware/wire/registration.h"
#include "tests/fuzz/fuzz_extensions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_registration_request request, back;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    if (hm_registration_decode_request(data, size, &request) != HM_OK)
        return 0;
    fuzz_check_auth(&request.ext.mn_ha, data, size);
    fuzz_check_auth(&request.ext.mn_fa, data, size);
    fuzz_check_auth(&request.ext.fa_ha, data, size);
    FUZZ_CHECK(request.ext.values_len <= size);

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_request(&writer, &request);
    FUZZ_CHECK(writer.len == HM_REQUEST_FIXED_LEN && memcmp(bytes, data, writer.len) == 0);
    fuzz_write_extensions(&writer, &request.ext);
    FUZZ_CHECK(hm_registration_decode_request(bytes, writer.len, &back) == HM_OK);
    fuzz_check_equal(&request.ext, &back.ext);
    FUZZ_CHECK(hm_extension_auth_is_right(&back.ext.fa_ha, bytes, HM_ALGORITHM_HMAC_SHA256, &fuzz_key));
    FUZZ_CHECK(hm_extensions_are_covered(&back.ext, &back.ext.fa_ha));
    return 0;
}
