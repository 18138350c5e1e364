/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what `check --live` says of the network of a LAN, by probes.
 *
 * They go out from the bridge that the agent's port is in, to the subnet's router, or to a neighbour that the
 * agent has heard of, and each asks for a little more than the one before: an ARP probe with the host's own
 * MAC; one with a MAC that nobody has; an ARP request that gives that MAC an address, which nobody has
 * either; a ping from there. The first that stays without an answer tells what the network does not let
 * through. What the agent does for machines that are away looks the same from outside. */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/live.h"
#include "platform/linux/live_probe.h"
#include "platform/linux/random.h"

#define ASK_TRIES 3
#define SILENCE_TRIES 2 /* so often nobody answers for an address that nobody has */
#define FREE_TRIES 4    /* addresses that are tried until one is nobody's */
#define MAX_TARGETS (1 + HM_LIVE_MAX_NEIGHBOURS)

struct wire {
    struct hm_live *live;
    unsigned link;
    const char *bridge;
    struct hm_live_probe probe;
    struct hm_pair target; /* who answers */
    char name[32];         /* the target's: "router 10.1.0.1" */
    struct hm_pair nobody; /* an address and a MAC of its own */
};

static const struct hm_link_config *link_of(const struct wire *wire)
{
    return &wire->live->config->router.links[wire->link];
}

/* The first of router and neighbours that answers the host itself. */
static bool find_target(struct wire *wire, uint32_t *asked)
{
    const struct hm_link_config *link = link_of(wire);
    uint32_t router = wire->live->config->router.home_router, targets[MAX_TARGETS];
    char text[HM_IP_TEXT_LEN];
    unsigned count = 0;

    if (hm_prefix_contains(&link->prefix, router) && router != link->addr)
        targets[count++] = router;
    count += hm_live_neighbours(wire->live, wire->link, targets + count);
    *asked = count > 0 ? targets[0] : 0;
    for (unsigned i = 0; i < count; i++) {
        const struct hm_live_question question = {
            .frame_src = wire->probe.own, .sender = wire->probe.own, .target = targets[i]};

        if (!hm_live_probe_ask(&wire->probe, &question, ASK_TRIES, NULL, &wire->target.mac))
            continue;
        wire->target.addr = targets[i];
        snprintf(wire->name, sizeof(wire->name), "%s %s", targets[i] == router ? "router" : "neighbour",
                 hm_ip_text(targets[i], text));
        return true;
    }
    return false;
}

static void say_unknown(struct wire *wire, enum hm_live_demand demand, const char *why)
{
    hm_live_say(wire->live, demand, HM_LIVE_UNKNOWN, wire->bridge, "%s", why);
}

static void say_all_unknown(struct wire *wire, const char *why)
{
    static const enum hm_live_demand DEMANDS[] = {HM_LIVE_MACS, HM_LIVE_RECEPTION, HM_LIVE_ARP,
                                                  HM_LIVE_SOURCE};

    for (unsigned i = 0; i < sizeof(DEMANDS) / sizeof(DEMANDS[0]); i++)
        say_unknown(wire, DEMANDS[i], why);
}

static void say_untested(struct wire *wire, uint32_t asked)
{
    char text[HM_IP_TEXT_LEN];

    if (asked != 0)
        hm_live_say(
            wire->live, HM_LIVE_DEVICE, HM_LIVE_WARNING, wire->bridge,
            "%s does not answer ARP there: is it down, is this its VLAN, does the network drop what this "
            "host sends?",
            hm_ip_text(asked, text));
    say_all_unknown(
        wire, "no router or neighbour answers who could show it: check again with the agent running and a "
              "machine up in this subnet");
}

/* By a frame of the host itself whose answer goes to another MAC. */
static bool hears_other_macs(const struct wire *wire)
{
    struct hm_live_question question = {.frame_src = wire->probe.own, .target = wire->target.addr};
    struct hm_mac answered;

    hm_live_probe_random_mac(&question.sender);
    return hm_live_probe_ask(&wire->probe, &question, ASK_TRIES, NULL, &answered);
}

