/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the return of what QEMU threw away at a stop: of the frames behind the cut those that were read by
 * then. What it reads later it holds, and gives to the VM when that runs again, and after it what the TAP
 * has.
 *
 * Where the VM ran again before its device's counter was had, the counter of the running VM tells how many
 * they were: the guest has got so many fewer than were read.
 *
 * They come behind what the TAP has by then, since nobody can put a frame at its head: late, and not lost. */
#include "platform/linux/watch_thrown.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "platform/linux/tap_writer.h"

#define SAMPLE_EVERY_US 1000
#define THROWN_MAX 2

static int put(const struct hm_watch_capture *capture, uint64_t begin, uint64_t end, unsigned *count)
{
    int fd = hm_tap_writer_open(capture->watch->tap.ifindex, true), error = fd < 0 ? errno : 0;
    const uint8_t *bytes;
    size_t len;

    for (uint64_t i = begin; i < end && error == 0; i++) {
        if (!hm_watch_capture_get(capture, i, &bytes, &len))
            continue;
        error = hm_tap_writer_send(fd, bytes, len);
        *count += error == 0;
    }
    if (fd >= 0)
        close(fd);
    return error;
}

static void return_between(const struct hm_watch_capture *capture, uint64_t begin, uint64_t end)
{
    unsigned count = 0;
    int error = put(capture, begin, end, &count);

    if (error != 0)
        hm_watch_say(capture->watch, "warning", NULL,
                     "what QEMU threw away at the stop cannot be given back: %s", strerror(error));
    if (count > 0)
        hm_watch_say(capture->watch, "returned", json_pack("{s:i}", "frames", (int)count),
                     "%u frames that QEMU threw away at the stop, behind what waited in the TAP", count);
}

bool hm_watch_thrown_return(const struct hm_watch_capture *capture, const struct hm_cut_finding *finding)
{
    uint64_t base = (uint64_t)capture->cut.base, read;

    if (finding->how != HM_CUT_EXACT || !hm_watch_still_read(&capture->still, base, &read))
        return false;
    return_between(capture, finding->index, read - base);
    return true;
}

void hm_watch_thrown_recount(struct hm_watch_capture *capture, uint64_t until_us)
{
    uint64_t base = (uint64_t)capture->cut.base, read;
    uint16_t before, now, thrown = 0;
    bool is_known =
        hm_watch_still_read(&capture->still, base, &read) && hm_cut_constant(&capture->cut, &before);

    if (is_known) {
        hm_cut_forget(&capture->cut);
        while (!hm_cut_constant(&capture->cut, &now) && hm_watch_now_us() < until_us &&
               !capture->watch->is_alone) {
            hm_watch_capture_sample(capture, until_us);
            hm_watch_turn(capture->watch, hm_watch_now_us() + SAMPLE_EVERY_US);
        }
        thrown = (uint16_t)(before - now);
        is_known = hm_cut_constant(&capture->cut, &now) && thrown <= THROWN_MAX;
    }
    if (is_known)
        return_between(capture, read - base - thrown, read - base);
    else
        hm_watch_say(capture->watch, "warning", NULL,
                     "it is not known whether QEMU threw a frame away at the stop");
}
