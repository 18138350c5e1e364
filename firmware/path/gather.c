/* SPDX-License-Identifier: BSD-3-Clause */
/* Gather: TCP segments of one flow that go into one tunnel one after the other are made one super-frame first
 * (link/merge), as if their sender had segmentation offload. Where it enters as that, it is wrapped once, and
 * read once by the agent at the other end. Else only segments that do not fit are gathered, and cut again by
 * what the tunnel carries: a few more packets than there were, and not twice as many.
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

/* Where it enters in one piece all are gathered. Else it costs two copies, which is worth it only for what
 * would be cut in two; and what may follow such goes the same way. */
static bool is_worth_it(const struct hm_path *path, const struct hm_tunnel_state *tunnel,
                        const struct hm_frame *frame, size_t room)
{
    return frame->len > room || hm_bundles_are_pending(path->env->gather) ||
           (path->env->tunnel_way == HM_TUNNEL_WAY_WHOLE &&
            hm_tunnel_state_kind(tunnel) == HM_ENCAPSULATION_UDP);
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
    if (room < ROOM_MIN) {
        hm_bundles_flush(gather); /* it was wider before, perhaps */
        return false;
    }
    if (!is_worth_it(path, tunnel, frame, room))
        return false;
    push_header(frame, remote_addr);
    if (hm_merge_take(gather, 0, inner, frame))
        return true;
    hm_frame_pull(frame, HM_ETHERNET_LEN);
    return false;
}

/* They cannot enter as one: by the tunnel's kind or way, or because the next hop is not known, say. */
static void enter_cut(struct hm_path *path, uint32_t remote_addr, size_t room, struct hm_super_frame *super)
{
    super->piece_len = hm_super_frame_piece_len(super, room);
    unsigned count = hm_super_frame_count(super);
    for (unsigned number = 0; number < count; number++) {
        struct hm_frame piece;
        hm_frame_init(&piece, path->scratch, HM_PATH_SCRATCH_LEN, 0);
        piece.len = hm_super_frame_write_piece(super, number, piece.data);
        hm_frame_pull(&piece, HM_ETHERNET_LEN);
        hm_path_encapsulate_now(path, remote_addr, NULL, &piece);
    }
}

static void enter_super_frame(struct hm_path *path, struct hm_tunnel_state *tunnel, size_t room,
                              struct hm_frame *frame)
{
    struct hm_super_frame super;
    if (!hm_super_frame_read(frame, &super)) {
        assert(false); /* merge has made it */
        return;
    }
    size_t piece_len = hm_path_entry_piece_len(path, tunnel, &super, frame);
    if (piece_len == 0) {
        enter_cut(path, tunnel->remote_addr, room, &super);
        return;
    }
    super.piece_len = piece_len;
    hm_path_enter(path, tunnel, &super, frame);
}

/* The path was wider when they came: the sender of the next ones is told. */
static void drop(struct hm_path *path, uint32_t remote_addr, const struct hm_frame *frame)
{
    const struct hm_offload *offload = &frame->offload;
    char text[HM_IP_TEXT_LEN];
    for (size_t at = offload->hdr_len; at < frame->len;
         at += offload->gso_size != 0 ? offload->gso_size : frame->len)
        hm_env_drop(path->env, HM_DROP_TUNNEL_MTU, "what waited for the tunnel to %s",
                    hm_ip_text(remote_addr, text));
}

/* The packet that is being handled meanwhile may be in any of the path's memory but scratch. So nothing here
 * may come back to what handles packets: no ICMP error is sent. */
static void enter(void *arg, unsigned lane, struct hm_frame *frame)
{
    struct hm_path *path = arg;
    uint32_t remote_addr = remote_addr_of(frame);
    struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&path->tunnels, remote_addr);
    (void)lane;
    assert(tunnel != NULL); /* there was a route when it came, and routes do not change */
    size_t room = hm_tunnel_state_room(&path->tunnels, tunnel);
    bool is_alone = frame->offload.gso_type == HM_OFFLOAD_GSO_NONE;
    if (room < ROOM_MIN && !(is_alone && frame->len - HM_ETHERNET_LEN <= room)) {
        drop(path, remote_addr, frame);
    } else if (!is_alone) {
        enter_super_frame(path, tunnel, room, frame);
    } else {
        hm_frame_pull(frame, HM_ETHERNET_LEN);
        hm_path_encapsulate_now(path, remote_addr, NULL, frame);
    }
}
