/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of the frames that were handed to a VM's TAP had reached the guest when it stopped: arithmetic on
 * counters. */
#ifndef HM_LINUX_CUT_H
#define HM_LINUX_CUT_H

#include "firmware/wire/control.h"

#define HM_CUT_FRAMES 65536 /* of the newest frames it is known which kind they were */
#define HM_CUT_SAMPLES 128

/* What the guest's device counts of a frame. */
enum hm_cut_kind {
    HM_CUT_COUNTS,  /* one buffer */
    HM_CUT_FOREIGN, /* none: not for this guest */
    HM_CUT_UNCLEAR, /* nobody knows how many: longer than one buffer may be, or a filter that is not known */
};

/* Does the receive queue have a buffer that the guest has given and QEMU has not filled? */
enum hm_cut_room {
    HM_CUT_ROOM_UNKNOWN,
    HM_CUT_ROOM_SOME,
    HM_CUT_ROOM_NONE,
};

/* Counters at one moment; each later field was read after the earlier ones. */
struct hm_cut_sample {
    uint64_t captured_before; /* frames captured until then */
    uint64_t read;            /* the TAP's tx_packets, before and */
    uint64_t read_end;        /* after the device's counter was asked for */
    bool has_used;
    uint16_t used; /* the receive queue's used index */
    enum hm_cut_room room;
    uint64_t dropped;
    uint64_t captured; /* frames captured until then */
};

struct hm_cut_finding {
    enum hm_cut how;    /* NONE: not even the TAP's counter is good for anything */
    uint64_t index;     /* the first frame captured that the guest has not got */
    unsigned ahead;     /* frames that were read from the TAP and never reached the guest, at most */
    const char *reason; /* why the cut is not exact; NULL: it is */
    uint64_t read;      /* how many of the frames captured were read from the TAP */
    uint16_t used;      /* the device's counter then */
    unsigned after;     /* frames by which hm_cut_bound had to lower the index */
};

/* The constant between what was filled and what was read: somewhere from low to high, modulo 65,536. */
struct hm_cut_constant {
    bool is_known;
    uint16_t low, high;
    unsigned low_hits; /* samples of a guest with room that gave this low limit */
    uint32_t unclear;  /* it holds from so many unclear frames on, to the next */
};

struct hm_cut_counter {
    uint64_t frames; /* captured */
    uint32_t counted, unclear;
    struct {
        uint32_t counted, unclear; /* among all frames before this one */
    } before[HM_CUT_FRAMES];
    unsigned base_hits; /* how often it was seen */
    uint64_t base_read; /* tx_packets when it was seen last */
    int64_t base;       /* the TAP's tx_packets when the first captured frame was next to be read */
    uint64_t dropped;
    struct hm_cut_constant constant;
    struct hm_cut_sample samples[HM_CUT_SAMPLES]; /* the newest with a used index */
    unsigned sample_count;
    uint64_t last_read; /* of the newest sample */
};

void hm_cut_init(struct hm_cut_counter *cut);
/* One more frame was captured. */
void hm_cut_add_frame(struct hm_cut_counter *cut, enum hm_cut_kind kind);
/* A frame is handed to the TAP that is not captured. The device's counter must not be in use. */
void hm_cut_add_filler(struct hm_cut_counter *cut);
/* While the guest runs. */
void hm_cut_add_sample(struct hm_cut_counter *cut, const struct hm_cut_sample *sample);
/* What the device counts has changed its meaning (the guest has set its filter): forgets what it counted so
 * far. */
void hm_cut_forget(struct hm_cut_counter *cut);
/* The constant between filled and read, when it is known exactly. */
bool hm_cut_constant(const struct hm_cut_counter *cut, uint16_t *value);
/* Had the guest got all that was captured when the sample was taken? */
bool hm_cut_is_drained(const struct hm_cut_counter *cut, const struct hm_cut_sample *sample);
/* The guest has stopped, and these are its last counters. `was_drained`: it had got all that was handed to
 * it, and nothing more was handed to it after. */
void hm_cut_find(const struct hm_cut_counter *cut, const struct hm_cut_sample *last, bool was_drained,
                 struct hm_cut_finding *finding);
/* `read`: the TAP's tx_packets when the guest had stopped. Whatever the device's counter says: what was read
 * after that has not reached the guest. */
void hm_cut_bound(const struct hm_cut_counter *cut, uint64_t read, struct hm_cut_finding *finding);

#endif
