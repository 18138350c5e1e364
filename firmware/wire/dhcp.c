/* SPDX-License-Identifier: BSD-3-Clause */
/* DHCP messages as a bystander reads them (RFC 2131 section 2, RFC 2132). */
#include "firmware/wire/dhcp.h"

#include "firmware/base/err.h"
#include "firmware/base/reader.h"

#define OP_REQUEST 1
#define OP_REPLY 2
#define HTYPE_ETHERNET 1
#define MAGIC_COOKIE 0x63825363u
#define OPTION_PAD 0
#define OPTION_TYPE 53
#define OPTION_END 255

#define AFTER_HLEN_LEN (1 + 4 + 2 + 2)    /* hops, xid, secs, flags */
#define AFTER_YIADDR_LEN (4 + 4)          /* siaddr, giaddr */
#define AFTER_MAC_LEN (16 - 6 + 64 + 128) /* rest of chaddr, sname, file */

/* The message type among the options; 0 when there is none, or the options are broken or have no end. */
static uint8_t find_type(struct hm_reader *options)
{
    uint8_t type = 0;

    while (!options->failed) {
        uint8_t code = hm_read_u8(options);
        struct hm_reader value;

        if (options->failed)
            break;
        if (code == OPTION_END)
            return type;
        if (code == OPTION_PAD)
            continue;
        value = hm_read_sub(options, hm_read_u8(options));
        if (code != OPTION_TYPE)
            continue;
        if (type != 0 || value.left != 1)
            return 0;
        type = hm_read_u8(&value);
    }
    return 0;
}

int hm_dhcp_decode(const uint8_t *bytes, size_t len, struct hm_dhcp *out)
{
    struct hm_reader reader;
    uint8_t op, type;
    bool is_ethernet;

    hm_reader_init(&reader, bytes, len);
    op = hm_read_u8(&reader);
    is_ethernet = hm_read_u8(&reader) == HTYPE_ETHERNET;
    is_ethernet &= hm_read_u8(&reader) == sizeof(struct hm_mac);
    hm_read_skip(&reader, AFTER_HLEN_LEN);
    out->client_addr = hm_read_u32(&reader);
    out->your_addr = hm_read_u32(&reader);
    hm_read_skip(&reader, AFTER_YIADDR_LEN);
    hm_read_mac(&reader, &out->client_mac);
    hm_read_skip(&reader, AFTER_MAC_LEN);
    if (hm_read_u32(&reader) != MAGIC_COOKIE)
        return HM_ERR_MALFORMED;
    if ((op != OP_REQUEST && op != OP_REPLY) || !is_ethernet)
        return HM_ERR_MALFORMED;
    type = find_type(&reader);
    if (type < HM_DHCP_DISCOVER || type > HM_DHCP_INFORM)
        return HM_ERR_MALFORMED;
    out->type = (enum hm_dhcp_type)type;
    out->is_reply = op == OP_REPLY;
    return HM_OK;
}
