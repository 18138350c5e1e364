/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the few rtnetlink messages about a VM's TAP.
 *
 * The counters come from here and not from /sys, which shows the devices of the namespace in which it was
 * mounted. The kernel answers within the call, so that nothing waits. */
#include "platform/linux/tap_netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_LEN 512
#define ANSWER_LEN 32768
#define PATIENCE_US 100000 /* a VM may stand still meanwhile */

/* A request being written: netlink's header, a fixed part, attributes. */
union request {
    struct nlmsghdr header;
    char bytes[MESSAGE_LEN];
};

static void *begin(union request *request, uint16_t type, uint16_t flags, size_t fixed_len)
{
    memset(request, 0, sizeof(*request));
    request->header.nlmsg_len = NLMSG_LENGTH((uint32_t)fixed_len);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = NLM_F_REQUEST | flags;
    return NLMSG_DATA(&request->header);
}

/* The sizes are all known here: a request never outgrows its buffer. */
static struct rtattr *add(union request *request, uint16_t type, const void *value, size_t len)
{
    struct rtattr *attribute = (struct rtattr *)(request->bytes + NLMSG_ALIGN(request->header.nlmsg_len));

    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(len);
    if (len > 0)
        memcpy(RTA_DATA(attribute), value, len);
    request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static void end_nest(union request *request, struct rtattr *nest)
{
    nest->rta_len = (uint16_t)(request->bytes + request->header.nlmsg_len - (char *)nest);
}

/* Sends, and reads until the answer to this request. 0 or errno; *answer is the message itself. */
static int talk(struct hm_tap_netlink *netlink, union request *request, struct nlmsghdr **answer)
{
    static union {
        struct nlmsghdr header;
        char bytes[ANSWER_LEN];
    } buffer;

    request->header.nlmsg_seq = ++netlink->sequence;
    if (send(netlink->fd, request, request->header.nlmsg_len, 0) < 0)
        return errno;
    for (;;) {
        ssize_t len = recv(netlink->fd, &buffer, sizeof(buffer), 0);

        if (len < 0 && errno != EINTR)
            return errno;
        if (len < (ssize_t)sizeof(struct nlmsghdr) || !NLMSG_OK(&buffer.header, (uint32_t)len) ||
            buffer.header.nlmsg_seq != netlink->sequence)
            continue;
        *answer = &buffer.header;
        if (buffer.header.nlmsg_type == NLMSG_ERROR)
            return -((struct nlmsgerr *)NLMSG_DATA(&buffer.header))->error;
        return 0;
    }
}

int hm_tap_netlink_open(struct hm_tap_netlink *netlink, const char *device)
{
    const struct timeval patience = {.tv_usec = PATIENCE_US};

    *netlink = (struct hm_tap_netlink){.fd = -1, .ifindex = if_nametoindex(device)};
    if (netlink->ifindex == 0)
        return ENODEV;
    netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink->fd < 0 || setsockopt(netlink->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
        return errno;
    return 0;
}

void hm_tap_netlink_close(struct hm_tap_netlink *netlink)
{
    if (netlink->fd >= 0)
        close(netlink->fd);
    netlink->fd = -1;
}

static uint32_t value_u32(const struct rtattr *attribute)
{
    uint32_t value = 0;

    if (RTA_PAYLOAD(attribute) >= sizeof(value))
        memcpy(&value, RTA_DATA(attribute), sizeof(value));
    return value;
}

static void take(const struct rtattr *attribute, struct hm_tap_link *link)
{
    struct rtnl_link_stats64 stats = {0};

    switch (attribute->rta_type) {
    case IFLA_STATS64:
        memcpy(&stats, RTA_DATA(attribute),
               RTA_PAYLOAD(attribute) < sizeof(stats) ? RTA_PAYLOAD(attribute) : sizeof(stats));
        link->tx_packets = stats.tx_packets;
        link->tx_dropped = stats.tx_dropped;
        break;
    case IFLA_TXQLEN:
        link->txqueuelen = value_u32(attribute);
        break;
    case IFLA_MTU:
        link->mtu = value_u32(attribute);
        break;
    default:
        break;
    }
}

int hm_tap_netlink_read(struct hm_tap_netlink *netlink, struct hm_tap_link *link)
{
    union request request;
    struct ifinfomsg *info = begin(&request, RTM_GETLINK, 0, sizeof(*info));
    struct nlmsghdr *answer;
    struct rtattr *attribute;
    int error, left;

    *link = (struct hm_tap_link){0};
    info->ifi_index = (int)netlink->ifindex;
    error = talk(netlink, &request, &answer);
    if (error != 0)
        return error;
    left = (int)answer->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*info));
    attribute = IFLA_RTA(NLMSG_DATA(answer));
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
        take(attribute, link);
    return 0;
}

int hm_tap_netlink_set_txqueuelen(struct hm_tap_netlink *netlink, uint32_t frames)
{
    union request request;
    struct ifinfomsg *info = begin(&request, RTM_NEWLINK, NLM_F_ACK, sizeof(*info));
    struct nlmsghdr *answer;

    info->ifi_index = (int)netlink->ifindex;
    add(&request, IFLA_TXQLEN, &frames, sizeof(frames));
    return talk(netlink, &request, &answer);
}

int hm_tap_netlink_set_bucket(struct hm_tap_netlink *netlink, bool is_new, uint64_t bytes_per_s,
                              uint32_t burst_len, uint32_t queue_len)
{
    const struct tc_tbf_qopt options = {
        .rate = {.rate = bytes_per_s > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes_per_s,
                 .linklayer = TC_LINKLAYER_ETHERNET},
        .limit = queue_len,
    };
    union request request;
    struct tcmsg *info =
        begin(&request, RTM_NEWQDISC, NLM_F_ACK | (is_new ? NLM_F_CREATE | NLM_F_REPLACE : 0), sizeof(*info));
    struct nlmsghdr *answer;
    struct rtattr *nest;

    info->tcm_family = AF_UNSPEC;
    info->tcm_ifindex = (int)netlink->ifindex;
    info->tcm_parent = TC_H_ROOT;
    add(&request, TCA_KIND, "tbf", sizeof("tbf"));
    nest = add(&request, TCA_OPTIONS, NULL, 0);
    add(&request, TCA_TBF_PARMS, &options, sizeof(options));
    add(&request, TCA_TBF_BURST, &burst_len, sizeof(burst_len));
    if (bytes_per_s > UINT32_MAX)
        add(&request, TCA_TBF_RATE64, &bytes_per_s, sizeof(bytes_per_s));
    end_nest(&request, nest);
    return talk(netlink, &request, &answer);
}
