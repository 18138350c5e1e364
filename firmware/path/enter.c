/* SPDX-License-Identifier: BSD-3-Clause */
/* Enter: a super-frame into a UDP tunnel.
 *
 * As it is, when the kernel cuts it with its outer headers (UDP tunnel GSO), or cut, in trains of datagrams
 * that the kernel takes apart (UDP segmentation offload). These are made here, and not by link/train of
 * single pieces: that would be one more copy of all bytes. */
#include "firmware/link/bundle.h"
#include "firmware/path/path.h"
#include "firmware/path/super_frame.h"
#include "firmware/wire/udp.h"

#define UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)

size_t hm_path_entry_piece_len(const struct hm_path *path, struct hm_tunnel_state *tunnel,
                               const struct hm_super_frame *super, const struct hm_frame *frame)
{
    bool is_whole = path->env->tunnel_way == HM_TUNNEL_WAY_WHOLE;
    struct hm_super_frame finer = *super;
    finer.piece_len = hm_super_frame_piece_len(super, hm_tunnel_state_room(&path->tunnels, tunnel));
    if (path->env->tunnel_way == HM_TUNNEL_WAY_SINGLE ||
        hm_tunnel_state_kind(tunnel) != HM_ENCAPSULATION_UDP || finer.piece_len == 0 ||
        (is_whole && frame->len + HM_TUNNEL_UDP_LEN > HM_FRAME_MAX) ||
        !hm_neighbour_is_sure(path->neighbours, tunnel->route.link, tunnel->route.next_hop))
        return 0;
    if (finer.piece_len != super->piece_len &&
        !(hm_super_frame_may_be_finer(super) && hm_super_frame_is_sane(&finer)))
        return 0;
    return finer.piece_len;
}

/* Of what has been wrapped once, and stands for `count` packets. */
static void note_sent(struct hm_path *path, struct hm_tunnel_state *tunnel,
                      const struct hm_super_frame *super, unsigned count)
{
    size_t longest = super->piece_len < super->payload_len ? super->piece_len : super->payload_len;
    size_t len = HM_TUNNEL_UDP_LEN + super->headers_len + longest;
    if (len > tunnel->largest_len)
        tunnel->largest_len = (uint16_t)len;
    if ((super->ip[0].fragment & HM_IPV4_DF) == 0)
        tunnel->next_id = (uint16_t)(tunnel->next_id + count - 1);
    hm_env_count_many(path->env, HM_COUNT_TUNNEL_OUT, count);
}

static void send(struct hm_path *path, const struct hm_tunnel_state *tunnel, struct hm_frame *frame)
{
    hm_neighbour_send(path->neighbours, tunnel->route.link, tunnel->route.next_hop, frame);
}

/* super begins with the IP header, as does the frame. */
static void send_whole(struct hm_path *path, struct hm_tunnel_state *tunnel,
                       const struct hm_super_frame *super, struct hm_frame *frame)
{
    hm_path_wrap(path, tunnel, &super->ip[0], frame);
    note_sent(path, tunnel, super, hm_super_frame_count(super));
    frame->offload = (struct hm_offload){
        .flags = HM_OFFLOAD_NEEDS_CSUM | HM_OFFLOAD_TUNNEL_CSUM,
        .gso_type = (uint8_t)(hm_tcp_gso_type(super->tcp.flags) | HM_OFFLOAD_GSO_TUNNEL),
        .hdr_len = (uint16_t)(HM_ETHERNET_LEN + HM_TUNNEL_UDP_LEN + super->headers_len),
        .gso_size = (uint16_t)super->piece_len,
        .csum_start = (uint16_t)(HM_ETHERNET_LEN + HM_TUNNEL_UDP_LEN + super->transport_at),
        .csum_offset = HM_TCP_CHECKSUM_AT,
        .outer_transport_at = UDP_AT,
        .inner_network_at = HM_ETHERNET_LEN + HM_TUNNEL_UDP_LEN,
    };
    send(path, tunnel, frame);
}

static void send_train(struct hm_path *path, struct hm_tunnel_state *tunnel,
                       const struct hm_super_frame *super, unsigned first, unsigned count)
{
    struct hm_frame train;
    hm_frame_init(&train, path->scratch, HM_PATH_SCRATCH_LEN, 0);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) { /* that of the first comes with the outer headers */
            hm_encapsulation_encode_data(train.data + train.len);
            train.len += HM_TUNNEL_DATA_LEN;
        }
        train.len += hm_super_frame_write_piece(super, first + i, train.data + train.len);
    }
    hm_path_wrap(path, tunnel, &super->ip[0], &train);
    note_sent(path, tunnel, super, count);
    train.offload = (struct hm_offload){
        .flags = HM_OFFLOAD_NEEDS_CSUM, .csum_start = UDP_AT, .csum_offset = HM_UDP_CHECKSUM_AT};
    if (count > 1) {
        train.offload.gso_type = HM_OFFLOAD_GSO_UDP;
        train.offload.hdr_len = UDP_AT + HM_UDP_LEN;
        train.offload.gso_size = (uint16_t)(HM_TUNNEL_DATA_LEN + super->headers_len + super->piece_len);
    }
    send(path, tunnel, &train);
}

static void send_trains(struct hm_path *path, struct hm_tunnel_state *tunnel,
                        const struct hm_super_frame *super)
{
    size_t datagram_len = HM_TUNNEL_DATA_LEN + super->headers_len + super->piece_len;
    unsigned most = (unsigned)((HM_FRAME_MAX - UDP_AT - HM_UDP_LEN) / datagram_len);
    unsigned count = hm_super_frame_count(super);
    most = most < HM_BUNDLE_FRAMES_MAX ? most : HM_BUNDLE_FRAMES_MAX;
    for (unsigned first = 0, now; first < count; first += now) {
        now = count - first < most ? count - first : most;
        send_train(path, tunnel, super, first, now);
    }
}

void hm_path_enter(struct hm_path *path, struct hm_tunnel_state *tunnel, struct hm_super_frame *super,
                   struct hm_frame *frame)
{
    hm_frame_pull(frame, HM_ETHERNET_LEN);
    hm_super_frame_strip(super, HM_ETHERNET_LEN);
    if (path->env->tunnel_way == HM_TUNNEL_WAY_WHOLE)
        send_whole(path, tunnel, super, frame);
    else
        send_trains(path, tunnel, super);
}
