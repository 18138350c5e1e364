/* SPDX-License-Identifier: BSD-3-Clause */
/* Extensions that were decoded from any bytes are written anew, for requests and replies alike. */
#ifndef HM_FUZZ_FUZZ_EXTENSIONS_H
#define HM_FUZZ_FUZZ_EXTENSIONS_H

#include "firmware/wire/extension.h"
#include "tests/fuzz/fuzz.h"

static const struct hm_key fuzz_key = {.bytes = "fuzz fuzz fuzz fuzz", .len = 16};

/* The rules that hold for whatever decode has accepted. */
static inline void fuzz_check_auth(const struct hm_auth_ext *auth, const uint8_t *message, size_t len)
{
    if (!auth->present) {
        FUZZ_CHECK(auth->count == 0);
        return;
    }
    FUZZ_CHECK(auth->count > 0 && auth->authenticator_len > 0);
    FUZZ_CHECK(auth->authenticator == message + auth->covered_len);
    FUZZ_CHECK(auth->covered_len + auth->authenticator_len <= len);
    (void)hm_extension_auth_is_right(auth, message, HM_ALGORITHM_HMAC_SHA256, &fuzz_key);
}

static inline void fuzz_write_extensions(struct hm_writer *writer, const struct hm_extensions *ext)
{
    if (ext->nai[0] != '\0')
        hm_extension_write_nai(writer, ext->nai);
    if (ext->has_pmip_method)
        hm_extension_write_pmip_method(writer, ext->pmip_method);
    if (ext->has_mac)
        hm_extension_write_mac(writer, &ext->mac);
    if (ext->has_hold)
        hm_extension_write_hold(writer, ext->handover_id, ext->epoch);
    if (ext->has_handover)
        hm_extension_write_handover(writer, ext->handover_id, ext->epoch);
    if (ext->has_agent_mac)
        hm_extension_write_agent_mac(writer, &ext->agent_mac);
    if (ext->has_revocation)
        hm_extension_write_revocation(writer, ext->revocation_flags, ext->revocation_timestamp);
    hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, 300, HM_ALGORITHM_HMAC_SHA256, &fuzz_key);
    FUZZ_CHECK(!writer->failed);
}

static inline void fuzz_check_equal(const struct hm_extensions *a, const struct hm_extensions *b)
{
    FUZZ_CHECK(strcmp(a->nai, b->nai) == 0);
    FUZZ_CHECK(a->has_pmip_method == b->has_pmip_method && a->pmip_method == b->pmip_method);
    FUZZ_CHECK(a->has_mac == b->has_mac && hm_mac_equal(&a->mac, &b->mac));
    FUZZ_CHECK(a->has_hold == b->has_hold && a->has_handover == b->has_handover);
    FUZZ_CHECK(a->handover_id == b->handover_id && a->epoch == b->epoch);
    FUZZ_CHECK(a->has_revocation == b->has_revocation && a->revocation_flags == b->revocation_flags);
    FUZZ_CHECK(a->revocation_timestamp == b->revocation_timestamp);
    FUZZ_CHECK(a->has_agent_mac == b->has_agent_mac && hm_mac_equal(&a->agent_mac, &b->agent_mac));
}

#endif
