/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the packet socket on a VM's TAP (packet(7), TPACKET_V2) and the history of its frames.
 *
 * The kernel writes each frame into a slot before it hands the frame to the TAP, in the same order; slots are
 * copied out and given back at each turn of the loop, so that a few thousand are enough. Version 2 and not 3:
 * a slot can be read the moment that it is written, while a block of version 3 waits to be full, or for a
 * timer.
 *
 * Only what goes out by the device is taken: for a TAP that is what the guest receives. A frame whose
 * checksum was left to the device, as a local sender does, gets it here: where it goes as salvage nobody
 * would do it. What the kernel holds of a tagged frame has no tag: such a frame is only counted. */
#include "platform/linux/tap_ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING_LEN (16u * 1024 * 1024)
#define SLOT_HEAD_LEN 160 /* the kernel's header, the address, the virtio header, all aligned */

static int set_up(struct hm_tap_ring *ring)
{
    const struct tpacket_req request = {
        .tp_block_size = RING_LEN / 64,
        .tp_block_nr = 64,
        .tp_frame_size = ring->slot_len,
        .tp_frame_nr = ring->slot_count,
    };
    const struct sockaddr_ll name = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)ring->ifindex};
    int version = TPACKET_V2, one = 1;

    if (setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
        setsockopt(ring->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0 ||
        setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) != 0)
        return errno;
    ring->map = mmap(NULL, ring->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
    if (ring->map == MAP_FAILED) {
        ring->map = NULL;
        return errno;
    }
    return bind(ring->fd, (const struct sockaddr *)&name, sizeof(name)) != 0 ? errno : 0;
}

int hm_tap_ring_open(struct hm_tap_ring *ring, unsigned ifindex, uint32_t mtu, size_t history_len)
{
    int error;

    *ring = (struct hm_tap_ring){.fd = -1, .ifindex = ifindex, .map_len = RING_LEN, .bytes_len = history_len};
    for (ring->slot_len = 2048; ring->slot_len < mtu + SLOT_HEAD_LEN + 18 && ring->slot_len < 65536;)
        ring->slot_len *= 2;
    ring->slot_count = RING_LEN / ring->slot_len;
    ring->frames = calloc(HM_TAP_RING_HISTORY, sizeof(*ring->frames));
    ring->bytes = malloc(history_len);
    if (ring->frames == NULL || ring->bytes == NULL)
        error = ENOMEM;
    else if ((ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        error = errno;
    else
        error = set_up(ring);
    if (error != 0)
        hm_tap_ring_close(ring);
    return error;
}

void hm_tap_ring_close(struct hm_tap_ring *ring)
{
    if (ring->map != NULL)
        munmap(ring->map, ring->map_len);
    if (ring->fd >= 0)
        close(ring->fd);
    free(ring->frames);
    free(ring->bytes);
    *ring = (struct hm_tap_ring){.fd = -1};
}

/* The checksum that the device was to fill in: its field holds the pseudo header's sum already. */
static void fill_in_checksum(uint8_t *frame, size_t len, const struct virtio_net_hdr *offload)
{
    size_t start = offload->csum_start, field = start + offload->csum_offset;
    uint32_t sum = 0;

    if ((offload->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 || start > len || field + 2 > len)
        return;
    for (size_t i = start; i < len; i++)
        sum += (i - start) % 2 == 0 ? (uint32_t)frame[i] << 8 : frame[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum & 0xffff;
    if (sum == 0)
        sum = 0xffff; /* RFC 768: 0 says that there is none */
    frame[field] = (uint8_t)(sum >> 8);
    frame[field + 1] = (uint8_t)sum;
}

/* Room for len bytes in one piece; the ring's end is skipped when they do not fit before it. */
static uint64_t reserve(struct hm_tap_ring *ring, size_t len)
{
    size_t at = (size_t)(ring->bytes_end % ring->bytes_len);
    uint64_t offset;

    if (at + len > ring->bytes_len)
        ring->bytes_end += ring->bytes_len - at;
    offset = ring->bytes_end;
    ring->bytes_end += len;
    return offset;
}

static void keep(struct hm_tap_ring *ring, const struct tpacket2_hdr *slot)
{
    struct hm_tap_frame *frame = &ring->frames[ring->frame_count++ % HM_TAP_RING_HISTORY];
    const uint8_t *bytes = (const uint8_t *)slot + slot->tp_mac;
    struct virtio_net_hdr offload;

    *frame = (struct hm_tap_frame){.len = slot->tp_len};
    if (slot->tp_snaplen < slot->tp_len || slot->tp_len > ring->bytes_len ||
        (slot->tp_status & TP_STATUS_VLAN_VALID) != 0)
        return;
    memcpy(&offload, bytes - sizeof(offload), sizeof(offload));
    if (offload.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        return;
    frame->is_whole = true;
    frame->offset = reserve(ring, slot->tp_len);
    memcpy(ring->bytes + frame->offset % ring->bytes_len, bytes, slot->tp_len);
    fill_in_checksum(ring->bytes + frame->offset % ring->bytes_len, slot->tp_len, &offload);
}

bool hm_tap_ring_next(struct hm_tap_ring *ring)
{
    for (;;) {
        size_t per_block = ring->map_len / 64 / ring->slot_len;
        uint8_t *at = ring->map + ring->next / per_block * (ring->map_len / 64) +
                      ring->next % per_block * ring->slot_len;
        struct tpacket2_hdr *slot = (struct tpacket2_hdr *)(void *)at;
        const struct sockaddr_ll *from =
            (const struct sockaddr_ll *)(const void *)(at + TPACKET_ALIGN(sizeof(*slot)));
        bool is_ours;

        if ((__atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0)
            return false;
        is_ours = from->sll_pkttype == PACKET_OUTGOING;
        if (is_ours)
            keep(ring, slot);
        __atomic_store_n(&slot->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        ring->next = (ring->next + 1) % ring->slot_count;
        if (is_ours)
            return true;
    }
}

void hm_tap_ring_count_lost(struct hm_tap_ring *ring)
{
    struct tpacket_stats stats = {0};
    socklen_t len = sizeof(stats);

    if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
        ring->lost += stats.tp_drops; /* the kernel counts from the last question on */
}

static const struct hm_tap_frame *frame_at(const struct hm_tap_ring *ring, uint64_t index)
{
    if (index >= ring->frame_count || index + HM_TAP_RING_HISTORY < ring->frame_count)
        return NULL;
    return &ring->frames[index % HM_TAP_RING_HISTORY];
}

void hm_tap_ring_clear_error(struct hm_tap_ring *ring)
{
    socklen_t len = sizeof(int);
    int error;

    if (getsockopt(ring->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return; /* nothing to clear */
}

bool hm_tap_ring_get(const struct hm_tap_ring *ring, uint64_t index, const uint8_t **bytes, size_t *len)
{
    const struct hm_tap_frame *frame = frame_at(ring, index);

    if (frame == NULL || !frame->is_whole || frame->offset + ring->bytes_len < ring->bytes_end)
        return false;
    *bytes = ring->bytes + frame->offset % ring->bytes_len;
    *len = frame->len;
    return true;
}

size_t hm_tap_ring_len(const struct hm_tap_ring *ring, uint64_t index)
{
    const struct hm_tap_frame *frame = frame_at(ring, index);

    return frame == NULL ? 0 : frame->len;
}
