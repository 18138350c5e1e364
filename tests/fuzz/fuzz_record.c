/* SPDX-License-Identifier: BSD-3-Clause */
/* Durable records: any key and value, under the right sum, are decoded; what is accepted is written alike.
 *
 * The input is the key's length, the key, and the value without its sum. */
#include "firmware/base/err.h"
#include "firmware/base/writer.h"
#include "firmware/wire/record.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t value[2 * HM_RECORD_MAX_LEN], key[HM_RECORD_KEY_LEN], again[HM_RECORD_MAX_LEN];
    static struct hm_record record;
    struct hm_reader reader;
    struct hm_writer writer;

    hm_reader_init(&reader, data, size);
    size_t key_len = hm_read_u8(&reader);
    const uint8_t *key_bytes = hm_read_take(&reader, key_len);
    if (key_bytes == NULL || reader.left > sizeof(value) - 4)
        return 0;
    (void)hm_record_decode(key_bytes, key_len, reader.at, reader.left, &record);
    hm_writer_init(&writer, value, sizeof(value));
    hm_write_bytes(&writer, reader.at, reader.left);
    hm_write_u32(&writer, hm_record_sum(key_bytes, key_len, value, writer.len));
    if (hm_record_decode(key_bytes, key_len, value, writer.len, &record) != HM_OK)
        return 0;
    FUZZ_CHECK(hm_record_encode_key(&record, key) == key_len && memcmp(key, key_bytes, key_len) == 0);
    FUZZ_CHECK(hm_record_encode(&record, again) == writer.len && memcmp(again, value, writer.len) == 0);
    return 0;
}
