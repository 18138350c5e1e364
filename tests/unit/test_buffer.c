/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers: what goes in comes out, in order, and no more is held than the pool has. */
#include "firmware/base/buffer.h"
#include "firmware/base/err.h"
#include "tests/unit/unit.h"

#define POOL_LEN (16 * 4096)

static struct hm_buffer_pool pool;

static int setup(void **state)
{
    (void)state;
    return hm_buffer_pool_init(&pool, POOL_LEN);
}

static int teardown(void **state)
{
    (void)state;
    hm_buffer_pool_fini(&pool);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A packet whose bytes tell its number. */
static size_t make(uint8_t *bytes, unsigned number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(number * 31 + i);
    return len;
}

static void test_packets_come_out_as_they_went_in(void **state)
{
    static uint8_t in[3000], out[3000];
    struct hm_buffer buffer;
    uint64_t random = unit_seed(1);
    unsigned put = 0, taken = 0, lens[4000];

    (void)state;
    hm_buffer_init(&buffer, &pool);
    while (put < 4000) {
        unsigned len = 1 + (unsigned)unit_below(&random, 2999);
        size_t head = unit_below(&random, len + 1);
        make(in, put, len);
        if (hm_buffer_put(&buffer, in, head, in + head, len - head)) {
            lens[put++] = len;
            continue;
        }
        assert_true(hm_buffer_len(&buffer) > 0); /* full: make room */
        for (unsigned n = 1 + (unsigned)unit_below(&random, 20); n > 0 && taken < put; n--, taken++) {
            make(in, taken, lens[taken]);
            assert_int_equal(hm_buffer_take(&buffer, out, sizeof(out)), lens[taken]);
            assert_memory_equal(out, in, lens[taken]);
        }
    }
    for (; taken < put; taken++)
        assert_int_equal(hm_buffer_take(&buffer, out, sizeof(out)), lens[taken]);
    assert_false(hm_buffer_has_packet(&buffer));
    assert_int_equal(pool.used, 0);
}

static void test_a_full_pool_takes_nothing_more_and_changes_nothing(void **state)
{
    static uint8_t bytes[POOL_LEN + 8192];
    struct hm_buffer a, b;

    (void)state;
    hm_buffer_init(&a, &pool);
    hm_buffer_init(&b, &pool);
    while (hm_buffer_put(&a, NULL, 0, bytes, 1000))
        ;
    uint64_t end = a.end;
    size_t used = pool.used;
    assert_false(hm_buffer_put(&b, NULL, 0, bytes, 5000));
    assert_false(hm_buffer_append(&a, bytes, 5000));
    assert_true(a.end == end && b.end == 0);
    assert_int_equal(pool.used, used);
    hm_buffer_clear(&a);
    assert_int_equal(pool.used, 0);
    assert_true(hm_buffer_append(&b, bytes, pool.count * 4080));
    assert_false(hm_buffer_append(&b, bytes, 1));
    hm_buffer_clear(&b);
}

static void test_a_stream_in_pieces_is_the_packets(void **state)
{
    static uint8_t stream[20000], out[2000];
    struct hm_buffer source, copy;
    size_t len = 0;

    (void)state;
    hm_buffer_init(&source, &pool);
    hm_buffer_init(&copy, &pool);
    for (unsigned i = 0; i < 12; i++)
        assert_true(hm_buffer_put(&source, NULL, 0, out, make(out, i, 100 + i * 120)));
    for (uint64_t at = 0; at < source.end; at += 777)
        len += hm_buffer_read(&source, at, stream + len, 777);
    assert_int_equal(len, source.end);
    assert_int_equal(hm_buffer_read(&source, source.end, out, 1), 0);
    for (size_t at = 0; at < len; at += 500) {
        bool was_whole = hm_buffer_has_packet(&copy);
        assert_true(hm_buffer_append(&copy, stream + at, len - at < 500 ? len - at : 500));
        assert_true(hm_buffer_has_packet(&copy) || !was_whole);
    }
    for (unsigned i = 0; i < 12; i++) {
        uint8_t expected[2000];
        size_t expected_len = make(expected, i, 100 + i * 120);
        assert_int_equal(hm_buffer_take(&copy, out, sizeof(out)), expected_len);
        assert_memory_equal(out, expected, expected_len);
    }
    hm_buffer_clear(&source);
    assert_int_equal(pool.used, 0);
}

static void test_positions_go_on_and_what_is_released_is_gone(void **state)
{
    uint8_t bytes[5000] = {0};
    struct hm_buffer buffer;

    (void)state;
    hm_buffer_init(&buffer, &pool);
    assert_true(hm_buffer_append(&buffer, bytes, 5000));
    hm_buffer_release(&buffer, 4500);
    assert_int_equal(hm_buffer_read(&buffer, 4499, bytes, 1), 0);
    assert_int_equal(hm_buffer_read(&buffer, 4500, bytes, 5000), 500);
    hm_buffer_clear(&buffer);
    assert_true(buffer.begin == 5000 && buffer.end == 5000);
    assert_true(hm_buffer_append(&buffer, bytes, 10));
    assert_int_equal(hm_buffer_read(&buffer, 5000, bytes, 100), 10);
    hm_buffer_clear(&buffer);
}

static void test_an_empty_record_is_taken_and_gives_nothing(void **state)
{
    static const uint8_t stream[] = {0, 0, 0, 1, 7};
    uint8_t out[10];
    struct hm_buffer buffer;

    (void)state;
    hm_buffer_init(&buffer, &pool);
    assert_true(hm_buffer_append(&buffer, stream, sizeof(stream)));
    assert_true(hm_buffer_has_packet(&buffer));
    assert_int_equal(hm_buffer_take(&buffer, out, sizeof(out)), 0);
    assert_int_equal(hm_buffer_take(&buffer, out, sizeof(out)), 1);
    assert_int_equal(out[0], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_packets_come_out_as_they_went_in),
        TEST(test_a_full_pool_takes_nothing_more_and_changes_nothing),
        TEST(test_a_stream_in_pieces_is_the_packets),
        TEST(test_positions_go_on_and_what_is_released_is_gone),
        TEST(test_an_empty_record_is_taken_and_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
