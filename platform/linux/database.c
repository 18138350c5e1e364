/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the store on disk.
 *
 * One process has the folder, by a lock on it; so LMDB's own locking is off, and no lock file of a killed
 * agent is in the way. Changes are collected in memory; a commit hands them to libuv's thread pool, where one
 * transaction writes them with the seal and waits for the disk. What cannot be written is tried again every
 * second. All is opened before the privileges go: a user without rights needs no path afterwards. */
#include "platform/linux/database.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "platform/linux/log.h"

#define RETRY_MS 1000
#define FIRST_CAP 4096
#define REMOVED UINT16_MAX /* as the length of a value */

static int fail(const struct hm_database *database, const char *what, const char *why)
{
    hm_log_printf(HM_LOG_ERROR, "store %s: %s: %s (store = none in [agent] does without)", database->path,
                  what, why);
    return HM_ERR_PLATFORM;
}

/* --- the folder --------------------------------------------------------------------------------------- */

static int make_parents(const char *path)
{
    char part[HM_PATH_LEN];

    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* Makes the folder if need be, and locks it: the lock goes with the process, however that ends. */
static int open_folder(struct hm_database *database, const char *user)
{
    const struct passwd *entry = geteuid() == 0 ? getpwnam(user) : NULL;

    bool is_new = false;

    if (make_parents(database->path) == 0)
        is_new = mkdir(database->path, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return fail(database, "cannot make its folder", strerror(errno));
    database->folder = open(database->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (database->folder < 0)
        return fail(database, "cannot open its folder", strerror(errno));
    if (flock(database->folder, LOCK_EX | LOCK_NB) != 0)
        return fail(database, "another process has it", strerror(errno));
    if (is_new && entry != NULL && fchown(database->folder, entry->pw_uid, entry->pw_gid) != 0)
        return fail(database, "cannot give its folder to the agent's user", strerror(errno));
    return 0;
}

static int set_aside(const struct hm_database *database, const char *why)
{
    char name[64];
    struct tm tm;
    time_t now = time(NULL);

    gmtime_r(&now, &tm);
    strftime(name, sizeof(name), HM_DATABASE_FILE ".damaged-%Y%m%dT%H%M%SZ", &tm);
    if (renameat(database->folder, HM_DATABASE_FILE, database->folder, name) != 0)
        return fail(database, "is damaged and cannot be set aside", strerror(errno));
    hm_log_printf(HM_LOG_ERROR,
                  "store %s: damaged (%s): set aside as %s; what it held is asked from the other agents",
                  database->path, why, name);
    return 0;
}

/* --- transactions ------------------------------------------------------------------------------------- */

static uint16_t read_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static int apply(MDB_txn *txn, MDB_dbi dbi, const struct hm_changes *changes)
{
    int err = 0;

    for (size_t at = 0; at < changes->len && err == 0;) {
        uint8_t *bytes = changes->bytes + at;
        uint16_t value_len = read_u16(bytes + 2);
        MDB_val key = {.mv_size = read_u16(bytes), .mv_data = bytes + 4};
        MDB_val value = {.mv_size = value_len == REMOVED ? 0 : value_len, .mv_data = bytes + 4 + key.mv_size};

        err = value_len == REMOVED ? mdb_del(txn, dbi, &key, NULL) : mdb_put(txn, dbi, &key, &value, 0);
        if (err == MDB_NOTFOUND)
            err = 0;
        at += 4 + key.mv_size + value.mv_size;
    }
    return err;
}

static int write_seal(MDB_txn *txn, MDB_dbi dbi)
{
    char name[] = HM_DATABASE_SEAL;
    size_t number = mdb_txn_id(txn);
    MDB_val key = {.mv_size = HM_DATABASE_SEAL_LEN, .mv_data = name};
    MDB_val value = {.mv_size = sizeof(number), .mv_data = &number};

    return mdb_put(txn, dbi, &key, &value, 0);
}

/* One transaction, durable when it returns 0; else LMDB's error or errno. */
static int write_changes(struct hm_database *database, const struct hm_changes *changes)
{
    MDB_txn *txn;
    int err = mdb_txn_begin(database->env, NULL, 0, &txn);

    if (err != 0)
        return err;
    err = apply(txn, database->dbi, changes);
    if (err == 0)
        err = write_seal(txn, database->dbi);
    if (err == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return err;
}

static int open_root(struct hm_database *database)
{
    MDB_txn *txn;
    int err = mdb_txn_begin(database->env, NULL, 0, &txn);

    if (err != 0)
        return err;
    err = mdb_dbi_open(txn, NULL, 0, &database->dbi);
    if (err == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return err;
}

static int open_env(struct hm_database *database, size_t map_len)
{
    const struct hm_changes none = {0};
    bool is_new = faccessat(database->folder, HM_DATABASE_FILE, F_OK, 0) != 0;
    int err = mdb_env_create(&database->env);

    if (err == 0)
        err = mdb_env_set_mapsize(database->env, map_len);
    if (err == 0)
        err = mdb_env_open(database->env, database->path, MDB_NOLOCK, 0600);
    if (err == 0)
        err = open_root(database);
    if (err == 0 && is_new) /* a database without a seal is a damaged one */
        err = write_changes(database, &none);
    if (err != 0)
        return fail(database, "cannot be opened", mdb_strerror(err));
    if (is_new && fsync(database->folder) != 0)
        return fail(database, "its folder cannot be written", strerror(errno));
    return 0;
}

int hm_database_open(struct hm_database *database, uv_loop_t *loop, const char *path, const char *user,
                     size_t map_len)
{
    const char *why;
    int err;

    snprintf(database->path, sizeof(database->path), "%s", path);
    database->loop = loop;
    err = open_folder(database, user);
    if (err != 0)
        return err;
    why = hm_database_check(database->path);
    if (why != NULL && (err = set_aside(database, why)) != 0)
        return err;
    err = open_env(database, map_len);
    if (err != 0)
        return err;
    uv_timer_init(loop, &database->retry);
    database->retry.data = database;
    database->work.data = database;
    database->has_timer = true;
    return 0;
}

size_t hm_database_each(struct hm_database *database,
                        void (*record)(void *ctx, const void *key, size_t key_len, const void *value,
                                       size_t value_len),
                        void *ctx)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    size_t count = 0;
    int err = mdb_txn_begin(database->env, NULL, MDB_RDONLY, &txn);

    if (err != 0) {
        fail(database, "cannot be read", mdb_strerror(err));
        return 0;
    }
    err = mdb_cursor_open(txn, database->dbi, &cursor);
    if (err == 0) {
        while ((err = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
            if (key.mv_size == HM_DATABASE_SEAL_LEN && *(const char *)key.mv_data == '\0')
                continue;
            record(ctx, key.mv_data, key.mv_size, value.mv_data, value.mv_size);
            count++;
        }
        mdb_cursor_close(cursor);
    }
    if (err != MDB_NOTFOUND)
        fail(database, "cannot be read to its end", mdb_strerror(err));
    mdb_txn_abort(txn);
    return count;
}

/* --- commits ------------------------------------------------------------------------------------------ */

static void work(uv_work_t *request)
{
    struct hm_database *database = request->data;

    database->result = write_changes(database, &database->committing);
}

static void on_worked(uv_work_t *request, int status);

static void begin(struct hm_database *database)
{
    uv_queue_work(database->loop, &database->work, work, on_worked);
}

static void on_retry(uv_timer_t *timer)
{
    begin(timer->data);
}

static void on_worked(uv_work_t *request, int status)
{
    struct hm_database *database = request->data;

    (void)status;
    if (database->result != 0) {
        if (!database->has_failed)
            hm_log_printf(
                HM_LOG_ERROR,
                "store %s: cannot be written: %s: nothing is acknowledged until it can (make room on "
                "the disk, or restart the agent)",
                database->path, mdb_strerror(database->result));
        database->has_failed = true;
        if (database->has_timer)
            uv_timer_start(&database->retry, on_retry, RETRY_MS, 0);
        return;
    }
    if (database->has_failed)
        hm_log_printf(HM_LOG_INFO, "store %s: is written again", database->path);
    database->has_failed = false;
    database->committing.len = 0;
    database->on_committed(database->ctx, database->ticket);
}

static uint8_t *grow(struct hm_changes *changes, size_t len)
{
    uint8_t *at;

    if (changes->len + len > changes->cap) {
        size_t cap = 2 * (changes->len + len) + FIRST_CAP;
        uint8_t *bytes = realloc(changes->bytes, cap);

        if (bytes == NULL)
            abort();
        changes->bytes = bytes;
        changes->cap = cap;
    }
    at = changes->bytes + changes->len;
    changes->len += len;
    return at;
}

static void write_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

void hm_database_change(struct hm_database *database, const void *key, size_t key_len, const void *value,
                        size_t value_len)
{
    uint8_t *at = grow(&database->collecting, 4 + key_len + value_len);

    write_u16(at, (uint16_t)key_len);
    write_u16(at + 2, value == NULL ? REMOVED : (uint16_t)value_len);
    memcpy(at + 4, key, key_len);
    if (value != NULL)
        memcpy(at + 4 + key_len, value, value_len);
}

void hm_database_commit(struct hm_database *database, uint64_t ticket)
{
    struct hm_changes empty = database->committing;

    database->committing = database->collecting;
    database->collecting = empty;
    database->ticket = ticket;
    begin(database);
}

void hm_database_stop(struct hm_database *database)
{
    if (database->has_timer)
        uv_close((uv_handle_t *)&database->retry, NULL);
    database->has_timer = false;
}

void hm_database_close(struct hm_database *database)
{
    if (database->env != NULL)
        mdb_env_close(database->env);
    if (database->folder >= 0)
        close(database->folder);
    free(database->collecting.bytes);
    free(database->committing.bytes);
    *database = (struct hm_database){.folder = -1};
}
