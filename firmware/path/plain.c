/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain: what the kernel left to us, and does not go its way whole. A sender on this host hands over
 * super-frames of up to 64 KB, and checksums that are only begun (virtio_net_hdr): one system call instead of
 * many. Here they become plain frames, before anything looks at them: so all of the path behind it decides
 * about plain frames alone. (What of them enters a tunnel may be made one again there: gather.)
 *
 * A super-frame is cut where its sender's kernel would have cut it (gso_size), or smaller where the packets
 * go into a tunnel that is narrower: they would be cut a second time there. That is a guess at the way, and
 * only for the size. */
#include "firmware/path/path.h"
#include "firmware/path/super_frame.h"
#include "firmware/wire/udp.h"

/* Into which tunnel would it go? 0: into none. */
static uint32_t tunnel_to(const struct hm_path *path, const struct hm_super_frame *super)
{
    const struct hm_binding *binding = hm_binding_lookup(&path->agent->home.bindings, super->ip[0].dst);
    const struct hm_visitor *visitor;
    struct hm_ethernet ethernet;
    if (binding != NULL && hm_binding_is_absent(binding))
        return binding->care_of_addr;
    if (hm_ethernet_decode(super->bytes, super->headers_len, &ethernet) != HM_OK)
        return 0;
    visitor = hm_visitor_of_mac(&path->agent->foreign.visitors, &ethernet.src, NULL);
    return visitor != NULL && visitor->state == HM_VISITOR_PRESENT ? visitor->node.home_agent : 0;
}

static size_t piece_len(struct hm_path *path, const struct hm_super_frame *super)
{
    uint32_t remote_addr = hm_super_frame_may_be_finer(super) ? tunnel_to(path, super) : 0;
    struct hm_tunnel_state *tunnel =
        remote_addr != 0 ? hm_tunnel_state_use(&path->tunnels, remote_addr) : NULL;
    size_t len = tunnel != NULL
                     ? hm_super_frame_piece_len(super, hm_tunnel_state_room(&path->tunnels, tunnel))
                     : super->piece_len;
    return len != 0 ? len : super->piece_len;
}

static void cut(struct hm_path *path, unsigned link, const struct hm_super_frame *super,
                void (*input)(struct hm_path *path, unsigned link, struct hm_frame *plain))
{
    unsigned count = hm_super_frame_count(super);
    for (unsigned number = 0; number < count; number++) {
        struct hm_frame piece;
        hm_frame_init(&piece, path->plain, HM_PATH_SCRATCH_LEN, 0);
        piece.len = hm_super_frame_write_piece(super, number, piece.data);
        input(path, link, &piece);
    }
}

/* The field holds what its sender has summed up so far. False: the offsets lead out of the frame. */
static bool complete_checksum(struct hm_frame *frame)
{
    size_t start = frame->offload.csum_start, field = start + frame->offload.csum_offset;
    uint16_t sum;
    if (start < HM_ETHERNET_LEN || field + 2 > frame->len)
        return false;
    sum = (uint16_t)~hm_checksum_add(0, frame->data + start, frame->len - start);
    if (sum == 0 && frame->offload.csum_offset == HM_UDP_CHECKSUM_AT)
        sum = 0xffff; /* RFC 768: 0 says that there is none */
    frame->data[field] = (uint8_t)(sum >> 8);
    frame->data[field + 1] = (uint8_t)sum;
    return true;
}

void hm_path_plain(struct hm_path *path, unsigned link, struct hm_frame *frame,
                   void (*input)(struct hm_path *path, unsigned link, struct hm_frame *plain))
{
    struct hm_super_frame super;
    bool is_super = frame->offload.gso_type != HM_OFFLOAD_GSO_NONE;
    bool is_begun = (frame->offload.flags & HM_OFFLOAD_NEEDS_CSUM) != 0;
    if (is_super && hm_super_frame_read(frame, &super)) {
        super.piece_len = piece_len(path, &super);
        if (hm_super_frame_is_sane(&super)) {
            hm_env_count(path->env, HM_COUNT_SUPER_FRAMES);
            cut(path, link, &super, input);
            return;
        }
    } else if (!is_super && (!is_begun || complete_checksum(frame))) {
        frame->offload =
            (struct hm_offload){0}; /* that its checksum was verified says nothing where it goes out */
        input(path, link, frame);
        return;
    }
    hm_env_drop(path->env, HM_DROP_OFFLOAD, "type %u", frame->offload.gso_type);
}
