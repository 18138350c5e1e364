/* SPDX-License-Identifier: BSD-3-Clause */
/* The store on disk: an LMDB database in a folder of its own, data.mdb. */
#ifndef HM_LINUX_DATABASE_H
#define HM_LINUX_DATABASE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "config/platform_config.h"

struct hm_router;

#define HM_DATABASE_FILE "data.mdb"

/* The seal: a record of the database's own with the number of the transaction that wrote it, the last one.
 * Its key is none that a record of the agent has. */
#define HM_DATABASE_SEAL "\0seal"
#define HM_DATABASE_SEAL_LEN 5

/* Changes, one after the other: length of key and of value (2 bytes each), then both. */
struct hm_changes {
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

struct hm_database {
    char path[HM_PATH_LEN]; /* of the folder */
    int folder;             /* descriptor, with the lock on it; -1: the database is not open */
    MDB_env *env;
    MDB_dbi dbi;
    uv_loop_t *loop;
    uv_work_t work;
    uv_timer_t retry;
    bool has_timer;
    bool has_failed;
    int result;                               /* of the last transaction: LMDB's or errno */
    struct hm_changes collecting, committing; /* the second is the worker's while it works */
    uint64_t ticket;                          /* of `committing` */
    void *ctx;
    void (*on_committed)(void *ctx, uint64_t ticket); /* called from the loop */
};

/* Opens the database in the folder `path`, makes the folder when it is not there (mode 0700, `user`'s), and
 * locks it. A damaged one is reported, renamed to data.mdb.damaged-TIME, and an empty one begun. map_len: how
 * large it may become. 0, or HM_ERR_PLATFORM after logging what failed. */
int hm_database_open(struct hm_database *database, uv_loop_t *loop, const char *path, const char *user,
                     size_t map_len);
/* Hands out each record; between open and the first commit. The number of records. */
size_t hm_database_each(struct hm_database *database,
                        void (*record)(void *ctx, const void *key, size_t key_len, const void *value,
                                       size_t value_len),
                        void *ctx);

/* database_load: how large the database of such an agent may become, in bytes. */
size_t hm_database_map_len(const struct hm_router_config *config);
/* database_load: hands all records to the router, and logs how many. */
void hm_database_load(struct hm_database *database, struct hm_router *router);

/* Struct hm_port's two functions. */
void hm_database_change(struct hm_database *database, const void *key, size_t key_len, const void *value,
                        size_t value_len);
void hm_database_commit(struct hm_database *database, uint64_t ticket);

/* Before the loop's last turn: nothing is tried again. */
void hm_database_stop(struct hm_database *database);
/* After it. Frees all; a database that is not open is allowed. */
void hm_database_close(struct hm_database *database);

/* Reads every page of the database in the folder as a process of its own would: LMDB trusts its file, and may
 * crash on a damaged one, so a child reads it first. NULL when it is whole, else what is wrong. */
const char *hm_database_check(const char *path);

#endif
