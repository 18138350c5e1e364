/* SPDX-License-Identifier: BSD-3-Clause */
/* A home agent as the network sees it: a whole router, registration requests as frames, replies read off the
 * frames that it sends. */
#ifndef HM_UNIT_RIG_HOME_RIG_H
#define HM_UNIT_RIG_HOME_RIG_H

#include "tests/unit/rig/rig.h"

#include "firmware/router.h"
#include "firmware/wire/registration.h"

#define HOME_SPI 600         /* of the mobile node RIG_VM, HMAC-MD5 */
#define HOME_NEW_SPI 1003    /* of peer B beside its own */
#define HOME_VM3 0x0a010007u /* a node with an association but no MAC that anybody told */
#define UDP_LEN 8

struct home_rig {
    struct rig rig;
    struct hm_mobile_config mobiles[2];
    struct hm_router *router;
    uint64_t identification;
    char found[256]; /* by home_field and home_count */
    const char *field, *of;
    bool is_row;
};

enum home_checksum {
    CHECKSUM_RIGHT,
    CHECKSUM_ZERO,
    CHECKSUM_WRONG
};

/* What a test varies; zero is a good value of each. Without `node` it is a proxy request of the peer. */
struct home_ask {
    const struct hm_peer_config *peer; /* NULL: B */
    bool node;                         /* MN-HA authenticator of RIG_VM, and no extension 47 */
    bool no_agent;                     /* no FA-HA authenticator */
    uint16_t lifetime_s;
    uint8_t flags; /* added to T */
    bool no_reverse_tunnel;
    uint32_t home_addr; /* 0: RIG_VM */
    bool home_is_zero;
    uint32_t home_agent;     /* 0: the agent's */
    uint32_t care_of_addr;   /* 0: the peer's */
    uint64_t identification; /* 0: the clock's, and newer than the last */
    uint64_t hold;
    uint32_t spi, node_spi;
    bool spoil_agent, spoil_node;
    const char *nai; /* NULL: "vm1" */
    uint8_t method;  /* 0: FA-HA */
    bool no_mac;
    uint8_t extra;                /* type of one more extension, with a value of 4 bytes */
    bool vendor, agents_vendor;   /* a critical one of another vendor; behind the node's authenticator */
    bool node_twice, agent_twice; /* an authenticator has a second one of its kind behind it, just as right */
    struct hm_udp_tunnel_request udp;
    bool udp_is_last;              /* behind all authenticators */
    bool udp_is_agents;            /* behind the node's authenticator */
    uint32_t from;                 /* 0: the peer's */
    uint32_t to;                   /* 0: the agent's */
    uint16_t port;                 /* 0: 434 */
    const struct hm_mac *from_mac; /* NULL: the router's */
    enum home_checksum checksum;
};

struct home_reply {
    bool came;
    uint8_t bytes[HM_MIP_MAX_LEN];
    size_t len;
    struct hm_registration_reply reply;
    struct hm_ethernet ethernet;
    struct hm_ipv4 ip;
    uint16_t src_port, dst_port;
};

static inline void home_rig_init(struct home_rig *f)
{
    rig_init(&f->rig);
    f->rig.config.max_simultaneous = 2;
    f->rig.config.mobiles = f->mobiles;
    f->rig.config.mobile_count = 2;
    f->mobiles[0] = (struct hm_mobile_config){.name = "vm1", .nai = "vm1", .addr = RIG_VM, .mac = RIG_VM_MAC};
    f->mobiles[0].association =
        (struct hm_association_config){.spi = HOME_SPI, .algorithm = HM_ALGORITHM_HMAC_MD5};
    f->mobiles[0].association.key.len = 16;
    memset(f->mobiles[0].association.key.bytes, 0x77, 16);
    f->mobiles[1] = f->mobiles[0];
    f->mobiles[1].addr = HOME_VM3;
    f->mobiles[1].mac = HM_MAC_ZERO;
    strcpy(f->mobiles[1].nai, "vm3");
    f->rig.peers[0].more_count = 1;
    f->rig.peers[0].more[0] =
        (struct hm_association_config){.spi = HOME_NEW_SPI, .algorithm = HM_ALGORITHM_HMAC_MD5};
    f->rig.peers[0].more[0].key.len = 16;
    memset(f->rig.peers[0].more[0].key.bytes, 0x99, 16);
}

static inline void home_rig_tick(struct home_rig *f)
{
    while (hm_router_tick(f->router, &f->rig.now))
        ;
}

