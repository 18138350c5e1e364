/* SPDX-License-Identifier: BSD-3-Clause */
/* The store on disk: what was committed is there again, one agent has it, and damage of any kind is seen. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/wire/record.h"
#include "platform/linux/database.h"
#include "platform/linux/log.h"
#include "tests/unit/unit.h"

#define MAP_LEN ((size_t)16 << 20)
#define RECORDS 40
#define PAGE_LEN 4096

struct fixture {
    uv_loop_t loop;
    struct hm_database database;
    char folder[64], path[80], file[100];
    uint64_t committed;
    unsigned count, wrong;
};

static void on_committed(void *ctx, uint64_t ticket)
{
    struct fixture *f = ctx;

    f->committed = ticket;
}

static int open_database(struct fixture *f)
{
    f->database = (struct hm_database){.folder = -1, .ctx = f, .on_committed = on_committed};
    return hm_database_open(&f->database, &f->loop, f->path, "root", MAP_LEN);
}

static void close_database(struct fixture *f)
{
    hm_database_stop(&f->database);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    hm_database_close(&f->database);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    hm_log_init(HM_LOG_ERROR);
    uv_loop_init(&f->loop);
    strcpy(f->folder, "/tmp/hypermip-database-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/deep/store", f->folder);
    snprintf(f->file, sizeof(f->file), "%s/" HM_DATABASE_FILE, f->path);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", f->folder);
    assert_int_equal(system(command), 0);
    uv_loop_close(&f->loop);
    free(f);
    return 0;
}

static struct hm_record record_of(unsigned number)
{
    return (struct hm_record){.kind = HM_RECORD_MOBILE,
                              .mobile = {.home_addr = 0x0a010000 + number, .identification = number}};
}

static void change(struct fixture *f, unsigned number, bool is_there)
{
    struct hm_record record = record_of(number);
    uint8_t key[HM_RECORD_KEY_LEN], value[HM_RECORD_MAX_LEN];
    size_t key_len = hm_record_encode_key(&record, key), value_len = hm_record_encode(&record, value);

    hm_database_change(&f->database, key, key_len, is_there ? value : NULL, is_there ? value_len : 0);
}

static void commit(struct fixture *f, uint64_t ticket)
{
    hm_database_commit(&f->database, ticket);
    assert_int_equal(f->committed, ticket - 1); /* never before it has returned */
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->committed, ticket);
}

static void fill(struct fixture *f)
{
    assert_int_equal(open_database(f), 0);
    for (unsigned i = 0; i < RECORDS; i++)
        change(f, i, true);
    commit(f, 1);
    change(f, 3, false);
    change(f, RECORDS, false); /* which is not there */
    commit(f, 2);
    close_database(f);
}

static void on_record(void *ctx, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct fixture *f = ctx;
    struct hm_record record;

    f->count++;
    if (hm_record_decode(key, key_len, value, value_len, &record) != 0 || record.kind != HM_RECORD_MOBILE ||
        record.mobile.identification + 0x0a010000 != record.mobile.home_addr)
        f->wrong++;
}

static size_t records_of(struct fixture *f)
{
    size_t count;

    f->count = f->wrong = 0;
    assert_int_equal(open_database(f), 0);
    count = hm_database_each(&f->database, on_record, f);
    assert_int_equal(count, f->count);
    assert_int_equal(f->wrong, 0);
    close_database(f);
    return count;
}

static void test_what_was_committed_is_there_again(void **state)
{
    struct fixture *f = *state;

    fill(f);
    assert_int_equal(records_of(f), RECORDS - 1);
    assert_int_equal(records_of(f), RECORDS - 1);
    assert_null(hm_database_check(f->path));
}

static void test_what_was_not_committed_is_not(void **state)
{
    struct fixture *f = *state;

    fill(f);
    assert_int_equal(open_database(f), 0);
    change(f, 3, true);
    close_database(f);
    assert_int_equal(records_of(f), RECORDS - 1);
}

/* The disk is full, and then it is not. */
static void test_what_cannot_be_written_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, limit;
    struct stat status;

    fill(f);
    assert_int_equal(open_database(f), 0);
    assert_int_equal(stat(f->file, &status), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){.rlim_cur = (rlim_t)status.st_size, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    f->committed = 0;
    for (unsigned i = 0; i < 100 * RECORDS; i++)
        change(f, i, true);
    hm_database_commit(&f->database, 1);
    while (!f->database.has_failed)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(f->committed, 0);
    setrlimit(RLIMIT_FSIZE, &before);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->committed, 1);
    close_database(f);
    assert_int_equal(records_of(f), 100 * RECORDS);
}

