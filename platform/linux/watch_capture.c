/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the counters of a running guest, and the frames that it never got (theory: cut.c). */
#include "platform/linux/watch_capture.h"

#include <stdlib.h>
#include <string.h>

#include "firmware/base/err.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/marker.h"
#include "platform/linux/tap_writer.h"

#define OPENING_US 2000000
#define LOOKS 4
#define FIRST_TURNS 50
#define LOOK_EVERY_US 300
#define FRAME_EXTRA_LEN 18 /* Ethernet header and a VLAN tag */

static void on_frame(void *ctx, uint64_t index)
{
    struct hm_watch_capture *capture = ctx;
    const struct hm_tap_ring *ring = &capture->watch->ring;
    enum hm_cut_kind kind = HM_CUT_UNCLEAR;
    struct hm_ethernet ethernet;
    const uint8_t *bytes;
    size_t len;

    if (hm_tap_ring_get(ring, index, &bytes, &len) && hm_ethernet_decode(bytes, len, &ethernet) == HM_OK)
        kind = hm_rx_filter_classify(&capture->filter, &ethernet.dst, len, capture->max_frame_len);
    hm_cut_add_frame(&capture->cut, kind);
}

static void on_run(void *ctx, bool runs)
{
    struct hm_watch_capture *capture = ctx;

    if (!runs) {
        hm_watch_still_begin(&capture->still);
    } else if (hm_watch_is_before_stop(
                   capture->watch)) { /* an administrator's; QEMU may have thrown a frame away */
        hm_watch_still_fini(&capture->still);
        hm_cut_forget(&capture->cut);
    } else {
        hm_watch_still_end(&capture->still);
    }
}

static void on_turn(void *ctx)
{
    struct hm_watch_capture *capture = ctx;

    hm_watch_still_work(&capture->still);
}

static void read_filter(struct hm_watch_capture *capture, uint64_t until_us)
{
    json_t *answer;

    capture->watch->has_new_filter = false;
    answer = hm_watch_command(capture->watch, "query-rx-filter", NULL, until_us, NULL);
    if (!hm_rx_filter_read(&capture->filter, answer))
        capture->filter.is_known = false;
    json_decref(answer);
    hm_cut_forget(&capture->cut);
}

static void warn(struct hm_watch *watch, const char *what, const char *advice)
{
    hm_watch_say(watch, "warning", NULL, "%s: %s", what, advice);
}

static bool open_ring(struct hm_watch_capture *capture)
{
    struct hm_watch *watch = capture->watch;
    struct hm_tap_link link;
    int error = hm_tap_netlink_read(&watch->tap, &link);

    if (error == 0)
        error = hm_tap_ring_open(&watch->ring, watch->tap.ifindex, link.mtu, watch->options->history_len);
    if (error != 0) {
        hm_watch_say(watch, "warning", NULL,
                     "%s cannot be captured, so nothing will be salvaged: %s (be root)",
                     watch->options->device, strerror(error));
        return false;
    }
    capture->max_frame_len = link.mtu + FRAME_EXTRA_LEN;
    capture->dropped_before = (uint32_t)link.tx_dropped;
    return true;
}

/* Looks for the moment at which the TAP's queue is empty, without a question to QEMU: each takes some us. */
static void look_at_queue(struct hm_watch_capture *capture, unsigned looks)
{
    struct hm_watch *watch = capture->watch;
    struct hm_tap_link link;

    for (; looks > 0 && hm_tap_netlink_read(&watch->tap, &link) == 0; looks--) {
        const uint64_t read = link.tx_packets;
        struct hm_cut_sample sample = {.read = read, .read_end = read, .dropped = link.tx_dropped};

        hm_watch_drain(watch);
        sample.captured = watch->ring.frame_count;
        hm_cut_add_sample(&capture->cut, &sample);
    }
}

bool hm_watch_capture_open(struct hm_watch_capture *capture, struct hm_watch *watch)
{
    uint64_t until_us = hm_watch_now_us() + OPENING_US;

    memset(capture, 0, sizeof(*capture));
    capture->watch = watch;
    hm_cut_init(&capture->cut);
    if (!hm_watch_nic_find(watch, until_us, &watch->mac)) {
        warn(watch, "it is not clear which of the VM's NICs is behind the TAP, so nothing will be salvaged",
             "give its address by --mac");
        return false;
    }
    hm_rx_filter_init(&capture->filter, &watch->mac);
    watch->on_frame = on_frame;
    watch->capture_ctx = capture;
    if (hm_segmentation_off(&capture->segmentation, watch->options->device) != 0)
        warn(watch, "the TAP's segmentation offload cannot be switched off",
             "behind a super-frame the cut is counted, and may double two frames");
    if (!open_ring(capture))
        return false;
    if (watch->options->cut != HM_WATCH_COUNTED &&
        !hm_watch_nic_path(watch, &watch->mac, until_us, capture->path)) {
        capture->path[0] = '\0';
        warn(watch, "QEMU does not tell the device's counter (no virtio-net, or QEMU before 7.2)",
             "the cut will be counted, and may double two frames");
    }
    for (unsigned i = 0; i < FIRST_TURNS; i++) {
        look_at_queue(capture, LOOKS);
        hm_watch_turn(watch, hm_watch_now_us() + LOOK_EVERY_US);
    }
    read_filter(capture, until_us);
    hm_watch_still_init(&capture->still, watch, capture->path);
    watch->on_run = on_run;
    watch->on_turn = on_turn;
    hm_watch_capture_sample(capture, until_us);
    return true;
}

