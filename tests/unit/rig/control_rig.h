/* SPDX-License-Identifier: BSD-3-Clause */
/* Hypervisors and peers around an agent of path_rig.h: what they say on the control channel and on UDP 434,
 * and what the agent says to them. */
#ifndef HM_UNIT_RIG_CONTROL_RIG_H
#define HM_UNIT_RIG_CONTROL_RIG_H

#include "tests/unit/rig/path_rig.h"

#include "firmware/agent/security.h"

#define RIG_HYPERVISOR 0x0a010015u /* 10.1.0.21 */
#define RIG_HYPERVISOR_PORT 43400
#define RIG_UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)

/* All of this subnet and B's may be moved by the first hypervisor. */
static inline void control_rig_start(struct path_rig *f)
{
    f->rig.hypervisors[0].allow[0] = (struct hm_prefix){.addr = 0x0a010000u, .len = 24};
    f->rig.hypervisors[0].allow[1] = (struct hm_prefix){.addr = 0x0a020000u, .len = 24};
    f->rig.hypervisors[0].allow_count = 2;
    path_rig_start(f);
    hm_neighbour_learn(&f->neighbours, f->env.home_link, RIG_HYPERVISOR, &RIG_MAC(0x15));
    path_rig_pass_ms(f, 10); /* what was said before the agent's start is not believed */
}

static inline const struct hm_peer *control_rig_peer(struct path_rig *f, uint32_t addr)
{
    return hm_security_peer_by_addr(&f->agent.security, addr);
}

static inline void control_rig_datagram(struct path_rig *f, uint32_t from, uint16_t from_port, uint16_t port,
                                        const uint8_t *bytes, size_t len)
{
    uint8_t *copy = unit_copy(bytes, len);
    struct hm_datagram datagram = {.local_addr = f->env.agent_addr,
                                   .local_port = port,
                                   .remote_addr = from,
                                   .remote_port = from_port,
                                   .bytes = copy,
                                   .len = len};

    f->env.now = f->rig.now;
    hm_agent_datagram(&f->agent, &datagram);
    free(copy);
}

/* A request of hypervisor number i; gives its id. */
static inline uint64_t control_rig_ask(struct path_rig *f, unsigned i, struct hm_control_message message)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    const struct hm_hypervisor_config *hypervisor = &f->rig.hypervisors[i];

    message.kind = HM_CONTROL_REQUEST;
    message.key_id = hypervisor->key_id;
    message.timestamp = message.timestamp != 0 ? message.timestamp : f->rig.now.ntp;
    if (message.request_id == 0)
        message.request_id = unit_random(&f->rig.chance);
    size_t len = hm_control_encode(&message, &hypervisor->key, bytes);
    assert_true(len > 0);
    control_rig_datagram(f, RIG_HYPERVISOR, RIG_HYPERVISOR_PORT, f->rig.config.control_port, bytes, len);
    return message.request_id;
}

/* A request, or with kind REPLY an answer, of a peer. */
static inline void control_rig_say(struct path_rig *f, uint32_t peer_addr, struct hm_control_message message)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    const struct hm_peer *peer = control_rig_peer(f, peer_addr);
    uint16_t port = f->rig.config.control_port;

    message.key_id = peer->config->spi;
    message.timestamp = message.timestamp != 0 ? message.timestamp : f->rig.now.ntp;
    if (message.kind == HM_CONTROL_REQUEST) {
        message.agent_addr = message.agent_addr != 0 ? message.agent_addr : peer_addr;
        if (message.request_id == 0)
            message.request_id = unit_random(&f->rig.chance);
    }
    size_t len = hm_control_encode(&message, &peer->control_key, bytes);
    assert_true(len > 0);
    control_rig_datagram(f, peer_addr, port, port, bytes, len);
}

static inline void control_rig_reply(struct path_rig *f, uint32_t peer_addr,
                                     const struct hm_control_message *request, enum hm_control_code code)
{
    control_rig_say(
        f, peer_addr,
        (struct hm_control_message){
            .kind = HM_CONTROL_REPLY, .op = request->op, .code = code, .request_id = request->request_id});
}

