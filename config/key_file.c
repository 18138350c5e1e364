/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of key files. */
#include "config/key_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/sections.h"
#include "config/value.h"

#define FILE_MAX_LEN 512

static void *value_of(const struct hm_section *section, const char *key)
{
    int index = hm_section_spec_lookup(section->spec, key);

    return (char *)section->values + section->spec->keys[index].offset;
}

/* A relative path is one from the configuration file's folder. */
static void full_path(const char *config_path, const char *key_file, char *path, size_t cap)
{
    const char *slash = strrchr(config_path, '/');

    if (key_file[0] == '/' || slash == NULL)
        snprintf(path, cap, "%s", key_file);
    else
        snprintf(path, cap, "%.*s/%s", (int)(slash - config_path), config_path, key_file);
}

static void read_key(struct hm_section *section, const char *path, struct hm_faults *faults)
{
    char where[HM_SECTION_TEXT_LEN], text[FILE_MAX_LEN + 1], found[HM_FOUND_LEN];
    unsigned line = hm_section_line(section, "key_file");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to hang on a pipe */
    struct stat info;
    ssize_t len;

    hm_section_text(section, where);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        (len = read(fd, text, sizeof(text))) < 0) {
        hm_faults_add(faults, line, "%skey_file: found %s (%s), allowed: a readable file", where, path,
                      fd < 0 ? strerror(errno) : "no regular file");
        if (fd >= 0)
            close(fd);
        return;
    }
    close(fd);
    if ((info.st_mode & S_IROTH) != 0)
        hm_faults_warn(faults, line, "%skey_file: %s can be read by everybody (chmod 600)", where, path);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    if (!hm_value_parse_key(text, (size_t)len, value_of(section, "key"), found))
        hm_faults_add(faults, line,
                      "%skey_file: found %s in %s, allowed: an even number of hex digits from %d to %d",
                      where, found, path, 2 * HM_KEY_MIN_LEN, 2 * HM_KEY_MAX_LEN);
    explicit_bzero(text, sizeof(text));
}

void hm_key_file_resolve(struct hm_section *section, const char *config_path, enum hm_config_secrets secrets,
                         struct hm_faults *faults)
{
    char where[HM_SECTION_TEXT_LEN], path[4096];
    bool has_key = hm_section_is_given(section, "key");
    bool has_file = hm_section_is_given(section, "key_file");

    hm_section_text(section, where);
    if (has_key && has_file) {
        hm_faults_add(faults, hm_section_line(section, "key_file"),
                      "%skey_file: found beside key, allowed: one of the two", where);
        return;
    }
    if (!has_key && !has_file) {
        hm_faults_add(faults, section->line, "%skey: missing, allowed: key or key_file", where);
        return;
    }
    if (!hm_section_has(section, "key_file") || secrets == HM_CONFIG_SKIP_KEY_FILES)
        return;
    full_path(config_path, value_of(section, "key_file"), path, sizeof(path));
    read_key(section, path, faults);
}
