/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a database is whole.
 *
 * LMDB has no sums and believes what its pages say. So each record has a sum of its own (wire/record.h), the
 * number of records is compared with the one that the root tells, the seal with the last transaction, and
 * all of it happens in a child: what crashes there, or does not end, is damaged. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "firmware/wire/record.h"
#include "platform/linux/database.h"

#define CHECK_S 20

enum verdict {
    WHOLE,
    UNREADABLE,
    BAD_RECORD,
    OTHER_VERSION,
    BAD_COUNT,
    BAD_SEAL,
    EMPTY,
    CRASHED,
    VERDICT_COUNT,
};

static const char *const TEXTS[] = {
    NULL,
    "it cannot be opened or read",
    "a record has a wrong checksum",
    "a record was written by another version of hypermip",
    "records are missing",
    "it does not end with its last transaction",
    "it is empty",
    "its structure is damaged",
};
_Static_assert(sizeof(TEXTS) / sizeof(TEXTS[0]) == VERDICT_COUNT, "a text for each verdict");

static enum verdict check_record(const MDB_val *key, const MDB_val *value)
{
    struct hm_record record;

    switch (hm_record_decode(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &record)) {
    case HM_OK:
        return WHOLE;
    case HM_ERR_UNKNOWN:
        return OTHER_VERSION;
    default:
        return BAD_RECORD;
    }
}

static bool is_seal(const MDB_val *key)
{
    return key->mv_size == HM_DATABASE_SEAL_LEN &&
           memcmp(key->mv_data, HM_DATABASE_SEAL, HM_DATABASE_SEAL_LEN) == 0;
}

/* Walks one tree; counts its entries. */
static enum verdict walk(MDB_txn *txn, MDB_dbi dbi, size_t *sealed_at)
{
    MDB_cursor *cursor;
    MDB_stat stat;
    MDB_val key, value;
    size_t count = 0;
    int err;

    if (mdb_stat(txn, dbi, &stat) != 0 || mdb_cursor_open(txn, dbi, &cursor) != 0)
        return UNREADABLE;
    while ((err = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        enum verdict verdict = WHOLE;

        if (++count > stat.ms_entries)
            return BAD_COUNT;
        if (sealed_at == NULL)
            continue;
        if (!is_seal(&key))
            verdict = check_record(&key, &value);
        else if (value.mv_size == sizeof(*sealed_at))
            memcpy(sealed_at, value.mv_data, sizeof(*sealed_at));
        if (verdict != WHOLE)
            return verdict;
    }
    if (err != MDB_NOTFOUND)
        return UNREADABLE;
    return count == stat.ms_entries ? WHOLE : BAD_COUNT;
}

/* LMDB takes the newer one of two roots, by their numbers. A damaged number lets it take the older one, and
 * the last transaction is gone without a word; so the two must follow each other. 64-bit layout of LMDB 0.9:
 * page header 16, magic and version 8, map 16, two trees of 48, last page 8, number. */
static bool is_newest_root(const char *path, const MDB_envinfo *info, size_t page_len)
{
    const off_t number_at = 16 + 8 + 16 + 2 * 48 + 8;
    char file[HM_PATH_LEN + sizeof(HM_DATABASE_FILE)];
    uint64_t numbers[2] = {0, 0};
    bool is_read = sizeof(size_t) == sizeof(numbers[0]);
    int fd;

    snprintf(file, sizeof(file), "%s/%s", path, HM_DATABASE_FILE);
    fd = open(file, O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; i < 2; i++)
        is_read = is_read && pread(fd, &numbers[i], sizeof(numbers[i]), (off_t)(i * page_len) + number_at) ==
                                 (ssize_t)sizeof(numbers[i]);
    if (fd >= 0)
        close(fd);
    if (!is_read || (numbers[0] != info->me_last_txnid && numbers[1] != info->me_last_txnid))
        return true; /* another layout: not to be judged */
    return numbers[0] + 1 == numbers[1] || numbers[1] + 1 == numbers[0];
}

static enum verdict check(const char *path)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_envinfo info;
    MDB_stat stat;
    size_t sealed_at = 0;
    enum verdict verdict;

    if (mdb_env_create(&env) != 0 || mdb_env_open(env, path, MDB_RDONLY | MDB_NOLOCK, 0) != 0 ||
        mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0 ||
        mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 || mdb_dbi_open(txn, NULL, 0, &dbi) != 0)
        return UNREADABLE;
    verdict = walk(txn, 0, NULL); /* the free pages, as mdb_stat reads them */
    if (verdict == WHOLE)
        verdict = walk(txn, dbi, &sealed_at);
    if (verdict == WHOLE && (sealed_at != info.me_last_txnid || !is_newest_root(path, &info, stat.ms_psize)))
        verdict = BAD_SEAL;
    return verdict;
}

/* The child: no core file, no sanitizer's report, no end without a limit. */
static void check_and_exit(const char *path)
{
    static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const struct rlimit none = {0, 0};

    for (unsigned i = 0; i < sizeof(SIGNALS) / sizeof(SIGNALS[0]); i++)
        signal(SIGNALS[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &none);
    alarm(CHECK_S);
    if (freopen("/dev/null", "w", stderr) == NULL)
        _exit(CRASHED);
    _exit((int)check(path));
}

const char *hm_database_check(const char *path)
{
    char file[HM_PATH_LEN + sizeof(HM_DATABASE_FILE)];
    struct stat stat_of;
    int status;
    pid_t child;

    snprintf(file, sizeof(file), "%s/%s", path, HM_DATABASE_FILE);
    if (stat(file, &stat_of) != 0)
        return errno == ENOENT ? NULL : TEXTS[UNREADABLE];
    if (stat_of.st_size == 0) /* LMDB would take it for a new one */
        return TEXTS[EMPTY];
    child = fork();
    if (child == 0)
        check_and_exit(path);
    if (child < 0)
        return TEXTS[UNREADABLE];
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return TEXTS[CRASHED];
    if (!WIFEXITED(status) || WEXITSTATUS(status) >= VERDICT_COUNT)
        return TEXTS[CRASHED];
    return TEXTS[WEXITSTATUS(status)];
}
