/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way from notify.conf's sections to what notify-migrate uses. */
#include <string.h>

#include "config/config.h"
#include "config/file.h"
#include "config/key_file.h"
#include "config/sections.h"
#include "firmware/base/err.h"

static void assemble(const struct hm_document *document, struct hm_notify_config *config)
{
    const struct hm_notify_agent_section *agent = hm_document_next(document, "agent", NULL)->values;
    const struct hm_notify_key_section *key = hm_document_next(document, "key", NULL)->values;

    config->agent_addr = agent->address;
    config->agent_port = (uint16_t)agent->port;
    config->key_id = key->id;
    config->key = key->key;
}

int hm_notify_config_parse(const char *path, const char *text, size_t len, enum hm_config_secrets secrets,
                           struct hm_notify_config *config, struct hm_faults *faults)
{
    struct hm_document document;
    struct hm_section *key;
    int err;

    memset(config, 0, sizeof(*config));
    err = hm_document_parse(&document, &HM_NOTIFY_FILE, text, len, faults);
    if (err == 0) {
        key = hm_document_next(&document, "key", NULL);
        if (key->line != 0)
            hm_key_file_resolve(key, path, secrets, faults);
        if (faults->faults == 0)
            assemble(&document, config);
        else
            err = HM_ERR_REFUSED;
    }
    hm_document_free(&document);
    return err;
}

int hm_notify_config_load(const char *path, struct hm_notify_config *config, struct hm_faults *faults)
{
    struct hm_file file;
    int err;

    hm_faults_init(faults, path);
    memset(config, 0, sizeof(*config));
    err = hm_file_read(path, &file, faults);
    if (err != 0)
        return err;
    err = hm_notify_config_parse(path, file.text, file.len, HM_CONFIG_READ_KEY_FILES, config, faults);
    if (err == 0 && file.is_public)
        hm_faults_warn(faults, 0, "can be read by everybody, and may hold a key (chmod 600)");
    hm_file_fini(&file);
    return err;
}
