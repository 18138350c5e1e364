/* SPDX-License-Identifier: BSD-3-Clause */
/* Authenticators, by mbedTLS. */
#include "firmware/wire/authenticator.h"

#include <mbedtls/constant_time.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <string.h>

static mbedtls_md_type_t md_type(enum hm_algorithm algorithm)
{
    return algorithm == HM_ALGORITHM_HMAC_MD5 ? MBEDTLS_MD_MD5 : MBEDTLS_MD_SHA256;
}

size_t hm_authenticator_len(enum hm_algorithm algorithm)
{
    return algorithm == HM_ALGORITHM_HMAC_MD5 ? 16 : 32;
}

/* False when there is no key or mbedTLS has no memory: then `out` is zero and is not to be believed. */
static bool compute(enum hm_algorithm algorithm, const struct hm_key *key, const void *bytes, size_t len,
                    uint8_t out[HM_AUTHENTICATOR_MAX_LEN])
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md_type(algorithm));

    memset(out, 0, HM_AUTHENTICATOR_MAX_LEN);
    if (key->len == 0)
        return false;
    return mbedtls_md_hmac(info, key->bytes, key->len, bytes, len, out) == 0;
}

void hm_authenticator_make(enum hm_algorithm algorithm, const struct hm_key *key, const void *bytes,
                           size_t len, uint8_t out[HM_AUTHENTICATOR_MAX_LEN])
{
    (void)compute(algorithm, key, bytes, len, out);
}

bool hm_authenticator_is_right(enum hm_algorithm algorithm, const struct hm_key *key, const void *bytes,
                               size_t len, const uint8_t *authenticator, size_t authenticator_len)
{
    uint8_t right[HM_AUTHENTICATOR_MAX_LEN];
    bool is_right;

    /* The length is no secret. A shorter one would be a truncated MAC, easier to guess. */
    if (authenticator_len != hm_authenticator_len(algorithm))
        return false;
    is_right = compute(algorithm, key, bytes, len, right) &&
               mbedtls_ct_memcmp(right, authenticator, authenticator_len) == 0;
    mbedtls_platform_zeroize(right, sizeof(right));
    return is_right;
}

void hm_authenticator_derive(const struct hm_key *key, const char *label, struct hm_key *out)
{
    uint8_t derived[HM_AUTHENTICATOR_MAX_LEN];
    bool is_made = compute(HM_ALGORITHM_HMAC_SHA256, key, label, strlen(label), derived);

    /* Without memory the key stays empty, with which nothing is authentic. */
    *out = (struct hm_key){.len = is_made ? sizeof(derived) : 0};
    memcpy(out->bytes, derived, sizeof(derived));
    mbedtls_platform_zeroize(derived, sizeof(derived));
}