static inline void home_rig_start(struct home_rig *f)
{
    assert_int_equal(hm_router_create(&f->rig.config, &f->rig.port, &f->rig.now, &f->router), 0);
    home_rig_tick(f);
}

/* For a test's setup: a rig that may be changed yet, and its start; and for its teardown. */
static inline struct home_rig *home_rig_create(void)
{
    struct home_rig *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    home_rig_init(f);
    return f;
}

static inline int home_rig_begin(struct home_rig *f, void **state)
{
    home_rig_start(f);
    *state = f;
    return 0;
}

static inline int home_rig_teardown(void **state)
{
    struct home_rig *f = *state;

    hm_router_destroy(f->router);
    free(f);
    return 0;
}

static inline void home_rig_frame(struct home_rig *f, const void *bytes, size_t len)
{
    uint8_t *memory = malloc(HM_FRAME_HEADROOM + len);
    struct hm_frame frame;

    hm_frame_init(&frame, memory, HM_FRAME_HEADROOM + len, len);
    memcpy(frame.data, bytes, len);
    hm_router_frame(f->router, 0, &frame, &f->rig.now);
    free(memory);
}

/* An ARP packet of that sender comes in. */
static inline void home_rig_arp(struct home_rig *f, const struct hm_mac *mac, uint32_t addr, uint32_t target)
{
    uint8_t bytes[HM_ARP_FRAME_LEN];
    struct hm_arp arp = {
        .op = HM_ARP_REQUEST, .sender_mac = *mac, .sender_addr = addr, .target_addr = target};

    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, mac, HM_ETHERTYPE_ARP, &arp);
    home_rig_frame(f, bytes, sizeof(bytes));
}

static inline void home_rig_pass_ms(struct home_rig *f, uint64_t ms)
{
    while (ms > 0) {
        uint64_t step = ms < 100 ? ms : 100;

        rig_pass_us(&f->rig, step * 1000);
        home_rig_tick(f);
        ms -= step;
    }
}

static inline void home_write_udp(const struct home_ask *ask, struct hm_writer *writer)
{
    hm_extension_write_udp_request(writer, ask->udp.flags, ask->udp.encapsulation);
    writer->bytes[writer->len - 1] = ask->udp.has_reserved;
}

static inline void home_write_vendor(struct hm_writer *writer)
{
    static const uint8_t BYTES[] = {HM_EXT_CRITICAL_VENDOR, 0, 0, 6, 0, 0, 0, 9, 0, 1};

    hm_write_bytes(writer, BYTES, sizeof(BYTES));
}

static inline void home_write_node_auth(const struct home_rig *f, const struct home_ask *ask,
                                        struct hm_writer *writer)
{
    const struct hm_association_config *own = &f->mobiles[0].association;

    for (unsigned i = 0; i < (ask->node_twice ? 2 : 1); i++)
        hm_extension_write_auth(writer, HM_EXT_MN_HA_AUTH, ask->node_spi != 0 ? ask->node_spi : own->spi,
                                own->algorithm, &own->key);
    if (ask->spoil_node)
        writer->bytes[writer->len - 1] ^= 1;
}

static inline void home_write_agent_auth(const struct home_ask *ask, struct hm_writer *writer,
                                         const struct hm_peer_config *peer)
{
    const struct hm_association_config *more = &peer->more[0];
    bool is_new = ask->spi == HOME_NEW_SPI;

    for (unsigned i = 0; i < (ask->agent_twice ? 2 : 1); i++)
        hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, ask->spi != 0 ? ask->spi : peer->spi,
                                is_new ? more->algorithm : peer->algorithm, is_new ? &more->key : &peer->key);
    if (ask->spoil_agent)
        writer->bytes[writer->len - 1] ^= 1;
}

