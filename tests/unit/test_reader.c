/* SPDX-License-Identifier: BSD-3-Clause */
/* The bounded reader: what it reads, and that it never reads on. */
#include "firmware/base/reader.h"
#include "tests/unit/unit.h"

static void test_numbers_are_in_network_order(void **state)
{
    static const uint8_t bytes[] = {1,  2,  3,  4,  5,    6,    7,    8,    9,    10,  11,
                                    12, 13, 14, 15, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5};
    struct hm_reader reader;
    struct hm_mac mac;

    (void)state;
    hm_reader_init(&reader, bytes, sizeof(bytes));
    assert_int_equal(hm_read_u8(&reader), 1);
    assert_int_equal(hm_read_u16(&reader), 0x0203);
    assert_int_equal(hm_read_u32(&reader), 0x04050607);
    assert_true(hm_read_u64(&reader) == 0x08090a0b0c0d0e0fu);
    hm_read_mac(&reader, &mac);
    assert_true(hm_mac_u64(&mac) == 0xf0f1f2f3f4f5u);
    assert_int_equal(reader.left, 0);
    assert_false(reader.failed);
}

/* Calls the read function number `which`; gives how many bytes it asks for. */
static size_t read_one(struct hm_reader *reader, unsigned which, uint64_t *value)
{
    uint8_t bytes[5] = {1, 1, 1, 1, 1};
    struct hm_mac mac = HM_MAC_BROADCAST;
    struct hm_reader sub;

    switch (which) {
    case 0:
        *value = hm_read_u8(reader);
        return 1;
    case 1:
        *value = hm_read_u16(reader);
        return 2;
    case 2:
        *value = hm_read_u32(reader);
        return 4;
    case 3:
        *value = hm_read_u64(reader);
        return 8;
    case 4:
        hm_read_mac(reader, &mac);
        *value = hm_mac_u64(&mac);
        return 6;
    case 5:
        hm_read_bytes(reader, bytes, sizeof(bytes));
        *value = bytes[0] | bytes[4];
        return sizeof(bytes);
    case 6:
        hm_read_skip(reader, 3);
        *value = !reader->failed;
        return 3;
    case 7:
        *value = hm_read_take(reader, 7) != NULL;
        return 7;
    default:
        sub = hm_read_sub(reader, 9);
        *value = sub.left;
        assert_true(sub.failed == reader->failed);
        return 9;
    }
}

static void test_a_read_past_the_end_gives_zero_and_sticks(void **state)
{
    (void)state;
    for (unsigned which = 0; which <= 8; which++) {
        for (size_t len = 0; len < 12; len++) {
            uint8_t ones[12];
            uint8_t *copy;
            struct hm_reader reader;
            uint64_t value;
            size_t wanted;

            memset(ones, 0xff, sizeof(ones));
            copy = unit_copy(ones, len);
            hm_reader_init(&reader, copy, len);
            wanted = read_one(&reader, which, &value);
            assert_int_equal(reader.failed, wanted > len);
            assert_int_equal(value != 0, wanted <= len);
            assert_int_equal(reader.left, wanted > len ? len : len - wanted);
            if (reader.failed) {
                for (unsigned again = 0; again <= 8; again++) {
                    read_one(&reader, again, &value);
                    assert_true(value == 0 && reader.failed && reader.left == len);
                }
            }
            free(copy);
        }
    }
}

static void test_a_huge_length_does_not_wrap(void **state)
{
    uint8_t bytes[4] = {1, 2, 3, 4};
    struct hm_reader reader, sub;

    (void)state;
    hm_reader_init(&reader, bytes, sizeof(bytes));
    hm_read_skip(&reader, 2);
    sub = hm_read_sub(&reader, SIZE_MAX);
    assert_true(sub.failed && sub.left == 0 && reader.failed && reader.left == 2);
}

static void test_a_sub_reader_ends_at_its_own_end(void **state)
{
    uint8_t bytes[4] = {1, 2, 3, 4};
    struct hm_reader reader, sub;

    (void)state;
    hm_reader_init(&reader, bytes, sizeof(bytes));
    sub = hm_read_sub(&reader, 3);
    assert_int_equal(hm_read_u16(&sub), 0x0102);
    assert_int_equal(hm_read_u16(&sub), 0);
    assert_true(sub.failed && !reader.failed);
    assert_int_equal(hm_read_u8(&reader), 4);
}

static void test_nothing_can_be_read_from_nothing(void **state)
{
    struct hm_reader reader, sub;

    (void)state;
    hm_reader_init(&reader, NULL, 0);
    hm_read_skip(&reader, 0);
    hm_read_bytes(&reader, NULL, 0);
    sub = hm_read_sub(&reader, 0);
    assert_false(reader.failed || sub.failed);
    assert_int_equal(hm_read_u8(&reader), 0);
    assert_true(reader.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_in_network_order),
        cmocka_unit_test(test_a_read_past_the_end_gives_zero_and_sticks),
        cmocka_unit_test(test_a_huge_length_does_not_wrap),
        cmocka_unit_test(test_a_sub_reader_ends_at_its_own_end),
        cmocka_unit_test(test_nothing_can_be_read_from_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
