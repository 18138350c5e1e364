/* SPDX-License-Identifier: BSD-3-Clause */
/* The bare relay: what an agent would cost if it did nothing. Frames read on one TAP are written on the
 * other.
 *
 * It is the yardstick of tests/bench/run.sh and deals with its TAPs as the agent does: virtio headers, with
 * --super super-frames and begun checksums, else no offloads; non-blocking descriptors, level-triggered
 * epoll, reads until the queue is empty or a batch is done, one write per frame. It looks at no byte of a
 * frame. A frame that the other side does not take is gone. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BATCH 64
#define VNET_HEADER_LEN 12

static void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Attaches to the TAP of that name, or creates it. */
static int open_tap(const char *name, unsigned offloads)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int header_len = VNET_HEADER_LEN;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        die("/dev/net/tun");
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header_len) < 0 ||
        ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
        die(name);
    return fd;
}

static void relay_batch(int from, int to)
{
    static uint8_t buffer[65536 + 64];

    for (int i = 0; i < BATCH; i++) {
        ssize_t len = read(from, buffer, sizeof buffer);
        if (len < 0 && errno == EAGAIN)
            return;
        if (len < 0)
            die("read");
        if (write(to, buffer, (size_t)len) != len && errno != EAGAIN && errno != EIO && errno != ENOBUFS)
            die("write");
    }
}

int main(int argc, char **argv)
{
    int taps[2];
    int poller = epoll_create1(EPOLL_CLOEXEC);
    unsigned offloads = 0;

    if (argc == 4 && strcmp(argv[1], "--super") == 0) {
        offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;
        argv++;
        argc--;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: relay [--super] TAP TAP\n");
        return 2;
    }
    for (uint32_t side = 0; side < 2; side++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = side};
        taps[side] = open_tap(argv[1 + side], offloads);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, taps[side], &event) < 0)
            die("epoll_ctl");
    }
    for (;;) {
        struct epoll_event events[2];
        int ready = epoll_wait(poller, events, 2, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            uint32_t side = events[i].data.u32;
            relay_batch(taps[side], taps[!side]);
        }
    }
}