static inline void home_write_extensions(const struct home_rig *f, const struct home_ask *ask,
                                         struct hm_writer *writer, const struct hm_peer_config *peer)
{
    if (ask->nai == NULL || ask->nai[0] != '\0')
        hm_extension_write_nai(writer, ask->nai != NULL ? ask->nai : "vm1");
    if (!ask->node)
        hm_extension_write_pmip_method(writer, ask->method != 0 ? ask->method : HM_PMIP_METHOD_FA_HA);
    if (!ask->no_mac)
        hm_extension_write_mac(writer, ask->home_addr == 0 ? &RIG_VM_MAC : &RIG_VM2_MAC);
    if (ask->hold != 0)
        hm_extension_write_hold(writer, ask->hold, 1);
    if (ask->extra != 0)
        hm_write_bytes(writer, (const uint8_t[]){ask->extra, 4, 1, 2, 3, 4}, 6);
    if (ask->vendor)
        home_write_vendor(writer);
    if (ask->udp.is_given && !ask->udp_is_last && !ask->udp_is_agents)
        home_write_udp(ask, writer);
    if (ask->node)
        home_write_node_auth(f, ask, writer);
    if (ask->udp.is_given && ask->udp_is_agents)
        home_write_udp(ask, writer);
    if (ask->agents_vendor)
        home_write_vendor(writer);
    if (ask->no_agent)
        return;
    home_write_agent_auth(ask, writer, peer);
    if (ask->udp.is_given && ask->udp_is_last)
        home_write_udp(ask, writer);
}

static inline size_t home_write(struct home_rig *f, const struct home_ask *ask, uint8_t *bytes, size_t cap)
{
    struct hm_writer writer;
    const struct hm_peer_config *peer = ask->peer != NULL ? ask->peer : &f->rig.peers[0];
    uint64_t newest = f->rig.now.ntp > f->identification ? f->rig.now.ntp : f->identification + 1;
    struct hm_registration_request request = {
        .flags = (ask->no_reverse_tunnel ? 0 : HM_RRQ_T) | ask->flags,
        .lifetime_s = ask->lifetime_s,
        .home_addr = ask->home_addr != 0 ? ask->home_addr : RIG_VM,
        .home_agent = ask->home_agent != 0 ? ask->home_agent : RIG_AGENT,
        .care_of_addr = ask->care_of_addr != 0 ? ask->care_of_addr : peer->addr,
        .identification = ask->identification != 0 ? ask->identification : newest};

    if (ask->home_is_zero)
        request.home_addr = 0;
    if (ask->identification == 0)
        f->identification = newest;
    hm_writer_init(&writer, bytes, cap);
    hm_registration_write_request(&writer, &request);
    home_write_extensions(f, ask, &writer, peer);
    assert_false(writer.failed);
    return writer.len;
}

static inline uint32_t home_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    return sum;
}

/* The UDP checksum of a datagram behind its IP header; 0 over one that is right. */
static inline uint16_t home_udp_checksum(const struct hm_ipv4 *ip, const uint8_t *udp, size_t len)
{
    uint32_t sum = home_sum(udp, len,
                            (ip->src >> 16) + (ip->src & 0xffff) + (ip->dst >> 16) + (ip->dst & 0xffff) +
                                HM_IP_PROTO_UDP + (uint32_t)len);

    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Hands in a message on UDP 434 as the frame that carries it. */
static inline void home_deliver(struct home_rig *f, const struct home_ask *ask, const uint8_t *message,
                                size_t len)
{
    uint8_t bytes[2048] = {0};
    uint8_t *udp = bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
    const struct hm_peer_config *peer = ask->peer != NULL ? ask->peer : &f->rig.peers[0];
    uint32_t to = ask->to != 0 ? ask->to : RIG_AGENT;
    bool is_broadcast = to == UINT32_MAX || to == 0x0a0100ffu;
    struct hm_ethernet ethernet = {.dst = is_broadcast ? HM_MAC_BROADCAST : RIG_AGENT_MAC,
                                   .src = ask->from_mac != NULL ? *ask->from_mac : RIG_ROUTER_MAC,
                                   .type = HM_ETHERTYPE_IPV4};
    struct hm_ipv4 ip = {.total_len = (uint16_t)(HM_IPV4_LEN + UDP_LEN + len),
                         .ttl = 64,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = ask->from != 0 ? ask->from : peer->addr,
                         .dst = to};
    struct hm_writer writer;
    uint16_t sum;

    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    hm_writer_init(&writer, udp, sizeof(bytes) - HM_ETHERNET_LEN - HM_IPV4_LEN);
    hm_write_u16(&writer, ask->port != 0 ? ask->port : HM_MIP_PORT);
    hm_write_u16(&writer, HM_MIP_PORT);
    hm_write_u16(&writer, (uint16_t)(UDP_LEN + len));
    hm_write_u16(&writer, 0);
    hm_write_bytes(&writer, message, len);
    sum = home_udp_checksum(&ip, udp, UDP_LEN + len);
    sum = ask->checksum == CHECKSUM_ZERO ? 0 : ask->checksum == CHECKSUM_WRONG ? sum ^ 0x0101 : sum;
    udp[6] = (uint8_t)(sum >> 8);
    udp[7] = (uint8_t)sum;
    home_rig_arp(f, &RIG_ROUTER_MAC, RIG_ROUTER, RIG_AGENT);
    rig_forget_frames(&f->rig);
    home_rig_frame(f, bytes, HM_ETHERNET_LEN + HM_IPV4_LEN + UDP_LEN + len);
}

/* The registration reply among the frames that were sent. */
static inline void home_find_reply(const struct home_rig *f, struct home_reply *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < f->rig.frame_count && i < RIG_FRAMES; i++) {
        const struct rig_frame *frame = &f->rig.frames[i];
        const uint8_t *udp = frame->bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;

        if (hm_ethernet_decode(frame->bytes, frame->len, &out->ethernet) != 0 ||
            out->ethernet.type != HM_ETHERTYPE_IPV4)
            continue;
        assert_int_equal(
            hm_ipv4_decode(frame->bytes + HM_ETHERNET_LEN, frame->len - HM_ETHERNET_LEN, &out->ip), 0);
        if (out->ip.protocol != HM_IP_PROTO_UDP || (udp[0] << 8 | udp[1]) != HM_MIP_PORT ||
            udp[UDP_LEN] != HM_MIP_REPLY)
            continue;
        out->came = true;
        out->src_port = (uint16_t)(udp[0] << 8 | udp[1]);
        out->dst_port = (uint16_t)(udp[2] << 8 | udp[3]);
        out->len = (size_t)out->ip.total_len - HM_IPV4_LEN - UDP_LEN;
        assert_true((udp[6] | udp[7]) != 0);
        assert_int_equal(home_udp_checksum(&out->ip, udp, out->len + UDP_LEN), 0);
        memcpy(out->bytes, udp + UDP_LEN, out->len);
        assert_int_equal(hm_registration_decode_reply(out->bytes, out->len, &out->reply), 0);
        return;
    }
}

