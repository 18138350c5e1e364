/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the probes that `check --live` puts on the wire.
 *
 * From the bridge that the agent's port is in, two ARP probes (RFC 5227: no sender address, so nobody's cache
 * changes) with a MAC that nobody has. The subnet's router answers to that MAC: then the network takes a
 * second MAC from this host and delivers to it, which is what the agent needs for the machines that it
 * stands in for. Whoever answers for the agent's own address is the agent, or a conflict. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"
#include "platform/linux/clock.h"
#include "platform/linux/live.h"
#include "platform/linux/random.h"

#define WAIT_MS 1000

struct answers {
    bool by_router;
    bool by_agent;
    bool by_other;
    struct hm_mac other; /* that has the agent's address */
};

static uint64_t now_ms(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return now.mono_us / 1000;
}

/* Receives all ARP of the bridge, also what is for other MACs; -1 and errno. */
static int open_socket(const char *bridge)
{
    const struct sockaddr_ll addr = {.sll_family = AF_PACKET,
                                     .sll_protocol = htons(ETH_P_ARP),
                                     .sll_ifindex = (int)if_nametoindex(bridge)};
    const struct packet_mreq promiscuous = {.mr_ifindex = addr.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP));

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void send_probe(int fd, const struct hm_mac *mac, uint32_t target)
{
    const struct hm_arp probe = {.op = HM_ARP_REQUEST, .sender_mac = *mac, .target_addr = target};
    uint8_t bytes[HM_ARP_FRAME_LEN];

    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, mac, HM_ETHERTYPE_ARP, &probe);
    (void)!send(fd, bytes, sizeof(bytes), 0);
}

static void note(struct answers *answers, const struct hm_router_config *config, unsigned link,
                 const struct hm_mac *probe_mac, const uint8_t *bytes, size_t len)
{
    struct hm_ethernet ethernet;
    struct hm_arp arp;

    if (hm_ethernet_decode(bytes, len, &ethernet) != 0 || !hm_mac_equal(&ethernet.dst, probe_mac) ||
        hm_arp_decode(bytes + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN, &arp) != 0 || arp.op != HM_ARP_REPLY)
        return;
    if (arp.sender_addr == config->home_router && arp.sender_addr != config->links[link].addr)
        answers->by_router = true;
    if (arp.sender_addr != config->links[link].addr)
        return;
    if (hm_mac_equal(&arp.sender_mac, &config->links[link].mac)) {
        answers->by_agent = true;
    } else {
        answers->by_other = true;
        answers->other = arp.sender_mac;
    }
}

static void probe(int fd, const struct hm_router_config *config, unsigned link, struct answers *answers)
{
    struct hm_mac mac = {{0}};
    uint64_t end_ms = now_ms() + WAIT_MS;
    uint8_t bytes[2048];

    hm_random_fill(&mac, sizeof(mac));
    mac.b[0] = 0x02;
    send_probe(fd, &mac, config->home_router);
    send_probe(fd, &mac, config->links[link].addr);
    for (uint64_t now = now_ms(); now < end_ms; now = now_ms()) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        ssize_t len = poll(&ready, 1, (int)(end_ms - now)) > 0 ? recv(fd, bytes, sizeof(bytes), 0) : 0;

        if (len > 0)
            note(answers, config, link, &mac, bytes, (size_t)len);
    }
}

static void say_second_mac(struct hm_live *live, const char *bridge, unsigned link,
                           const struct answers *answers)
{
    const struct hm_router_config *config = &live->config->router;
    char router[HM_IP_TEXT_LEN];

    hm_ip_text(config->home_router, router);
    if (!hm_prefix_contains(&config->links[link].prefix, config->home_router) ||
        config->home_router == config->links[link].addr)
        hm_live_say(live, HM_LIVE_UNKNOWN, bridge,
                    "second MAC and promiscuous reception: no other router in this subnet that could answer");
    else if (answers->by_router)
        hm_live_say(live, HM_LIVE_OK, bridge, "a second MAC is let through: router %s answered to it",
                    router);
    else
        hm_live_say(
            live, HM_LIVE_WARNING, bridge,
            "router %s did not answer to a second MAC: it is down, or the network lets one MAC through "
            "only (allow forged transmits, MAC changes and promiscuous mode, or several MACs, on this "
            "host's port)",
            router);
}

static void say_conflict(struct hm_live *live, unsigned link, const struct answers *answers)
{
    char addr[HM_IP_TEXT_LEN], mac[HM_MAC_TEXT_LEN];

    hm_ip_text(live->config->router.links[link].addr, addr);
    if (answers->by_other)
        hm_live_say(live, HM_LIVE_FAULT, addr, "address conflict: %s has the agent's address, too",
                    hm_mac_text(&answers->other, mac));
    else if (live->is_running && !answers->by_agent)
        hm_live_say(live, HM_LIVE_FAULT, addr, "the agent does not answer ARP: is its TAP in this bridge?");
    else
        hm_live_say(live, HM_LIVE_OK, addr, "nobody else has the agent's address");
}

void hm_live_check_wire(struct hm_live *live, unsigned link)
{
    const char *bridge = live->config->platform.taps[link].bridge;
    struct answers answers = {0};
    int fd;

    if (bridge[0] == '\0') {
        hm_live_say(
            live, HM_LIVE_UNKNOWN, live->config->platform.taps[link].device,
            "second MAC, promiscuous reception, address conflict: the file names no bridge to probe from");
        return;
    }
    fd = open_socket(bridge);
    if (fd < 0) {
        hm_live_say(live, HM_LIVE_UNKNOWN, bridge, "cannot be probed from: %s%s", strerror(errno),
                    errno == EPERM ? " (be root)" : "");
        return;
    }
    probe(fd, &live->config->router, link, &answers);
    close(fd);
    say_second_mac(live, bridge, link, &answers);
    say_conflict(live, link, &answers);
}
