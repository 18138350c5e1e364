/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of config/: the table of keys, the examples, faulty files beside the messages they must give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/help.h"
#include "config/keys.h"
#include "config/loader.h"
#include "config/value.h"
#include "firmware/base/err.h"

#define FOLDER "tests/unit/config/"
#define EXAMPLES "config/examples/"

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "r");
    char *text;

    if (file == NULL)
        fail_msg("%s cannot be read (the tests run in the top folder)", path);
    text = calloc(1, 1 << 20);
    *len = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

static const char *base_name(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* What the programs would print about a text; `is_notify` chooses the kind of file. */
static char *messages_of(const char *name, const char *text, size_t len, bool is_notify,
                         unsigned *faults_count)
{
    static struct hm_faults faults;
    static struct hm_config config;
    struct hm_notify_config notify;
    char *out = NULL;
    size_t out_len = 0;
    FILE *stream = open_memstream(&out, &out_len);
    int err;

    hm_faults_init(&faults, name);
    if (is_notify)
        err = hm_notify_config_parse(name, text, len, HM_CONFIG_SKIP_KEY_FILES, &notify, &faults);
    else
        err = hm_config_parse(name, text, len, HM_CONFIG_SKIP_KEY_FILES, &config, &faults);
    assert_int_equal(err, faults.faults == 0 ? 0 : HM_ERR_REFUSED);
    hm_faults_print(&faults, stream);
    fclose(stream);
    *faults_count = faults.faults;
    if (err == 0 && !is_notify)
        hm_config_fini(&config);
    hm_faults_fini(&faults);
    return out;
}

static void check_pair(const char *path, bool is_notify)
{
    char expected_path[256];
    size_t len, expected_len;
    unsigned faults;
    char *text = read_file(path, &len);
    char *messages = messages_of(base_name(path), text, len, is_notify, &faults);
    char *expected;

    snprintf(expected_path, sizeof(expected_path), "%s.expected", path);
    if (getenv("HM_UPDATE_EXPECTED") != NULL) { /* to be read over before it is kept */
        FILE *file = fopen(expected_path, "w");
        fputs(messages, file);
        fclose(file);
    }
    expected = read_file(expected_path, &expected_len);
    assert_string_equal(messages, expected);
    assert_null(strstr(messages, "c0ffee"));
    free(expected);
    free(messages);
    free(text);
}

static void test_faulty_files_give_all_their_messages(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(glob(FOLDER "*.ini", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 10);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_pair(found.gl_pathv[i], false);
    globfree(&found);
    assert_int_equal(glob(FOLDER "*.conf", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_pair(found.gl_pathv[i], true);
    globfree(&found);
}

static void load_example(const char *path, struct hm_config *config)
{
    static struct hm_faults faults;

    if (hm_config_load(path, HM_CONFIG_READ_KEY_FILES, config, &faults) != 0) {
        hm_faults_print(&faults, stderr);
        fail_msg("%s has faults", path);
    }
    hm_faults_fini(&faults);
}

static void test_example_one_armed(void **state)
{
    static struct hm_config config;
    const struct hm_router_config *router = &config.router;

    (void)state;
    load_example(EXAMPLES "one-armed.ini", &config);
    assert_true(hm_router_config_is_one_armed(router));
    assert_string_equal(router->name, "agent-a");
    assert_int_equal(router->host_count, 2);
    assert_string_equal(router->hosts[1], "hv-a2");
    assert_int_equal(router->links[0].addr, 0x0a010002);
    assert_int_equal(router->links[0].mtu, 1500);
    assert_int_equal(router->home.addr, 0x0a010000);
    assert_int_equal(router->home.len, 24);
    assert_int_equal(router->home_router, 0x0a010001);
    assert_int_equal(router->route_count, 1);
    assert_int_equal(router->routes[0].gateway, 0x0a010001);
    assert_int_equal(router->routes[0].prefix.len, 0);
    assert_int_equal(router->takeover, HM_TAKEOVER_MAC);
    assert_int_equal(router->control_port, 4340);
    assert_int_equal(router->tolerance_s, 7);
    assert_int_equal(router->peer_count, 1);
    assert_int_equal(router->peers[0].spi, 1000);
    assert_int_equal(router->peers[0].key.len, 32);
    assert_int_equal(router->peers[0].key.bytes[31], 0x1f);
    assert_int_equal(router->peers[0].homes[0].addr, 0x0a020000);
    assert_int_equal(router->hypervisors[0].key_id, 300);
    assert_int_equal(router->hypervisors[0].allow_count, 2);
    assert_string_equal(config.platform.socket, "/run/hypermip/agent-a.sock");
    assert_string_equal(config.platform.store, "/var/lib/hypermip/agent-a");
    assert_string_equal(config.platform.taps[0].bridge, "br0");
    assert_true(config.platform.taps[0].create);
    assert_memory_equal(config.platform.taps[0].agent_mac.b, router->links[0].mac.b, 6);
    hm_config_fini(&config);
}

static void test_example_gateway(void **state)
{
    static struct hm_config config;
    const struct hm_router_config *router = &config.router;

    (void)state;
    load_example(EXAMPLES "gateway.ini", &config);
    assert_false(hm_router_config_is_one_armed(router));
    assert_int_equal(router->host_count, 3);
    assert_int_equal(router->links[1].role, HM_LINK_WAN);
    assert_int_equal(router->home_router, 0x0a020001);
    assert_int_equal(router->route_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(router->routes[i].link, 1);
    assert_false(config.platform.taps[1].create);
    assert_int_equal(config.platform.taps[1].mtu, 1520);
    assert_int_equal(config.platform.kernel_addr_count, 2);
    assert_int_equal(config.platform.kernel_addrs[0].port, 4340);
    assert_int_equal(config.platform.kernel_addrs[1].port, 4341);
    assert_false(hm_mac_equal(&router->links[0].mac, &router->links[1].mac));
    assert_int_equal(router->max_simultaneous, 2);
    assert_int_equal(router->peers[0].more_count, 1);
    assert_int_equal(router->peers[0].more[0].spi, 1100);
    assert_int_equal(router->peers[0].more[0].key.len, 32);
    assert_int_equal(router->mobile_count, 1);
    assert_int_equal(router->mobiles[0].addr, 0x0a02004d);
    assert_string_equal(router->mobiles[0].nai, "laptop1@dc.example");
    assert_int_equal(router->mobiles[0].association.algorithm, HM_ALGORITHM_HMAC_MD5);
    assert_true(hm_mac_is_zero(&router->mobiles[0].mac));
    hm_config_fini(&config);
}

/* RFC 5944 section 1.6: SPIs 0-255 are reserved. tests/unit/config/associations.ini has the other faults. */
static void test_a3_reserved_spis_are_refused(void **state)
{
    static const char *const SECTIONS[] = {"peer b]\naddress = 10.2.0.2", "association b]\npeer = b",
                                           "mobile m]\naddress = 10.1.0.9"};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char text[512];
        unsigned faults;
        char *messages;

        snprintf(text, sizeof(text), "[%s\nspi = 255\nkey = 000102030405060708090a0b0c0d0e0f\n", SECTIONS[i]);
        messages = messages_of("spi.ini", text, strlen(text), false, &faults);
        assert_non_null(strstr(messages, "spi: found \"255\", allowed: a number from 256"));
        free(messages);
    }
}

static void test_example_notify(void **state)
{
    static struct hm_faults faults;
    struct hm_notify_config config;

    (void)state;
    assert_int_equal(hm_notify_config_load(EXAMPLES "notify.conf", &config, &faults), 0);
    assert_int_equal(config.agent_addr, 0x0a010002);
    assert_int_equal(config.agent_port, 4340);
    assert_int_equal(config.key_id, 300);
    assert_int_equal(config.key.len, 32);
    hm_faults_fini(&faults);
}

/* A new example needs a test here. */
static void test_every_example_is_loaded(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(glob(EXAMPLES "*", 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 3);
    globfree(&found);
}

/* Any end of a file gives messages or a configuration, and never anything worse. */
static void check_every_length(const char *path, bool is_notify)
{
    size_t len;
    unsigned faults;
    char *text = read_file(path, &len);

    for (size_t cut = 0; cut <= len; cut++) {
        char *part = malloc(cut + 1); /* on the heap, so that a read behind it is seen */

        memcpy(part, text, cut);
        free(messages_of("cut", part, cut, is_notify, &faults));
        free(part);
    }
    assert_int_equal(faults, 0);
    free(text);
}

static void test_every_length_of_the_examples(void **state)
{
    (void)state;
    check_every_length(EXAMPLES "one-armed.ini", false);
    check_every_length(EXAMPLES "gateway.ini", false);
    check_every_length(EXAMPLES "notify.conf", true);
}

static void check_section_spec(const struct hm_section_spec *section)
{
    char found[HM_FOUND_LEN], allowed[HM_ALLOWED_LEN];
    void *values = calloc(1, section->values_len);

    assert_true(section->key_count <= HM_SECTION_MAX_KEYS);
    assert_true(section->max_count >= 1);
    assert_true(strlen(section->help) > 0);
    for (unsigned i = 0; i < section->key_count; i++) {
        const struct hm_key_spec *key = &section->keys[i];

        assert_int_equal(hm_section_spec_lookup(section, key->key), i); /* no key twice */
        assert_true(key->offset < section->values_len);
        assert_true(strlen(key->help) > 0 && strlen(hm_value_allowed(key, allowed)) > 0);
        /* what holds without the key is said once, and works */
        assert_int_equal(key->required + (key->fallback != NULL) + (key->otherwise != NULL), 1);
        if (key->fallback != NULL)
            assert_true(hm_value_parse(key, key->fallback, 0, (char *)values + key->offset, found));
    }
    free(values);
}

static void test_table_is_sound(void **state)
{
    static const struct hm_file_spec *const FILES[] = {&HM_AGENT_FILE, &HM_NOTIFY_FILE};

    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned i = 0; i < FILES[f]->section_count; i++)
            check_section_spec(&FILES[f]->sections[i]);
    }
    assert_null(hm_file_spec_lookup(&HM_AGENT_FILE, "nothing"));
}

/* The part of a manual page that is made from the table. */
static void check_man_page(const char *path, const struct hm_file_spec *spec)
{
    size_t len, made_len = 0;
    char *page = read_file(path, &len);
    char *made = NULL;
    FILE *stream = open_memstream(&made, &made_len);
    char *begin = strstr(page, HM_HELP_MAN_BEGIN "\n");
    char *end = strstr(page, HM_HELP_MAN_END "\n");

    hm_help_write_man(spec, stream);
    fclose(stream);
    assert_non_null(begin);
    assert_non_null(end);
    *end = '\0';
    assert_string_equal(begin + strlen(HM_HELP_MAN_BEGIN "\n"), made);
    free(made);
    free(page);
}

static void test_manual_agrees_with_the_table(void **state)
{
    (void)state;
    check_man_page("config/man/hypermip.ini.5", &HM_AGENT_FILE);
    check_man_page("config/man/notify-migrate.8", &HM_NOTIFY_FILE);
}

static void test_help_names_every_key(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);

    (void)state;
    hm_help_write(&HM_AGENT_FILE, stream);
    fclose(stream);
    for (unsigned i = 0; i < HM_AGENT_FILE.section_count; i++) {
        for (unsigned k = 0; k < HM_AGENT_FILE.sections[i].key_count; k++)
            assert_non_null(strstr(text, HM_AGENT_FILE.sections[i].keys[k].key));
    }
    free(text);
}

static void test_derived_mac_stays(void **state)
{
    struct hm_mac mac, other;
    char text[HM_MAC_TEXT_LEN];

    (void)state;
    hm_config_derive_mac("agent-a", "lan", &mac);
    assert_string_equal(hm_mac_text(&mac, text), "02:22:6a:62:53:00");
    hm_config_derive_mac("agent-al", "an", &other);
    assert_false(hm_mac_equal(&mac, &other));
    hm_config_derive_mac("agent-b", "lan", &other);
    assert_false(hm_mac_equal(&mac, &other));
}

/* ---- key files ---- */

static void write_file(const char *folder, const char *name, const char *text, mode_t mode)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
}

static void remove_file(const char *folder, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

#define NOTIFY_WITH_FILE "[agent]\naddress = 10.1.0.2\n[key]\nid = 300\nkey_file = the.key\n"

/* Loads a notify.conf whose key file has that text; gives the first message, if any. */
static int load_with_key_file(const char *key, mode_t mode, struct hm_notify_config *config,
                              struct hm_faults *faults, char *message, size_t cap)
{
    char folder[] = "/tmp/hm-test-config-XXXXXX", path[300];
    int err;

    assert_non_null(mkdtemp(folder));
    write_file(folder, "notify.conf", NOTIFY_WITH_FILE, 0600);
    if (key != NULL)
        write_file(folder, "the.key", key, mode);
    snprintf(path, sizeof(path), "%s/notify.conf", folder);
    err = hm_notify_config_load(path, config, faults);
    snprintf(message, cap, "%s", faults->count > 0 ? faults->list[0].text : "");
    remove_file(folder, "notify.conf");
    remove_file(folder, "the.key");
    rmdir(folder);
    return err;
}

static void test_key_files(void **state)
{
    static struct hm_faults faults;
    struct hm_notify_config config;
    char message[HM_FAULT_TEXT_LEN];

    (void)state;
    assert_int_equal(load_with_key_file("000102030405060708090a0b0c0d0e0f\n", 0600, &config, &faults, message,
                                        sizeof(message)),
                     0);
    assert_int_equal(config.key.len, 16);
    assert_int_equal(config.key.bytes[15], 0x0f);
    assert_int_equal(faults.warnings, 0);
    hm_faults_fini(&faults);

    assert_int_equal(load_with_key_file("000102030405060708090a0b0c0d0e0f", 0644, &config, &faults, message,
                                        sizeof(message)),
                     0);
    assert_int_equal(faults.warnings, 1);
    assert_non_null(strstr(message, "can be read by everybody"));
    hm_faults_fini(&faults);

    assert_int_equal(load_with_key_file("c0ffee", 0600, &config, &faults, message, sizeof(message)),
                     HM_ERR_REFUSED);
    assert_non_null(strstr(message, "6 hex digits"));
    assert_null(strstr(message, "c0ffee"));
    hm_faults_fini(&faults);

    assert_int_equal(load_with_key_file(NULL, 0600, &config, &faults, message, sizeof(message)),
                     HM_ERR_REFUSED);
    assert_non_null(strstr(message, "No such file"));
    hm_faults_fini(&faults);
}

static void test_file_that_is_not_there(void **state)
{
    static struct hm_faults faults;
    static struct hm_config config;

    (void)state;
    assert_int_equal(hm_config_load("/no/such/file.ini", HM_CONFIG_READ_KEY_FILES, &config, &faults),
                     HM_ERR_REFUSED);
    assert_int_equal(faults.faults, 1);
    hm_faults_fini(&faults);
    assert_int_equal(hm_config_load("/dev/null", HM_CONFIG_READ_KEY_FILES, &config, &faults), HM_ERR_REFUSED);
    hm_faults_fini(&faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faulty_files_give_all_their_messages),
        cmocka_unit_test(test_example_one_armed),
        cmocka_unit_test(test_example_gateway),
        cmocka_unit_test(test_a3_reserved_spis_are_refused),
        cmocka_unit_test(test_example_notify),
        cmocka_unit_test(test_every_example_is_loaded),
        cmocka_unit_test(test_every_length_of_the_examples),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_manual_agrees_with_the_table),
        cmocka_unit_test(test_help_names_every_key),
        cmocka_unit_test(test_derived_mac_stays),
        cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_file_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
