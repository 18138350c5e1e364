/* SPDX-License-Identifier: BSD-3-Clause */
/* The bare relay: what an agent would cost if it did nothing. Frames read on one TAP are written on the
 * other.
 *
 * It is the yardstick of tests/bench/run.sh: virtio headers, with --super super-frames and begun checksums,
 * else no offloads; non-blocking descriptors, level-triggered epoll, reads until the queue is empty or a
 * batch is done, one write per frame: at once, or with --batch, as the agent does, when the batch is read. It
 * looks at no byte of a frame. A frame that the other side does not take is gone. */
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

/* Reads up to `many` frames, then writes them; gives how many. */
static int relay_some(int from, int to, int many)
{
    static struct {
        ssize_t len;
        uint8_t bytes[65536 + 64];
    } frames[BATCH];
    int count = 0;

    for (; count < many; count++) {
        frames[count].len = read(from, frames[count].bytes, sizeof frames[count].bytes);
        if (frames[count].len < 0 && errno != EAGAIN)
            die("read");
        if (frames[count].len < 0)
            break;
    }
    for (int i = 0; i < count; i++)
        if (write(to, frames[i].bytes, (size_t)frames[i].len) != frames[i].len && errno != EAGAIN &&
            errno != EIO && errno != ENOBUFS)
            die("write");
    return count;
}

static void relay_batch(int from, int to, int at_once)
{
    int done = 0, count = at_once;

    for (; done < BATCH && count == at_once; done += count)
        count = relay_some(from, to, at_once);
}

int main(int argc, char **argv)
{
    int taps[2];
    int poller = epoll_create1(EPOLL_CLOEXEC);
    unsigned offloads = 0;
    int at_once = 1;

    for (; argc > 3; argv++, argc--) {
        if (strcmp(argv[1], "--super") == 0)
            offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;
        else if (strcmp(argv[1], "--batch") == 0)
            at_once = BATCH;
        else
            break;
    }
    if (argc != 3) {
        fprintf(stderr, "usage: relay [--super] [--batch] TAP TAP\n");
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
            relay_batch(taps[side], taps[!side], at_once);
        }
    }
}
