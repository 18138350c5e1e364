/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading and writing of TAP frames; tap_open.c owns the device's set-up.
 *
 * Every frame has a virtio_net_hdr before it, in the machine's byte order (tap_header.h). It is read into the
 * frame's headroom together with the frame, so there is one system call and no copy per frame; on the way out
 * it is put there again, or beside the frame when there is no room. A small frame that waits in the outbox is
 * copied, with its header.
 *
 * The system is called directly: the C library's read and write are cancellation points, for which a process
 * with several threads pays with two atomic exchanges each, one per cent of a small packet. */
#include "platform/linux/tap.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "firmware/base/err.h"
#include "platform/linux/tap_header.h"

_Static_assert(sizeof(struct hm_tap_header) <= HM_FRAME_HEADROOM, "room for it before the frame");
_Static_assert(sizeof(struct hm_tap_header) <= HM_TAP_HEADER_MAX, "as tap.h promises");

int hm_tap_read(const struct hm_tap *tap, uint8_t *memory, struct hm_frame *frame)
{
    uint8_t *start = memory + HM_FRAME_HEADROOM - tap->header_len;
    struct hm_tap_header header = {.flags = 0};
    ssize_t len;

    do
        len = syscall(SYS_read, tap->fd, start, HM_TAP_BUFFER_LEN - HM_FRAME_HEADROOM + tap->header_len);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return errno == EAGAIN ? 0 : HM_ERR_PLATFORM;
    if ((size_t)len < tap->header_len)
        return HM_ERR_PLATFORM; /* the kernel does not do that */
    memcpy(&header, start, tap->header_len);
    hm_frame_init(frame, memory, HM_TAP_BUFFER_LEN, (size_t)len - tap->header_len);
    frame->offload = (struct hm_offload){
        .flags = header.flags,
        .gso_type = header.gso_type,
        .hdr_len = header.hdr_len,
        .gso_size = header.gso_size,
        .csum_start = header.csum_start,
        .csum_offset = header.csum_offset,
        .outer_transport_at = header.outer_transport_at,
        .inner_network_at = header.inner_network_at,
    };
    return 1;
}

static struct hm_tap_header header_of(const struct hm_frame *frame)
{
    return (struct hm_tap_header){
        .flags = frame->offload.flags,
        .gso_type = frame->offload.gso_type,
        .hdr_len = frame->offload.hdr_len,
        .gso_size = frame->offload.gso_size,
        .csum_start = frame->offload.csum_start,
        .csum_offset = frame->offload.csum_offset,
        .outer_transport_at = frame->offload.outer_transport_at,
        .inner_network_at = frame->offload.inner_network_at,
    };
}

size_t hm_tap_encode(const struct hm_tap *tap, const struct hm_frame *frame, uint8_t *bytes)
{
    struct hm_tap_header header = header_of(frame);

    memcpy(bytes, &header, tap->header_len);
    memcpy(bytes + tap->header_len, frame->data, frame->len);
    return tap->header_len + frame->len;
}

int hm_tap_write_encoded(const struct hm_tap *tap, const uint8_t *bytes, size_t len)
{
    return syscall(SYS_write, tap->fd, bytes, len) == (ssize_t)len ? HM_OK : HM_ERR_PLATFORM;
}

int hm_tap_write(const struct hm_tap *tap, const struct hm_frame *frame)
{
    struct hm_tap_header header = header_of(frame);
    size_t len = frame->len + tap->header_len;

    if ((size_t)(frame->data - frame->memory) >= tap->header_len) {
        uint8_t *start = frame->data - tap->header_len;

        memcpy(start, &header, tap->header_len);
        return hm_tap_write_encoded(tap, start, len);
    }
    struct iovec parts[2] = {{&header, tap->header_len}, {frame->data, frame->len}};
    return writev(tap->fd, parts, 2) == (ssize_t)len ? HM_OK : HM_ERR_PLATFORM;
}

void hm_tap_close(struct hm_tap *tap)
{
    if (tap->fd >= 0)
        close(tap->fd);
    tap->fd = -1;
}
