/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses, prefixes, and their texts. */
#include "firmware/base/addr.h"
#include "tests/unit/unit.h"

static void test_ip_text_and_back(void **state)
{
    static const struct {
        const char *text;
        uint32_t addr;
    } good[] = {{"0.0.0.0", 0},
                {"10.1.0.5", 0x0a010005},
                {"255.255.255.255", 0xffffffff},
                {"192.168.0.100", 0xc0a80064}};
    char text[HM_IP_TEXT_LEN];

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(good); i++) {
        uint32_t addr = 1;
        assert_true(hm_ip_parse(good[i].text, &addr));
        assert_int_equal(addr, good[i].addr);
        assert_string_equal(hm_ip_text(good[i].addr, text), good[i].text);
    }
}

static void test_bad_ip_texts_are_refused(void **state)
{
    static const char *const bad[] = {"",           "1",        "1.2.3",     "1.2.3.4.5", "256.1.1.1",
                                      "1.2.3.1000", "01.2.3.4", "1.2.3.00",  " 1.2.3.4",  "1.2.3.4 ",
                                      "1..3.4",     "1.2.3.",   "1.2.3.4/8", "-1.2.3.4",  "0x1.2.3.4",
                                      "1,2,3,4",    ".1.2.3.4", "a.b.c.d",   "1.2.3.4\n", "1.2.3.4294967297"};

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        uint32_t addr = 77;
        /* In memory of just its length, so that reading on would be seen. */
        char *copy = (char *)unit_copy(bad[i], strlen(bad[i]) + 1);
        assert_false(hm_ip_parse(copy, &addr));
        assert_int_equal(addr, 77);
        free(copy);
    }
}

static void test_mac_text_and_back(void **state)
{
    struct hm_mac mac;
    char text[HM_MAC_TEXT_LEN];

    (void)state;
    assert_true(hm_mac_parse("52:54:00:Ab:cD:ef", &mac));
    assert_string_equal(hm_mac_text(&mac, text), "52:54:00:ab:cd:ef");
    assert_true(hm_mac_u64(&mac) == 0x525400abcdefu);
    assert_false(hm_mac_is_group(&mac));
    assert_false(hm_mac_is_zero(&mac));
    assert_true(hm_mac_is_zero(&HM_MAC_ZERO));
    assert_true(hm_mac_is_group(&HM_MAC_BROADCAST));
    assert_true(hm_mac_parse("01:00:5e:00:00:01", &mac));
    assert_true(hm_mac_is_group(&mac));
    assert_true(hm_mac_equal(&mac, &mac));
    assert_false(hm_mac_equal(&mac, &HM_MAC_BROADCAST));
}

static void test_bad_mac_texts_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "5",
                                      "52",
                                      "52:54:00:11:22",
                                      "52:54:00:11:22:",
                                      "52:54:00:11:22:3",
                                      "52:54:00:11:22:33:44",
                                      "52-54-00-11-22-33",
                                      "525400112233",
                                      "52:54:00:11:22:3g",
                                      "52:54:00:11:22:33 ",
                                      ":52:54:00:11:22:33"};

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        struct hm_mac mac = HM_MAC_BROADCAST;
        char *copy = (char *)unit_copy(bad[i], strlen(bad[i]) + 1);
        assert_false(hm_mac_parse(copy, &mac));
        assert_true(hm_mac_equal(&mac, &HM_MAC_BROADCAST));
        free(copy);
    }
}

static void test_prefix_parse_refuses_host_bits_and_cidr_takes_them(void **state)
{
    struct hm_prefix prefix;
    uint32_t addr;
    char text[HM_PREFIX_TEXT_LEN];

    (void)state;
    assert_true(hm_prefix_parse("10.1.0.0/24", &prefix));
    assert_string_equal(hm_prefix_text(&prefix, text), "10.1.0.0/24");
    assert_false(hm_prefix_parse("10.1.0.5/24", &prefix));
    assert_true(hm_cidr_parse("10.1.0.5/24", &addr, &prefix));
    assert_int_equal(addr, 0x0a010005);
    assert_string_equal(hm_prefix_text(&prefix, text), "10.1.0.0/24");
    assert_true(hm_prefix_parse("0.0.0.0/0", &prefix));
    assert_true(hm_prefix_parse("255.255.255.255/32", &prefix));
    assert_string_equal(hm_prefix_text(&prefix, text), "255.255.255.255/32");
    assert_false(hm_prefix_parse("10.1.0.0", &prefix));
    assert_false(hm_prefix_parse("10.1.0.0/", &prefix));
    assert_false(hm_prefix_parse("10.1.0.0/33", &prefix));
    assert_false(hm_prefix_parse("10.1.0.0/024", &prefix));
    assert_false(hm_prefix_parse("10.1.0.0/24x", &prefix));
    assert_string_equal(hm_prefix_text(&prefix, text), "255.255.255.255/32");
}

static void test_prefix_arithmetic(void **state)
{
    struct hm_prefix net = {.addr = 0x0a010000, .len = 24}, all = {0}, one = {.addr = 0x0a010005, .len = 32};
    struct hm_prefix pair = {.addr = 0x0a010004, .len = 31}, other = {.addr = 0x0a010100, .len = 24};

    (void)state;
    assert_int_equal(hm_prefix_mask(0), 0);
    assert_int_equal(hm_prefix_mask(1), 0x80000000);
    assert_int_equal(hm_prefix_mask(32), 0xffffffff);
    assert_true(hm_prefix_contains(&net, 0x0a0100ff));
    assert_false(hm_prefix_contains(&net, 0x0a010100));
    assert_true(hm_prefix_contains(&all, 0xffffffff));
    assert_true(hm_prefix_overlaps(&net, &one) && hm_prefix_overlaps(&one, &net));
    assert_true(hm_prefix_overlaps(&all, &one) && hm_prefix_overlaps(&net, &net));
    assert_false(hm_prefix_overlaps(&net, &other));
    assert_int_equal(hm_prefix_broadcast(&net), 0x0a0100ff);
    assert_int_equal(hm_prefix_broadcast(&one), 0xffffffff);
    assert_int_equal(hm_prefix_broadcast(&pair), 0xffffffff);
    assert_int_equal(hm_prefix_broadcast(&all), 0xffffffff);
}

static void test_which_addresses_a_host_may_have(void **state)
{
    (void)state;
    assert_true(hm_ip_is_host(0x0a010005));
    assert_true(hm_ip_is_host(0x01000000));
    assert_true(hm_ip_is_host(0xdfffffff));
    assert_false(hm_ip_is_host(0));
    assert_false(hm_ip_is_host(0x00ffffff));
    assert_false(hm_ip_is_host(0x7f000001));
    assert_false(hm_ip_is_host(0xe0000001));
    assert_false(hm_ip_is_host(0xf0000000));
    assert_false(hm_ip_is_host(0xffffffff));
    assert_true(hm_ip_is_multicast(0xe0000001) && hm_ip_is_multicast(0xefffffff));
    assert_false(hm_ip_is_multicast(0xf0000000) || hm_ip_is_multicast(0xdfffffff));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip_text_and_back),
        cmocka_unit_test(test_bad_ip_texts_are_refused),
        cmocka_unit_test(test_mac_text_and_back),
        cmocka_unit_test(test_bad_mac_texts_are_refused),
        cmocka_unit_test(test_prefix_parse_refuses_host_bits_and_cidr_takes_them),
        cmocka_unit_test(test_prefix_arithmetic),
        cmocka_unit_test(test_which_addresses_a_host_may_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
