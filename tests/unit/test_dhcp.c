/* SPDX-License-Identifier: BSD-3-Clause */
/* DHCP as a bystander reads it. */
#include "firmware/base/err.h"
#include "firmware/wire/dhcp.h"
#include "tests/unit/cut.h"
#include "tests/unit/vectors.h"

#define OPTIONS_AT 236 /* of the magic cookie, RFC 2131 section 2 */
#define MAX_LEN 400

static int decode(const uint8_t *bytes, size_t len)
{
    struct hm_dhcp dhcp;

    return hm_dhcp_decode(bytes, len, &dhcp);
}

/* A message with the options given, cookie included; gives its length. */
static size_t make(uint8_t bytes[MAX_LEN], const char *options)
{
    memset(bytes, 0, MAX_LEN);
    unit_hex(VECTOR_DHCP_HEAD, bytes, MAX_LEN);
    return OPTIONS_AT + unit_hex(options, bytes + OPTIONS_AT, MAX_LEN - OPTIONS_AT);
}

static int decode_options(const char *options)
{
    uint8_t bytes[MAX_LEN];
    size_t len = make(bytes, options);
    uint8_t *copy = unit_copy(bytes, len);
    int err = decode(copy, len);

    free(copy);
    return err;
}

static void test_acknowledgement_is_read(void **state)
{
    uint8_t bytes[MAX_LEN];
    size_t len = make(bytes, VECTOR_DHCP_OPTIONS);
    struct hm_dhcp dhcp;

    (void)state;
    assert_int_equal(hm_dhcp_decode(bytes, len, &dhcp), HM_OK);
    assert_int_equal(dhcp.type, HM_DHCP_ACK);
    assert_true(hm_mac_u64(&dhcp.client_mac) == 0x525400112233u);
    assert_int_equal(dhcp.client_addr, 0);
    assert_int_equal(dhcp.your_addr, 0x0a010005);
    bytes[15] = 9; /* ciaddr */
    assert_int_equal(hm_dhcp_decode(bytes, len, &dhcp), HM_OK);
    assert_int_equal(dhcp.client_addr, 9);
    assert_int_equal(hm_dhcp_decode(bytes, MAX_LEN, &dhcp), HM_OK); /* padding behind the end */
    unit_cut(bytes, len, decode, NULL, 0);
    unit_tamper(bytes, len, decode);
}

static void test_types(void **state)
{
    char options[40];

    (void)state;
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        snprintf(options, sizeof(options), "63825363 3501%02x ff", type);
        assert_int_equal(decode_options(options), type >= 1 && type <= 8 ? HM_OK : HM_ERR_MALFORMED);
    }
}

static void test_broken_messages_are_malformed(void **state)
{
    static const size_t heads[] = {0, 1, 2, OPTIONS_AT, OPTIONS_AT + 3};
    uint8_t bytes[MAX_LEN];
    size_t len = make(bytes, VECTOR_DHCP_OPTIONS);

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(heads); i++) { /* operation, hardware type and length, cookie */
        bytes[heads[i]] ^= 0x10;
        assert_int_equal(decode(bytes, len), HM_ERR_MALFORMED);
        bytes[heads[i]] ^= 0x10;
    }
    assert_int_equal(decode_options("63825363 ff"), HM_ERR_MALFORMED);               /* no type */
    assert_int_equal(decode_options("63825363 350105"), HM_ERR_MALFORMED);           /* no end */
    assert_int_equal(decode_options("63825363 3500 ff"), HM_ERR_MALFORMED);          /* empty type */
    assert_int_equal(decode_options("63825363 35020505 ff"), HM_ERR_MALFORMED);      /* long type */
    assert_int_equal(decode_options("63825363 350105 350105 ff"), HM_ERR_MALFORMED); /* two types */
    assert_int_equal(decode_options("63825363 350105 33ff00 ff"),
                     HM_ERR_MALFORMED); /* ends behind the message */
    assert_int_equal(decode_options("63825363 00 00 350105 00 0c00 ff"), HM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledgement_is_read),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_broken_messages_are_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
