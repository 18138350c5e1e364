/* SPDX-License-Identifier: BSD-3-Clause */
/* The bounded writer: what it writes, and that it never writes on. */
#include "firmware/base/writer.h"
#include "tests/unit/unit.h"

/* 1 + 2 + 4 + 8 + 6 + 3 + 2 bytes. */
static void write_all(struct hm_writer *writer)
{
    static const struct hm_mac mac = {{0x52, 0x54, 0, 0x11, 0x22, 0x33}};

    hm_write_u8(writer, 0x01);
    hm_write_u16(writer, 0x0203);
    hm_write_u32(writer, 0x04050607);
    hm_write_u64(writer, 0x08090a0b0c0d0e0fu);
    hm_write_mac(writer, &mac);
    hm_write_bytes(writer, "abc", 3);
    hm_write_zeros(writer, 2);
}

static void test_numbers_are_in_network_order(void **state)
{
    uint8_t expected[26], bytes[26];
    struct hm_writer writer;

    (void)state;
    assert_int_equal(unit_hex("010203040506070809 0a0b0c0d0e0f 525400112233 616263 0000", expected, 26), 26);
    memset(bytes, 0xaa, sizeof(bytes));
    hm_writer_init(&writer, bytes, sizeof(bytes));
    write_all(&writer);
    assert_false(writer.failed);
    assert_int_equal(writer.len, 26);
    assert_memory_equal(bytes, expected, 26);
}

static void test_what_does_not_fit_is_not_written_and_sticks(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 26; cap++) {
        uint8_t *bytes = malloc(cap);
        struct hm_writer writer;
        size_t len;

        hm_writer_init(&writer, bytes, cap);
        write_all(&writer);
        assert_true(writer.failed && writer.len <= cap);
        len = writer.len;
        hm_write_u8(&writer, 1); /* would fit by now, perhaps; but the message has a hole */
        assert_int_equal(writer.len, len);
        free(bytes);
    }
}

static void test_a_huge_length_does_not_wrap(void **state)
{
    uint8_t bytes[4];
    struct hm_writer writer;

    (void)state;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_write_u16(&writer, 1);
    hm_write_zeros(&writer, SIZE_MAX);
    assert_true(writer.failed && writer.len == 2);
}

static void test_patches_change_what_was_written(void **state)
{
    uint8_t bytes[4];
    struct hm_writer writer;

    (void)state;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_write_u32(&writer, 0);
    hm_write_patch_u8(&writer, 0, 0x11);
    hm_write_patch_u16(&writer, 2, 0x2233);
    assert_memory_equal(bytes, "\x11\x00\x22\x33", 4);
}

static void test_nothing_fits_into_nothing(void **state)
{
    struct hm_writer writer;

    (void)state;
    hm_writer_init(&writer, NULL, 0);
    hm_write_bytes(&writer, NULL, 0);
    hm_write_zeros(&writer, 0);
    assert_false(writer.failed);
    hm_write_u8(&writer, 1);
    assert_true(writer.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_in_network_order),
        cmocka_unit_test(test_what_does_not_fit_is_not_written_and_sticks),
        cmocka_unit_test(test_a_huge_length_does_not_wrap),
        cmocka_unit_test(test_patches_change_what_was_written),
        cmocka_unit_test(test_nothing_fits_into_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
