/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the texts of values: one small parser per type, chosen by the key's row in the table.
 *
 * A parser gets the whole text and says yes or no; what was wrong is told once, by quoting the text
 * beside what is allowed, so the operator sees both. Only key material is never quoted: a wrong key is
 * described by its length and kind, and so is any other text that looks like one. */
#include "config/value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/sections.h"

#define SECRET_MIN_LEN 16 /* hex digits in a row that may be a key in the wrong place */

static const char SEPARATORS[] = ", \t";

static bool looks_secret(const char *text)
{
    size_t run = 0;

    for (; *text != '\0'; text++) {
        run = isxdigit((unsigned char)*text) ? run + 1 : 0;
        if (run >= SECRET_MIN_LEN)
            return true;
    }
    return false;
}

const char *hm_value_quote(const char *text, char found[HM_FOUND_LEN])
{
    size_t len = 0;

    if (looks_secret(text)) {
        snprintf(found, HM_FOUND_LEN, "%zu characters that look like key material", strlen(text));
        return found;
    }
    found[len++] = '"';
    for (; *text != '\0' && len < HM_FOUND_LEN - 5; text++)
        found[len++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    if (*text != '\0') {
        memcpy(found + len, "...", 3);
        len += 3;
    }
    found[len++] = '"';
    found[len] = '\0';
    return found;
}

bool hm_value_is_name(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len >= HM_NAME_LEN || text[0] == '.' || text[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x80 || (!isalnum(c) && strchr("._-", c) == NULL))
            return false;
    }
    return true;
}

/* As the wire has it: printable, without blanks. */
static bool is_nai(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return len > 0 && len < HM_NAME_LEN;
}

bool hm_value_parse_key(const char *text, size_t len, struct hm_key *key, char found[HM_FOUND_LEN])
{
    struct hm_key result = {.len = len / 2};

    for (size_t i = 0; i < len; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            snprintf(found, HM_FOUND_LEN, "%zu characters, of which number %zu is no hex digit", len, i + 1);
            return false;
        }
    }
    if (len % 2 != 0 || len < 2 * HM_KEY_MIN_LEN || len > 2 * HM_KEY_MAX_LEN) {
        snprintf(found, HM_FOUND_LEN, "%zu hex digits", len);
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        int c = tolower((unsigned char)text[i]);
        unsigned digit = (unsigned)(isdigit(c) ? c - '0' : c - 'a' + 10);

        result.bytes[i / 2] = (uint8_t)(result.bytes[i / 2] << 4 | digit);
    }
    *key = result;
    return true;
}

static bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *to)
{
    uint64_t value = 0;

    if (*text == '\0' || strlen(text) > 10)
        return false;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        value = value * 10 + (unsigned)(*text - '0');
    }
    if (value < min || value > max)
        return false;
    *to = (uint32_t)value;
    return true;
}

static bool parse_choice(const char *text, const char *const *words, unsigned *to)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *to = i;
            return true;
        }
    }
    return false;
}

static bool parse_host_ip(const char *text, uint32_t *to)
{
    uint32_t addr;

    if (!hm_ip_parse(text, &addr) || !hm_ip_is_host(addr))
        return false;
    *to = addr;
    return true;
}

/* The address of a socket may be the machine's own: an agent and its hypervisor may share one. */
static bool parse_local_ip(const char *text, uint32_t *to)
{
    uint32_t addr;

    if (!hm_ip_parse(text, &addr) || (!hm_ip_is_host(addr) && addr >> 24 != 127))
        return false;
    *to = addr;
    return true;
}

static bool parse_mac(const char *text, struct hm_mac *to)
{
    struct hm_mac mac;

    if (!hm_mac_parse(text, &mac) || hm_mac_is_group(&mac) || hm_mac_is_zero(&mac))
        return false;
    *to = mac;
    return true;
}

/* An address that a host of that prefix may have. */
static bool parse_cidr(const char *text, struct hm_cidr *to)
{
    struct hm_cidr cidr;

    if (!hm_cidr_parse(text, &cidr.addr, &cidr.prefix) || !hm_ip_is_host(cidr.addr) || cidr.prefix.len == 0)
        return false;
    if (cidr.prefix.len < 31 &&
        (cidr.addr == cidr.prefix.addr || cidr.addr == hm_prefix_broadcast(&cidr.prefix)))
        return false;
    *to = cidr;
    return true;
}

