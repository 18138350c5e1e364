/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing of extensions; their reading is in extension.c. */
#include "firmware/wire/authenticator.h"
#include "firmware/wire/extension.h"

#include <assert.h>
#include <string.h>

#define PMIP_SUB_METHOD 1       /* of 47, RFC 5563 section 5.1 */
#define PMIP_SUB_INTERFACE_ID 1 /* of 147, RFC 5563 section 5.2 */
#define SPI_LEN 4

void hm_extension_write_nai(struct hm_writer *writer, const char *nai)
{
    size_t len = strlen(nai);

    assert(len > 0 && len <= HM_NAI_MAX_LEN);
    hm_write_u8(writer, HM_EXT_NAI);
    hm_write_u8(writer, (uint8_t)len);
    hm_write_bytes(writer, nai, len);
}

void hm_extension_write_pmip_method(struct hm_writer *writer, uint8_t method)
{
    hm_write_u8(writer, HM_EXT_PMIP);
    hm_write_u8(writer, PMIP_SUB_METHOD);
    hm_write_u16(writer, 1);
    hm_write_u8(writer, method);
}

void hm_extension_write_mac(struct hm_writer *writer, const struct hm_mac *mac)
{
    hm_write_u8(writer, HM_EXT_PMIP_SKIPPABLE);
    hm_write_u8(writer, 1 + sizeof(mac->b));
    hm_write_u8(writer, PMIP_SUB_INTERFACE_ID);
    hm_write_mac(writer, mac);
}

void hm_extension_write_hold(struct hm_writer *writer, uint64_t handover_id, uint32_t epoch)
{
    hm_write_u8(writer, HM_EXT_CRITICAL_VENDOR);
    hm_write_u8(writer, 0);
    hm_write_u16(writer, 4 + 2 + 8 + 4);
    hm_write_u32(writer, HM_VENDOR_ID);
    hm_write_u16(writer, HM_VENDOR_HOLD);
    hm_write_u64(writer, handover_id);
    hm_write_u32(writer, epoch);
}

/* Head of a normal vendor extension of ours, RFC 3115 section 2.2. */
static void write_vendor_head(struct hm_writer *writer, enum hm_vendor_type type, size_t value_len)
{
    hm_write_u8(writer, HM_EXT_VENDOR);
    hm_write_u8(writer, (uint8_t)(2 + 4 + 2 + value_len));
    hm_write_u16(writer, 0);
    hm_write_u32(writer, HM_VENDOR_ID);
    hm_write_u16(writer, (uint16_t)type);
}

void hm_extension_write_stop_notice(struct hm_writer *writer)
{
    write_vendor_head(writer, HM_VENDOR_STOP_NOTICE, 0);
}

void hm_extension_write_handover(struct hm_writer *writer, uint64_t handover_id, uint32_t epoch)
{
    write_vendor_head(writer, HM_VENDOR_HANDOVER, 8 + 4);
    hm_write_u64(writer, handover_id);
    hm_write_u32(writer, epoch);
}

void hm_extension_write_agent_mac(struct hm_writer *writer, const struct hm_mac *mac)
{
    write_vendor_head(writer, HM_VENDOR_AGENT_MAC, sizeof(mac->b));
    hm_write_mac(writer, mac);
}

void hm_extension_write_revocation(struct hm_writer *writer, uint16_t flags, uint32_t timestamp)
{
    hm_write_u8(writer, HM_EXT_REVOCATION);
    hm_write_u8(writer, 2 + 4);
    hm_write_u16(writer, flags);
    hm_write_u32(writer, timestamp);
}

void hm_extension_write_udp_request(struct hm_writer *writer, uint8_t flags, uint8_t encapsulation)
{
    hm_write_u8(writer, HM_EXT_UDP_TUNNEL_REQUEST);
    hm_write_u8(writer, 6);
    hm_write_u16(writer, 0); /* sub-type, reserved */
    hm_write_u8(writer, flags);
    hm_write_u8(writer, encapsulation);
    hm_write_u16(writer, 0);
}

void hm_extension_write_udp_reply(struct hm_writer *writer, const struct hm_udp_tunnel_reply *reply)
{
    hm_write_u8(writer, HM_EXT_UDP_TUNNEL_REPLY);
    hm_write_u8(writer, 6);
    hm_write_u8(writer, 0); /* sub-type */
    hm_write_u8(writer, reply->code);
    hm_write_u8(writer, reply->flags);
    hm_write_u8(writer, 0);
    hm_write_u16(writer, reply->keepalive_s);
}

void hm_extension_write_auth(struct hm_writer *writer, enum hm_extension_type type, uint32_t spi,
                             enum hm_algorithm algorithm, const struct hm_key *key)
{
    uint8_t authenticator[HM_AUTHENTICATOR_MAX_LEN];
    size_t len = hm_authenticator_len(algorithm);

    hm_write_u8(writer, (uint8_t)type);
    hm_write_u8(writer, (uint8_t)(SPI_LEN + len));
    hm_write_u32(writer, spi);
    if (writer->failed)
        return;
    hm_authenticator_make(algorithm, key, writer->bytes, writer->len, authenticator);
    hm_write_bytes(writer, authenticator, len);
}
