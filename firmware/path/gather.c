/* SPDX-License-Identifier: BSD-3-Clause */
/* Gather: TCP segments of one flow that go into one tunnel one after the other enter it as one super-frame
 * (link/merge), as if their sender had segmentation offload. It is wrapped once, cut once, by what the tunnel
 * carries, and not each of its segments in two; and the agent at the other end reads it at once.
 *
 * What is here was decided already: each is as hm_path_encapsulate has it. Before it stands an Ethernet
 * header, as merge wants it, that names the tunnel. Other packets, which no one could compare it with, may
 * overtake it; what the agent sends by itself does not (hm_output_flush). */
#include "firmware/link/merge.h"
#include "firmware/path/path.h"
#include "firmware/path/super_frame.h"

static struct hm_ethernet header_of(uint32_t remote_addr)
{
    return (struct hm_ethernet){.dst = {{0, 0, (uint8_t)(remote_addr >> 24), (uint8_t)(remote_addr >> 16),
                                         (uint8_t)(remote_addr >> 8), (uint8_t)remote_addr}},
                                .type = HM_ETHERTYPE_IPV4};
}

static uint32_t remote_addr_of(const struct hm_ethernet *header)
{
    const uint8_t *bytes = header->dst.b;
    return (uint32_t)bytes[2] << 24 | (uint32_t)bytes[3] << 16 | (uint32_t)bytes[4] << 8 | bytes[5];
}

bool hm_path_gather(struct hm_path *path, const struct hm_tunnel_state *tunnel, const struct hm_ipv4 *inner,
                    struct hm_frame *frame)
{
    struct hm_bundles *gather = path->env->gather;
    if (gather == NULL || inner->protocol != HM_IP_PROTO_TCP)
        return false;
    if (hm_tunnel_state_kind(tunnel) != HM_ENCAPSULATION_UDP) {
        hm_bundles_flush(gather); /* it was another kind before, perhaps */
        return false;
    }
    struct hm_ethernet header = header_of(tunnel->remote_addr);
    uint8_t *bytes = hm_frame_push(frame, HM_ETHERNET_LEN);
    assert(bytes != NULL);
    hm_ethernet_encode(bytes, &header);
    if (hm_merge_take(gather, 0, inner, frame))
        return true;
    hm_frame_pull(frame, HM_ETHERNET_LEN);
    return false;
}

/* They were one, and cannot enter so: the tunnel has changed. */
static void enter_cut(struct hm_path *path, struct hm_tunnel_state *tunnel, struct hm_super_frame *super)
{
    size_t headers_len = super->headers_len - HM_ETHERNET_LEN;
    size_t room = hm_tunnel_state_room(&path->tunnels, tunnel);
    if (room > headers_len && room - headers_len < super->piece_len)
        super->piece_len = room - headers_len;
    unsigned count = hm_super_frame_count(super);
    for (unsigned number = 0; number < count; number++) {
        struct hm_frame piece;
        hm_frame_init(&piece, path->scratch, HM_PATH_SCRATCH_LEN, 0);
        piece.len = hm_super_frame_write_piece(super, number, piece.data);
        hm_frame_pull(&piece, HM_ETHERNET_LEN);
        hm_path_enter_alone(path, tunnel, NULL, &piece);
    }
}

void hm_path_gathered(void *arg, unsigned lane, struct hm_frame *frame)
{
    struct hm_path *path = arg;
    struct hm_ethernet header;
    struct hm_super_frame super;
    (void)lane;
    if (hm_ethernet_decode(frame->data, frame->len, &header) != HM_OK)
        return;
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&path->tunnels, remote_addr_of(&header));
    assert(tunnel != NULL); /* there was a route when it came, and routes do not change */
    if (frame->offload.gso_type == HM_OFFLOAD_GSO_NONE || !hm_super_frame_read(frame, &super)) {
        hm_frame_pull(frame, HM_ETHERNET_LEN);
        hm_path_enter_alone(path, tunnel, NULL, frame);
    } else if (hm_path_may_enter(path, tunnel, &super, frame)) {
        hm_path_enter(path, tunnel, &super, frame);
    } else {
        enter_cut(path, tunnel, &super);
    }
}