static bool parse_path(const char *text, uint32_t max, char to[HM_PATH_LEN])
{
    size_t len = strlen(text);

    if (len == 0 || len > max || len >= HM_PATH_LEN)
        return false;
    memcpy(to, text, len + 1);
    return true;
}

/* What the kernel takes for a name. */
static bool parse_device(const char *text, char to[HM_DEVICE_LEN])
{
    size_t len = strlen(text);

    if (len == 0 || len >= HM_DEVICE_LEN || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isgraph((unsigned char)text[i]) || strchr("/:%", text[i]) != NULL)
            return false;
    }
    memcpy(to, text, len + 1);
    return true;
}

static bool add_name(const char *item, unsigned line, struct hm_names *to)
{
    if (to->count == HM_MAX_HOSTS || !hm_value_is_name(item))
        return false;
    strcpy(to->names[to->count], item);
    to->lines[to->count++] = line;
    return true;
}

static bool add_prefix(const char *item, unsigned line, struct hm_prefixes *to)
{
    if (to->count == HM_MAX_PREFIXES || !hm_prefix_parse(item, &to->prefixes[to->count]))
        return false;
    to->lines[to->count++] = line;
    return true;
}

static bool add_endpoint(char *item, unsigned line, struct hm_endpoints *to)
{
    char *colon = strchr(item, ':');
    uint32_t addr = 0, port = 0;

    if (colon != NULL) {
        *colon = '\0';
        if (!parse_number(colon + 1, 1, UINT16_MAX, &port))
            return false;
    }
    if (to->count == HM_MAX_KERNEL_ADDRS || !parse_local_ip(item, &addr))
        return false;
    to->addrs[to->count] = addr;
    to->ports[to->count] = (uint16_t)port;
    to->lines[to->count++] = line;
    return true;
}

/* `PREFIX via GATEWAY` */
static bool add_route(char *text, unsigned line, struct hm_routes *to)
{
    char *rest = NULL;
    const char *prefix = strtok_r(text, " \t", &rest);
    const char *via = strtok_r(NULL, " \t", &rest);
    const char *gateway = strtok_r(NULL, " \t", &rest);

    if (gateway == NULL || strcmp(via, "via") != 0 || strtok_r(NULL, " \t", &rest) != NULL ||
        to->count == HM_MAX_ROUTES)
        return false;
    if (!hm_prefix_parse(prefix, &to->prefixes[to->count]) ||
        !parse_host_ip(gateway, &to->gateways[to->count]))
        return false;
    to->lines[to->count++] = line;
    return true;
}

/* All items of a list; the wrong one is quoted. */
static bool parse_list(enum hm_value_type type, const char *text, unsigned line, void *to,
                       char found[HM_FOUND_LEN])
{
    char copy[HM_PATH_LEN * 2], shown[HM_FOUND_LEN];
    char *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", text);
    if (type == HM_VALUE_ROUTE)
        return add_route(copy, line, to);
    char *item = strtok_r(copy, SEPARATORS, &rest);
    if (item == NULL)
        return false;
    for (; item != NULL; item = strtok_r(NULL, SEPARATORS, &rest)) {
        bool ok;

        hm_value_quote(item, shown);
        if (type == HM_VALUE_NAMES)
            ok = add_name(item, line, to);
        else if (type == HM_VALUE_PREFIXES)
            ok = add_prefix(item, line, to);
        else
            ok = add_endpoint(item, line, to);
        if (!ok) {
            strcpy(found, shown);
            return false;
        }
    }
    return true;
}

