/* SPDX-License-Identifier: BSD-3-Clause */
/* Super-frames: an offload header (16 bytes) and a frame, as a guest may choose them. What can be read can be
 * cut, within bounds that are known before, and each piece is a packet that sums up right. */
#include "firmware/base/err.h"
#include "firmware/base/reader.h"
#include "firmware/path/super_frame.h"
#include "tests/fuzz/fuzz.h"

#define PIECES_MAX 40

static void check_piece(const struct hm_super_frame *super, const uint8_t *piece, size_t len)
{
    size_t ip_at = super->ip_at[super->ip_count - 1];
    struct hm_ipv4 ip;

    FUZZ_CHECK(len <= super->headers_len + super->piece_len);
    FUZZ_CHECK(hm_ipv4_decode(piece + ip_at, len - ip_at, &ip) == HM_OK);
    FUZZ_CHECK(hm_ipv4_checksum_is_right(piece + ip_at, ip.header_len));
    FUZZ_CHECK(ip_at + ip.total_len == len);
    if (super->is_tcp)
        FUZZ_CHECK(
            hm_tcp_checksum_is_right(piece + super->transport_at, len - super->transport_at, ip.src, ip.dst));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[HM_FRAME_HEADROOM + 4096], piece[4096];
    struct hm_reader reader;
    struct hm_super_frame super;
    struct hm_frame frame;

    hm_reader_init(&reader, data, size);
    struct hm_offload offload = {.flags = hm_read_u8(&reader),
                                 .gso_type = hm_read_u8(&reader),
                                 .hdr_len = hm_read_u16(&reader),
                                 .gso_size = hm_read_u16(&reader),
                                 .csum_start = hm_read_u16(&reader),
                                 .csum_offset = hm_read_u16(&reader),
                                 .outer_transport_at = hm_read_u16(&reader),
                                 .inner_network_at = hm_read_u16(&reader)};
    hm_read_skip(&reader, 2);
    if (reader.failed || reader.left > 2048)
        return 0;
    hm_frame_init(&frame, memory, HM_FRAME_HEADROOM + reader.left, reader.left);
    memcpy(frame.data, reader.at, reader.left);
    frame.offload = offload;
    if (!hm_super_frame_read(&frame, &super))
        return 0;
    FUZZ_CHECK(super.headers_len < frame.len && super.payload_len == frame.len - super.headers_len);
    unsigned count = hm_super_frame_count(&super);
    FUZZ_CHECK(count >= 1 && count <= frame.len);
    for (unsigned number = 0; number < count; number += 1 + count / PIECES_MAX)
        check_piece(&super, piece, hm_super_frame_write_piece(&super, number, piece));
    size_t strip_len = super.ip_at[super.ip_count - 1];
    hm_super_frame_strip(&super, strip_len);
    FUZZ_CHECK(super.ip_count == 1 && super.ip_at[0] == 0);
    check_piece(&super, piece, hm_super_frame_write_piece(&super, count - 1, piece));
    return 0;
}
