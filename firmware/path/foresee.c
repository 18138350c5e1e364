/* SPDX-License-Identifier: BSD-3-Clause */
/* Foresee: what a frame that has come in, and is handed over after others, will be looked up in. Among a
 * million bindings a look-up waits for memory, and so does what is then done with the binding; the time in
 * which other frames are read is longer than that. Nothing is decided here: a frame that is no good fetches
 * something in vain. */
#include "firmware/path/path.h"

static void foresee_ends(const struct hm_bindings *bindings, const struct hm_ipv4 *ip,
                         enum hm_table_step step)
{
    hm_binding_foresee(bindings, ip->src, step);
    hm_binding_foresee(bindings, ip->dst, step);
}

/* Of a packet in a tunnel it is the inner one that is looked up. */
static void foresee_packet(const struct hm_bindings *bindings, const uint8_t *bytes, size_t len,
                           enum hm_table_step step)
{
    struct hm_ipv4 ip, inner;
    struct hm_encapsulated tunnel;
    if (hm_ipv4_decode(bytes, len, &ip) != HM_OK)
        return;
    const uint8_t *payload = bytes + ip.header_len;
    size_t payload_len = (size_t)ip.total_len - ip.header_len;
    if (hm_encapsulation_is_one(ip.protocol, payload, payload_len) &&
        hm_encapsulation_decode(ip.protocol, payload, payload_len, &tunnel) == HM_OK &&
        hm_ipv4_decode(payload + tunnel.header_len, payload_len - tunnel.header_len, &inner) == HM_OK)
        foresee_ends(bindings, &inner, step);
    else
        foresee_ends(bindings, &ip, step);
}

void hm_path_foresee(const struct hm_path *path, unsigned link, const struct hm_frame *frame,
                     enum hm_table_step step)
{
    const struct hm_bindings *bindings = &path->agent->home.bindings;
    struct hm_ethernet ethernet;
    if (bindings->by_addr.count == 0 || hm_ethernet_decode(frame->data, frame->len, &ethernet) != HM_OK)
        return;
    if (link == path->env->home_link)
        hm_binding_foresee_mac(bindings, &ethernet.src, step);
    if (ethernet.type == HM_ETHERTYPE_IPV4)
        foresee_packet(bindings, frame->data + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN, step);
}
