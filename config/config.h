/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration as the programs use it: from a file to the router's and the platform's structs. */
#ifndef HM_CONFIG_CONFIG_H
#define HM_CONFIG_CONFIG_H

#include "config/faults.h"
#include "config/platform_config.h"
#include "firmware/router_config.h"

struct hm_config {
    struct hm_router_config router; /* its lists are owned here */
    struct hm_platform_config platform;
};

/* Of notify.conf. */
struct hm_notify_config {
    uint32_t agent_addr; /* 0: not given */
    uint16_t agent_port;
    uint32_t key_id;
    struct hm_key key;
};

enum hm_config_secrets {
    HM_CONFIG_READ_KEY_FILES,
    HM_CONFIG_SKIP_KEY_FILES, /* keys from files stay empty: for who only wants to know a path */
};

/* Loads and checks hypermip.ini. All faults and warnings are in `faults` (initialised here, to be ended
 * by hm_faults_fini; `path` must outlive it). 0, or HM_ERR_REFUSED when there are faults, and then
 * there is nothing in `config`; HM_ERR_MEMORY. */
int hm_config_load(const char *path, enum hm_config_secrets secrets, struct hm_config *config,
                   struct hm_faults *faults);
/* The same from memory; `path` is what the faults name, and its folder is where key files are. */
int hm_config_parse(const char *path, const char *text, size_t len, enum hm_config_secrets secrets,
                    struct hm_config *config, struct hm_faults *faults);
/* Wipes the keys and frees the lists. */
void hm_config_fini(struct hm_config *config);

/* The same for notify.conf. */
int hm_notify_config_load(const char *path, struct hm_notify_config *config, struct hm_faults *faults);
int hm_notify_config_parse(const char *path, const char *text, size_t len, enum hm_config_secrets secrets,
                           struct hm_notify_config *config, struct hm_faults *faults);

/* The agent's own Ethernet address when none is configured: 02 and a hash of the two names, so it stays
 * the same over restarts. */
void hm_config_derive_mac(const char *agent, const char *interface, struct hm_mac *mac);

#endif