static bool check_macs(struct wire *wire)
{
    const struct hm_live_question question = {
        .frame_src = wire->probe.nobodys, .sender = wire->probe.nobodys, .target = wire->target.addr};
    bool is_needed = wire->live->config->router.takeover == HM_TAKEOVER_MAC;
    struct hm_mac answered;

    if (hm_live_probe_ask(&wire->probe, &question, ASK_TRIES, NULL, &answered)) {
        hm_live_say(wire->live, HM_LIVE_MACS, HM_LIVE_OK, wire->bridge,
                    "a second MAC is let through: %s answered to it", wire->name);
        hm_live_say(wire->live, HM_LIVE_RECEPTION, HM_LIVE_OK, wire->bridge,
                    "what is for a second MAC comes in");
        return true;
    }
    hm_live_say(wire->live, HM_LIVE_MACS, is_needed ? HM_LIVE_WARNING : HM_LIVE_OK, wire->bridge,
                "%s did not answer to a second MAC, and did to the first: %s", wire->name,
                is_needed
                    ? "allow several MACs, forged transmits and MAC changes on this host's port, or use "
                      "takeover = own"
                    : "takeover = own does without");
    if (hears_other_macs(wire))
        hm_live_say(wire->live, HM_LIVE_RECEPTION, HM_LIVE_OK, wire->bridge,
                    "what is for another MAC comes in");
    else
        hm_live_say(wire->live, HM_LIVE_RECEPTION, is_needed ? HM_LIVE_WARNING : HM_LIVE_OK, wire->bridge,
                    "what is for another MAC does not come in: %s",
                    is_needed ? "allow promiscuous mode on this host's port" : "takeover = own does without");
    return false;
}

static bool is_taken(const struct wire *wire, uint32_t addr)
{
    const struct hm_router_config *config = &wire->live->config->router;
    const struct hm_live_question question = {
        .frame_src = wire->probe.own, .sender = wire->probe.own, .target = addr};
    struct hm_mac answered;

    return addr == link_of(wire)->prefix.addr || addr == hm_prefix_broadcast(&link_of(wire)->prefix) ||
           addr == link_of(wire)->addr || addr == config->home_router ||
           hm_live_probe_ask(&wire->probe, &question, SILENCE_TRIES, NULL, &answered);
}

/* An address of the subnet for which nobody answers, some anew in each run. */
static bool find_nobody(struct wire *wire)
{
    const struct hm_prefix *prefix = &link_of(wire)->prefix;
    uint32_t random;

    wire->nobody.mac = wire->probe.nobodys;
    for (unsigned i = 0; i < FREE_TRIES; i++) {
        hm_random_fill(&random, sizeof(random));
        wire->nobody.addr = prefix->addr | (random & ~hm_prefix_mask(prefix->len));
        if (!is_taken(wire, wire->nobody.addr))
            return true;
    }
    return false;
}

/* Not by a broadcast: nobody else shall learn that address. */
static bool check_arp(struct wire *wire)
{
    const struct hm_live_question question = {.frame_src = wire->nobody.mac,
                                              .frame_dst = wire->target.mac,
                                              .sender = wire->nobody.mac,
                                              .sender_addr = wire->nobody.addr,
                                              .target = wire->target.addr};
    char addr[HM_IP_TEXT_LEN];
    struct hm_mac answered;

    hm_ip_text(wire->nobody.addr, addr);
    if (hm_live_probe_ask(&wire->probe, &question, ASK_TRIES, NULL, &answered)) {
        hm_live_say(wire->live, HM_LIVE_ARP, HM_LIVE_OK, wire->bridge,
                    "ARP is not inspected: %s answered to %s, which is nobody's", wire->name, addr);
        return true;
    }
    hm_live_say(
        wire->live, HM_LIVE_ARP, HM_LIVE_WARNING, wire->bridge,
        "ARP is inspected: %s did not answer to %s, which is nobody's, and did without an address; the "
        "agent speaks for machines that the network knows at other ports: have this host's port trusted",
        wire->name, addr);
    return false;
}

