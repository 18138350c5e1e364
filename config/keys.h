/* SPDX-License-Identifier: BSD-3-Clause */
/* The one table of keys: what sections and keys a file may have, their types, ranges, defaults and help.
 *
 * The loader, the checks, `hypermip keys` and the key lists of the manual are all made from it. A value is
 * stored at `offset` in the struct of its section (config/sections.h), in the shape that its type names. */
#ifndef HM_CONFIG_KEYS_H
#define HM_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hm_value_type {
    HM_VALUE_NAME,      /* char[HM_NAME_LEN]: of an agent, host, user */
    HM_VALUE_NAMES,     /* struct hm_names: separated by commas or blanks */
    HM_VALUE_NAI,       /* char[HM_NAME_LEN]: RFC 2794, as vm1@dc.example */
    HM_VALUE_CHOICE,    /* unsigned: index of the word in `words` */
    HM_VALUE_NUMBER,    /* uint32_t: min..max */
    HM_VALUE_IP,        /* uint32_t: the address of a host */
    HM_VALUE_LOCAL_IP,  /* uint32_t: the same, or one of the machine itself (127/8) */
    HM_VALUE_MAC,       /* struct hm_mac: unicast, not zero */
    HM_VALUE_CIDR,      /* struct hm_cidr: 10.1.0.2/24 */
    HM_VALUE_PREFIX,    /* struct hm_prefix: 10.1.0.0/24, host bits zero */
    HM_VALUE_PREFIXES,  /* struct hm_prefixes */
    HM_VALUE_ROUTE,     /* struct hm_routes: one `PREFIX via GATEWAY` each time */
    HM_VALUE_ENDPOINTS, /* struct hm_endpoints: IP or IP:port */
    HM_VALUE_KEY,       /* struct hm_key: hex digits; never printed */
    HM_VALUE_PATH,      /* char[HM_PATH_LEN]: of a file, at most `max` bytes */
    HM_VALUE_DEVICE,    /* char[HM_DEVICE_LEN]: a network device */
    HM_VALUE_TYPE_COUNT,
};

struct hm_key_spec {
    const char *key;
    enum hm_value_type type;
    size_t offset;
    bool required;
    bool repeatable;          /* a further line adds to the list */
    uint32_t min;             /* HM_VALUE_NUMBER */
    uint32_t max;             /* HM_VALUE_NUMBER; bytes of HM_VALUE_PATH */
    const char *const *words; /* HM_VALUE_CHOICE: ended by NULL */
    const char *fallback;     /* parsed like a value when the key is absent; NULL: none */
    const char *otherwise;    /* in words: what holds when the key is absent and there is no fallback */
    const char *help;
};

#define HM_SECTION_MAX_KEYS 16

struct hm_section_spec {
    const char *name;
    bool named;    /* [name NAME] */
    bool required; /* at least one */
    unsigned max_count;
    const struct hm_key_spec *keys;
    unsigned key_count; /* up to HM_SECTION_MAX_KEYS */
    size_t values_len;
    const char *help;
};

struct hm_file_spec {
    const char *title;
    const struct hm_section_spec *sections;
    unsigned section_count;
};

extern const struct hm_file_spec HM_AGENT_FILE;  /* hypermip.ini */
extern const struct hm_file_spec HM_NOTIFY_FILE; /* notify.conf */

/* NULL when there is none. */
const struct hm_section_spec *hm_file_spec_lookup(const struct hm_file_spec *file, const char *section);
/* Index of the key in its section, or -1. */
int hm_section_spec_lookup(const struct hm_section_spec *section, const char *key);

#endif
