/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration Revocation and Acknowledgment: any bytes are decoded; what is accepted is written and read
 * again. */
#include "firmware/base/err.h"
#include "firmware/wire/revocation.h"
#include "tests/fuzz/fuzz_extensions.h"

/* Without the reserved byte, the fixed part is written as it was read. */
static void check_fixed(struct hm_writer *writer, size_t len, const uint8_t *data)
{
    FUZZ_CHECK(!writer->failed && writer->len == len);
    FUZZ_CHECK(writer->bytes[0] == data[0] && memcmp(writer->bytes + 2, data + 2, len - 2) == 0);
}

static void check_revocation(const struct hm_revocation *revocation, const uint8_t *data, size_t size)
{
    struct hm_revocation back;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    fuzz_check_auth(&revocation->ext.fa_ha, data, size);
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_write(&writer, revocation);
    check_fixed(&writer, HM_REVOCATION_FIXED_LEN, data);
    fuzz_write_extensions(&writer, &revocation->ext);
    FUZZ_CHECK(hm_revocation_decode(bytes, writer.len, &back) == HM_OK);
    fuzz_check_equal(&revocation->ext, &back.ext);
}

static void check_ack(const struct hm_revocation_ack *ack, const uint8_t *data, size_t size)
{
    struct hm_revocation_ack back;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    fuzz_check_auth(&ack->ext.fa_ha, data, size);
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_ack_write(&writer, ack);
    check_fixed(&writer, HM_REVOCATION_ACK_FIXED_LEN, data);
    fuzz_write_extensions(&writer, &ack->ext);
    FUZZ_CHECK(hm_revocation_ack_decode(bytes, writer.len, &back) == HM_OK);
    fuzz_check_equal(&ack->ext, &back.ext);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_revocation revocation;
    struct hm_revocation_ack ack;

    if (hm_revocation_decode(data, size, &revocation) == HM_OK)
        check_revocation(&revocation, data, size);
    else if (hm_revocation_ack_decode(data, size, &ack) == HM_OK)
        check_ack(&ack, data, size);
    return 0;
}