/* The UDP payload of a frame that was sent to this address and port (0: any); NULL when it is none. */
static inline const uint8_t *control_rig_payload(const struct rig_frame *frame, uint32_t dst,
                                                 uint16_t dst_port, size_t *len)
{
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;

    if (hm_ethernet_decode(frame->bytes, frame->len, &ethernet) != 0 || ethernet.type != HM_ETHERTYPE_IPV4 ||
        hm_ipv4_decode(frame->bytes + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN, &ip) != 0 ||
        ip.protocol != HM_IP_PROTO_UDP || ip.dst != dst)
        return NULL;
    const uint8_t *udp = frame->bytes + RIG_UDP_AT;
    if (dst_port != 0 && (udp[2] << 8 | udp[3]) != dst_port)
        return NULL;
    *len = (size_t)ip.total_len - HM_IPV4_LEN - 8;
    return udp + 8;
}

/* The last control message of this kind and operation that was sent to an address; false when there is none.
 */
static inline bool control_rig_sent(const struct path_rig *f, uint32_t to, enum hm_control_kind kind,
                                    enum hm_control_op op, struct hm_control_message *out)
{
    bool found = false;
    *out = (struct hm_control_message){0};

    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        struct hm_control_message message;
        size_t len;
        const uint8_t *bytes = control_rig_payload(&f->rig.frames[i], to, 0, &len);
        if (bytes == NULL || hm_control_decode(bytes, len, &message) != 0 || message.kind != kind ||
            message.op != op)
            continue;
        *out = message;
        found = true;
    }
    return found;
}

/* The code of the answer to the hypervisor; -1: none. */
static inline int control_rig_answer(const struct path_rig *f, enum hm_control_op op)
{
    struct hm_control_message answer;

    return control_rig_sent(f, RIG_HYPERVISOR, HM_CONTROL_REPLY, op, &answer) ? (int)answer.code : -1;
}

/* The last registration request sent to a home agent; NULL when there is none. *out borrows from the frames.
 */
static inline bool control_rig_registration(const struct path_rig *f, uint32_t home_agent,
                                            struct hm_registration_request *out)
{
    bool found = false;
    *out = (struct hm_registration_request){0};

    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        struct hm_registration_request request;
        size_t len;
        const uint8_t *bytes = control_rig_payload(&f->rig.frames[i], home_agent, HM_MIP_PORT, &len);
        if (bytes == NULL || hm_registration_decode_request(bytes, len, &request) != 0)
            continue;
        *out = request;
        found = true;
    }
    return found;
}

/* The home agent's answer to a registration request. */
static inline void control_rig_register(struct path_rig *f, uint32_t home_agent,
                                        const struct hm_registration_request *request, uint8_t code)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    const struct hm_peer_config *peer = control_rig_peer(f, home_agent)->config;
    struct hm_registration_reply reply = {.code = code,
                                          .lifetime_s = request->lifetime_s,
                                          .home_addr = request->home_addr,
                                          .home_agent = request->home_agent,
                                          .identification = request->identification};

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_reply(&writer, &reply);
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, peer->spi, peer->algorithm, &peer->key);
    control_rig_datagram(f, home_agent, HM_MIP_PORT, HM_MIP_PORT, bytes, writer.len);
}

/* What B asks when a node of its home is to come here. */
static inline struct hm_control_message control_rig_prepare(uint64_t id, uint32_t epoch)
{
    struct hm_control_message message = {
        .kind = HM_CONTROL_REQUEST, .op = HM_OP_PREPARE, .handover_id = id, .epoch = epoch, .lifetime_s = 60};

    snprintf(message.vm, sizeof(message.vm), "guest");
    message.nodes[message.node_count++] =
        (struct hm_control_node){.home_addr = RIG_GUEST,
                                 .mac = RIG_GUEST_MAC,
                                 .home_agent = RIG_PEER_B,
                                 .home_prefix = {.addr = 0x0a020000u, .len = 24},
                                 .router = 0x0a020001u};
    return message;
}

/* One frame of a node with its MAC, on the LAN. */
static inline void control_rig_show(struct path_rig *f, const struct hm_mac *mac)
{
    path_rig_arp(f, f->env.home_link, &HM_MAC_BROADCAST,
                 &(struct hm_arp){.op = HM_RARP_REQUEST, .sender_mac = *mac, .target_mac = *mac});
}

#endif
