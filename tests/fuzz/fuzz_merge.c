/* SPDX-License-Identifier: BSD-3-Clause */
/* Merging fed with any frames: what comes out has possible lengths and offsets, no byte of payload is lost,
 * and single frames are as they were. */
#include "firmware/base/reader.h"
#include "firmware/link/output.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/tcp.h"
#include "tests/fuzz/fuzz.h"

static size_t in_len, out_len; /* payload of TCP segments that might be merged, and all else */

static size_t payload_of(const uint8_t *bytes, size_t len)
{
    struct hm_ipv4 ip;

    if (len < HM_ETHERNET_LEN || hm_ipv4_decode(bytes + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN, &ip) != 0 ||
        ip.protocol != HM_IP_PROTO_TCP || ip.header_len != HM_IPV4_LEN || ip.total_len < HM_IPV4_LEN + 20)
        return 0;
    size_t header_len = (size_t)(bytes[HM_ETHERNET_LEN + HM_IPV4_LEN + 12] >> 4) * 4;
    size_t segment_len = (size_t)ip.total_len - HM_IPV4_LEN;
    return header_len >= 20 && header_len <= segment_len ? segment_len - header_len : 0;
}

static void fuzz_fix_tcp(uint8_t *bytes, size_t len)
{
    uint8_t *ip_bytes = bytes + HM_ETHERNET_LEN, *tcp = ip_bytes + HM_IPV4_LEN;
    struct hm_ipv4 ip;
    struct hm_tcp header;

    if (len < HM_ETHERNET_LEN + HM_IPV4_LEN + HM_TCP_LEN ||
        hm_ipv4_decode(ip_bytes, len - HM_ETHERNET_LEN, &ip) != 0 || ip.header_len != HM_IPV4_LEN ||
        hm_tcp_decode(tcp, (size_t)ip.total_len - HM_IPV4_LEN, &header) != 0)
        return;
    hm_ipv4_fix_checksum(ip_bytes, HM_IPV4_LEN);
    hm_tcp_set_piece(tcp, (size_t)ip.total_len - HM_IPV4_LEN, ip.src, ip.dst, header.seq, header.flags);
}

static int take_frame(void *ctx, unsigned link, struct hm_frame *frame)
{
    const struct hm_offload *offload = &frame->offload;

    (void)ctx;
    (void)link;
    FUZZ_CHECK(frame->len <= 65535);
    if (offload->gso_type != 0) {
        FUZZ_CHECK(offload->flags == 1 && (offload->gso_type & 0x7f) == 1);
        FUZZ_CHECK(offload->hdr_len < frame->len && offload->gso_size > 0);
        FUZZ_CHECK(offload->gso_size < frame->len - offload->hdr_len);
        FUZZ_CHECK((size_t)offload->csum_start + offload->csum_offset + 2 <= offload->hdr_len);
        FUZZ_CHECK(hm_ipv4_checksum_is_right(frame->data + HM_ETHERNET_LEN, HM_IPV4_LEN));
    }
    out_len += payload_of(frame->data, frame->len);
    return 0;
}

static void log_line(void *ctx, enum hm_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    (void)line;
}

static void fill_random(void *ctx, void *bytes, size_t len)
{
    (void)ctx;
    memset(bytes, 7, len);
}

static const struct hm_router_config config = {.name = "fuzz", .link_count = 1};
static const struct hm_port port = {
    .send_frame = take_frame, .takes_super_frames = true, .log = log_line, .random = fill_random};

/* The input: for each frame its length (2 bytes) and its bytes; a length of 0 is the end of a batch. With the
 * highest bit its TCP checksum is made right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[HM_FRAME_HEADROOM + 65536];
    const struct hm_time now = {.mono_us = 1000000, .ntp = 1};
    struct hm_env env;
    struct hm_reader reader;

    in_len = out_len = 0;
    hm_env_init(&env, &config, &port, &now);
    hm_output_init(&env);
    hm_reader_init(&reader, data, size);
    while (reader.left > 2) {
        uint16_t word = hm_read_u16(&reader);
        size_t len = word & 0x7fff;
        struct hm_frame frame;
        len = len < reader.left ? len : reader.left;
        if (len == 0) {
            hm_output_flush(&env);
            continue;
        }
        hm_frame_init(&frame, memory, sizeof(memory), len);
        hm_read_bytes(&reader, frame.data, len);
        if ((word & 0x8000) != 0)
            fuzz_fix_tcp(frame.data, len);
        in_len += payload_of(frame.data, len);
        hm_output_frame(&env, 0, &frame);
    }
    hm_output_flush(&env);
    FUZZ_CHECK(in_len == out_len);
    hm_output_fini(&env);
    return 0;
}
