/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over extensions: which are read, skipped, refused, and which only an authenticator makes count. */
#include "firmware/base/err.h"
#include "firmware/wire/extension.h"
#include "tests/unit/cut.h"

/* An FA-HA authentication extension with a made-up authenticator: the walk does not judge it. */
#define AUTH "221400000101 000102030405060708090a0b0c0d0e0f"
#define NODE_AUTH "201400000100 000102030405060708090a0b0c0d0e0f"
#define PREFIX_LEN 3 /* the walk begins behind bytes that are none of its business */

static int decode_at(const uint8_t *bytes, size_t len)
{
    struct hm_extensions ext;

    return hm_extensions_decode(bytes, len, PREFIX_LEN, &ext);
}

/* Decodes extensions given in hexadecimal, in memory of just their length. */
static int decode(const char *hex, struct hm_extensions *out)
{
    uint8_t bytes[1000] = {0xff, 0xff, 0xff};
    size_t len = PREFIX_LEN + unit_hex(hex, bytes + PREFIX_LEN, sizeof(bytes) - PREFIX_LEN);
    uint8_t *copy = unit_copy(bytes, len);
    int err = hm_extensions_decode(copy, len, PREFIX_LEN, out);

    free(copy);
    return err;
}

static void check(const char *hex, int err)
{
    struct hm_extensions ext;

    if (decode(hex, &ext) != err)
        fail_msg("%s: not %d but %d", hex, err, decode(hex, &ext));
}

static void test_all_of_ours_are_written_and_read(void **state)
{
    static const struct hm_mac mac = {{0x52, 0x54, 0, 0x11, 0x22, 0x33}}, agent_mac = {{2, 0, 0, 0, 0, 9}};
    struct hm_key key = {.bytes = "0123456789abcdef0123456789abcdef", .len = 32};
    uint8_t bytes[300] = {0};
    size_t ends[9], count = 0;
    struct hm_extensions ext;
    struct hm_writer writer;

    (void)state;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_write_zeros(&writer, PREFIX_LEN);
    ends[count++] = writer.len;
    hm_extension_write_nai(&writer, "vm1");
    ends[count++] = writer.len;
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    ends[count++] = writer.len;
    hm_extension_write_mac(&writer, &mac);
    ends[count++] = writer.len;
    hm_extension_write_hold(&writer, UINT64_C(0x1122334455667788), 7);
    ends[count++] = writer.len;
    hm_extension_write_handover(&writer, UINT64_C(0x1122334455667788), 7);
    ends[count++] = writer.len;
    hm_extension_write_agent_mac(&writer, &agent_mac);
    ends[count++] = writer.len;
    hm_extension_write_udp_request(&writer, HM_UDP_TUNNEL_FORCED, HM_IP_PROTO_IPIP);
    ends[count++] = writer.len;
    hm_extension_write_udp_reply(&writer, &(struct hm_udp_tunnel_reply){.code = 64, .keepalive_s = 110});
    ends[count++] = writer.len;
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, 300, HM_ALGORITHM_HMAC_SHA256, &key);
    assert_false(writer.failed);

    assert_int_equal(hm_extensions_decode(bytes, writer.len, PREFIX_LEN, &ext), HM_OK);
    assert_string_equal(ext.nai, "vm1");
    assert_true(ext.has_pmip_method && ext.pmip_method == HM_PMIP_METHOD_FA_HA);
    assert_true(ext.has_mac && hm_mac_equal(&ext.mac, &mac));
    assert_true(ext.has_hold && ext.has_handover);
    assert_true(ext.handover_id == UINT64_C(0x1122334455667788) && ext.epoch == 7);
    assert_true(ext.has_agent_mac && hm_mac_equal(&ext.agent_mac, &agent_mac));
    assert_true(ext.udp_request.is_given && ext.udp_request.flags == HM_UDP_TUNNEL_FORCED);
    assert_true(ext.udp_reply.is_given && ext.udp_reply.code == 64 && ext.udp_reply.keepalive_s == 110);
    assert_false(ext.has_unknown_critical_vendor || ext.has_revocation);
    assert_true(ext.fa_ha.present && ext.fa_ha.spi == 300 && ext.fa_ha.authenticator_len == 32);
    assert_true(hm_extension_auth_is_right(&ext.fa_ha, bytes, HM_ALGORITHM_HMAC_SHA256, &key));
    assert_false(hm_extension_auth_is_right(&ext.fa_ha, bytes, HM_ALGORITHM_HMAC_MD5, &key));
    assert_true(hm_extensions_are_covered(&ext, &ext.fa_ha));
    unit_cut(bytes, writer.len, decode_at, ends, count);
    unit_tamper(bytes, writer.len, decode_at);
}

