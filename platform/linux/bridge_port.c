/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the reading of a bridge port by netlink: what /sys tells is less than all of it. */
#include "platform/linux/bridge_port.h"

#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_LEN 32768
#define PATIENCE_S 2
#define TYPE_MASK NLA_TYPE_MASK /* less the mark of a nest */

struct question {
    struct nlmsghdr header;
    struct ifinfomsg link;
    struct rtattr mask;
    uint32_t mask_value;
};

static bool ask(int fd)
{
    const struct question question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                   .nlmsg_seq = 1},
        .link = {.ifi_family = PF_BRIDGE},
        .mask = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_EXT_MASK},
        .mask_value = RTEXT_FILTER_BRVLAN,
    };

    return send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question);
}

static void take_switches(const struct rtattr *nest, struct hm_bridge_port *port)
{
    int left = (int)RTA_PAYLOAD(nest);

    for (const struct rtattr *one = RTA_DATA(nest); RTA_OK(one, left); one = RTA_NEXT(one, left)) {
        unsigned type = one->rta_type & TYPE_MASK;

        if (type < HM_BRIDGE_PORT_SWITCHES && RTA_PAYLOAD(one) == sizeof(uint8_t)) {
            port->has[type] = true;
            port->is_on[type] = *(const uint8_t *)RTA_DATA(one) != 0;
        }
    }
}

static void take_vlans(const struct rtattr *nest, struct hm_bridge_port *port)
{
    int left = (int)RTA_PAYLOAD(nest);
    struct bridge_vlan_info vlan;

    for (const struct rtattr *one = RTA_DATA(nest); RTA_OK(one, left); one = RTA_NEXT(one, left)) {
        if ((one->rta_type & TYPE_MASK) != IFLA_BRIDGE_VLAN_INFO || RTA_PAYLOAD(one) < sizeof(vlan))
            continue;
        memcpy(&vlan, RTA_DATA(one), sizeof(vlan));
        if (vlan.flags & BRIDGE_VLAN_INFO_PVID) {
            port->pvid = vlan.vid;
            port->is_pvid_untagged = (vlan.flags & BRIDGE_VLAN_INFO_UNTAGGED) != 0;
        } else {
            port->others++;
        }
    }
}

static void take(const struct nlmsghdr *message, struct hm_bridge_port *port)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);
    int left = (int)IFLA_PAYLOAD(message);

    for (const struct rtattr *one = IFLA_RTA(link); RTA_OK(one, left); one = RTA_NEXT(one, left)) {
        if ((one->rta_type & TYPE_MASK) == IFLA_PROTINFO)
            take_switches(one, port);
        else if ((one->rta_type & TYPE_MASK) == IFLA_AF_SPEC)
            take_vlans(one, port);
    }
}

bool hm_bridge_port_parse(const void *answer, size_t len, unsigned ifindex, struct hm_bridge_port *port,
                          bool *is_over)
{
    unsigned left = (unsigned)len;
    bool is_found = false;

    *is_over = false;
    for (const struct nlmsghdr *message = answer; NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
        const struct ifinfomsg *link = NLMSG_DATA(message);

        if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
            *is_over = true;
        if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*link)) ||
            link->ifi_index != (int)ifindex)
            continue;
        take(message, port);
        is_found = true;
    }
    return is_found;
}

bool hm_bridge_port_read(const char *device, struct hm_bridge_port *port)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    static union {
        struct nlmsghdr header;
        char bytes[ANSWER_LEN];
    } answer;
    unsigned ifindex = if_nametoindex(device);
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    bool is_found = false, is_over = false;

    memset(port, 0, sizeof(*port));
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (bool asked = ask(fd); asked && !is_over;) {
        ssize_t len = recv(fd, &answer, sizeof(answer), 0);

        if (len <= 0)
            break;
        is_found |= hm_bridge_port_parse(&answer, (size_t)len, ifindex, port, &is_over);
    }
    close(fd);
    return is_found && ifindex != 0;
}