/* The code of the reply; -1: none came. */
static inline int home_ask_for(struct home_rig *f, const struct home_ask *ask, struct home_reply *out)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    size_t len = home_write(f, ask, bytes, sizeof(bytes));
    struct home_reply reply;

    home_deliver(f, ask, bytes, len);
    home_find_reply(f, &reply);
    if (out != NULL) {
        *out = reply; /* what its extensions borrow is in out now */
        if (reply.came)
            assert_int_equal(hm_registration_decode_reply(out->bytes, out->len, &out->reply), 0);
    }
    return reply.came ? reply.reply.code : -1;
}

#define HOME_ASK(f, ...) home_ask_for(f, &(struct home_ask){__VA_ARGS__}, NULL)

/* --- what a report says --------------------------------------------------------------------------------- */

static inline void home_sink_text(void *ctx, const char *field, const char *value)
{
    struct home_rig *f = ctx;

    if (strcmp(field, "home_address") == 0 || strcmp(field, "peer") == 0)
        f->is_row = value != NULL && strcmp(value, f->of) == 0;
    if (f->is_row && strcmp(field, f->field) == 0)
        snprintf(f->found, sizeof(f->found), "%s", value != NULL ? value : "");
}

static inline void home_sink_number(void *ctx, const char *field, uint64_t value)
{
    struct home_rig *f = ctx;

    if (f->is_row && strcmp(field, f->field) == 0)
        snprintf(f->found, sizeof(f->found), "%llu", (unsigned long long)value);
}

static inline void home_sink_row(void *ctx)
{
    (void)ctx;
}

static inline const char *home_report(struct home_rig *f, const char *report, const char *of,
                                      const char *field)
{
    struct hm_report_sink sink = {.ctx = f,
                                  .begin_row = home_sink_row,
                                  .end_row = home_sink_row,
                                  .text = home_sink_text,
                                  .number = home_sink_number,
                                  .millis = home_sink_number};

    f->of = of;
    f->field = field;
    f->is_row = of[0] == '\0';
    snprintf(f->found, sizeof(f->found), "none");
    assert_int_equal(hm_router_report(f->router, report, &sink, &f->rig.now), 0);
    return f->found;
}

/* Of the binding of RIG_VM: "none" without one. */
static inline const char *home_binding(struct home_rig *f, const char *field)
{
    return home_report(f, "bindings", "10.1.0.5", field);
}

static inline unsigned home_counter(struct home_rig *f, const char *counter)
{
    return (unsigned)strtoul(home_report(f, "counters", "", counter), NULL, 10);
}

#endif
