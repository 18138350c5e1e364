/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of fuzz_router: built from an input's bytes, and authentic, so that they get past the keys. */
#ifndef HM_FUZZ_ROUTER_MESSAGES_H
#define HM_FUZZ_ROUTER_MESSAGES_H

#include "firmware/wire/authenticator.h"
#include "tests/fuzz/router_world.h"

/* The association of `site` with another one. */
static inline const struct hm_peer_config *fuzz_peer(const struct fuzz_router_world *f, unsigned site,
                                                     unsigned which)
{
    return &f->world->sites[site].peers[which % (HM_SIM_SITES - 1)];
}

static inline uint64_t fuzz_ntp(struct fuzz_router_world *f, unsigned site)
{
    uint64_t ntp = hm_sim_agent_time(&f->world->sites[site].agent).ntp;
    uint8_t choice = fuzz_u8(f);

    if (choice < 200)
        return ntp + choice;
    return ntp + ((uint64_t)(int64_t)(int8_t)fuzz_u8(f) << 30);
}

/* Extensions as the input wants them: well-formed ones of ours, or any bytes. */
static inline void fuzz_write_registration_extensions(struct fuzz_router_world *f, struct hm_writer *writer)
{
    uint8_t which = fuzz_u8(f);
    struct hm_mac mac;

    if (which & 1)
        hm_extension_write_pmip_method(writer, (which & 0x80) != 0 ? fuzz_u8(f) : HM_PMIP_METHOD_FA_HA);
    else if (which & 0x80)
        hm_extension_write_udp_request(writer, fuzz_u8(f), fuzz_u8(f));
    if (which & 2) {
        mac = fuzz_mac(f);
        hm_extension_write_mac(writer, &mac);
    }
    if (which & 4)
        hm_extension_write_hold(writer, fuzz_u8(f), fuzz_u8(f));
    if (which & 8)
        hm_extension_write_handover(writer, fuzz_u8(f), fuzz_u8(f));
    if (which & 16) {
        mac = fuzz_mac(f);
        hm_extension_write_agent_mac(writer, &mac);
    }
    if (which & 32)
        hm_extension_write_nai(writer, "vm@example");
    if (which & 64) {
        size_t len = fuzz_u8(f);
        const uint8_t *bytes = hm_read_take(&f->input, len);
        if (bytes != NULL)
            hm_write_bytes(writer, bytes, len);
    }
}

static inline void fuzz_send_signed(struct fuzz_router_world *f, unsigned site,
                                    const struct hm_peer_config *peer, struct hm_writer *writer)
{
    hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, peer->spi, peer->algorithm, &peer->key);
    if (!writer->failed)
        fuzz_udp(f, site, peer->addr, HM_MIP_PORT, f->world->sites[site].agent_peer_addr, HM_MIP_PORT,
                 writer->bytes, writer->len);
}

static inline void fuzz_registration_request(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_MIP_MAX_LEN], choice = fuzz_u8(f);
    const struct hm_peer_config *peer = fuzz_peer(f, site, choice);
    struct hm_writer writer;
    struct hm_registration_request request = {
        .flags = (choice & 2) != 0 ? fuzz_u8(f) : HM_RRQ_T,
        .lifetime_s = (choice & 4) != 0 ? hm_read_u16(&f->input) : fuzz_u8(f),
        .home_addr = fuzz_addr(f),
        .home_agent = (choice & 8) != 0 ? fuzz_addr(f) : f->world->sites[site].agent_peer_addr,
        .care_of_addr = (choice & 16) != 0 ? fuzz_addr(f) : peer->addr,
        .identification = fuzz_ntp(f, site)};

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_request(&writer, &request);
    fuzz_write_registration_extensions(f, &writer);
    fuzz_send_signed(f, site, peer, &writer);
}