/* Their bytes, as the RFCs draw them. */
static void test_layouts(void **state)
{
    static const struct hm_mac mac = {{0x52, 0x54, 0, 0x11, 0x22, 0x33}};
    uint8_t expected[100], bytes[100];
    size_t len = unit_hex("8303766d31"         /* RFC 2794: T, L, string */
                          "2f01000101"         /* RFC 5563 5.1: T, sub, L16, method */
                          "930701525400112233" /* RFC 5563 5.2: T, L, sub, id */
                          "26000012 00007ed9 0001 0102030405060708 0000000a" /* RFC 3115 2.1: L16 counts on */
                          "8614 0000 00007ed9 0002 0102030405060708 0000000a" /* RFC 3115 2.2: L counts on */
                          "860e 0000 00007ed9 0003 525400112233",
                          expected, sizeof(expected));
    struct hm_writer writer;

    (void)state;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_extension_write_nai(&writer, "vm1");
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    hm_extension_write_mac(&writer, &mac);
    hm_extension_write_hold(&writer, UINT64_C(0x0102030405060708), 10);
    hm_extension_write_handover(&writer, UINT64_C(0x0102030405060708), 10);
    hm_extension_write_agent_mac(&writer, &mac);
    assert_int_equal(writer.len, len);
    assert_memory_equal(bytes, expected, len);
}

static void test_unknown_types_are_refused_below_128_and_skipped_above(void **state)
{
    (void)state;
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        static const unsigned known[] = {0, 32, 33, 34, 38, 44, 47, 131, 134, 137, 144, 147};
        char hex[100];
        bool is_known = false;

        for (size_t i = 0; i < UNIT_COUNT(known); i++)
            is_known |= known[i] == type;
        if (is_known)
            continue;
        snprintf(hex, sizeof(hex), "8303766d31 %02x03010203 " AUTH, type);
        check(hex, type < 128 ? HM_ERR_REFUSED : HM_OK);
        snprintf(hex, sizeof(hex), AUTH "%02x03010203", type); /* also where nothing is read any more */
        check(hex, type < 128 ? HM_ERR_REFUSED : HM_OK);
        snprintf(hex, sizeof(hex), "%02x04010203", type);
        check(hex, type < 128 ? HM_ERR_REFUSED : HM_ERR_MALFORMED);
    }
    check("", HM_OK);
    check("00 00 00" AUTH "00", HM_OK);
}

static void test_wrong_lengths_of_known_types_are_malformed(void **state)
{
    static const char *const bad[] = {
        "2004 00000101",                                 /* no authenticator */
        "2003 000001" AUTH,                              /* no SPI */
        "2200" AUTH,                                     /* nothing */
        "221500000101 000102030405060708090a0b0c0d0e0f", /* ends after the message */
        "83" AUTH,                   /* takes the authenticator for its string, and more */
        "8300" AUTH,                 /* empty NAI */
        "8302 0a41" AUTH,            /* control character in it */
        "2f010000" AUTH,             /* no method */
        "2f0100020101" AUTH,         /* two */
        "2f01ffff01" AUTH,           /* ends after the message */
        "9300" AUTH,                 /* no sub-type */
        "26000005 00007ed9 00" AUTH, /* no type */
        "26000011 00007ed9 0001 0102030405060708 000000" AUTH,
        "26000013 00007ed9 0001 0102030405060708 0000000a00" AUTH,
        "8607 0000 00007ed9 00" AUTH,
        "8613 0000 00007ed9 0002 0102030405060708 000000" AUTH,
        "860d 0000 00007ed9 0003 5254001122" AUTH,
        "8905 8000 000000" AUTH,
        "8907 8000 00000001 00" AUTH,
        "9005 0000 8004 00" AUTH,
        "9007 0000 8004 0000 00" AUTH,
        "2c05 0000 8000 00" AUTH,
        "2c07 0000 8000 0000 00" AUTH,
        "22",
        "2f",
        "2f01",
        "2f0100",
        "c8",
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bad); i++)
        check(bad[i], HM_ERR_MALFORMED);
    check("2f02000101" AUTH, HM_ERR_REFUSED); /* an unknown sub-type is as an unknown type */
}

