/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading and writing of TAP frames; tap_open.c owns the device's set-up.
 *
 * Every frame has a virtio_net_hdr of 12 bytes before it, in the machine's byte order. It is read into the
 * frame's headroom together with the frame, so there is one system call and no copy per frame; on the way
 * out it is put there again, or beside the frame when there is no room. */
#include "platform/linux/tap.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "firmware/base/err.h"

#define VNET_LEN sizeof(struct virtio_net_hdr_v1)

_Static_assert(VNET_LEN == 12, "virtio 1.0: a header of 12 bytes");
_Static_assert(VNET_LEN <= HM_FRAME_HEADROOM, "room for it before the frame");

int hm_tap_read(const struct hm_tap *tap, uint8_t *memory, struct hm_frame *frame)
{
    uint8_t *start = memory + HM_FRAME_HEADROOM - VNET_LEN;
    struct virtio_net_hdr_v1 vnet;
    ssize_t len;

    do
        len = read(tap->fd, start, HM_TAP_BUFFER_LEN - HM_FRAME_HEADROOM + VNET_LEN);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return errno == EAGAIN ? 0 : HM_ERR_PLATFORM;
    if ((size_t)len < VNET_LEN)
        return HM_ERR_PLATFORM; /* the kernel does not do that */
    memcpy(&vnet, start, VNET_LEN);
    hm_frame_init(frame, memory, HM_TAP_BUFFER_LEN, (size_t)len - VNET_LEN);
    frame->offload = (struct hm_offload){
        .flags = vnet.flags,
        .gso_type = vnet.gso_type,
        .hdr_len = vnet.hdr_len,
        .gso_size = vnet.gso_size,
        .csum_start = vnet.csum_start,
        .csum_offset = vnet.csum_offset,
    };
    return 1;
}

int hm_tap_write(const struct hm_tap *tap, const struct hm_frame *frame)
{
    struct virtio_net_hdr_v1 vnet = {
        .flags = frame->offload.flags,
        .gso_type = frame->offload.gso_type,
        .hdr_len = frame->offload.hdr_len,
        .gso_size = frame->offload.gso_size,
        .csum_start = frame->offload.csum_start,
        .csum_offset = frame->offload.csum_offset,
    };
    ssize_t len;

    if ((size_t)(frame->data - frame->memory) >= VNET_LEN) {
        uint8_t *start = frame->data - VNET_LEN;

        memcpy(start, &vnet, VNET_LEN);
        len = write(tap->fd, start, frame->len + VNET_LEN);
    } else {
        struct iovec parts[2] = {{&vnet, VNET_LEN}, {frame->data, frame->len}};

        len = writev(tap->fd, parts, 2);
    }
    return len == (ssize_t)(frame->len + VNET_LEN) ? 0 : HM_ERR_PLATFORM;
}

void hm_tap_close(struct hm_tap *tap)
{
    if (tap->fd >= 0)
        close(tap->fd);
    tap->fd = -1;
}
