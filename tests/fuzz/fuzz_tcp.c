/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP headers: what is read lies within the segment, and a piece made of it sums up right. */
#include "firmware/base/err.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/tcp.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t copy[4096];
    struct hm_tcp tcp;

    if (size > sizeof(copy) || hm_tcp_decode(data, size, &tcp) != HM_OK)
        return 0;
    FUZZ_CHECK(tcp.header_len >= HM_TCP_LEN && tcp.header_len <= HM_TCP_HEADER_MAX_LEN);
    FUZZ_CHECK(tcp.header_len <= size);
    memcpy(copy, data, size);
    hm_tcp_set_piece(copy, size, 0x0a010005, 0x0a030007, tcp.seq + 1, hm_tcp_piece_flags(tcp.flags, false));
    FUZZ_CHECK(hm_tcp_checksum_is_right(copy, size, 0x0a010005, 0x0a030007));
    FUZZ_CHECK(hm_tcp_decode(copy, size, &tcp) == HM_OK);
    return 0;
}
