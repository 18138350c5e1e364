/* SPDX-License-Identifier: BSD-3-Clause */
/* Segmentation offload of a network device: whether the kernel hands it super-frames, of TCP or of datagrams.
 *
 * A virtio device counts the buffers that a frame fills, and nobody outside the guest knows how many a
 * super-frame does. While a VM is watched its TAP gets plain frames: the kernel cuts them before. */
#ifndef HM_LINUX_SEGMENTATION_H
#define HM_LINUX_SEGMENTATION_H

#include <stdbool.h>
#include <stdint.h>

#define HM_SEGMENTATION_BLOCKS 8 /* of 32 of the kernel's features */

struct hm_segmentation {
    const char *device;                      /* borrowed */
    uint32_t was_on[HM_SEGMENTATION_BLOCKS]; /* before a call: a bit for each feature */
    unsigned blocks;                         /* 0: nothing was on */
    bool is_switched;                        /* something was on before the last call */
};

/* The device gets no super-frames from now on. 0, or errno. Again, when somebody may have switched it on; the
 * first time the struct is zero. */
int hm_segmentation_off(struct hm_segmentation *segmentation, const char *device);
/* As it was before hm_segmentation_off. */
void hm_segmentation_restore(const struct hm_segmentation *segmentation);

#endif