/* The host's own address there, to see whether the target answers pings at all. */
static bool has_own_address(const struct wire *wire, struct hm_pair *own)
{
    struct ifreq request = {.ifr_addr.sa_family = AF_INET};
    struct sockaddr_in addr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_there;

    memcpy(request.ifr_name, wire->bridge, strnlen(wire->bridge, IFNAMSIZ - 1));
    is_there = fd >= 0 && ioctl(fd, SIOCGIFADDR, &request) == 0;
    if (fd >= 0)
        close(fd);
    memcpy(&addr, &request.ifr_addr, sizeof(addr));
    *own = (struct hm_pair){.addr = ntohl(addr.sin_addr.s_addr), .mac = wire->probe.own};
    return is_there && hm_prefix_contains(&link_of(wire)->prefix, own->addr);
}

static void check_source(struct wire *wire)
{
    char addr[HM_IP_TEXT_LEN];
    struct hm_pair own;

    hm_ip_text(wire->nobody.addr, addr);
    if (hm_live_probe_ping(&wire->probe, &wire->nobody, &wire->target))
        hm_live_say(wire->live, HM_LIVE_SOURCE, HM_LIVE_OK, wire->bridge,
                    "sources are not checked: %s answered a ping from %s, which is nobody's", wire->name,
                    addr);
    else if (has_own_address(wire, &own) && hm_live_probe_ping(&wire->probe, &own, &wire->target))
        hm_live_say(
            wire->live, HM_LIVE_SOURCE, HM_LIVE_WARNING, wire->bridge,
            "sources are checked: %s answers pings from this host, and not from %s, which is nobody's; "
            "the agent sends on what others sent: exempt this host's port (IP source guard, "
            "anti-spoofing)",
            wire->name, addr);
    else
        hm_live_say(
            wire->live, HM_LIVE_SOURCE, HM_LIVE_UNKNOWN, wire->bridge,
            "%s answers no ping that could show it: exempt this host's port where sources are checked "
            "(IP source guard, anti-spoofing)",
            wire->name);
}

static void check_nobody(struct wire *wire)
{
    if (!find_nobody(wire)) {
        say_unknown(wire, HM_LIVE_ARP, "not tried: no address of this subnet was found that is nobody's");
        say_unknown(wire, HM_LIVE_SOURCE, "not tried: no address of this subnet was found that is nobody's");
    } else if (check_arp(wire)) {
        check_source(wire);
    } else {
        say_unknown(wire, HM_LIVE_SOURCE, "not tried without ARP: check again when that passes");
    }
}

static void check_steps(struct wire *wire)
{
    if (check_macs(wire)) {
        check_nobody(wire);
        return;
    }
    say_unknown(wire, HM_LIVE_ARP, "not tried without a second MAC: check again when that passes");
    say_unknown(wire, HM_LIVE_SOURCE, "not tried without a second MAC: check again when that passes");
}

void hm_live_check_wire(struct hm_live *live, unsigned link)
{
    struct wire wire = {.live = live, .link = link};
    char bridge[HM_DEVICE_LEN];
    uint32_t asked;

    wire.bridge = live->config->platform.taps[link].device;
    if (!hm_live_open_probe(live, link, HM_LIVE_DEVICE, bridge, &wire.probe)) {
        say_all_unknown(&wire, "there is no bridge to probe from");
        return;
    }
    wire.bridge = bridge;
    if (!find_target(&wire, &asked))
        say_untested(&wire, asked);
    else
        check_steps(&wire);
    hm_live_probe_close(&wire.probe);
}
