/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the plug.
 *
 * It is a token bucket (sch_tbf, first in first out) as the TAP's qdisc. Closed means a rate of a byte per
 * second and a bucket that holds little more than one frame of the TAP's MTU: the first filler takes what is
 * in it, and the second, which has the greatest length, waits at the head for minutes, with everything behind
 * it. Open means a rate and a bucket beyond any TAP's. A change fills the bucket, and keeps the queue; the
 * kernel looks at it again when the next frame comes, so a third filler is sent. Before, the TAP's queue is
 * made longer by what waits. To take the qdisc away would throw out what waits: it stays.
 *
 * A filler (tap_writer.h) is written to the TAP at the beginning, too, since a paused QEMU reads one frame
 * early and loses it. One that finds no room changes nothing: frames enough to do the same are there.
 *
 * Should we be killed, the VM must not stay cut off: a child process waits for the end of a pipe, which comes
 * with our end, and opens the plug. */
#include "platform/linux/plug.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/wire/ethernet.h"
#include "platform/linux/tap_writer.h"

#define CLOSED_RATE 1 /* bytes per second */
#define OPEN_RATE 100000000000u
#define OPEN_BURST (64u * 1024 * 1024)
#define BURST_EXTRA_LEN 100 /* above the MTU: a header, tags, and less than another filler */
#define TAP_QUEUE_LEN 20000 /* frames: what was written and what waited, before a guest reads the first */

static int set_open(const struct hm_plug *plug, bool is_new)
{
    return hm_tap_netlink_set_bucket(plug->tap, is_new, OPEN_RATE, OPEN_BURST, HM_PLUG_QUEUE_LEN);
}

static int begin(struct hm_plug *plug, struct hm_tap_netlink *tap, const struct hm_mac *mac,
                 struct hm_tap_link *link)
{
    *plug = (struct hm_plug){.tap = tap, .mac = *mac, .direct = -1, .queued = -1, .guard = -1};
    plug->direct = hm_tap_writer_open(tap->ifindex, true);
    plug->queued = plug->direct < 0 ? -1 : hm_tap_writer_open(tap->ifindex, false);
    if (plug->queued < 0)
        return errno;
    int error = hm_tap_netlink_read(tap, link);
    if (error == 0)
        plug->mtu = link->mtu;
    return error;
}

int hm_plug_init(struct hm_plug *plug, struct hm_tap_netlink *tap, const struct hm_mac *mac)
{
    struct hm_tap_link link;
    int error = begin(plug, tap, mac, &link);

    if (error != 0)
        return error;
    if (link.txqueuelen < TAP_QUEUE_LEN)
        hm_tap_netlink_set_txqueuelen(tap,
                                      TAP_QUEUE_LEN); /* else there is room for fewer, and it is asked for */
    hm_tap_writer_fill(plug->direct, &plug->mac, HM_FILLER_SHORT_LEN);
    error = set_open(plug, true);
    plug->has_bucket = error == 0;
    return error == EOPNOTSUPP ? ENOENT : error;
}

int hm_plug_adopt(struct hm_plug *plug, struct hm_tap_netlink *tap, const struct hm_mac *mac)
{
    struct hm_tap_link link;
    int error = begin(plug, tap, mac, &link);

    if (error != 0)
        return error;
    error = set_open(plug, false);
    plug->has_bucket = error == 0;
    return error == EOPNOTSUPP || error == EINVAL ? ENOENT : error;
}

/* The child: waits until nobody holds the other end any more. */
static void stand_guard(struct hm_plug *plug, int pipe_end, const char *device)
{
    struct hm_tap_netlink tap;
    char byte;

    if (read(pipe_end, &byte, 1) == 0 && hm_tap_netlink_open(&tap, device) == 0) {
        plug->tap = &tap;
        set_open(plug, false);
        hm_tap_writer_fill(plug->queued, &plug->mac, HM_FILLER_SHORT_LEN);
    }
    _exit(0);
}

static void set_guard(struct hm_plug *plug)
{
    char device[IF_NAMESIZE];
    int ends[2];

    if (if_indextoname(plug->tap->ifindex, device) == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return;
    plug->guard_pid = fork();
    if (plug->guard_pid == 0) {
        setsid(); /* a terminal's signal is not for it */
        close(ends[1]);
        stand_guard(plug, ends[0], device);
    }
    close(ends[0]);
    plug->guard = ends[1];
}

static void dismiss_guard(struct hm_plug *plug)
{
    if (plug->guard < 0)
        return;
    if (write(plug->guard, "", 1) != 1 && plug->guard_pid > 0)
        kill(plug->guard_pid, SIGKILL);
    close(plug->guard);
    plug->guard = -1;
    if (plug->guard_pid > 0)
        waitpid(plug->guard_pid, NULL, 0);
}

int hm_plug_close(struct hm_plug *plug)
{
    int error;

    if (!plug->has_bucket || plug->is_closed)
        return 0;
    set_guard(plug);
    error = hm_tap_netlink_set_bucket(plug->tap, false, CLOSED_RATE, plug->mtu + BURST_EXTRA_LEN,
                                      HM_PLUG_QUEUE_LEN);
    if (error != 0) {
        dismiss_guard(plug);
        return error;
    }
    plug->is_closed = true;
    hm_tap_writer_fill(plug->queued, &plug->mac, plug->mtu + HM_ETHERNET_LEN);
    hm_tap_writer_fill(plug->queued, &plug->mac, plug->mtu + HM_ETHERNET_LEN);
    return 0;
}

int hm_plug_open(struct hm_plug *plug)
{
    int error;

    if (!plug->is_closed)
        return 0;
    error = set_open(plug, false);
    hm_tap_writer_fill(plug->queued, &plug->mac, HM_FILLER_SHORT_LEN);
    if (error != 0)
        return error;
    plug->is_closed = false;
    dismiss_guard(plug);
    return 0;
}

void hm_plug_fini(struct hm_plug *plug)
{
    hm_plug_open(plug);
    if (plug->guard >= 0) /* it could not be opened: the guard tries once more */
        close(plug->guard);
    if (plug->direct >= 0)
        close(plug->direct);
    if (plug->queued >= 0)
        close(plug->queued);
    plug->direct = plug->queued = plug->guard = -1;
}

int hm_plug_write(struct hm_plug *plug, const uint8_t *frame, size_t len)
{
    return hm_tap_writer_send(plug->direct, frame, len);
}
