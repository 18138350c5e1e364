/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the frames that `check --live` puts on the wire, and the wait for their answers. */
#include "platform/linux/live_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "platform/linux/clock.h"
#include "platform/linux/random.h"

#define TRY_MS 150
#define PING_TRIES 3
#define FRAME_MAX_LEN 2048
#define ICMP_LEN 16
#define ICMP_ECHO 8
#define ICMP_ECHO_REPLY 0

static uint64_t now_ms(void)
{
    struct hm_time now;

    hm_clock_read(&now);
    return now.mono_us / 1000;
}

static int open_socket(unsigned ifindex, uint16_t protocol)
{
    const struct sockaddr_ll addr = {
        .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)ifindex};
    const struct packet_mreq promiscuous = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* of no protocol: before bind nothing comes */

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void hm_live_probe_random_mac(struct hm_mac *mac)
{
    hm_random_fill(mac, sizeof(*mac));
    mac->b[0] = 0x02; /* locally administered */
}

int hm_live_probe_open(struct hm_live_probe *probe, const char *bridge)
{
    struct ifreq request = {0};

    *probe = (struct hm_live_probe){.ifindex = if_nametoindex(bridge)};
    probe->fd = probe->ifindex != 0 ? open_socket(probe->ifindex, ETH_P_ARP) : -1;
    if (probe->fd < 0)
        return probe->ifindex != 0 ? errno : ENODEV;
    memcpy(request.ifr_name, bridge, strnlen(bridge, IFNAMSIZ - 1));
    if (ioctl(probe->fd, SIOCGIFHWADDR, &request) != 0) {
        hm_live_probe_close(probe);
        return errno;
    }
    memcpy(&probe->own, request.ifr_hwaddr.sa_data, sizeof(probe->own));
    hm_live_probe_random_mac(&probe->nobodys);
    return 0;
}

void hm_live_probe_close(struct hm_live_probe *probe)
{
    close(probe->fd);
}

/* Reads a frame that comes before the time is over; 0: none did. */
static size_t receive(int fd, uint64_t end_ms, uint8_t bytes[FRAME_MAX_LEN])
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint64_t now = now_ms();
    ssize_t len;

    if (now >= end_ms || poll(&ready, 1, (int)(end_ms - now)) <= 0)
        return 0;
    len = recv(fd, bytes, FRAME_MAX_LEN, 0);
    return len > 0 ? (size_t)len : 0;
}

static bool is_answer(const struct hm_live_question *question, const uint8_t *bytes, size_t len,
                      struct hm_mac *answered)
{
    struct hm_ethernet ethernet;
    struct hm_arp arp;

    if (hm_ethernet_decode(bytes, len, &ethernet) != 0 || !hm_mac_equal(&ethernet.dst, &question->sender) ||
        hm_arp_decode(bytes + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN, &arp) != 0 || arp.op != HM_ARP_REPLY ||
        arp.sender_addr != question->target)
        return false;
    *answered = arp.sender_mac;
    return true;
}

bool hm_live_probe_ask(const struct hm_live_probe *probe, const struct hm_live_question *question,
                       unsigned tries, const struct hm_mac *except, struct hm_mac *answered)
{
    const struct hm_arp arp = {.op = HM_ARP_REQUEST,
                               .sender_mac = question->sender,
                               .sender_addr = question->sender_addr,
                               .target_addr = question->target};
    uint8_t request[HM_ARP_FRAME_LEN], bytes[FRAME_MAX_LEN];
    size_t len;

    hm_arp_encode_frame(request,
                        hm_mac_is_zero(&question->frame_dst) ? &HM_MAC_BROADCAST : &question->frame_dst,
                        &question->frame_src, HM_ETHERTYPE_ARP, &arp);
    for (unsigned i = 0; i < tries; i++) {
        uint64_t end_ms = now_ms() + TRY_MS;

        (void)!send(probe->fd, request, sizeof(request), 0);
        while ((len = receive(probe->fd, end_ms, bytes)) > 0)
            if (is_answer(question, bytes, len, answered) &&
                (except == NULL || !hm_mac_equal(answered, except)))
                return true;
    }
    return false;
}

/* A busy bridge must not push the answer out of the socket: only what is for this MAC comes in. */
static void hear_only(int fd, const struct hm_mac *mac)
{
    const uint8_t *b = mac->b;
    uint32_t low = (uint32_t)b[2] << 24 | (uint32_t)b[3] << 16 | (uint32_t)b[4] << 8 | b[5];
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)b[0] << 8 | b[1], 0, 1),
        BPF_STMT(BPF_RET | BPF_K, FRAME_MAX_LEN),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static size_t encode_echo(uint8_t *bytes, const struct hm_pair *src, const struct hm_pair *dst)
{
    const struct hm_ethernet ethernet = {.dst = dst->mac, .src = src->mac, .type = HM_ETHERTYPE_IPV4};
    const struct hm_ipv4 ip = {.total_len = HM_IPV4_LEN + ICMP_LEN,
                               .ttl = 64,
                               .protocol = HM_IP_PROTO_ICMP,
                               .src = src->addr,
                               .dst = dst->addr};
    uint8_t *icmp = bytes + HM_ETHERNET_LEN + HM_IPV4_LEN;
    uint16_t sum;

    memset(bytes, 0, HM_ARP_FRAME_LEN);
    hm_ethernet_encode(bytes, &ethernet);
    hm_ipv4_encode(bytes + HM_ETHERNET_LEN, &ip);
    icmp[0] = ICMP_ECHO;
    memcpy(icmp + 4, src->mac.b + 2, 4); /* id and sequence: no other's */
    sum = (uint16_t)~hm_checksum_add(0, icmp, ICMP_LEN);
    icmp[2] = (uint8_t)(sum >> 8);
    icmp[3] = (uint8_t)sum;
    return HM_ARP_FRAME_LEN; /* the least that a frame has */
}

static bool is_echo_reply(const uint8_t *bytes, size_t len, const struct hm_pair *src,
                          const struct hm_pair *dst)
{
    struct hm_ipv4 ip;
    const uint8_t *icmp;

    if (len < HM_ETHERNET_LEN || hm_ipv4_decode(bytes + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN, &ip) != 0 ||
        ip.protocol != HM_IP_PROTO_ICMP || ip.total_len < ip.header_len + 8u || ip.src != dst->addr ||
        ip.dst != src->addr)
        return false;
    icmp = bytes + HM_ETHERNET_LEN + ip.header_len;
    return icmp[0] == ICMP_ECHO_REPLY && memcmp(icmp + 4, src->mac.b + 2, 4) == 0;
}

bool hm_live_probe_ping(const struct hm_live_probe *probe, const struct hm_pair *src,
                        const struct hm_pair *dst)
{
    uint8_t request[HM_ARP_FRAME_LEN], bytes[FRAME_MAX_LEN];
    size_t request_len = encode_echo(request, src, dst), len;
    int fd = open_socket(probe->ifindex, ETH_P_IP);
    bool is_answered = false;

    if (fd < 0)
        return false;
    hear_only(fd, &src->mac);
    for (unsigned i = 0; i < PING_TRIES && !is_answered; i++) {
        uint64_t end_ms = now_ms() + TRY_MS;

        (void)!send(fd, request, request_len, 0);
        while (!is_answered && (len = receive(fd, end_ms, bytes)) > 0)
            is_answered = is_echo_reply(bytes, len, src, dst);
    }
    close(fd);
    return is_answered;
}