/* Of the last request that an agent sent to this peer, or of none. */
static inline void fuzz_registration_reply(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_MIP_MAX_LEN], choice = fuzz_u8(f);
    const struct hm_peer_config *peer = fuzz_peer(f, site, choice);
    unsigned home = 0;
    struct hm_writer writer;

    while (home + 1 < HM_SIM_SITES && f->world->sites[home].agent_peer_addr != peer->addr)
        home++;
    struct hm_registration_reply reply = {.code = fuzz_u8(f),
                                          .lifetime_s = hm_read_u16(&f->input),
                                          .home_addr = fuzz_addr(f),
                                          .home_agent = (choice & 2) != 0 ? fuzz_addr(f) : peer->addr,
                                          .identification = f->last_identification[home]};
    if (choice & 4)
        reply.identification ^= hm_read_u64(&f->input);
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_reply(&writer, &reply);
    fuzz_write_registration_extensions(f, &writer);
    fuzz_send_signed(f, site, peer, &writer);
}

/* Any bytes as a message on UDP 434 under a right authenticator: revocations, and types to come. */
static inline void fuzz_signed_bytes(struct fuzz_router_world *f, unsigned site)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    const struct hm_peer_config *peer = fuzz_peer(f, site, fuzz_u8(f));
    size_t len = fuzz_u8(f);
    const uint8_t *from = hm_read_take(&f->input, len);
    struct hm_writer writer;

    if (from == NULL)
        return;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_write_bytes(&writer, from, len);
    fuzz_send_signed(f, site, peer, &writer);
}

/* --- the control channel ------------------------------------------------------------------------------ */

static inline void fuzz_fill_node(struct fuzz_router_world *f, struct hm_control_node *node)
{
    uint8_t choice = fuzz_u8(f);

    node->home_addr = fuzz_addr(f);
    node->mac = fuzz_mac(f);
    node->home_agent = fuzz_addr(f);
    node->home_prefix.addr = (choice & 1) != 0 ? fuzz_addr(f) : node->home_addr & 0xffffff00u;
    node->home_prefix.len = (choice & 2) != 0 ? fuzz_u8(f) % 33 : 24;
    node->home_prefix.addr &= hm_prefix_mask(node->home_prefix.len);
    node->router = (choice & 4) != 0 ? fuzz_addr(f) : node->home_prefix.addr + 1;
    node->router_mac = fuzz_mac(f);
}

static inline void fuzz_fill_control(struct fuzz_router_world *f, struct hm_control_message *message)
{
    static const char *const VMS[] = {"10.1.0.5", "52:54:00:00:01:05", "10.1.0.6", "vm", "10.2.0.9", "x",
                                      "",         "10.1.0.1"};
    static const char *const HOSTS[] = {"hv-a1", "hv-b1", "hv-c1", "nowhere", ""};
    uint8_t which = fuzz_u8(f), more = fuzz_u8(f);

    snprintf(message->vm, sizeof(message->vm), "%s", VMS[which % 8]);
    snprintf(message->host, sizeof(message->host), "%s", HOSTS[more % 5]);
    if (which & 8)
        message->addrs[message->addr_count++] = fuzz_addr(f);
    if (which & 16)
        message->macs[message->mac_count++] = fuzz_mac(f);
    for (unsigned nodes = which >> 5; nodes > 0; nodes--)
        fuzz_fill_node(f, &message->nodes[message->node_count++]);
    if (more & 8) {
        struct hm_pair *pair = &message->neighbours[message->neighbour_count++];
        pair->addr = fuzz_addr(f);
        pair->mac = fuzz_mac(f);
    }
    message->handover_id = (more & 16) != 0 ? fuzz_u8(f) : f->last_handover_id;
    message->epoch = (more & 32) != 0 ? fuzz_u8(f) : 0;
    message->lifetime_s = (more & 64) != 0 ? fuzz_u8(f) : 60;
    message->wait_ms = (more & 128) != 0 ? 100 : 0;
}