bool hm_value_parse(const struct hm_key_spec *spec, const char *text, unsigned line, void *to,
                    char found[HM_FOUND_LEN])
{
    if (spec->type == HM_VALUE_KEY)
        return hm_value_parse_key(text, strlen(text), to, found);
    hm_value_quote(text, found);
    switch (spec->type) {
    case HM_VALUE_NAME:
        if (!hm_value_is_name(text))
            return false;
        strcpy(to, text);
        return true;
    case HM_VALUE_NAI:
        if (!is_nai(text))
            return false;
        strcpy(to, text);
        return true;
    case HM_VALUE_CHOICE:
        return parse_choice(text, spec->words, to);
    case HM_VALUE_NUMBER:
        return parse_number(text, spec->min, spec->max, to);
    case HM_VALUE_IP:
        return parse_host_ip(text, to);
    case HM_VALUE_LOCAL_IP:
        return parse_local_ip(text, to);
    case HM_VALUE_MAC:
        return parse_mac(text, to);
    case HM_VALUE_CIDR:
        return parse_cidr(text, to);
    case HM_VALUE_PREFIX:
        return hm_prefix_parse(text, to);
    case HM_VALUE_PATH:
        return parse_path(text, spec->max, to);
    case HM_VALUE_DEVICE:
        return parse_device(text, to);
    case HM_VALUE_NAMES:
    case HM_VALUE_PREFIXES:
    case HM_VALUE_ROUTE:
    case HM_VALUE_ENDPOINTS:
        return parse_list(spec->type, text, line, to, found);
    case HM_VALUE_KEY:
    case HM_VALUE_TYPE_COUNT:
        break;
    }
    return false;
}

static void list_words(const char *const *words, char text[HM_ALLOWED_LEN])
{
    size_t len = 0;

    for (unsigned i = 0; words[i] != NULL; i++)
        len += (size_t)snprintf(text + len, HM_ALLOWED_LEN - len, "%s%s", i == 0 ? "" : " or ", words[i]);
}

const char *hm_value_allowed(const struct hm_key_spec *spec, char text[HM_ALLOWED_LEN])
{
    const char *words = "";

    switch (spec->type) {
    case HM_VALUE_NAME:
        words = "a name of up to 63 letters, digits, '.', '_' and '-'";
        break;
    case HM_VALUE_NAI:
        words = "a network access identifier of up to 63 printable characters, as vm1@dc.example";
        break;
    case HM_VALUE_NAMES:
        snprintf(text, HM_ALLOWED_LEN, "up to %d names, separated by commas", HM_MAX_HOSTS);
        return text;
    case HM_VALUE_CHOICE:
        list_words(spec->words, text);
        return text;
    case HM_VALUE_NUMBER:
        snprintf(text, HM_ALLOWED_LEN, "a number from %u to %u", spec->min, spec->max);
        return text;
    case HM_VALUE_IP:
        words = "the IPv4 address of a host, as 10.1.0.2";
        break;
    case HM_VALUE_LOCAL_IP:
        words = "an IPv4 address, as 10.1.0.2";
        break;
    case HM_VALUE_MAC:
        words = "a unicast Ethernet address, as 02:00:00:00:00:01";
        break;
    case HM_VALUE_CIDR:
        words = "an IPv4 host address with its prefix length, as 10.1.0.2/24";
        break;
    case HM_VALUE_PREFIX:
        words = "an IPv4 prefix without host bits, as 10.1.0.0/24";
        break;
    case HM_VALUE_PREFIXES:
        snprintf(text, HM_ALLOWED_LEN,
                 "up to %d IPv4 prefixes without host bits, as 10.1.0.0/24, separated by commas",
                 HM_MAX_PREFIXES);
        return text;
    case HM_VALUE_ROUTE:
        words = "a prefix and its gateway, as 10.9.0.0/16 via 10.1.0.254";
        break;
    case HM_VALUE_ENDPOINTS:
        snprintf(text, HM_ALLOWED_LEN,
                 "up to %d IPv4 addresses with or without a port, as 192.168.1.10:4340, separated by commas",
                 HM_MAX_KERNEL_ADDRS);
        return text;
    case HM_VALUE_KEY:
        snprintf(text, HM_ALLOWED_LEN, "an even number of hex digits from %d to %d", 2 * HM_KEY_MIN_LEN,
                 2 * HM_KEY_MAX_LEN);
        return text;
    case HM_VALUE_PATH:
        snprintf(text, HM_ALLOWED_LEN, "a path of up to %u bytes", spec->max);
        return text;
    case HM_VALUE_DEVICE:
        snprintf(text, HM_ALLOWED_LEN, "a network device's name of up to %d characters", HM_DEVICE_LEN - 1);
        return text;
    case HM_VALUE_TYPE_COUNT:
        break;
    }
    snprintf(text, HM_ALLOWED_LEN, "%s", words);
    return text;
}
