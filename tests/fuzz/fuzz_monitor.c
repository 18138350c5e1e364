/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's monitor: any bytes come from it, in pieces whose length the first byte tells; what it answers is
 * read. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/qmp.h"
#include "platform/linux/rx_filter.h"
#include "platform/linux/watch_nic.h"
#include "tests/fuzz/fuzz.h"

static void on_event(void *ctx, const char *name, const json_t *data, uint64_t unix_us)
{
    (void)ctx;
    (void)data;
    FUZZ_CHECK(name[0] != '\0' || unix_us < UINT64_MAX);
}

static void read_reply(const struct hm_qmp_reply *reply)
{
    struct hm_rx_filter filter;
    struct hm_mac mac = {{0x52, 0x54, 0, 0, 0, 1}};

    hm_rx_filter_init(&filter, &mac);
    if (hm_rx_filter_read(&filter, reply->value))
        FUZZ_CHECK(filter.unicast.count <= HM_RX_FILTER_MACS);
    if (json_is_string(reply->value))
        hm_watch_nic_parse(json_string_value(reply->value), "tap1", &mac);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hm_qmp_reply *reply;
    struct hm_qmp qmp;
    int ends[2];

    if (size < 1 || size > 16384 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 0;
    if (!hm_qmp_init(&qmp, ends[0], on_event, NULL))
        abort();
    reply = hm_qmp_command(&qmp, "query-rx-filter", NULL);
    for (size_t at = 1, piece = (size_t)data[0] * 8 + 1; at < size && qmp.fd >= 0; at += piece) {
        size_t len = size - at < piece ? size - at : piece;

        FUZZ_CHECK(send(ends[1], data + at, len, MSG_NOSIGNAL) == (ssize_t)len);
        FUZZ_CHECK(hm_qmp_work(&qmp));
        FUZZ_CHECK(qmp.line_len < HM_QMP_MAX_LINE);
    }
    if (reply->is_over)
        read_reply(reply);
    hm_qmp_close(&qmp);
    close(ends[1]);
    return 0;
}
