/* SPDX-License-Identifier: BSD-3-Clause */
/* The store between the database and the router at the start: how large it may become, and what it has kept.
 */
#include "firmware/router.h"
#include "platform/linux/database.h"
#include "platform/linux/log.h"

#define BASE_LEN ((size_t)64 << 20)
/* A record takes some 250 bytes; pages are half full, and while a transaction runs those that it changes are
 * there twice. */
#define RECORD_LEN 4096

size_t hm_database_map_len(const struct hm_router_config *config)
{
    size_t bindings = 2 * (size_t)config->max_bindings; /* a place that was left is to be told for each */
    return BASE_LEN + (bindings + config->max_visitors + config->max_handovers) * RECORD_LEN;
}

static void load_record(void *ctx, const void *key, size_t key_len, const void *value, size_t value_len)
{
    if (hm_router_load(ctx, key, key_len, value, value_len) != 0)
        hm_log_printf(HM_LOG_ERROR, "store: a record was damaged between its check and its use: not loaded");
}

void hm_database_load(struct hm_database *database, struct hm_router *router)
{
    size_t count = hm_database_each(database, load_record, router);

    hm_log_printf(HM_LOG_INFO, "store %s: %zu record%s", database->path, count, count == 1 ? "" : "s");
}
