/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the search for the network device behind a TAP. */
#include "platform/linux/watch_nic.h"

#include <stdio.h>
#include <string.h>

#define LINE_LEN 512

/* Copies the value behind `key` up to a comma or blank; false: the line has none. */
static bool value_of(const char *line, const char *key, char *value, size_t value_len)
{
    const char *at = strstr(line, key);
    size_t len;

    if (at == NULL)
        return false;
    at += strlen(key);
    len = strcspn(at, ", \r\n");
    if (len >= value_len)
        return false;
    memcpy(value, at, len);
    value[len] = '\0';
    return true;
}

/* A NIC's line is followed by its backends' lines, which are indented. */
bool hm_watch_nic_parse(const char *info, const char *device, struct hm_mac *mac)
{
    char line[LINE_LEN], text[HM_MAC_TEXT_LEN], name[64];
    struct hm_mac nic;
    bool has_nic = false;

    while (*info != '\0') {
        size_t len = strcspn(info, "\n");

        snprintf(line, sizeof(line), "%.*s", (int)(len < LINE_LEN ? len : LINE_LEN - 1), info);
        info += len + (info[len] != '\0');
        if (line[0] != ' ')
            has_nic = value_of(line, "macaddr=", text, sizeof(text)) && hm_mac_parse(text, &nic);
        if (has_nic && value_of(line, "ifname=", name, sizeof(name)) && strcmp(name, device) == 0) {
            *mac = nic;
            return true;
        }
    }
    return false;
}

static bool find_by_tap(struct hm_watch *watch, uint64_t until_us, struct hm_mac *mac)
{
    json_t *answer = hm_watch_command(watch, "human-monitor-command",
                                      json_pack("{s:s}", "command-line", "info network"), until_us, NULL);
    bool is_found =
        json_is_string(answer) && hm_watch_nic_parse(json_string_value(answer), watch->options->device, mac);

    json_decref(answer);
    return is_found;
}

bool hm_watch_nic_find(struct hm_watch *watch, uint64_t until_us, struct hm_mac *mac)
{
    json_t *answer;
    const char *text;
    bool is_found = false;

    if (find_by_tap(watch, until_us, mac))
        return true;
    answer = hm_watch_command(watch, "query-rx-filter", NULL, until_us, NULL);
    for (size_t i = 0; i < json_array_size(answer) && !is_found; i++) {
        text = json_string_value(json_object_get(json_array_get(answer, i), "main-mac"));
        if (text == NULL || !hm_mac_parse(text, mac))
            continue;
        is_found = json_array_size(answer) == 1 && watch->request.mac_count == 0;
        for (unsigned own = 0; own < watch->request.mac_count; own++)
            is_found = is_found || hm_mac_equal(mac, &watch->request.macs[own]);
    }
    json_decref(answer);
    if (!is_found && watch->request.mac_count == 1) {
        *mac = watch->request.macs[0];
        is_found = true;
    }
    return is_found;
}

/* Is the device at that path the one with the address? */
static bool has_mac(struct hm_watch *watch, const char *path, const struct hm_mac *mac, uint64_t until_us)
{
    json_t *answer = hm_watch_command(
        watch, "qom-get", json_pack("{s:s, s:s}", "path", path, "property", "mac"), until_us, NULL);
    struct hm_mac found;
    bool is_it = json_is_string(answer) && hm_mac_parse(json_string_value(answer), &found) &&
                 hm_mac_equal(&found, mac);

    json_decref(answer);
    return is_it;
}

bool hm_watch_nic_path(struct hm_watch *watch, const struct hm_mac *mac, uint64_t until_us,
                       char path[HM_NIC_PATH_LEN])
{
    json_t *answer = hm_watch_command(watch, "x-query-virtio", NULL, until_us, NULL);
    bool is_found = false;

    for (size_t i = 0; i < json_array_size(answer) && !is_found; i++) {
        const json_t *device = json_array_get(answer, i);
        const char *name = json_string_value(json_object_get(device, "name"));
        const char *text = json_string_value(json_object_get(device, "path"));

        if (name == NULL || text == NULL || strcmp(name, "virtio-net") != 0 ||
            strlen(text) >= HM_NIC_PATH_LEN)
            continue;
        memcpy(path, text, strlen(text) + 1);
        is_found = has_mac(watch, path, mac, until_us);
    }
    json_decref(answer);
    return is_found;
}
