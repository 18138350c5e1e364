/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages and packets that a test makes itself. */
#include "tests/scenario/forge.h"

#include "firmware/base/writer.h"

const struct hm_peer_config *forge_peer(const struct hm_sim_world *world, enum hm_sim_site_number site,
                                        enum hm_sim_site_number other)
{
    const struct hm_sim_site *of = &world->sites[site];

    for (unsigned i = 0; i < HM_SIM_SITES - 1; i++)
        if (of->peers[i].addr == world->sites[other].agent_peer_addr)
            return &of->peers[i];
    fail_msg("no such peer");
    return NULL;
}

static void write_request(struct hm_sim_world *world, const struct forged_request *what,
                          const struct hm_peer_config *peer, struct hm_writer *writer)
{
    const struct hm_sim_site *home = &world->sites[HM_SIM_A];
    uint64_t now = hm_sim_agent_time(&home->agent).ntp;
    struct hm_registration_request request = {
        .flags = (uint8_t)((what->no_reverse_tunnel ? 0 : HM_RRQ_T) | what->flags),
        .lifetime_s = what->lifetime_s,
        .home_addr = what->home_addr != 0 ? what->home_addr : HM_SIM_VM_ADDR,
        .home_agent = what->home_agent != 0 ? what->home_agent : home->agent_peer_addr,
        .care_of_addr = what->care_of_addr != 0 ? what->care_of_addr : peer->addr,
        .identification = what->identification != 0 ? what->identification : now};

    hm_registration_write_request(writer, &request);
    hm_extension_write_nai(writer, "vm");
    if (!what->no_method)
        hm_extension_write_pmip_method(writer, what->method != 0 ? what->method : HM_PMIP_METHOD_FA_HA);
    if (!what->no_mac)
        hm_extension_write_mac(writer, what->mac != NULL ? what->mac : &world->vm.iface.mac);
    if (what->hold != 0)
        hm_extension_write_hold(writer, what->hold, what->epoch);
    if (what->handover != 0)
        hm_extension_write_handover(writer, what->handover, what->epoch);
    hm_write_bytes(writer, what->extra, what->extra_len);
    hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, what->spi != 0 ? what->spi : peer->spi,
                            peer->algorithm, &peer->key);
    assert_false(writer->failed);
    if (what->spoil)
        writer->bytes[writer->len - 1] ^= 1;
}

/* UDP header and payload; checksum: true or 0. */
static size_t write_udp(uint8_t *udp, size_t cap, uint32_t src, uint32_t dst, uint16_t port,
                        const uint8_t *bytes, size_t len, bool checksum)
{
    struct hm_writer writer;

    hm_writer_init(&writer, udp, cap);
    hm_write_u16(&writer, port);
    hm_write_u16(&writer, port);
    hm_write_u16(&writer, (uint16_t)(8 + len));
    hm_write_u16(&writer, 0);
    hm_write_bytes(&writer, bytes, len);
    assert_false(writer.failed);
    if (checksum) {
        uint16_t sum = hm_ipv4_pseudo_sum(src, dst, HM_IP_PROTO_UDP, (uint16_t)writer.len);
        hm_write_patch_u16(&writer, 6, (uint16_t)~hm_checksum_add(sum, udp, writer.len));
    }
    return writer.len;
}

void forge_ip(struct hm_sim_world *world, const struct hm_ipv4 *header, const uint8_t *payload, size_t len)
{
    uint8_t frame[HM_SIM_FRAME_MAX];
    struct hm_ipv4 ip = *header;

    assert_true(FORGE_UDP_AT + len <= sizeof(frame));
    ip.total_len = (uint16_t)(HM_IPV4_LEN + len);
    hm_ipv4_encode(frame + HM_ETHERNET_LEN, &ip);
    memcpy(frame + FORGE_UDP_AT, payload, len);
    inject(world, frame, FORGE_UDP_AT + len);
}

void forge_udp(struct hm_sim_world *world, uint32_t src, uint32_t dst, uint16_t port, const uint8_t *bytes,
               size_t len)
{
    uint8_t udp[HM_SIM_FRAME_MAX];
    const struct hm_ipv4 ip = {.id = 7, .ttl = 64, .protocol = HM_IP_PROTO_UDP, .src = src, .dst = dst};
    size_t udp_len = write_udp(udp, sizeof(udp), src, dst, port, bytes, len, true);

    forge_ip(world, &ip, udp, udp_len);
}