static void test_its_folder_is_private(void **state)
{
    struct fixture *f = *state;
    struct stat status;

    fill(f);
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void test_one_agent_has_it(void **state)
{
    struct fixture *f = *state;
    struct hm_database other = {.folder = -1};

    assert_int_equal(open_database(f), 0);
    assert_int_not_equal(hm_database_open(&other, &f->loop, f->path, "root", MAP_LEN), 0);
    hm_database_close(&other);
    close_database(f);
}

static void test_a_new_one_is_whole_and_an_empty_file_is_not(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(records_of(f), 0);
    assert_null(hm_database_check(f->path));
    assert_int_equal(truncate(f->file, 0), 0);
    assert_non_null(hm_database_check(f->path));
    assert_int_equal(records_of(f), 0);
    assert_null(hm_database_check(f->path));
}

static uint8_t *slurp(const struct fixture *f, size_t *len)
{
    FILE *file = fopen(f->file, "rb");
    uint8_t *bytes = malloc(MAP_LEN);

    assert_true(file != NULL && bytes != NULL);
    *len = fread(bytes, 1, MAP_LEN, file);
    fclose(file);
    return bytes;
}

static void spit(const struct fixture *f, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(f->file, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

/* Taken for whole only if all that it gives is right, and all of it is there. */
static void check_spoilt(struct fixture *f)
{
    if (hm_database_check(f->path) != NULL)
        return;
    size_t count = records_of(f);
    if (count != RECORDS - 1)
        fail_msg("%zu records of %d, and nothing was said", count, RECORDS - 1);
}

static void test_no_cut_is_taken_for_less(void **state)
{
    struct fixture *f = *state;
    size_t len;

    fill(f);
    uint8_t *bytes = slurp(f, &len);
    for (size_t cut = 1; cut < len; cut += 509) {
        spit(f, bytes, cut);
        check_spoilt(f);
    }
    free(bytes);
}

static void test_changed_bytes_are_seen(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = unit_seed(1);
    size_t len;

    fill(f);
    uint8_t *bytes = slurp(f, &len);
    for (unsigned i = 0; i < 300; i++) {
        size_t at = (size_t)unit_below(&seed, len);
        uint8_t mask = (uint8_t)(1 + unit_below(&seed, 255));

        bytes[at] ^= mask;
        spit(f, bytes, len);
        check_spoilt(f);
        bytes[at] ^= mask;
    }
    free(bytes);
}

/* The number of the newer root: LMDB would take the older one. */
static void test_an_older_root_is_not_taken(void **state)
{
    struct fixture *f = *state;
    size_t len;

    fill(f);
    uint8_t *bytes = slurp(f, &len);
    for (size_t at = 0; at < 2 * PAGE_LEN; at++) {
        if (at % PAGE_LEN >= 160 || at % 2 != 0) /* 160: behind all that a root has */
            continue;
        bytes[at] ^= 0x81;
        spit(f, bytes, len);
        check_spoilt(f);
        bytes[at] ^= 0x81;
    }
    free(bytes);
}

static void test_spoilt_pages_are_seen(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = unit_seed(2);
    uint8_t kept[PAGE_LEN];
    size_t len;

    fill(f);
    uint8_t *bytes = slurp(f, &len);
    for (size_t page = 0; page + PAGE_LEN <= len; page += PAGE_LEN) {
        for (unsigned what = 0; what < 3; what++) {
            memcpy(kept, bytes + page, PAGE_LEN);
            for (size_t i = 0; i < PAGE_LEN; i++)
                bytes[page + i] = what == 0 ? 0 : what == 1 ? 0xff : (uint8_t)unit_random(&seed);
            spit(f, bytes, len);
            check_spoilt(f);
            memcpy(bytes + page, kept, PAGE_LEN);
        }
    }
    free(bytes);
}

#define DATABASE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DATABASE_TEST(test_what_was_committed_is_there_again),
        DATABASE_TEST(test_what_was_not_committed_is_not),
        DATABASE_TEST(test_what_cannot_be_written_is_tried_again),
        DATABASE_TEST(test_its_folder_is_private),
        DATABASE_TEST(test_one_agent_has_it),
        DATABASE_TEST(test_a_new_one_is_whole_and_an_empty_file_is_not),
        DATABASE_TEST(test_no_cut_is_taken_for_less),
        DATABASE_TEST(test_changed_bytes_are_seen),
        DATABASE_TEST(test_an_older_root_is_not_taken),
        DATABASE_TEST(test_spoilt_pages_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
