/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the table of keys of a hypervisor's file, notify.conf. */
#include "config/keys.h"
#include "config/sections.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
#define AT(member) .offset = offsetof(struct hm_notify_agent_section, member)
static const struct hm_key_spec AGENT_KEYS[] = {
    {.key = "address", .type = HM_VALUE_LOCAL_IP, AT(address),
     .otherwise = "the command's --agent",
     .help = "The address of this subnet's agent."},
    {.key = "port", .type = HM_VALUE_NUMBER, AT(port), .min = 1, .max = 65535, .fallback = "4340",
     .help = "The UDP port of its control channel."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_notify_key_section, member)
static const struct hm_key_spec KEY_KEYS[] = {
    {.key = "id", .type = HM_VALUE_NUMBER, AT(id), .required = true, .min = HM_SPI_MIN, .max = UINT32_MAX,
     .help = "The number of the key: key_id in the agent's [hypervisor] section."},
    {.key = "key", .type = HM_VALUE_KEY, AT(key), .otherwise = "taken from key_file",
     .help = "The secret shared with the agent."},
    {.key = "key_file", .type = HM_VALUE_PATH, AT(key_file), .max = HM_PATH_LEN - 1, .otherwise = "key is given",
     .help = "A file that holds the secret in hex digits, relative to this file's folder."},
};
#undef AT

static const struct hm_section_spec NOTIFY_SECTIONS[] = {
    {.name = "agent", .max_count = 1, .keys = AGENT_KEYS, .key_count = COUNT(AGENT_KEYS),
     .values_len = sizeof(struct hm_notify_agent_section), .help = "The agent to tell."},
    {.name = "key", .required = true, .max_count = 1, .keys = KEY_KEYS, .key_count = COUNT(KEY_KEYS),
     .values_len = sizeof(struct hm_notify_key_section), .help = "What this host proves itself with."},
};
/* clang-format on */

const struct hm_file_spec HM_NOTIFY_FILE = {
    .title = "notify.conf",
    .sections = NOTIFY_SECTIONS,
    .section_count = COUNT(NOTIFY_SECTIONS),
};
