/* SPDX-License-Identifier: BSD-3-Clause */
/* Authenticators: the published vectors of RFC 2202 section 2 and RFC 4231 section 4, and what is refused. */
#include "firmware/wire/authenticator.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

#include <mbedtls/md.h>

/* Keys and data that repeat one byte are given by it and their length. */
struct vector {
    uint8_t key_byte;
    size_t key_len;
    const char *key_hex;
    uint8_t data_byte;
    size_t data_len;
    const char *data_text;
    const char *mac;
};

#define COUNTING_KEY "0102030405060708090a0b0c0d0e0f10111213141516171819"

static const struct vector md5_vectors[] = {
    {.key_byte = 0x0b, .key_len = 16, .data_text = "Hi There", .mac = "9294727a3638bb1c13f48ef8158bfc9d"},
    {.key_hex = "4a656665",
     .data_text = "what do ya want for nothing?",
     .mac = "750c783e6ab0b503eaa86e310a5db738"},
    {.key_byte = 0xaa,
     .key_len = 16,
     .data_byte = 0xdd,
     .data_len = 50,
     .mac = "56be34521d144c88dbb8c733f0e8b3f6"},
    {.key_hex = COUNTING_KEY, .data_byte = 0xcd, .data_len = 50, .mac = "697eaf0aca3a3aea3a75164746ffaa79"},
    {.key_byte = 0x0c,
     .key_len = 16,
     .data_text = "Test With Truncation",
     .mac = "56461ef2342edc00f9bab995690efd4c"},
    {.key_byte = 0xaa,
     .key_len = 80,
     .data_text = "Test Using Larger Than Block-Size Key - Hash Key First",
     .mac = "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
    {.key_byte = 0xaa,
     .key_len = 80,
     .data_text = "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
     .mac = "6f630fad67cda0ee1fb1f562db3aa53e"},
};

static const struct vector sha256_vectors[] = {
    {.key_byte = 0x0b,
     .key_len = 20,
     .data_text = "Hi There",
     .mac = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {.key_hex = "4a656665",
     .data_text = "what do ya want for nothing?",
     .mac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {.key_byte = 0xaa,
     .key_len = 20,
     .data_byte = 0xdd,
     .data_len = 50,
     .mac = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {.key_hex = COUNTING_KEY,
     .data_byte = 0xcd,
     .data_len = 50,
     .mac = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    /* Truncated to 128 bits in the RFC. */
    {.key_byte = 0x0c,
     .key_len = 20,
     .data_text = "Test With Truncation",
     .mac = "a3b6167473100ee06e0c796c2955552b"},
    {.key_byte = 0xaa,
     .key_len = 131,
     .data_text = "Test Using Larger Than Block-Size Key - Hash Key First",
     .mac = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {.key_byte = 0xaa,
     .key_len = 131,
     .data_text = "This is a test using a larger than block-size key and a larger than block-size data. "
                  "The key needs to be hashed before being used by the HMAC algorithm.",
     .mac = "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

/* A key longer than HM_KEY_MAX_LEN is hashed here, as HMAC begins with just that (RFC 2104 section 2). */
static void make_key(const struct vector *vector, mbedtls_md_type_t hash, struct hm_key *key)
{
    uint8_t bytes[200];

    *key = (struct hm_key){0};
    if (vector->key_hex != NULL) {
        key->len = unit_hex(vector->key_hex, key->bytes, sizeof(key->bytes));
        return;
    }
    memset(bytes, vector->key_byte, vector->key_len);
    if (vector->key_len <= sizeof(key->bytes)) {
        key->len = vector->key_len;
        memcpy(key->bytes, bytes, key->len);
        return;
    }
    key->len = hash == MBEDTLS_MD_MD5 ? 16 : 32;
    assert_int_equal(mbedtls_md(mbedtls_md_info_from_type(hash), bytes, vector->key_len, key->bytes), 0);
}

static void check_vector(enum hm_algorithm algorithm, mbedtls_md_type_t hash, const struct vector *vector)
{
    uint8_t data[200], expected[HM_AUTHENTICATOR_MAX_LEN], made[HM_AUTHENTICATOR_MAX_LEN];
    size_t data_len = vector->data_len, expected_len;
    size_t mac_len = hm_authenticator_len(algorithm);
    struct hm_key key;

    make_key(vector, hash, &key);
    expected_len = unit_hex(vector->mac, expected, sizeof(expected));
    memset(data, vector->data_byte, sizeof(data));
    if (vector->data_text != NULL) {
        data_len = strlen(vector->data_text);
        memcpy(data, vector->data_text, data_len);
    }
    hm_authenticator_make(algorithm, &key, data, data_len, made);
    assert_memory_equal(made, expected, expected_len);
    assert_true(hm_authenticator_is_right(algorithm, &key, data, data_len, made, mac_len));
    for (size_t at = 0; at < mac_len; at++) {
        made[at] ^= 0x10;
        assert_false(hm_authenticator_is_right(algorithm, &key, data, data_len, made, mac_len));
        made[at] ^= 0x10;
    }
    for (size_t len = 0; len < HM_AUTHENTICATOR_MAX_LEN + 1; len++)
        assert_int_equal(hm_authenticator_is_right(algorithm, &key, data, data_len, made, len),
                         len == mac_len);
    data[0] ^= 1;
    assert_false(hm_authenticator_is_right(algorithm, &key, data, data_len, made, mac_len));
}

static void test_rfc_2202_hmac_md5(void **state)
{
    (void)state;
    assert_int_equal(hm_authenticator_len(HM_ALGORITHM_HMAC_MD5), 16);
    for (size_t i = 0; i < UNIT_COUNT(md5_vectors); i++)
        check_vector(HM_ALGORITHM_HMAC_MD5, MBEDTLS_MD_MD5, &md5_vectors[i]);
}

static void test_rfc_4231_hmac_sha256(void **state)
{
    (void)state;
    assert_int_equal(hm_authenticator_len(HM_ALGORITHM_HMAC_SHA256), 32);
    for (size_t i = 0; i < UNIT_COUNT(sha256_vectors); i++)
        check_vector(HM_ALGORITHM_HMAC_SHA256, MBEDTLS_MD_SHA256, &sha256_vectors[i]);
}

/* Expected: printf 'hypermip control' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102..1f */
static void test_a_derived_key_is_the_hmac_of_its_label(void **state)
{
    uint8_t expected[32];
    struct hm_key key = {0}, derived, other;

    (void)state;
    key.len = unit_hex(VECTOR_CONTROL_KEY, key.bytes, sizeof(key.bytes));
    unit_hex("0b046ec49559f1d4aa91c0553659f3ee6f8b128b2813bf50fc2814bc53e65e6a", expected, sizeof(expected));
    hm_authenticator_derive(&key, "hypermip control", &derived);
    assert_int_equal(derived.len, 32);
    assert_memory_equal(derived.bytes, expected, 32);
    hm_authenticator_derive(&key, "hypermip other", &other);
    assert_memory_not_equal(derived.bytes, other.bytes, 32);
}

static void test_nothing_is_right_without_a_key(void **state)
{
    static const uint8_t zeros[HM_AUTHENTICATOR_MAX_LEN];
    uint8_t made[HM_AUTHENTICATOR_MAX_LEN];
    struct hm_key none = {0};

    (void)state;
    hm_authenticator_make(HM_ALGORITHM_HMAC_SHA256, &none, "a", 1, made);
    assert_false(hm_authenticator_is_right(HM_ALGORITHM_HMAC_SHA256, &none, "a", 1, made, 32));
    assert_false(hm_authenticator_is_right(HM_ALGORITHM_HMAC_SHA256, &none, "a", 1, zeros, 32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_2202_hmac_md5),
        cmocka_unit_test(test_rfc_4231_hmac_sha256),
        cmocka_unit_test(test_a_derived_key_is_the_hmac_of_its_label),
        cmocka_unit_test(test_nothing_is_right_without_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