int forge_request(struct hm_sim_world *world, const struct forged_request *what, struct meddler *reply)
{
    struct hm_sim_lan *lan = &world->sites[HM_SIM_A].lan;
    const struct hm_peer_config *peer =
        forge_peer(world, HM_SIM_A, what->as == HM_SIM_A ? HM_SIM_B : what->as);
    uint32_t to = world->sites[HM_SIM_A].agent_peer_addr;
    struct hm_ipv4 ip = {.ttl = 64,
                         .protocol = HM_IP_PROTO_UDP,
                         .src = what->from_addr != 0 ? what->from_addr : peer->addr,
                         .dst = to};
    uint8_t mip[HM_MIP_MAX_LEN], udp[HM_SIM_FRAME_MAX];
    struct meddler watcher;
    struct hm_writer writer;

    hm_writer_init(&writer, mip, sizeof(mip));
    write_request(world, what, peer, &writer);
    size_t len = what->cut_to != 0 ? what->cut_to : writer.len;
    len = write_udp(udp, sizeof(udp), ip.src, to, HM_MIP_PORT, mip, len, !what->no_checksum);
    if (what->bad_checksum)
        udp[6] ^= 0x55;
    meddler_start(&watcher, lan, pattern_registration(HM_MIP_REPLY), MEDDLE_WATCH, 0);
    watcher.from = &world->sites[HM_SIM_A].agent.links[0];
    forge_ip(world, &ip, udp, len);
    meddler_stop(&watcher, lan);
    if (reply != NULL)
        *reply = watcher;
    return watcher.seen == 0 ? FORGE_SILENCE : watcher.frame[FORGE_PAYLOAD_AT + 1];
}

void forge_reply(struct hm_sim_world *world, uint8_t code, uint16_t lifetime_s, uint64_t identification)
{
    const struct hm_peer_config *peer = forge_peer(world, HM_SIM_B, HM_SIM_A);
    const struct hm_registration_reply reply = {.code = code,
                                                .lifetime_s = lifetime_s,
                                                .home_addr = HM_SIM_VM_ADDR,
                                                .home_agent = peer->addr,
                                                .identification = identification};
    uint8_t mip[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    hm_writer_init(&writer, mip, sizeof(mip));
    hm_registration_write_reply(&writer, &reply);
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, peer->spi, peer->algorithm, &peer->key);
    forge_udp(world, peer->addr, world->sites[HM_SIM_B].agent_peer_addr, HM_MIP_PORT, mip, writer.len);
}

size_t forge_inner(uint8_t *packet, uint32_t src, uint32_t dst, uint8_t ttl)
{
    const struct hm_ipv4 ip = {.total_len = HM_IPV4_LEN + 16,
                               .id = 9,
                               .ttl = ttl,
                               .protocol = HM_IP_PROTO_UDP,
                               .src = src,
                               .dst = dst};
    static const uint8_t NOTHING[8];

    hm_ipv4_encode(packet, &ip);
    (void)write_udp(packet + HM_IPV4_LEN, 16, src, dst, 9999, NOTHING, sizeof(NOTHING), true);
    return HM_IPV4_LEN + 16;
}

struct hm_ipv4 forge_ip_of(const struct meddler *seen)
{
    struct hm_ipv4 ip;

    assert_true(seen->seen > 0);
    assert_int_equal(hm_ipv4_decode(seen->frame + HM_ETHERNET_LEN, seen->frame_len - HM_ETHERNET_LEN, &ip),
                     0);
    return ip;
}

const uint8_t *forge_mip_of(const struct meddler *seen, size_t *len)
{
    *len = (size_t)forge_ip_of(seen).total_len - HM_IPV4_LEN - 8;
    return seen->frame + FORGE_PAYLOAD_AT;
}

uint32_t forge_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void see_ip(void *ctx, struct hm_sim_passing *passing)
{
    struct ip_watch *watch = ctx;

    if (passing->from != watch->from || passing->bytes[12] != 8 || passing->bytes[13] != 0 ||
        passing->bytes[HM_ETHERNET_LEN + 9] != watch->protocol)
        return;
    watch->seen++;
    memcpy(watch->frame, passing->bytes, passing->len);
    watch->frame_len = passing->len;
}

void ip_watch_start(struct ip_watch *watch, struct hm_sim_world *world, enum hm_sim_site_number site,
                    uint8_t protocol)
{
    *watch = (struct ip_watch){.from = &world->sites[site].agent.links[0], .protocol = protocol};
    watch->tap = (struct hm_sim_tap){.see = see_ip, .ctx = watch};
    hm_sim_lan_add_tap(&world->sites[site].lan, &watch->tap);
}

void ip_watch_stop(struct ip_watch *watch, struct hm_sim_world *world, enum hm_sim_site_number site)
{
    hm_sim_lan_remove_tap(&world->sites[site].lan, &watch->tap);
}
