/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the sockets that put frames into a VM's TAP. */
#include "platform/linux/tap_writer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/wire/ethernet.h"

#define FILLER_MAX_LEN 65535

int hm_tap_writer_open(unsigned ifindex, bool is_past_qdisc)
{
    const struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 &&
        (!is_past_qdisc || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) == 0))
        return fd;
    close(fd);
    return -1;
}

int hm_tap_writer_send(int fd, const void *frame, size_t len)
{
    return send(fd, frame, len, 0) < 0 ? errno : 0;
}

int hm_tap_writer_fill(int fd, const struct hm_mac *dst, size_t len)
{
    const struct hm_ethernet ethernet = {
        .dst = *dst, .src = {{0x02, 'H', 'M', 'F', 'I', 'L'}}, .type = HM_ETHERTYPE_MARKER};
    static uint8_t frame[FILLER_MAX_LEN];

    hm_ethernet_encode(frame, &ethernet);
    return hm_tap_writer_send(fd, frame, len);
}