void hm_watch_capture_close(struct hm_watch_capture *capture)
{
    hm_watch_still_fini(&capture->still);
    hm_segmentation_restore(&capture->segmentation);
}

void hm_watch_capture_renew(struct hm_watch_capture *capture)
{
    if (hm_segmentation_off(&capture->segmentation, capture->watch->options->device) == 0 &&
        capture->segmentation.is_switched)
        hm_cut_forget(&capture->cut);
}

static enum hm_cut_room room_of(const json_t *answer)
{
    const json_t *taken = json_object_get(answer, "last-avail-idx");
    const json_t *given = json_object_get(answer, "shadow-avail-idx");

    if (taken == NULL || given == NULL)
        return HM_CUT_ROOM_UNKNOWN;
    return json_integer_value(taken) == json_integer_value(given) ? HM_CUT_ROOM_NONE : HM_CUT_ROOM_SOME;
}

/* Asks for the receive queue's used index. */
static void ask_used(struct hm_watch_capture *capture, uint64_t until_us, struct hm_cut_sample *sample)
{
    json_t *answer, *value;

    answer = hm_watch_command(capture->watch, "x-query-virtio-queue-status",
                              json_pack("{s:s, s:i}", "path", capture->path, "queue", 0), until_us, NULL);
    value = json_object_get(answer, "used-idx");
    sample->has_used = value != NULL;
    sample->used = (uint16_t)json_integer_value(value);
    sample->room = room_of(answer);
    json_decref(answer);
}

static bool take_sample(struct hm_watch_capture *capture, uint64_t until_us, struct hm_cut_sample *sample)
{
    struct hm_watch *watch = capture->watch;
    struct hm_tap_link link;

    *sample = (struct hm_cut_sample){0};
    hm_watch_drain(watch);
    sample->captured_before = watch->ring.frame_count;
    if (hm_tap_netlink_read(&watch->tap, &link) != 0)
        return false;
    sample->read = link.tx_packets;
    if (capture->path[0] != '\0') {
        ask_used(capture, until_us, sample);
        if (sample->room == HM_CUT_ROOM_NONE &&
            watch->stop_us == 0) /* once more: QEMU has looked at its TAP between the two */
            ask_used(capture, until_us, sample);
    }
    if (hm_tap_netlink_read(&watch->tap, &link) != 0)
        return false;
    sample->read_end = link.tx_packets;
    sample->dropped = link.tx_dropped;
    capture->dropped = (uint32_t)link.tx_dropped - capture->dropped_before;
    hm_watch_drain(watch);
    sample->captured = watch->ring.frame_count;
    return true;
}

/* Between the stop and its event QEMU answers, and holds frames though it has buffers: only a run state that
 * was asked for later proves that the VM ran. */
static bool still_runs(struct hm_watch *watch, uint64_t until_us)
{
    char state[32];

    hm_watch_run_state(watch, until_us, state);
    return strcmp(state, "running") == 0 && watch->stop_us == 0;
}

void hm_watch_capture_sample(struct hm_watch_capture *capture, uint64_t until_us)
{
    struct hm_cut_sample sample;

    capture->is_drained = false;
    if (capture->watch->has_new_filter)
        read_filter(capture, until_us);
    hm_tap_ring_count_lost(&capture->watch->ring);
    if (capture->watch->ring.lost != capture->lost)
        hm_cut_forget(&capture->cut); /* the base rises by itself: fewer were captured than read */
    capture->lost = capture->watch->ring.lost;
    look_at_queue(capture, LOOKS);
    /* A filter that changed meanwhile may have counted the newest frames in a way that we do not know. */
    if (!take_sample(capture, until_us, &sample) || capture->watch->has_new_filter ||
        capture->watch->stop_us != 0 || !still_runs(capture->watch, until_us))
        return;
    hm_cut_add_sample(&capture->cut, &sample);
    capture->is_drained = hm_cut_is_drained(&capture->cut, &sample);
}