static void test_nai_has_at_most_72_bytes(void **state)
{
    char hex[400];

    (void)state;
    for (unsigned len = 70; len <= 75; len++) {
        struct hm_extensions ext;
        int at = snprintf(hex, sizeof(hex), "83%02x", len);
        for (unsigned i = 0; i < len; i++)
            at += snprintf(hex + at, sizeof(hex) - (size_t)at, "61");
        snprintf(hex + at, sizeof(hex) - (size_t)at, AUTH);
        assert_int_equal(decode(hex, &ext), len <= HM_NAI_MAX_LEN ? HM_OK : HM_ERR_MALFORMED);
        assert_int_equal(strlen(ext.nai), len <= HM_NAI_MAX_LEN ? len : 0);
    }
}

static void test_vendor_extensions_of_others(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("26000006 00000009 0001" AUTH, &ext), HM_OK); /* critical, another vendor */
    assert_true(ext.has_unknown_critical_vendor && !ext.has_hold);
    assert_int_equal(decode("26000006 00007ed9 0099" AUTH, &ext), HM_OK); /* critical, ours, unknown type */
    assert_true(ext.has_unknown_critical_vendor && !ext.has_hold);
    assert_int_equal(decode("8608 0000 00000009 0002" AUTH, &ext), HM_OK); /* normal: skipped */
    assert_false(ext.has_unknown_critical_vendor || ext.has_handover);
    assert_int_equal(decode("8608 0000 00007ed9 0099" AUTH, &ext), HM_OK);
    assert_false(ext.has_unknown_critical_vendor || ext.has_handover || ext.has_agent_mac);
}

static void test_critical_vendor_extensions_behind_the_nodes_authenticator_are_the_agents(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("26000006 00000009 0001" NODE_AUTH AUTH, &ext), HM_OK);
    assert_true(ext.has_unknown_critical_vendor && !ext.has_agents_unknown_critical_vendor);
    assert_int_equal(decode(NODE_AUTH "26000006 00000009 0001" AUTH, &ext), HM_OK);
    assert_true(ext.has_agents_unknown_critical_vendor && !ext.has_unknown_critical_vendor);
    assert_int_equal(decode(NODE_AUTH "26000006 00000009 0001", &ext), HM_OK); /* nobody's */
    assert_false(ext.has_agents_unknown_critical_vendor || ext.has_unknown_critical_vendor);
}

static void test_other_subtypes_of_147_are_skipped(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("930702525400112233" AUTH, &ext), HM_OK);
    assert_false(ext.has_mac);
    assert_int_equal(decode("930401616263" AUTH, &ext), HM_OK); /* an interface id that is no MAC */
    assert_false(ext.has_mac);
}

static void test_revocation_support_is_read(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("8906 8000 01020304" AUTH, &ext), HM_OK);
    assert_true(ext.has_revocation);
    assert_int_equal(ext.revocation_flags, 0x8000);
    assert_int_equal(ext.revocation_timestamp, 0x01020304);
}

static void test_u1_a_udp_tunnel_is_asked_for(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("9006 00 ff 80 04 0000" AUTH, &ext), HM_OK);
    assert_true(ext.udp_request.is_given && !ext.udp_request.has_reserved);
    assert_int_equal(ext.udp_request.flags, HM_UDP_TUNNEL_FORCED);
    assert_int_equal(ext.udp_request.encapsulation, HM_IP_PROTO_IPIP);
    assert_int_equal(decode("9006 00 00 80 04 0001" AUTH, &ext), HM_OK);
    assert_true(ext.udp_request.has_reserved);
    assert_int_equal(decode("9006 01 00 80 04 0000" AUTH, &ext), HM_OK); /* another sub-type: skipped */
    assert_false(ext.udp_request.is_given);
}