/* Pieces of streams, and what precedes and follows them. */
static inline void fuzz_fill_stream(struct fuzz_router_world *f, struct hm_control_message *message)
{
    uint8_t flags = fuzz_u8(f), len = fuzz_u8(f);

    message->offset = (flags & 1) != 0 ? fuzz_u8(f) : 0;
    message->confirmed = (flags & 2) != 0 ? fuzz_u8(f) : 0;
    message->has_salvage = (flags & 4) != 0;
    message->is_last = (flags & 8) != 0;
    message->has_stop_notice = (flags & 16) != 0;
    message->has_old_path = (flags & 32) != 0;
    message->cut = (flags & 64) != 0 ? HM_CUT_COUNTED : HM_CUT_NONE;
    message->data_len = len;
    for (unsigned i = 0; i < len; i++) /* a record of small frames, or of bytes that are none */
        message->data[i] = (flags & 128) != 0 ? fuzz_u8(f) : (uint8_t)(i % 62 == 1 ? 60 : 0);
}

static inline void fuzz_control_send(struct fuzz_router_world *f, unsigned site, uint32_t src, uint16_t port,
                                     const uint8_t *bytes, size_t len)
{
    fuzz_udp(f, site, src, port, f->world->sites[site].agent_peer_addr, HM_CONTROL_PORT, bytes, len);
}

/* What a hypervisor asks. */
static inline void fuzz_hypervisor(struct fuzz_router_world *f, unsigned site)
{
    static struct hm_control_message message;
    uint8_t bytes[HM_CONTROL_MAX_LEN], choice = fuzz_u8(f);
    const struct hm_hypervisor_config *hypervisor = &f->world->sites[site].hypervisors[(choice & 1) != 0];

    memset(&message, 0, sizeof(message));
    message.kind = HM_CONTROL_REQUEST;
    message.op = (choice & 8) != 0 ? fuzz_u8(f) : 1 + (fuzz_u8(f) % 9);
    message.key_id = hypervisor->key_id;
    message.timestamp = fuzz_ntp(f, site);
    message.request_id = fuzz_u8(f);
    message.dry_run = (choice & 16) != 0;
    message.relayed = (choice & 32) != 0;
    fuzz_fill_control(f, &message);
    if (message.op >= HM_OP_STOPPED || (choice & 64) != 0)
        fuzz_fill_stream(f, &message);
    size_t len = hm_control_encode(&message, &hypervisor->key, bytes);
    if (len > 0)
        fuzz_control_send(f, site, f->world->sites[site].net + 21, 43400, bytes, len);
}

/* What a peer asks or answers. */
static inline void fuzz_peer_control(struct fuzz_router_world *f, unsigned site)
{
    static struct hm_control_message message;
    uint8_t bytes[HM_CONTROL_MAX_LEN], choice = fuzz_u8(f);
    const struct hm_peer_config *peer = fuzz_peer(f, site, choice);
    struct hm_key key = {.len = HM_CONTROL_AUTHENTICATOR_LEN};

    memset(&message, 0, sizeof(message));
    hm_authenticator_derive(&peer->key, HM_CONTROL_PEER_LABEL, &key);
    message.kind = (choice & 2) != 0 ? HM_CONTROL_REPLY : HM_CONTROL_REQUEST;
    message.key_id = peer->spi;
    message.timestamp = fuzz_ntp(f, site);
    if (message.kind == HM_CONTROL_REPLY) {
        message.op = f->last_op;
        message.request_id = f->last_request_id;
        message.code = fuzz_u8(f);
    } else {
        message.op = (choice & 4) != 0 ? fuzz_u8(f) : 16 + fuzz_u8(f) % 13;
        message.request_id = fuzz_u8(f);
        message.agent_addr = (choice & 128) != 0 ? fuzz_addr(f) : peer->addr;
    }
    fuzz_fill_control(f, &message);
    if (message.op >= HM_OP_STOP && message.op < HM_OP_HELLO)
        fuzz_fill_stream(f, &message);
    if (message.kind == HM_CONTROL_REQUEST && message.op == HM_OP_PREPARE)
        f->last_handover_id = message.handover_id;
    size_t len = hm_control_encode(&message, &key, bytes);
    if (len > 0)
        fuzz_control_send(f, site, peer->addr, HM_CONTROL_PORT, bytes, len);
}

#endif
