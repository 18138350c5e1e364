/* SPDX-License-Identifier: BSD-3-Clause */
/* The marker that ends the old path on a LAN: a frame from an agent to a VM's MAC, behind the last frame that
 * the agent delivered there. Whoever watches the VM's TAP sees by it that nothing more will come from that
 * agent. On the VM's home LAN the takeover's broadcast, an ARP packet whose frame source is the VM's own MAC,
 * does the same.
 *
 * Ethernet header (destination: the VM's MAC, type HM_ETHERTYPE_MARKER), then "HMM1", the handover's id (8
 * bytes, network byte order), zeros up to 60 bytes. A guest does not know the type, and drops it. */
#ifndef HM_WIRE_MARKER_H
#define HM_WIRE_MARKER_H

#include "firmware/base/addr.h"

#define HM_MARKER_FRAME_LEN 60

void hm_marker_encode(uint8_t bytes[HM_MARKER_FRAME_LEN], const struct hm_mac *dst, const struct hm_mac *src,
                      uint64_t handover_id);
/* True, and the id, when the whole Ethernet frame is a marker. */
bool hm_marker_decode(const uint8_t *bytes, size_t len, uint64_t *handover_id);

#endif
