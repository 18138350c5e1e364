/* SPDX-License-Identifier: BSD-3-Clause */
/* The header before each frame of a TAP, and the offloads that go with it: virtio 1.3 section 5.1.6, and the
 * kernel's TUNSETOFFLOAD. The machine's headers may be older than its kernel, and do not have all of it. */
#ifndef HM_LINUX_TAP_HEADER_H
#define HM_LINUX_TAP_HEADER_H

#include <linux/if_tun.h>
#include <stddef.h>
#include <stdint.h>

struct hm_tap_header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers;
    uint32_t hash_value; /* from here on only with UDP tunnel offloads */
    uint16_t hash_report;
    uint16_t padding;
    uint16_t outer_transport_at;
    uint16_t inner_network_at;
};

#define HM_TAP_HEADER_LEN offsetof(struct hm_tap_header, hash_value)
#define HM_TAP_TUNNEL_HEADER_LEN sizeof(struct hm_tap_header)

_Static_assert(HM_TAP_HEADER_LEN == 12 && HM_TAP_TUNNEL_HEADER_LEN == 24, "as the kernel has them");

/* TUNSETOFFLOAD: Linux 6.2 (both must be asked for) and 6.17. */
#define HM_TUN_F_USO (0x20u | 0x40u)
#define HM_TUN_F_UDP_TUNNEL_GSO (0x80u | 0x100u) /* its outer checksums, too */

#endif
