/* SPDX-License-Identifier: BSD-3-Clause */
/* Gather: TCP segments of one flow that go into one UDP tunnel one after the other enter it as one
 * super-frame (link/merge), as if their sender had segmentation offload. It is wrapped once, cut once, by
 * what the tunnel carries, and not each of its segments in two; and the agent at the other end reads it at
 * once.
 *
 * What is here was decided already: each is as hm_path_encapsulate has it. Before it stands an Ethernet
 * header, as merge wants it, that names the tunnel. Other packets, which no one could compare it with, may
 * overtake it; what the agent sends by itself does not (hm_output_flush). */
#include <string.h>

#include "firmware/link/merge.h"
#include "firmware/path/path.h"
#include "firmware/path/super_frame.h"

/* Any segment has some of its payload in so much. */
#define ROOM_MIN (HM_IPV4_LEN + HM_TCP_HEADER_MAX_LEN + 1)

static void enter(void *arg, unsigned lane, struct hm_frame *frame);

void hm_path_gather_init(struct hm_path *path)
{
    if (path->env->tunnel_way != HM_TUNNEL_WAY_SINGLE)
        path->env->gather = hm_merge_create(path->env, HM_COUNT_GATHERED, 1, enter, path);
}

void hm_path_gather_fini(struct hm_path *path)
{
    hm_bundles_destroy(path->env->gather);
    path->env->gather = NULL;
}

static void push_header(struct hm_frame *frame, uint32_t remote_addr)
{
    struct hm_ethernet header = {.type = HM_ETHERTYPE_IPV4};
    uint8_t *bytes = hm_frame_push(frame, HM_ETHERNET_LEN);
    assert(bytes != NULL);
    memcpy(header.dst.b, &remote_addr, sizeof(remote_addr));
    hm_ethernet_encode(bytes, &header);
}

static uint32_t remote_addr_of(const struct hm_frame *frame)
{
    uint32_t remote_addr;
    memcpy(&remote_addr, frame->data, sizeof(remote_addr));
    return remote_addr;
}

/* Where a super-frame is cut into trains, single segments go in trains as well (link/train): it is worth more
 * only for those that would be cut in two, and needed for what might follow such. */
static bool is_worth_it(const struct hm_path *path, const struct hm_frame *frame, size_t room)
{
    return path->env->tunnel_way == HM_TUNNEL_WAY_WHOLE || frame->len > room ||
           hm_bundles_are_pending(path->env->gather);
}

bool hm_path_gather(struct hm_path *path, uint32_t remote_addr, const struct hm_ipv4 *inner,
                    struct hm_frame *frame)
{
    struct hm_bundles *gather = path->env->gather;
    if (gather == NULL || inner->protocol != HM_IP_PROTO_TCP)
        return false;
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&path->tunnels, remote_addr);
    if (tunnel == NULL)
        return false;
    size_t room = hm_tunnel_state_room(&path->tunnels, tunnel);
    if (hm_tunnel_state_kind(tunnel) != HM_ENCAPSULATION_UDP || room < ROOM_MIN) {
        hm_bundles_flush(gather); /* it was otherwise before, perhaps */
        return false;
    }
    if (!is_worth_it(path, frame, room))
        return false;
    push_header(frame, remote_addr);
    if (hm_merge_take(gather, 0, inner, frame))
        return true;
    hm_frame_pull(frame, HM_ETHERNET_LEN);
    return false;
}

/* They cannot enter as one: the tunnel is of another kind by now, or narrower, or the next hop is not known.
 * The packet that is being handled may be in the path's other memory, but not in scratch. */
static void enter_cut(struct hm_path *path, uint32_t remote_addr, struct hm_super_frame *super)
{
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&path->tunnels, remote_addr);
    size_t piece_len = hm_super_frame_piece_len(super, hm_tunnel_state_room(&path->tunnels, tunnel));
    super->piece_len = piece_len != 0 ? piece_len : super->piece_len;
    unsigned count = hm_super_frame_count(super);
    for (unsigned number = 0; number < count; number++) {
        struct hm_frame piece;
        hm_frame_init(&piece, path->scratch, HM_PATH_SCRATCH_LEN, 0);
        piece.len = hm_super_frame_write_piece(super, number, piece.data);
        hm_frame_pull(&piece, HM_ETHERNET_LEN);
        hm_path_encapsulate_now(path, remote_addr, NULL, &piece);
    }
}

static void enter_as_one(struct hm_path *path, uint32_t remote_addr, struct hm_frame *frame)
{
    struct hm_super_frame super;
    bool is_one = hm_super_frame_read(frame, &super);
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&path->tunnels, remote_addr);
    assert(is_one && tunnel != NULL); /* there was a route when they came, and routes do not change */
    if (!is_one || tunnel == NULL)
        return;
    size_t piece_len = hm_path_entry_piece_len(path, tunnel, &super, frame);
    if (piece_len == 0) {
        enter_cut(path, remote_addr, &super);
        return;
    }
    super.piece_len = piece_len;
    hm_path_enter(path, tunnel, &super, frame);
}

static void enter(void *arg, unsigned lane, struct hm_frame *frame)
{
    struct hm_path *path = arg;
    uint32_t remote_addr = remote_addr_of(frame);
    (void)lane;
    if (frame->offload.gso_type != HM_OFFLOAD_GSO_NONE) {
        enter_as_one(path, remote_addr, frame);
        return;
    }
    hm_frame_pull(frame, HM_ETHERNET_LEN);
    hm_path_encapsulate_now(path, remote_addr, NULL, frame);
}