void hm_watch_capture_fill(struct hm_watch_capture *capture, int fd)
{
    if (fd >= 0 && capture->path[0] == '\0' &&
        hm_tap_writer_fill(fd, &capture->watch->mac, HM_FILLER_SHORT_LEN) == 0)
        hm_cut_add_filler(&capture->cut);
}

void hm_watch_capture_find_cut(struct hm_watch_capture *capture, uint64_t until_us, bool was_drained,
                               struct hm_cut_finding *finding)
{
    struct hm_watch *watch = capture->watch;
    struct hm_cut_sample last;
    uint64_t read;

    *finding = (struct hm_cut_finding){
        .how = HM_CUT_NONE, .index = watch->ring.frame_count, .reason = "the TAP's counters cannot be read"};
    if (!hm_watch_still_take(&capture->still, until_us, &last))
        return;
    last.has_used = last.has_used && !watch->has_new_filter;
    capture->dropped = (uint32_t)last.dropped - capture->dropped_before;
    finding->reason = "frames were not captured";
    hm_tap_ring_count_lost(&watch->ring);
    if (watch->ring.lost != capture->lost) {
        hm_watch_say(watch, "warning", NULL, "%llu frames were not captured, so nothing is salvaged",
                     (unsigned long long)(watch->ring.lost - capture->lost));
        return;
    }
    hm_cut_find(&capture->cut, &last, was_drained, finding);
    if (hm_watch_still_read(&capture->still, (uint64_t)capture->cut.base, &read))
        hm_cut_bound(&capture->cut, read, finding);
    finding->used = last.used;
}

static bool is_end(const struct hm_watch_capture *capture, const uint8_t *bytes, size_t len,
                   uint64_t handover_id)
{
    struct hm_ethernet ethernet;
    uint64_t id;

    if (hm_marker_decode(bytes, len, &id))
        return id == handover_id;
    return hm_ethernet_decode(bytes, len, &ethernet) == HM_OK && ethernet.type == HM_ETHERTYPE_ARP &&
           hm_mac_equal(&ethernet.src, &capture->watch->mac);
}

bool hm_watch_capture_find_end(const struct hm_watch_capture *capture, uint64_t handover_id, uint64_t *index)
{
    const struct hm_tap_ring *ring = &capture->watch->ring;
    const uint8_t *bytes;
    size_t len;

    for (; *index < ring->frame_count; (*index)++) {
        if (hm_tap_ring_get(ring, *index, &bytes, &len) && is_end(capture, bytes, len, handover_id))
            return true;
    }
    return false;
}

/* Would the guest have got it, and is it anything to it? */
static bool is_salvage(const struct hm_watch_capture *capture, const uint8_t *bytes, size_t len)
{
    struct hm_ethernet ethernet;

    return hm_ethernet_decode(bytes, len, &ethernet) == HM_OK && ethernet.type != HM_ETHERTYPE_MARKER &&
           !(ethernet.type == HM_ETHERTYPE_ARP && hm_mac_equal(&ethernet.src, &capture->watch->mac)) &&
           (capture->watch->has_new_filter || /* the device itself asks the new one again */
            hm_rx_filter_classify(&capture->filter, &ethernet.dst, len, SIZE_MAX) != HM_CUT_FOREIGN);
}

bool hm_watch_capture_get(const struct hm_watch_capture *capture, uint64_t index, const uint8_t **bytes,
                          size_t *len)
{
    return hm_tap_ring_get(&capture->watch->ring, index, bytes, len) && is_salvage(capture, *bytes, *len);
}

uint8_t *hm_watch_capture_stream(const struct hm_watch_capture *capture, uint64_t begin, uint64_t end,
                                 size_t *len, unsigned *frames, unsigned *skipped)
{
    const struct hm_tap_ring *ring = &capture->watch->ring;
    size_t room = 1, frame_len;
    const uint8_t *bytes;
    uint8_t *stream;

    *len = *frames = *skipped = 0;
    for (uint64_t i = begin; i < end; i++)
        room += 2 + hm_tap_ring_len(ring, i);
    stream = malloc(room);
    for (uint64_t i = begin; i < end && stream != NULL; i++) {
        if (!hm_tap_ring_get(ring, i, &bytes, &frame_len)) {
            (*skipped)++;
            continue;
        }
        if (!is_salvage(capture, bytes, frame_len))
            continue;
        stream[(*len)++] = (uint8_t)(frame_len >> 8);
        stream[(*len)++] = (uint8_t)frame_len;
        memcpy(stream + *len, bytes, frame_len);
        *len += frame_len;
        (*frames)++;
    }
    return stream;
}