static void test_u2_a_udp_tunnel_is_granted(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("2c06 00 40 80 00 006e" AUTH, &ext), HM_OK);
    assert_true(ext.udp_reply.is_given);
    assert_int_equal(ext.udp_reply.code, HM_UDP_TUNNEL_DECLINED);
    assert_int_equal(ext.udp_reply.flags, HM_UDP_TUNNEL_FORCED);
    assert_int_equal(ext.udp_reply.keepalive_s, 110);
    check("2c06 01 00 80 00 0000" AUTH, HM_ERR_REFUSED); /* not to be skipped */
}

static void test_values_without_an_authenticator_after_them_do_not_count(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("8303766d31", &ext), HM_OK);
    assert_string_equal(ext.nai, "");
    assert_int_equal(ext.values_len, 0);
    assert_int_equal(decode(AUTH "8303766d31 2f01000101 26000006 00000009 0001", &ext), HM_OK);
    assert_string_equal(ext.nai, "");
    assert_false(ext.has_pmip_method || ext.has_unknown_critical_vendor);
    assert_int_equal(decode("8303766d31" AUTH "8303766d32", &ext), HM_OK);
    assert_string_equal(ext.nai, "vm1");
}

/* A right authenticator, then a value and a made-up authenticator of a kind that nobody checks. */
static void test_values_behind_the_authenticator_that_was_checked_are_seen_as_uncovered(void **state)
{
    struct hm_extensions ext;

    (void)state;
    assert_int_equal(decode("8303766d31" AUTH "8303766d32 2105 00000100 00", &ext), HM_OK);
    assert_string_equal(ext.nai, "vm2");
    assert_false(hm_extensions_are_covered(&ext, &ext.fa_ha));
    assert_true(hm_extensions_are_covered(&ext, &ext.mn_fa));
    assert_int_equal(decode("8303766d31" AUTH "8303766d32" AUTH, &ext), HM_OK);
    assert_int_equal(ext.fa_ha.count, 2);
    assert_false(hm_extensions_are_covered(&ext, &ext.fa_ha)); /* the first one is kept */
    assert_int_equal(decode("8303766d31" AUTH "2105 00000100 00", &ext), HM_OK);
    assert_true(hm_extensions_are_covered(&ext, &ext.fa_ha));
}

static void test_a_writer_that_is_full_gets_no_half_authenticator(void **state)
{
    struct hm_key key = {.bytes = "0123456789abcdef", .len = 16};

    (void)state;
    for (size_t cap = 0; cap < 42; cap++) {
        uint8_t *bytes = malloc(cap);
        struct hm_writer writer;

        hm_writer_init(&writer, bytes, cap);
        hm_write_u32(&writer, 1);
        hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, 300, HM_ALGORITHM_HMAC_SHA256, &key);
        assert_true(writer.failed);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_ours_are_written_and_read),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_unknown_types_are_refused_below_128_and_skipped_above),
        cmocka_unit_test(test_wrong_lengths_of_known_types_are_malformed),
        cmocka_unit_test(test_nai_has_at_most_72_bytes),
        cmocka_unit_test(test_vendor_extensions_of_others),
        cmocka_unit_test(test_critical_vendor_extensions_behind_the_nodes_authenticator_are_the_agents),
        cmocka_unit_test(test_other_subtypes_of_147_are_skipped),
        cmocka_unit_test(test_revocation_support_is_read),
        cmocka_unit_test(test_u1_a_udp_tunnel_is_asked_for),
        cmocka_unit_test(test_u2_a_udp_tunnel_is_granted),
        cmocka_unit_test(test_values_without_an_authenticator_after_them_do_not_count),
        cmocka_unit_test(test_values_behind_the_authenticator_that_was_checked_are_seen_as_uncovered),
        cmocka_unit_test(test_a_writer_that_is_full_gets_no_half_authenticator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
